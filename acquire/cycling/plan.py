"""What cycling a cell would do and take, before it is connected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from acquire.cycling.orders import CV_SECONDS, longest_seconds
from acquire.cycling.rates import written_size
from acquire.plan import StepPlan, limit
from drivers.potentiostat import PotentiostatLimits
from protocols.cycling import Cycling, Loop, Pulse, Rest, Size


def cycling_plan(index: int, step: Cycling, limits: Mapping[str, Any]) -> StepPlan:
    """Return what a cell's schedule takes if it has its nominal capacity."""
    seconds = _seconds(step, step.schedule)
    currents = {
        f"current_A ({move.do}, {written})": step.amperes(move) for move, written in _sizes(step)
    }
    figures: dict[str, float | int | str] = {
        "cycles": cycles_of(step.schedule),
        "duration_s": seconds,
        "duration_days": seconds / 86400.0,
        "nominal_C": step.nominal.capacity,
        **currents,
    }
    return StepPlan(
        index, step.kind, figures, tuple(_of_the_lab(step, limits)), tuple(_notes(step))
    )


def _of_the_lab(step: Cycling, limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    bounds = limits.get("potentiostat")
    if not isinstance(bounds, PotentiostatLimits):
        return
    largest = max((step.amperes(move) for move, _ in _sizes(step)), default=0.0)
    yield limit("current_A", largest, bounds.current_max, "lower the rate")
    driven = [move for move in step.moves() if not isinstance(move, Rest)]
    longest = max((longest_seconds(step, move) for move in driven), default=0.0)
    yield limit("hold_s", longest, bounds.hold_max, "use a higher rate, or raise hold_max")
    yield limit("voltage_V", step.safety.voltage_max, bounds.voltage_max, "lower voltage_max")
    yield limit(
        "voltage_below_V", -step.safety.voltage_min, -bounds.voltage_min, "raise voltage_min"
    )


def _sizes(step: Cycling) -> Iterator[tuple[Any, str]]:
    """Yield each hold with a current of its own kind once, and how it is written."""
    seen = set()
    for move in step.moves():
        if isinstance(move, Size):
            written = written_size(step, move)
            if (move.do, written) not in seen:  # type: ignore[attr-defined]
                seen.add((move.do, written))  # type: ignore[attr-defined]
                yield move, written


def _seconds(step: Cycling, moves: Sequence[Any]) -> float:
    total = 0.0
    for move in moves:
        if isinstance(move, Loop):
            total += move.times * _seconds(step, move.steps)
        elif isinstance(move, Rest):
            total += move.duration
        elif isinstance(move, Pulse):
            total += move.duration + move.rest
        elif isinstance(move, Size):
            total += step.nominal.capacity / step.amperes(move)
        else:
            total += CV_SECONDS
    return total


def seconds_by_cycle(step: Cycling, moves: Sequence[Any] | None = None) -> list[float]:
    """Return what each cycle of a schedule takes if the cell has its nominal capacity, s.

    What lies between cycles is not in it.
    """
    found: list[float] = []
    for move in step.schedule if moves is None else moves:
        if isinstance(move, Loop):
            inner = [_seconds(step, move.steps)]
            found += move.times * (
                inner if move.counts_as_cycle else seconds_by_cycle(step, move.steps)
            )
    return found


def cycles_of(moves: Sequence[Any]) -> int:
    """Return how many cycles a schedule has."""
    loops = [move for move in moves if isinstance(move, Loop)]
    return sum(
        loop.times if loop.counts_as_cycle else loop.times * cycles_of(loop.steps) for loop in loops
    )


def _notes(step: Cycling) -> Iterator[str]:
    for each in (step.nominal, *step.also):
        used = "used" if each is step.nominal else "not used"
        micro = each.capacity / 3600.0 * 1e6
        yield f"1C is {micro:.4g} µA {each.basis} ({each.source}); {used}"
    safety = step.safety
    yield (
        f"the device itself ends a hold outside {safety.voltage_min:g} to {safety.voltage_max:g} V "
        f"or after {safety.time_factor:g} times what it should take"
    )
