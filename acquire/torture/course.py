"""The run that nothing disturbs: what it passes, does and finds, for others to be held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from acquire.launch import RunEnd, begin_run
from acquire.share import Desk
from acquire.torture.account import Account, account
from acquire.torture.evidence import Evidence, evidence
from acquire.torture.people import Rule, Unwatched
from acquire.torture.snapshots import state_of
from drivers.action import action_of
from drivers.clock import JumpingClock, wall_seconds
from drivers.errors import InputError
from drivers.lab import Lab, dry
from drivers.open_lab import open_lab
from protocols.loader import LoadedProtocol

UNCOUNTED = "readings committed"
"""A boundary that comes when the computer is slow: it has no number, so that numbers repeat."""


ENTRY = "entry written"
"""How the names of boundaries end at which an entry has been written, committed or not."""


@dataclass(frozen=True)
class Boundary:
    """One boundary of the journal that the undisturbed run passed; its number is its index."""

    name: str
    action: str
    """What the newest action was then, such as stem.spectrum; empty before the first."""
    fresh: bool
    """The disk held something else than at the boundary before: a crash here is another crash."""
    irreversible: bool


@dataclass(frozen=True)
class Course:
    """A protocol in a simulated lab, and its undisturbed run."""

    protocol: LoadedProtocol
    lab: Lab
    seed: int
    rule: Rule
    end: RunEnd
    boundaries: tuple[Boundary, ...]
    held: Evidence
    account: Account
    interfaces: Mapping[str, type]
    """Class of each instrument's driver, by role."""
    size: float
    """Of the journal, bytes."""
    wall: float
    """Wall seconds that it took."""

    def written(self, number: int) -> int:
        """Return how many entries had been written at a boundary, committed or not."""
        return sum(boundary.name.endswith(ENTRY) for boundary in self.boundaries[: number + 1])

    @property
    def seconds(self) -> float:
        """How long it took on the lab's clock."""
        return self.held.last.time if self.held.last else 0.0


@dataclass
class _Surveyor:
    """Notes each boundary that is passed, and whether the disk changed since the one before."""

    out: Path
    passed: list[tuple[str, int, bool]] = field(default_factory=list)
    entries: int = 0
    state: int | None = None

    def __call__(self, name: str) -> None:
        if name == UNCOUNTED:
            return
        self.entries += name.endswith(ENTRY)
        (database,) = self.out.glob("*/run.db")
        state = state_of(database.parent)
        self.passed.append((name, self.entries, state != self.state))
        self.state = state


def survey(protocol: LoadedProtocol, lab: Lab, seed: int, rule: Rule, out: Path) -> Course:
    """Run a protocol undisturbed, in simulation, and return its course.

    Raises:
        InputError: it cannot be run, or does not end as it should even when nothing disturbs it.
    """
    lab = replace(dry(lab), clock="jumping")
    with open_lab(lab, clock=JumpingClock(), seed=seed) as opened:
        interfaces = {role: type(driver) for role, driver in opened.drivers.items()}
    began = wall_seconds()
    begin_run(protocol, lab, out / "timed", seed=seed, desk=Desk(Unwatched(), rule.at))
    wall = wall_seconds() - began
    surveyor = _Surveyor(out / "surveyed")
    desk = Desk(Unwatched(), rule.at, surveyor)
    end = begin_run(protocol, lab, surveyor.out, seed=seed, desk=desk)
    if end.state != "finished":
        raise InputError(
            f"{protocol.name} does not finish even undisturbed: {end.state}, {end.reason}. Mend "
            "that first; a question of the procedure is answered with --answer TEXT"
        )
    held = evidence(end.folder)
    names = {entry.id: entry.name for entry in held.entries if entry.kind == "do"}
    boundaries, action = [], ""
    for name, entry, fresh in surveyor.passed:
        action = names.get(entry, action)
        boundaries.append(Boundary(name, action, fresh, _irreversible(action, interfaces)))
    return Course(
        protocol,
        lab,
        seed,
        rule,
        end,
        tuple(boundaries),
        held,
        account(end.folder, lab, held),
        interfaces,
        (end.folder / "run.db").stat().st_size,
        wall,
    )


def _irreversible(action: str, interfaces: Mapping[str, type]) -> bool:
    role, _, method = action.partition(".")
    return bool(method) and action_of(interfaces[role], method).irreversible
