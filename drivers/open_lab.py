"""A lab whose drivers are open: one by one when they are first used, or all at once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.clock import Clock
from drivers.errors import ReadbackError
from drivers.lab import Chosen, Driver, Lab, OpenRequest
from protocols.errors import LiftlineError


@dataclass
class OpenLab:
    """A lab whose drivers are open; a context manager that leaves every instrument safe."""

    lab: Lab
    clock: Clock
    drivers: dict[str, Driver]
    """Those that are open, by role."""
    limits: dict[str, Any]
    seed: int = 0
    folder: Path | None = None
    """Where simulated instruments keep their worlds, and drivers their spools."""
    keep: Callable[[str, str], None] = lambda name, text: None
    kept: dict[str, str] = field(default_factory=dict)
    """Files that drivers kept when they were opened, such as the specimen as used."""

    def open(self, role: str) -> Driver:
        """Return the driver of a role; one that is not open yet is opened now.

        Raises:
            LiftlineError: the instrument cannot be opened.
        """
        if role not in self.drivers:
            chosen = self.lab.chosen(role)
            if any(each.role == chosen.spec.after for each in self.lab.instruments):
                self.open(str(chosen.spec.after))
            self.drivers[role] = chosen.spec.open(self._request(chosen))
        return self.drivers[role]

    def part(self, lab: Lab) -> OpenLab:
        """Return the same open drivers as the lab `lab`, which has some of the instruments."""
        drivers = {chosen.role: self.open(chosen.role) for chosen in lab.in_order()}
        limits = {chosen.role: chosen.limits for chosen in lab.instruments}
        return OpenLab(lab, self.clock, drivers, limits, self.seed, self.folder, kept=self.kept)

    def _request(self, chosen: Chosen) -> OpenRequest:
        worldly = chosen.spec.simulated or chosen.spec.recorded
        folder = self.folder
        return OpenRequest(
            chosen.role,
            chosen.address,
            chosen.settings,
            chosen.limits,
            self.clock,
            self.seed,
            folder / f"world-{chosen.role}.db" if folder and worldly else None,
            self._keep,
            dict(self.drivers),
            folder / f"spool-{chosen.role}.txt" if folder else None,
            folder.name if folder else "",
        )

    def _keep(self, name: str, text: str) -> None:
        self.kept[name] = text
        self.keep(name, text)

    def __enter__(self) -> OpenLab:
        return self

    def __exit__(self, *exc: object) -> None:
        problems = self.close()
        if problems and exc[0] is None:
            raise ReadbackError("; ".join(problems))

    def safe(self, apart: Collection[str] = ()) -> list[str]:
        """Leave every instrument safe; return what could not be made safe, in words.

        `apart` names the roles that are left as they are: they may still do what is taken up again.
        """
        return self._each(lambda driver: driver.safe(), apart)

    def close(self) -> list[str]:
        """Leave every instrument safe and let go of it; return what could not be, in words."""
        problems = self._each(lambda driver: driver.close())
        self.drivers = {}
        return problems

    def _each(self, do: Callable[[Driver], None], apart: Collection[str] = ()) -> list[str]:
        problems = []
        for role, driver in self.drivers.items():
            if role in apart:
                continue
            try:
                do(driver)
            except LiftlineError as error:
                problems.append(f"{role} is perhaps not safe: {error}")
        return problems


def unopened(
    lab: Lab,
    *,
    clock: Clock,
    seed: int = 0,
    folder: Path | None = None,
    keep: Callable[[str, str], None] | None = None,
) -> OpenLab:
    """Return the lab with no driver open yet; `OpenLab.open` opens them one by one.

    A simulated instrument keeps its world in `folder`/world-<role>.db, a recording its place.
    """
    limits = {chosen.role: chosen.limits for chosen in lab.instruments}
    return OpenLab(lab, clock, {}, limits, seed, folder, keep or (lambda name, text: None))


def open_lab(
    lab: Lab,
    *,
    clock: Clock,
    seed: int = 0,
    folder: Path | None = None,
    keep: Callable[[str, str], None] | None = None,
) -> OpenLab:
    """Open every driver of the lab; arguments as for `unopened`.

    Raises:
        LiftlineError: an instrument cannot be opened; those already open are left safe.
    """
    opened = unopened(lab, clock=clock, seed=seed, folder=folder, keep=keep)
    try:
        for chosen in lab.in_order():
            opened.open(chosen.role)
    except BaseException:
        opened.close()
        raise
    return opened
