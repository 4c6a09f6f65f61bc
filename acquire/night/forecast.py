"""When a cell will be done: what is left of its schedule, at the pace of its last cycles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from acquire.cycling.cycling_data import CyclingData, HoldData, read_cycling
from acquire.cycling.plan import seconds_by_cycle
from acquire.night.window import next_opening
from acquire.record import RunRecord
from protocols.cycling import Cycling
from protocols.model import Step
from protocols.night import NightPlan

PACED_BY = 20
"""Cycles, the last ones, whose pace is that of those to come."""


def left_by_plan(steps: Sequence[Step]) -> float:
    """Return what the cycles of all steps take, s, if the cell has its nominal capacity."""
    return sum(sum(seconds_by_cycle(step)) for step in steps if isinstance(step, Cycling))


def left_of(record: RunRecord, steps: Sequence[Step]) -> float:
    """Return for how long a run will still cycle, s."""
    begun = {each.index: each for each in record.steps()}
    left = left_by_plan([step for index, step in enumerate(steps) if index not in begun])
    for index, found in begun.items():
        step = steps[index]
        if isinstance(step, Cycling) and found.result is None and found.ended_by is None:
            data = read_cycling(record, found)
            left += _left(step, {} if data is None else _by_cycle(data))
    return left


def at_pace(expected: Sequence[float], first: int, done: int, seconds: float) -> float:
    """Return what the cycles after the first `done` will take, s.

    Args:
        expected: what each cycle takes by the plan, s.
        first: cycles before those that tell the pace.
        done: cycles that are over.
        seconds: that those from `first` to `done` took.
    """
    planned = sum(expected[first:done])
    pace = seconds / planned if planned > 0 and seconds > 0 else 1.0
    return pace * sum(expected[done:])


def _left(step: Cycling, by_cycle: Mapping[int, list[HoldData]]) -> float:
    now = max(by_cycle, default=0)
    done = max(0, now - 1)
    first = max(0, done - PACED_BY)
    taken = sum(_seconds(by_cycle.get(number, [])) for number in range(first + 1, done + 1))
    left = at_pace(seconds_by_cycle(step), first, done, taken)
    return max(0.0, left - _seconds(by_cycle.get(now, [])))


def _by_cycle(data: CyclingData) -> dict[int, list[HoldData]]:
    found: dict[int, list[HoldData]] = {}
    for hold in data.holds:
        if hold.place.cycle:
            found.setdefault(hold.place.cycle, []).append(hold)
    return found


def _seconds(holds: Sequence[HoldData]) -> float:
    return sum(
        each.held.seconds if each.held else float(each.hold_time.max(initial=0.0)) for each in holds
    )


def done_at(plan: NightPlan, now: datetime, seconds: float) -> datetime:
    """Return when so many seconds of cycling from `now` on (aware) will be over: UTC."""
    while True:
        opening = next_opening(plan, now)
        ends = opening.opens + timedelta(seconds=seconds)
        if opening.closes is None or ends <= opening.closes:
            return ends
        seconds = (ends - opening.closes).total_seconds()
        now = opening.closes


def told_utc(when: datetime) -> str:
    """Return a moment for a person."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
