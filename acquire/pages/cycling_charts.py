"""A cell's voltage profiles, and its capacity and efficiency against the cycle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from acquire.cycling.cycling_data import CyclingData, Floats, HoldData
from acquire.cycling.rates import by_rate
from acquire.pages.xy_chart import Along, Series, Value, XyChart, xy_chart

POINTS = 240
"""Of a drawn voltage profile."""
TALL = 330.0
"""Bottom of the profiles' drawing."""
MOST_RATES = 4
"""Rates that are drawn, those with most cycles."""
CLOSE = 0.1, 0.98
"""Quantiles of a rate's efficiencies between which the close view reaches, and a little beyond."""
LEAST_VIEW = 2e-3
"""Height of the close view at least, as a share."""
SMALL = ("µAh", 1e6 / 3600.0)
"""Unit of charge, and how many of it are a coulomb."""
LARGE = ("mAh", 1e3 / 3600.0)


def chosen_cycles(data: CyclingData, whole: int) -> list[int]:
    """Return the cycles whose profiles are drawn: 1, 2, the middle one and the last.

    Args:
        data: of the cell.
        whole: number of cycles that are over; before the first one, it is drawn as it grows.
    """
    last = max(whole, 1 if data.cycle(1) else 0)
    return sorted({1, 2, (last + 1) // 2, last} & set(range(1, last + 1)))


def profile_chart(data: CyclingData, whole: int) -> XyChart | None:
    """Return voltages against charge: every half cycle begins at 0."""
    unit, scale = _unit(data.step.nominal.capacity)
    series = [
        Series(f"cycle {number}", values, colour=colour)
        for colour, number in enumerate(chosen_cycles(data, whole))
        for hold in data.cycle(number)
        if hold.order.mode != "rest" and (values := tuple(_profile(hold, scale)))
    ]
    far = max((value.x for each in series for value in each.values), default=0.0)
    if not far > 0:
        return None
    axis = Along(f"charge since the half cycle began / {unit}", 0.0, far)
    return xy_chart("voltage / V", series, axis, bottom=TALL)


def _profile(hold: HoldData, scale: float) -> Iterator[Value]:
    good = (hold.status == 0) & np.isfinite(hold.voltage) & np.isfinite(hold.current)
    if good.sum() < 2:
        return
    time, volts, amperes = (column[good] for column in (hold.hold_time, hold.voltage, hold.current))
    passed = abs(_integral(time, amperes)) * scale
    for row in np.unique(np.linspace(0, len(passed) - 1, POINTS).astype(int)).tolist():
        volt = float(volts[row])
        yield Value(float(passed[row]), volt, volt, volt)


def _integral(time: Floats, amperes: Floats) -> Floats:
    """Return the charge since the first sample, C; the last current counts from one to the next."""
    pieces = np.diff(time) * (amperes[1:] + amperes[:-1]) / 2
    return np.concatenate([[0.0], np.cumsum(pieces)])


def capacity_chart(result: Mapping[str, Any]) -> XyChart | None:
    """Return the capacity of each cycle, each rate with its own colour."""
    unit, scale = _unit(result["nominal"][0]["capacity"])
    series = list(_by_rate(result, result["capacity_coulomb"], None, scale))
    return xy_chart(f"capacity, discharge / {unit}", series, _cycles(result))


def _unit(coulomb: float) -> tuple[str, float]:
    """Return the unit that suits a charge, and how many of it are a coulomb."""
    return SMALL if coulomb * LARGE[1] < 1.0 else LARGE


def efficiency_chart(result: Mapping[str, Any]) -> XyChart | None:
    """Return the efficiency of each cycle with its standard uncertainty."""
    series = list(_by_rate(result, result["efficiency"], result["efficiency_uncertainty"], 100.0))
    return xy_chart("coulombic efficiency / %", series, _cycles(result))


def close_chart(result: Mapping[str, Any]) -> XyChart | None:
    """Return the same, near the commonest rate's efficiencies; None where that adds nothing."""
    groups = by_rate(result["rate_per_h"])
    commonest = max(groups.values(), key=len, default=())
    known = np.array([result["efficiency"][place] or np.nan for place in commonest])
    known = known[np.isfinite(known)]
    if known.size < 2 * MOST_RATES:
        return None
    low, high = np.quantile(known, CLOSE).tolist()
    room = max(0.15 * (high - low), LEAST_VIEW / 2)
    reach = (100.0 * (low - room), 100.0 * (high + room))
    shares = _by_rate(result, result["efficiency"], result["efficiency_uncertainty"], 100.0)
    near = [
        replace(each, values=tuple(v for v in each.values if reach[0] < v.value < reach[1]))
        for each in shares
    ]
    series = [each for each in near if each.values]
    return xy_chart("coulombic efficiency / %", series, _cycles(result), reach=reach)


def _cycles(result: Mapping[str, Any]) -> Along:
    return Along("cycle", 1.0, max(2.0, float(result["cycles"])), whole=True)


def _by_rate(
    result: Mapping[str, Any],
    figures: Sequence[float | None],
    errors: Sequence[float | None] | None,
    scale: float,
) -> Iterator[Series]:
    """Yield each rate's cycles, then the interrupted ones as rings in the colour of their rate."""
    cut = {number - 1 for number in result["interrupted"]}
    groups = sorted(by_rate(result["rate_per_h"]).items(), key=lambda item: -len(item[1]))
    for colour, (name, places) in enumerate(groups[:MOST_RATES]):
        for hollow in (False, True):
            values = tuple(
                _value(place, figures, errors, scale)
                for place in places
                if (place in cut) == hollow and figures[place] is not None
            )
            if values:
                named = "interrupted" if hollow else name
                yield Series(named, values, joined=False, colour=colour, hollow=hollow)


def _value(
    place: int,
    figures: Sequence[float | None],
    errors: Sequence[float | None] | None,
    scale: float,
) -> Value:
    value = (figures[place] or 0.0) * scale
    error = 0.0 if errors is None else (errors[place] or 0.0) * scale
    return Value(place + 1.0, value, value - error, value + error)
