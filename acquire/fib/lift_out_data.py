"""A lift-out as its journal holds it: stages, images, patterns, temperatures, measurements.

Reads whatever there is: a run that goes on, broke off, or did only some stages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any, Literal

from acquire.record import Decided, Done, RunRecord, StepRecord
from drivers.cryo import CryoStatus
from drivers.fib import BeamPicture, FibSetup, Milled
from protocols.lift_out import STAGES, LiftOut, StageName

StageState = Literal["done", "under way", "waiting", "broke off", "not reached", "not asked"]
BEGUN, ENDED = "begun", "done"
"""What the procedure decides of `stage <name>`."""
MEASURED = "lamella"
"""What it decides where the lamella is measured: v of its middle, half its thickness at the
interface, and the thickness's standard error (m)."""
OPEN: Mapping[str, StageState] = {"running": "under way", "waiting": "waiting"}
"""What a stage is that has begun and not ended, by the state of the run; otherwise broke off."""


@dataclass(frozen=True)
class Span:
    """One stage, and the part of the journal that is its own."""

    name: StageName
    state: StageState
    first: int = 0
    """Entries from here on ..."""
    beyond: int = 0
    """... up to here, without it."""
    begun: float | None = None
    """Seconds since the run began; None where it has not."""
    ended: float | None = None

    @property
    def duration(self) -> float | None:
        """Seconds; None where it has not ended."""
        return None if self.begun is None or self.ended is None else self.ended - self.begun


@dataclass(frozen=True)
class Shot:
    """One image with the action that took it."""

    entry: int
    time_s: float
    picture: BeamPicture
    current: float
    """A, as asked."""

    @property
    def field(self) -> float:
        """Width of the field of view, m."""
        return float(self.picture.pixels.shape[1] * self.picture.pixel_size)

    def like(self, other: Shot) -> bool:
        """True if both show the same field from the same side."""
        here, there = self.picture, other.picture
        return (
            here.beam == there.beam
            and abs(here.angle - there.angle) < 1e-3
            and abs(self.field - other.field) < 1e-3 * self.field
        )


@dataclass(frozen=True)
class Mill:
    """Patterns that were milled."""

    entry: int
    time_s: float
    purpose: str
    patterns: int
    at: tuple[float, float]
    """Centre of the first pattern in the ion image: right and down of its middle, m."""
    current: float
    """A."""
    charge: float
    """C, delivered."""
    seconds: float


@dataclass(frozen=True)
class Reading:
    """What the cold stage said."""

    time_s: float
    status: CryoStatus


@dataclass(frozen=True)
class Seen:
    """A figure that was read off an image."""

    time_s: float
    value: float
    sigma: float = 0.0
    """Standard error."""


@dataclass(frozen=True)
class LiftOutData:
    """A lift-out as far as it has gone; images are read when they are asked for."""

    asked: LiftOut
    setup: FibSetup | None
    spans: tuple[Span, ...]
    """Of every stage, in order."""
    decided: tuple[Decided, ...]
    mills: tuple[Mill, ...]
    readings: tuple[Reading, ...]

    @property
    def welds(self) -> tuple[Mapping[str, Any], ...]:
        """What was found of each joint that was filled, oldest first."""
        return tuple(each.value for each in self.decided if each.name.startswith("weld "))

    @property
    def thickness(self) -> tuple[Seen, ...]:
        """The lamella's thickness at the interface each time it was measured (m)."""
        found = []
        for each in self.decided:
            if each.name == MEASURED:
                _, half, *sigma = each.value
                found.append(Seen(each.time_s, 2 * half, *sigma))
        return tuple(found)

    def after(self, entry: int) -> str:
        """Return the name of what was decided right after an image was taken; empty for nothing."""
        return next((each.name for each in self.decided if each.entry == entry + 1), "")

    def span_at(self, entry: int) -> Span | None:
        """Return the stage to which an entry of the journal belongs."""
        return next((s for s in self.spans if s.first <= entry < s.beyond), None)


def read_lift_out(record: RunRecord, step: StepRecord) -> LiftOutData:
    """Return what the journal holds of a lift-out."""
    asked = LiftOut.model_validate(step.request)
    decided = tuple(record.decided(step.index))
    setups = record.done(step.index, "fib.setup", FibSetup)
    return LiftOutData(
        asked=asked,
        setup=next((each.result for each in setups), None),
        spans=tuple(_spans(asked, decided, OPEN.get(record.state, "broke off"))),
        decided=decided,
        mills=tuple(_mills(record, step)),
        readings=tuple(
            Reading(each.time_s, each.result)
            for each in record.done(step.index, "cryo.status", CryoStatus)
            if each.result is not None
        ),
    )


def shots(record: RunRecord, step: StepRecord) -> Iterator[Shot]:
    """Yield the images of both beams in the order in which they were taken, one at a time."""
    beams = (
        record.done(step.index, f"fib.{beam}_image", BeamPicture) for beam in ("ion", "electron")
    )
    for done in merge(*beams, key=lambda each: each.entry):
        if done.result is not None:
            current = float(done.arguments[0]["current"])
            yield Shot(done.entry, done.time_s, done.result, current)


def _mills(record: RunRecord, step: StepRecord) -> Iterator[Mill]:
    for done in record.done(step.index, "fib.mill", Milled):
        if done.result is not None:
            yield _mill(done)


def _mill(done: Done) -> Mill:
    job = done.arguments[0]
    return Mill(
        done.entry,
        done.time_s,
        str(job["purpose"]),
        len(job["patterns"]),
        (float(job["patterns"][0]["x"]), float(job["patterns"][0]["y"])),
        float(job["current"]),
        done.result.charge - float(job["done"]),
        done.result.seconds,
    )


def _spans(asked: LiftOut, decided: Sequence[Decided], unfinished: StageState) -> Iterator[Span]:
    begun = {e.name: e for e in reversed(decided) if e.value == BEGUN}
    ended = {e.name: e for e in decided if e.value == ENDED}
    names = [name for name in STAGES if f"stage {name}" in begun]
    for name in STAGES:
        start, end = begun.get(f"stage {name}"), ended.get(f"stage {name}")
        if start is None:
            yield Span(name, "not reached" if name in asked.stages else "not asked")
            continue
        later = names[names.index(name) + 1 :]
        beyond = begun[f"stage {later[0]}"].entry if later else 1 << 62
        state: StageState = "done" if end else unfinished
        yield Span(name, state, start.entry, beyond, start.time_s, end.time_s if end else None)
