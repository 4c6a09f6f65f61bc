"""Whether a resistance has risen, from cycle to cycle.

A CUSUM (Page 1954) of how far its logarithm lies above what its first cycles and normal ageing
allow, in standard deviations.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

FIRST = 10
"""Cycles that say what the resistance is at first."""
WARMER = 0.035
"""That a resistance may differ, relative: what half a kelvin does where lithium hops over 0.55 eV,
as in LiPON, 7 % a kelvin [lit, calc]."""
AGEING = 1.05e-5
"""By which it may rise in a cycle, relative: as much as the capacity of the paper's cells falls, 10
% in 10,000 cycles [calc]; ours for resistances, to verify."""
REFERENCE, THRESHOLD = 0.5, 12.0
"""Of the CUSUM, in standard deviations. Measured on Gaussian series of 1260 cycles with scatters of
0.03 to 3 %, level or ageing: a false alarm in none of 480. One that has risen by all that is
allowed is flagged in none (0.03 %) to a third of them (3 %): its first cycles are uncertain too."""
MOST = 4.0
"""Standard deviations for which one cycle counts at most: no single one raises a flag."""
FLOOR = 2e-3
"""Least standard deviation that is believed, relative; ours."""
RECENT = 40
"""Cycles whose scatter is the standard deviation."""


class Rise:
    """One resistance, at one rate."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._first: list[float] = []
        self._began = 0
        self._recent: deque[float] = deque(maxlen=RECENT)
        self.statistic = 0.0
        self._told = False
        self.ratio = 1.0
        """Of the newest cycle to the first ones."""

    def update(self, cycle: int, ohm: float) -> bool:
        """Return True when the threshold is crossed, once; a resistance is above 0."""
        if not ohm > 0:
            return False
        value = math.log(ohm)
        self._recent.append(value)
        if len(self._first) < FIRST:
            self._first.append(value)
            self._began = cycle
            return False
        above = value - float(np.median(self._first))
        self.ratio = math.exp(above)
        allowed = WARMER + AGEING * (cycle - self._began)
        if above <= allowed and self.statistic == 0.0:
            return False  # nothing is added to nothing: the scatter need not be known
        score = min((above - allowed) / self._scatter(), MOST)
        self.statistic = max(0.0, self.statistic + score - REFERENCE)
        was, self._told = self._told, self._told or self.statistic >= THRESHOLD
        return self._told and not was

    def _scatter(self) -> float:
        """Return the standard deviation from one cycle to the next, whatever the trend."""
        changes = np.diff(self._recent)
        spread = 1.4826 * float(np.median(np.abs(changes - np.median(changes))))
        return max(FLOOR, spread / math.sqrt(2.0))
