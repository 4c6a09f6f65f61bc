"""Finding and loading protocols: a file of your own, or a published one by its name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from protocols.errors import InputError
from protocols.units import closest
from protocols.written import WrittenFile, read_written

if TYPE_CHECKING:
    from protocols.protocol import AnyStep

LIBRARY = Path(str(resources.files("protocols"))) / "library"


@dataclass(frozen=True)
class LoadedProtocol:
    """A protocol that has been read and checked."""

    name: str
    """File name without its ending, or the published name such as joule2020/eds-line."""
    title: str
    steps: tuple[AnyStep, ...]
    text: str
    """The file as written, comments included; it is kept with the run."""
    units: bool = True
    """False for a text that liftline wrote itself, in SI numbers."""


def published() -> list[str]:
    """Return the names of the protocols that come with liftline."""
    return sorted(
        p.relative_to(LIBRARY).with_suffix("").as_posix() for p in LIBRARY.rglob("*.yaml")
    )


def find_protocol(name: str | Path) -> tuple[str, Path]:
    """Return the protocol's name and file.

    Raises:
        InputError: there is no such file and no published protocol of that name.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise InputError(f"there is no protocol file {path}; check the name and the folder")
        return path.stem, path
    known = LIBRARY / f"{name}.yaml"
    if known.is_file() and known.resolve().is_relative_to(LIBRARY.resolve()):
        return str(name), known
    near = closest(str(name), published())
    raise InputError(
        f"there is no file and no published protocol {str(name)!r}{near or ''}\n"
        f"published: {', '.join(published())}"
    )


def load_protocol(name: str | Path) -> LoadedProtocol:
    """Load and check a protocol.

    Raises:
        InputError: there is no such protocol.
        ProtocolFileError: it is wrong; `file:line: field: message` for each mistake.
    """
    title, path = find_protocol(name)
    return protocol_of(title, read_written(path))


def protocol_of(name: str, written: WrittenFile, *, units: bool = True) -> LoadedProtocol:
    """Return the protocol that a file holds: one step, or a list under `steps`."""
    from pydantic import TypeAdapter

    from protocols.protocol import ONE_STEP, Steps

    if not isinstance(written.data, dict):
        raise written.error((), "a protocol is a step with a 'kind', or a list under 'steps:'")
    if "steps" in written.data:
        session = written.validate(TypeAdapter(Steps), units=units)
        _check_damage_limits(written, session.steps)
        return LoadedProtocol(name, session.title or name, session.steps, written.text, units)
    step = written.validate(ONE_STEP, units=units)
    _check_damage_limits(written, (step,))
    return LoadedProtocol(name, step.name or name, (step,), written.text, units)


def _check_damage_limits(written: WrittenFile, steps: tuple[AnyStep, ...]) -> None:
    """Refuse a damage limit of an element that no step before it has watched."""
    watched: set[str] = set()
    for index, step in enumerate(steps):
        if step.kind == "beam_damage":
            watched = {each.element for each in step.watch}
        if step.kind != "eds_line_scan" or step.damage_limit is None:
            continue
        element = step.damage_limit.element
        if element not in watched:
            place = ("damage_limit", "element")
            raise written.error(
                ("steps", index, *place) if "steps" in written.data else place,
                f"no beam_damage step before this one watches {element}; put one before it under "
                f"'steps:' with 'watch: [{{element: {element}}}]', or remove damage_limit",
            )
