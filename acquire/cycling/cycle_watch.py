"""What is watched from cycle to cycle: efficiency, capacity, resistance.

Efficiency and capacity are each held against what the cycles before foretell, by a one-sided CUSUM
of the standardised difference (Page 1954; reference value 0.5, so that it is quickest for a fall of
one standard deviation). Of the efficiency, which rises ever more slowly, they foretell a median;
of the capacity, which fades evenly, the next point of their line. Cycles of another rate, and
interrupted ones, do not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from acquire.cycling.coulometry import Cycle
from acquire.flags import Flag
from protocols.cycling import Cycling

REFERENCE, THRESHOLD = 0.5, 9.0
"""Of the CUSUM, in standard deviations. With Gaussian figures a false alarm comes once in about
10^5 cycles (Siegmund's approximation: exp(2 * 0.5 * (9 + 1.166)) / (2 * 0.25) = 5e4 and more)."""
BASE = 20
"""Cycles before that foretell the next one."""
LEAST = 10
"""Cycles that are needed before anything is said."""
SAME_RATE = 0.2
"""Relative difference of two rates that count as one."""
RISE, RISES = 1.5, 3
"""Of the resistance, times its first ones, in so many cycles after one another; ours."""


class _Fall:
    """A one-sided CUSUM of how far a figure falls below what the ones before foretell."""

    def __init__(self, floor: float, *, evenly: bool) -> None:
        """`floor` is the least standard deviation that is believed, relative.

        `evenly`: it is expected to go on falling as it did.
        """
        self._floor = floor
        self._evenly = evenly
        self._base: list[float] = []
        self._since = 0
        """Cycles since the last one of the base."""
        self.statistic = 0.0

    def update(self, value: float, sigma: float) -> bool:
        """Return True when the threshold is crossed, once."""
        was = self.statistic
        self._since += 1
        if len(self._base) >= LEAST:
            foretold, spread = self._foretold()
            spread = max(spread, sigma, self._floor * abs(value))
            # what `BASE` cycles foretell has an error of its own
            spread *= 1.0 + 2.0 / len(self._base)
            score = (foretold - value) / spread
            self.statistic = max(0.0, self.statistic + score - REFERENCE)
        if self.statistic < 1.0:
            # while nothing seems to fall the base moves on; then it stays, lest it follow the fall
            self._base, self._since = [*self._base, value][-BASE:], 0
        return was < THRESHOLD <= self.statistic

    def _foretold(self) -> tuple[float, float]:
        """Return what the base foretells of this cycle, and the spread about it.

        Medians throughout: a first cycle unlike the others spoils neither.
        """
        base = np.array(self._base)
        changes = np.diff(base)
        slope = float(np.median(changes))
        spread = 1.4826 * float(np.median(np.abs(changes - slope))) / math.sqrt(2)
        if not self._evenly:
            return float(np.median(base)), spread
        before = np.arange(len(base) - 1, -1, -1)
        return float(np.median(base + slope * before)) + slope * self._since, spread


class CycleWatch:
    """Sees each cycle as it ends."""

    def __init__(self, step: Cycling) -> None:
        """Watch the cycles of a step."""
        self._rate: float | None = None
        self._begin_anew()
        self._efficiencies: list[float] = []

    def update(self, cycle: Cycle) -> list[Flag]:
        """Return the flags of a cycle."""
        if cycle.interrupted or cycle.efficiency is None:
            return []
        self._efficiencies.append(cycle.efficiency)
        if self._rate is None or abs(cycle.rate - self._rate) > SAME_RATE * self._rate:
            # another rate begins anew: it has another efficiency and another capacity
            self._rate = cycle.rate
            self._begin_anew()
        return list(self._flags(cycle))

    def _begin_anew(self) -> None:
        self._efficiency = _Fall(floor=1e-5, evenly=False)
        self._capacity = _Fall(floor=2e-4, evenly=True)
        self._first_resistances: list[float] = []
        self._risen = 0

    def below(self, efficiency: float, cycles: int) -> bool:
        """True if the last `cycles` efficiencies were all below a value."""
        last = self._efficiencies[-cycles:]
        return len(last) == cycles and max(last) < efficiency

    def _flags(self, cycle: Cycle) -> Iterator[Flag]:
        value, sigma = cycle.efficiency or 0.0, cycle.uncertainty or 0.0
        if self._efficiency.update(value, sigma):
            note = f"{value:.3%} in cycle {cycle.number}, below what the cycles before foretell"
            yield _flag("efficiency", cycle, self._efficiency.statistic, THRESHOLD, note)
        if self._capacity.update(cycle.discharged, 0.0):
            note = f"{cycle.discharged:.4g} C: the capacity falls faster than before"
            yield _flag("fade", cycle, self._capacity.statistic, THRESHOLD, note)
        if cycle.resistance is not None:
            yield from self._resistance(cycle, cycle.resistance)

    def _resistance(self, cycle: Cycle, ohm: float) -> Iterator[Flag]:
        if len(self._first_resistances) < LEAST:
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
