"""Evidence for a line that was not there, added up over the cycles.

Each cycle gives, at each place, the signed root z of a likelihood ratio (`peak_test`), standard
normal where there is no peak. Against a line that would give the root `SIZE`, the likelihood ratio
of a cycle is exp(SIZE z - SIZE^2/2). The statistic is that of Shiryaev and Roberts, R -> (1 + R) *
ratio: all cycles in which the line may have begun, summed; averaged over the places, as the line's
is not known. Without a line it grows by 1 a cycle on average whatever the background, so by Doob's
inequality the chance that it ever exceeds A in n cycles is below n/A (Pollak, Ann. Statist. 13,
206, 1985). What is added up over the cycles moves with the charging, as the places do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]

SIZE = 9.0
"""Root of the line that is waited for: one cycle shows it nearly always. Lines of half of it that
stay so small are found in the course of many cycles, smaller ones never; ours. With smaller sizes a
line that grows by a fifth from cycle to cycle is flagged cycles before one of them shows it."""
DOUBTFUL = 4.3
"""Root from which on one spectrum leaves in doubt whether there is a peak: about 1 blank in 10,000
gives it, which is too many for a run; ours."""


@dataclass(frozen=True)
class Verdict:
    """What all cycles so far say, in nats."""

    statistic: float
    threshold: float
    place: float
    """Where the line would be, eV, corrected roughly."""

    @property
    def seen(self) -> bool:
        """There is a line."""
        return self.statistic > self.threshold


class Evidence:
    """Evidence for one line at the places (eV) where it may be."""

    def __init__(self, places: Floats, false_alarm: float, cycles: int) -> None:
        """Set the threshold for a chance of `false_alarm` in `cycles` cycles."""
        self.places = places
        self.threshold = math.log(cycles / false_alarm)
        self._sum: Floats = np.full(len(places), -np.inf)

    def update(self, root: Floats) -> Verdict:
        """Take the roots of a cycle, shape (places,)."""
        self._sum = np.logaddexp(0.0, self._sum) + _ratio(root)
        return self._verdict(self._sum)

    def tried(self, root: Floats) -> Verdict:
        """Return what `update` would, and forget it."""
        return self._verdict(np.logaddexp(0.0, self._sum) + _ratio(root))

    def clear(self) -> None:
        """Begin anew."""
        self._sum = np.full(len(self.places), -np.inf)

    def _verdict(self, sums: Floats) -> Verdict:
        mean = float(logsumexp(sums)) - math.log(len(sums))
        return Verdict(mean, self.threshold, float(self.places[int(np.argmax(sums))]))


def _ratio(root: Floats) -> Floats:
    return SIZE * root - SIZE**2 / 2
