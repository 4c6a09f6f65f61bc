"""What is watched from cycle to cycle: efficiency, capacity, resistance.

Efficiency and capacity are each held against what the cycles before foretell, by a one-sided CUSUM
of the standardised difference (Page 1954). Interrupted cycles and those of another rate do not
count.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from acquire.cycling.coulometry import Cycle
from acquire.flags import Flag
from protocols.cycling import Cycling

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
FIRST = 10
"""Cycles that say what the resistance is at first."""
SAME_RATE = 0.2
"""Relative difference of two rates that count as one."""
RISE, RISES = 1.5, 3
"""Of the resistance, times its first ones, in so many cycles after one another; ours."""


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


class CycleWatch:
    """Sees each cycle as it ends."""

    def __init__(self, step: Cycling) -> None:
        """Watch the cycles of a step."""
        self._rate: float | None = None
        self._efficiency = _Fall(FLOOR[0])
        self._capacity = _Fall(FLOOR[1])
        self._first_resistances: list[float] = []
        self._risen = 0
        self._efficiencies: list[float] = []

    def update(self, cycle: Cycle) -> list[Flag]:
        """Return the flags of a cycle."""
        if cycle.interrupted or cycle.efficiency is None:
            return []
        self._efficiencies.append(cycle.efficiency)
        if self._rate is None or abs(cycle.rate - self._rate) > SAME_RATE * self._rate:
            # another rate begins anew: it has another efficiency and another capacity
            self._rate = cycle.rate
            self._efficiency, self._capacity = _Fall(FLOOR[0]), _Fall(FLOOR[1])
            self._first_resistances, self._risen = [], 0
        return list(self._flags(cycle))

    def below(self, efficiency: float, cycles: int) -> bool:
        """True if the last `cycles` efficiencies were all below a value."""
        last = self._efficiencies[-cycles:]
        return len(last) == cycles and max(last) < efficiency

    def _flags(self, cycle: Cycle) -> Iterator[Flag]:
        value, sigma = cycle.efficiency or 0.0, cycle.uncertainty or 0.0
        # a first cycle loses what no other does: its efficiency foretells nothing
        if cycle.number > 1 and self._efficiency.update(value, sigma):
            note = f"{value:.3%} in cycle {cycle.number}, below what the cycles before foretell"
            yield _flag("efficiency", cycle, self._efficiency.statistic, THRESHOLD, note)
        if self._capacity.update(cycle.discharged, 0.0):
            note = f"{cycle.discharged:.4g} C: the capacity falls faster than before"
            yield _flag("fade", cycle, self._capacity.statistic, THRESHOLD, note)
        if cycle.resistance is not None:
            yield from self._resistance(cycle, cycle.resistance)

    def _resistance(self, cycle: Cycle, ohm: float) -> Iterator[Flag]:
        if len(self._first_resistances) < FIRST:
            self._first_resistances.append(ohm)
            return
        first = float(np.median(self._first_resistances))
        self._risen = self._risen + 1 if ohm > RISE * first > 0 else 0
        if self._risen == RISES:
            note = f"{ohm:.3g} ohm, {ohm / first:.2g} times that of the first cycles"
            yield _flag("resistance", cycle, ohm / first, RISE, note)


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
