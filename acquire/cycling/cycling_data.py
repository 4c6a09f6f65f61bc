"""What a cell has done so far, sample by sample, read from its run's journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.record import RunRecord, StepRecord
from drivers.lab import Identity
from drivers.potentiostat import Held, HoldOrder, PotentiostatSetup, Samples
from protocols.cycling import Cycling, Loop, Pulse

Floats = npt.NDArray[np.float64]
PRE_FLIGHT = 0
"""Cycle and step of the holds before the schedule begins."""


@dataclass(frozen=True)
class Place:
    """Where in its schedule a hold belongs."""

    cycle: int
    """From 1; 0 outside of any cycle."""
    step: int
    """Number of the hold in the schedule as it is written, from 1; 0 for the pre-flight."""


@dataclass(frozen=True)
class HoldData:
    """One hold; arrays have one entry for each sample."""

    entry: int
    place: Place
    order: HoldOrder
    held: Held | None
    """None while it goes on."""
    test_time: Floats
    """s since the run began. None begins before the one before it has ended: a device that hurries
    ahead of the run's clock, in a rehearsal, gives the seconds in which it lives."""
    hold_time: Floats
    """s since the hold began."""
    voltage: Floats
    current: Floats
    status: npt.NDArray[np.uint8]
    cut_off: bool = False
    """It was cut off, by a crash or a fault, and gone on with."""


@dataclass(frozen=True)
class CyclingData:
    """A cell's holds in order."""

    record: StepRecord
    step: Cycling
    setup: PotentiostatSetup
    identity: Identity | None
    began_unix: float
    """s since 1970 at which the run began."""
    holds: Sequence[HoldData]

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column of all samples, such as voltage."""
        parts = [getattr(hold, name) for hold in self.holds]
        return np.concatenate(parts) if parts else np.zeros(0)

    def cycle(self, number: int) -> list[HoldData]:
        """Return the holds of a cycle."""
        return [hold for hold in self.holds if hold.place.cycle == number]


def places(schedule: Sequence[Any], ended: Iterator[bool], cycle: int = 0) -> Iterator[Place]:
    """Yield the place of every hold of a schedule, as the procedure does them.

    Args:
        schedule: holds and loops.
        ended: what was decided, loop by loop, of those that may end early.
        cycle: of the loop that holds these; 0 at the top.
    """
    counter = _Counter(cycle)
    yield from counter.walk(schedule, ended, 1)


class _Counter:
    def __init__(self, cycles: int) -> None:
        self.cycles = cycles

    def walk(
        self, moves: Sequence[Any], ended: Iterator[bool], first: int, inside: bool = False
    ) -> Iterator[Place]:
        number = first
        for move in moves:
            if isinstance(move, Loop):
                yield from self._loop(move, ended, number, inside)
                number += written(move.steps)
                continue
            for _ in range(2 if isinstance(move, Pulse) else 1):
                yield Place(self.cycles if inside else 0, number)
            number += 1

    def _loop(
        self, loop: Loop, ended: Iterator[bool], number: int, inside: bool
    ) -> Iterator[Place]:
        for _ in range(loop.times):
            if loop.counts_as_cycle:
                self.cycles += 1
            yield from self.walk(loop.steps, ended, number, inside or loop.counts_as_cycle)
            if loop.stop is not None and next(ended, False):
                break


def written(moves: Sequence[Any]) -> int:
    """Return how many holds a schedule names."""
    return sum(written(move.steps) if isinstance(move, Loop) else 1 for move in moves)


def read_cycling(record: RunRecord, step: StepRecord) -> CyclingData | None:
    """Return what a cell has done; None before its first sample."""
    setup = next(record.done(step.index, "potentiostat.setup", PotentiostatSetup), None)
    if setup is None:
        return None
    asked = Cycling.model_validate(step.request)
    began = datetime.fromisoformat(record.meta["begun_utc"]).timestamp()
    identity = next(record.done(None, "potentiostat.identity", Identity), None)
    holds = list(_holds(record, step, asked))
    if not holds:
        return None
    return CyclingData(
        step, asked, setup.result, identity.result if identity else None, began, holds
    )


def _holds(record: RunRecord, step: StepRecord, asked: Cycling) -> Iterator[HoldData]:
    ended = (bool(d.value) for d in record.decided(step.index) if d.name == "loop ended")
    before = 0 if asked.pre_flight is None else 1 + (asked.pre_flight.pulse is not None)
    named = places(asked.schedule, ended)
    done: Mapping[int, Held] = {
        each.entry: each.result
        for each in record.done(step.index, "potentiostat.hold", Held)
        if each.result is not None
    }
    over = 0.0
    for number, tried in enumerate(record.readings(step.index, "potentiostat.hold", Samples)):
        place = Place(0, PRE_FLIGHT) if number < before else next(named, Place(0, PRE_FLIGHT))
        order = HoldOrder(**tried.arguments[0])
        hold = _hold(tried.entry, place, order, done.get(tried.entry), tried.attempts, over)
        over = float(hold.test_time.max(initial=over))
        yield hold


def _hold(
    entry: int,
    place: Place,
    order: HoldOrder,
    held: Held | None,
    attempts: Sequence[tuple[float, Sequence[Samples]]],
    over: float,
) -> HoldData:
    """Return a hold from its attempts; one that was taken up goes on counting its seconds.

    `over` is when the one before had ended, s since the run began.
    """
    times, seconds, rest = [], [], []
    begun, reached, gone = 0.0, -1.0, 0.0
    for start, blocks in attempts:
        for block in blocks:
            if not len(block.seconds):
                continue
            if float(block.seconds[0]) < reached or reached < 0:
                begun, gone = max(start, over), max(reached, 0.0) + gone
            reached = float(block.seconds[-1])
            times.append(begun + block.seconds)
            over = float(times[-1][-1])
            seconds.append(gone + block.seconds)
            rest.append(block)
    return HoldData(
        entry,
        place,
        order,
        held,
        _together(times),
        _together(seconds),
        _together([block.voltage for block in rest]),
        _together([block.current for block in rest]),
        np.concatenate([block.status for block in rest]) if rest else np.zeros(0, np.uint8),
        len(attempts) > 1,
    )


def _together(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(0)
