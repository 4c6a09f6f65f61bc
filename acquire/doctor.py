"""Is this installation fit to run an instrument?"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

OURS = ("protocols", "drivers", "simulators", "acquire")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    ok: bool
    text: str


def examine(out: Path) -> Iterator[Finding]:
    """Yield what was looked at: packages, names, drivers, and the disk on which `out` lies."""
    yield Finding(
        True,
        f"liftline {metadata.version('liftline')}, Python "
        f"{platform.python_version()}, {platform.system()}",
    )
    yield from _names()
    yield from _drivers()
    yield from _packages()
    yield from _keys()
    yield from _disk(out)


def _names() -> Iterator[Finding]:
    owners = metadata.packages_distributions()
    for name in OURS:
        others = sorted(set(owners.get(name, [])) - {"liftline"})
        if others:
            yield Finding(
                False,
                f"the package name {name!r} also belongs to {', '.join(others)}: give liftline an "
                f"environment of its own (pipx install liftline, or a new venv)",
            )
    yield Finding(True, f"package names: {', '.join(OURS)}")


def _drivers() -> Iterator[Finding]:
    from drivers.lab import GROUP

    for point in metadata.entry_points(group=GROUP):
        try:
            spec = point.load()
        except Exception as error:  # a driver of another package may raise anything
            yield Finding(False, f"driver {point.name}: cannot be loaded: {error}")
        else:
            yield Finding(True, f"driver {point.name} ({spec.role or 'any'}): {spec.summary}")


def _packages() -> Iterator[Finding]:
    for name, why in (("hyperspy", "opens the data"), ("exspy", "gives EDS data their methods")):
        try:
            yield Finding(True, f"{name} {metadata.version(name)}: {why}")
        except metadata.PackageNotFoundError:
            yield Finding(False, f"{name} is not installed: it {why}; pip install {name}")


def _keys() -> Iterator[Finding]:
    from drivers.network.keys import Keyring
    from protocols.errors import LiftlineError

    ring = Keyring()
    for name in ring.own():
        try:
            ring.key(name)
        except LiftlineError as error:
            yield Finding(False, f"key {name}: {error}")
    own, others = len(ring.own()), len(ring.authorised())
    yield Finding(
        True, f"network: {own} keys of this computer, {others} authorised ({ring.folder})"
    )


def _disk(out: Path) -> Iterator[Finding]:
    from acquire.folders import file_system

    place = out if out.exists() else Path()
    kind, remote = file_system(place)
    free = shutil.disk_usage(place).free / 1e9
    if remote:
        yield Finding(False, f"{place.resolve()} is a network share ({kind}): choose a local --out")
    else:
        yield Finding(True, f"runs go to {out.resolve()} ({kind}), {free:.1f} GB free")
