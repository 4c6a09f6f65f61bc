"""A cell's result, as `show --json` gives it; also of what is done while it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from acquire.cycling.coulometry import Cycle, half_cycle, whole_cycle
from acquire.cycling.cycling_data import CyclingData, HoldData
from acquire.cycling.rates import written_size
from protocols.cycling import Cycling


def cycling_result(
    step: Cycling, cycles: Sequence[Cycle], resistance: float | None
) -> dict[str, Any]:
    """Return capacities, efficiencies and what was resolved.

    Args:
        step: as the protocol asked for it.
        cycles: that are whole.
        resistance: ohm, of the cell before its first current.
    """
    return {
        "cycles": len(cycles),
        "capacity_coulomb": [_digits(each.discharged) for each in cycles],
        "charged_coulomb": [_digits(each.charged) for each in cycles],
        "efficiency": [_digits(each.efficiency) for each in cycles],
        "efficiency_uncertainty": [_digits(each.uncertainty) for each in cycles],
        "resistance_ohm": [_digits(each.resistance) for each in cycles],
        "ohmic_ohm": [_digits(each.ohmic) for each in cycles],
        "rate_per_h": [_digits(each.rate) for each in cycles],
        "interrupted": [each.number for each in cycles if each.interrupted],
        "resolved_current_A": resolved(step),
        "nominal": [each.model_dump() for each in (step.nominal, *step.also)],
        "pre_flight_resistance_ohm": resistance,
    }


def _digits(value: float | None) -> float | None:
    """Return a figure without the digits that the order of a sum changes."""
    return None if value is None else float(f"{value:.10g}")


def resolved(step: Cycling) -> dict[str, float]:
    """Return the current of each kind of hold in A, as the protocol writes it."""
    return {
        f"{move.do} {written_size(step, move)}": step.amperes(move)
        for move in step.moves()
        if hasattr(move, "rate")
    }


def result_so_far(data: CyclingData) -> dict[str, Any]:
    """Return the result of the cycles that are over, of a step that has none yet."""
    return cycling_result(data.step, list(_whole_cycles(data)), None)


def _whole_cycles(data: CyclingData) -> Iterator[Cycle]:
    """Yield the cycles after which another has begun."""
    last = max(hold.place.cycle for hold in data.holds)
    by_cycle: dict[int, list[HoldData]] = {}
    for hold in data.holds:
        if 0 < hold.place.cycle < last:
            by_cycle.setdefault(hold.place.cycle, []).append(hold)
    for number, holds in sorted(by_cycle.items()):
        halves: dict[bool, list[Any]] = {True: [], False: []}
        for hold in holds:
            if hold.held is not None and hold.order.mode != "rest":
                part = half_cycle(hold.order, hold.held, data.setup)
                halves[hold.held.charge > 0].append(part)
        yield whole_cycle(
            number,
            (halves[True], halves[False]),
            data.step.nominal.capacity,
            data.setup,
            interrupted=any(hold.cut_off for hold in holds),
            resistance=None,
        )
