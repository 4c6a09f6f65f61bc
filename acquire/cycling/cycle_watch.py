"""What is watched from cycle to cycle: efficiency, capacity, resistance.

Efficiency and capacity are each held against what the cycles before foretell, by a one-sided CUSUM
of the standardised difference (Page 1954); resistances against the first ones. Each rate is a
series of its own. Interrupted cycles do not count, nor does one that comes after another rate and
begins where that left the cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from acquire.cycling.coulometry import Cycle
from acquire.cycling.rise import THRESHOLD as RISEN
from acquire.cycling.rise import Rise
from acquire.flags import Flag

REFERENCE, THRESHOLD = 1.5, 12.0
"""Of the CUSUM, in standard deviations. The reference value is large because the level itself is
known from `BASE` cycles only. Measured on Gaussian figures: a false alarm in none of 120 series of
500 cycles, level or falling steadily; a fall of three standard deviations is flagged after 7 cycles
in the median."""
FLOOR = 1e-4, 5e-4
"""Least standard deviation of efficiency and capacity that is believed, relative; ours."""
BASE = 40
"""Cycles before that foretell the next one."""
LEAST = 20
"""Cycles that are needed before anything is said of a fall."""
SAME_RATE = 0.2
"""Relative difference of two rates that count as one."""


class _Fall:
    """A one-sided CUSUM of how far a figure falls below what the cycles before foretell.

    A rise is never foretold: efficiency settles as it rises, and must not be missed for slowing.
    """

    def __init__(self, floor: float) -> None:
        """`floor` is the least standard deviation that is believed, relative."""
        self._floor = floor
        self._cycles = 0
        self._base: list[tuple[int, float]] = []
        self.statistic = 0.0

    def update(self, value: float, sigma: float) -> bool:
        """Return True when the threshold is crossed, once."""
        was = self.statistic
        if len(self._base) >= LEAST:
            foretold, spread = self._foretold(self._cycles)
            score = (foretold - value) / max(spread, sigma, self._floor * abs(value))
            self.statistic = max(0.0, self.statistic + score - REFERENCE)
        if self.statistic < 1.0:
            # while nothing seems to fall the base moves on; then it stays, lest it follow the fall
            self._base = [*self._base, (self._cycles, value)][-BASE:]
        self._cycles += 1
        return was < THRESHOLD <= self.statistic

    def _foretold(self, cycle: int) -> tuple[float, float]:
        """Return what the base foretells of a cycle, and its scatter around that.

        Medians throughout (Theil 1950, Sen 1968): a first cycle unlike the others spoils neither.
        """
        numbers, values = np.array(self._base, np.float64).T
        later, earlier = np.triu_indices(len(values), 1)[::-1]
        slopes = (values[later] - values[earlier]) / (numbers[later] - numbers[earlier])
        slope = min(0.0, float(np.median(slopes)))
        left = values - slope * numbers
        level = float(np.median(left))
        spread = 1.4826 * float(np.median(np.abs(left - level)))
        return level + slope * cycle, spread * (1.0 + 4.0 / len(values))


@dataclass
class _Series:
    """The cycles of one rate."""

    rate: float
    efficiency: _Fall = field(default_factory=lambda: _Fall(FLOOR[0]))
    capacity: _Fall = field(default_factory=lambda: _Fall(FLOOR[1]))
    polarisation: Rise = field(default_factory=Rise)
    ohmic: Rise = field(default_factory=Rise)


class CycleWatch:
    """Sees each cycle as it ends."""

    def __init__(self) -> None:
        """Watch the cycles of a step."""
        self._series: list[_Series] = []
        self._last: _Series | None = None
        self._efficiencies: list[float] = []

    def update(self, cycle: Cycle) -> list[Flag]:
        """Return the flags of a cycle."""
        if cycle.interrupted or cycle.efficiency is None:
            return []
        self._efficiencies.append(cycle.efficiency)
        before, known = self._last, len(self._series)
        self._last = self._of(cycle.rate)
        if self._last is not before and len(self._series) == known:
            return []
        return list(self._flags(cycle, self._last))

    def below(self, efficiency: float, cycles: int) -> bool:
        """True if the last `cycles` efficiencies were all below a value."""
        last = self._efficiencies[-cycles:]
        return len(last) == cycles and max(last) < efficiency

    def _of(self, rate: float) -> _Series:
        """Return the series of a rate; another rate has another efficiency and capacity."""
        near = (each for each in self._series if abs(rate - each.rate) <= SAME_RATE * each.rate)
        found = next(near, None)
        if found is None:
            found = _Series(rate)
            self._series.append(found)
        return found

    def _flags(self, cycle: Cycle, series: _Series) -> Iterator[Flag]:
        value, sigma = cycle.efficiency or 0.0, cycle.uncertainty or 0.0
        # a first cycle loses what no other does: its efficiency foretells nothing
        if cycle.number > 1 and series.efficiency.update(value, sigma):
            note = f"{value:.3%} in cycle {cycle.number}, below what the cycles before foretell"
            yield _flag("efficiency", cycle, series.efficiency.statistic, THRESHOLD, note)
        if series.capacity.update(cycle.discharged, 0.0):
            note = f"{cycle.discharged:.4g} C: the capacity falls faster than before"
            yield _flag("fade", cycle, series.capacity.statistic, THRESHOLD, note)
        yield from _risen(cycle, "polarisation, all of it", cycle.resistance, series.polarisation)
        yield from _risen(cycle, "resistance of its pulses", cycle.ohmic, series.ohmic)


def _risen(cycle: Cycle, what: str, ohm: float | None, rise: Rise) -> Iterator[Flag]:
    if ohm is not None and rise.update(cycle.number, ohm):
        note = f"{what}: {ohm:.3g} ohm, {rise.ratio:.3g} times that of the first cycles"
        yield _flag("resistance", cycle, rise.statistic, RISEN, note)


def _flag(kind: str, cycle: Cycle, statistic: float, threshold: float, note: str) -> Flag:
    place = {"cycle": float(cycle.number)}
    return Flag(
        kind,
        "cell",
        cycle.number - 1,
        place,
        statistic=float(statistic),
        threshold=threshold,
        note=note,
    )
