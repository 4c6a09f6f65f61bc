"""What really happened in a simulated FIB's world: read-only, for scoring; not for drivers."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from drivers.fib import Milling
from drivers.ledger import Deed, Ledger
from simulators.fib.chamber import solid_in
from simulators.fib.exposing import PROCESS_GONE
from simulators.fib.fib_world import Event, read_arrays, read_events
from simulators.fib.scoring import Score, score
from simulators.fib.solid import Solid
from simulators.world import read_state

_JOB: TypeAdapter[Milling] = TypeAdapter(Milling)
UNSAFE = "unsafe: "


@dataclass(frozen=True)
class Job:
    """One attempt at a job of patterns, as it really was."""

    number: int
    job: Milling
    """As it was asked for."""
    begin: float
    """World time, s."""
    seconds: float
    charge: float
    """C that truly landed."""
    ended: bool
    """False while the beam is on."""
    by_its_own_timer: bool
    """True if nobody steered it to its end."""


@dataclass(frozen=True)
class Truth:
    """A world's ledger and state."""

    events: tuple[Event, ...]
    solid: Solid
    jobs: tuple[Job, ...]
    interface: float
    """Depth of the interface that the lamella is for, m."""

    @property
    def unsafe(self) -> tuple[Event, ...]:
        """What should not have been done."""
        return tuple(event for event in self.events if event.kind.startswith(UNSAFE))

    @property
    def beams_on(self) -> bool:
        """True if a beam is still unblanked."""
        begun = sum(event.kind == "begin" for event in self.events)
        return begun > sum(event.kind == "end" for event in self.events)

    @property
    def lamella(self) -> tuple[str, ...]:
        """What became of the lamella, in words, oldest first."""
        return tuple(event.note for event in self.events if event.kind == "lamella")

    def score(self, kept: float) -> Score:
        """Return how good the lamella is over the length that is kept (m)."""
        return score(self.solid, self.interface, kept)

    def charge(self, purpose: str) -> float:
        """Return the charge (C) that all patterns of a purpose have delivered."""
        return math.fsum(e.ions for e in self.events if e.kind == "beam" and e.of == purpose)


@contextmanager
def _reading(world: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{world.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        yield db


def deeds(world: Path) -> Ledger:
    """Return images and patterns in a world's file as deeds, in C that left their column."""
    with _reading(world) as db:
        events = read_events(db)
    made: dict[int, Deed] = {}
    ions = electrons = 0.0
    for event in events:
        if event.kind == "begin":
            action = "mill" if event.note else event.of.replace(" ", "_")
            meter = electrons if action == "electron_image" else ions
            made[event.number] = Deed(action, meter, 0.0)
        ions, electrons = ions + event.ions, electrons + event.electrons
        if event.kind == "beam":
            one = made[event.number]
            reached = electrons if one.action == "electron_image" else ions
            made[event.number] = replace(one, amount=reached - one.meter)
    harm = tuple(event.kind for event in events if event.kind.startswith(UNSAFE))
    ended = {event.number for event in events if event.kind == "end"}
    return Ledger(tuple(made.values()), ("beam",) if made.keys() - ended else (), harm)


def truth(world: Path) -> Truth:
    """Return what really happened in a world's file."""
    with _reading(world) as db:
        events = tuple(read_events(db))
        names = ("bonds", "body")
        interface = read_state(db, "interface")
        solid = solid_in(read_arrays(db), {name: read_state(db, name) for name in names})
    return Truth(events, solid, tuple(_jobs(events)), float(interface))


def _jobs(events: tuple[Event, ...]) -> Iterator[Job]:
    for begun in events:
        if begun.kind != "begin" or not begun.note:
            continue
        mine = [event for event in events if event.number == begun.number]
        beam = [event for event in mine if event.kind == "beam"]
        yield Job(
            begun.number,
            _JOB.validate_json(begun.note),
            begun.t,
            math.fsum(event.seconds for event in beam),
            math.fsum(event.ions for event in beam),
            any(event.kind == "end" for event in mine),
            any(event.note == PROCESS_GONE for event in beam),
        )
