"""What exposing each position of a line is worth: Fisher information of a ramp's places.

The counts are Poisson, so exposures n(x) of positions with the expected counts m(x) per unit of
exposure inform about the parameters as sum over x of n j j' / m, with j the derivatives of m. Its
inverse bounds the variance of any unbiased estimate from below (Cramer-Rao). Used to say
before a scan what it can reach. Exposures are electrons or seconds, as the caller counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ONSET, KNEE, PLATEAU, LEVEL, BEND, WEDGE = range(6)
"""Rows of the derivatives: places (m), levels (relative), height where a ramp may bend, wedge."""
BEND_SPREAD, WEDGE_SPREAD = 0.2, 0.15
"""What is known beforehand of how far the ramp is from straight, and of the wedge over the line."""


@dataclass(frozen=True)
class ExpectedRise:
    """One element's expected counts per exposure along the line."""

    onset: float
    """m."""
    knee: float
    """Where the plateau begins, m."""
    plateau: float
    """Net counts per exposure on the plateau."""
    background: Floats
    """Counts per exposure at each position, shape (n,)."""
    bend: float = 0.5
    """Where the ramp may bend, as a share of its width."""

    def counts(self, distance: Floats) -> Floats:
        """Return the expected counts per exposure, shape (n,)."""
        return np.asarray(self.background + self.plateau * self._shape(distance))

    def _shape(self, distance: Floats) -> Floats:
        return np.asarray(np.clip((distance - self.onset) / (self.knee - self.onset), 0.0, 1.0))

    def derivatives(self, distance: Floats) -> Floats:
        """Return the derivatives of the expected counts per exposure, shape (6, n)."""
        t = (distance - self.onset) / (self.knee - self.onset)
        on_ramp = (t > 0) & (t < 1)
        slope = self.plateau / (self.knee - self.onset)
        shape = self._shape(distance)
        tent = np.minimum(t / self.bend, (1 - t) / (1 - self.bend))
        length = max(float(distance[-1] - distance[0]), 1e-300)
        middle = (distance[0] + distance[-1]) / 2
        found = np.zeros((6, len(distance)))
        found[ONSET] = np.where(on_ramp, -slope * (1 - t), 0.0)
        found[KNEE] = np.where(on_ramp, -slope * t, 0.0)
        found[PLATEAU] = self.plateau * shape
        found[LEVEL] = self.background
        found[BEND] = self.plateau * np.where(on_ramp, tent, 0.0)
        found[WEDGE] = self.plateau * shape * (distance - middle) / length
        return found

    def information(self, distance: Floats, exposure: Floats) -> Floats:
        """Return the Fisher information of exposures, shape (6, 6)."""
        slopes = self.derivatives(distance)
        weight = exposure / np.maximum(self.counts(distance), 1e-300)
        return np.asarray(np.einsum("in,n,jn->ij", slopes, weight, slopes))


@dataclass(frozen=True)
class Reach:
    """Standard deviations that are reachable, m."""

    onsets: tuple[float, ...]
    """Of each element."""
    knees: tuple[float, ...]
    """Of each element."""
    width: float
    """Of the distance from the earliest onset to the latest plateau."""


TYPICAL = (1e-6, 1e-6, 1.0, 1.0, 1.0, 1.0)
"""Of each parameter: a standard deviation of a thousand million times this is 'not known'."""
STRAIGHT = (ONSET, KNEE, PLATEAU, LEVEL)
"""Parameters of a straight ramp in an even lamella."""
FREE = (ONSET, KNEE, PLATEAU, LEVEL, BEND, WEDGE)


def reach(
    rises: Sequence[ExpectedRise],
    distance: Floats,
    exposure: Floats,
    parameters: tuple[int, ...] = FREE,
) -> Reach:
    """Return what exposures of positions (shape (n,)) can tell of rises.

    `parameters` says what is not known: `STRAIGHT` gives the bound for straight ramps of unknown
    levels, `FREE` what a fit that also lets the ramp bend and the lamella be a wedge can expect.
    Elements whose plateaus begin in the same place are taken to share it.
    """
    covariances = [_inverse(rise.information(distance, exposure), parameters) for rise in rises]
    onsets = tuple(float(c[0, 0] ** 0.5) for c in covariances)
    knees = tuple(float(c[1, 1] ** 0.5) for c in covariances)
    first = int(np.argmin([rise.onset for rise in rises]))
    last = max(rise.knee for rise in rises)
    at_last = [i for i, rise in enumerate(rises) if last - rise.knee < 1e-12]
    precision = sum(1 / covariances[i][1, 1] for i in at_last)
    shared = 0.0
    if first in at_last:  # the earliest onset leans on its own plateau as far as that counts
        own = covariances[first]
        shared = own[0, 1] / own[1, 1] / precision
    variance = covariances[first][0, 0] + 1 / precision - 2 * shared
    if first in at_last and len(at_last) > 1:  # its own plateau is known better from the others
        own = covariances[first]
        variance -= own[0, 1] ** 2 / own[1, 1] * (1 - 1 / (own[1, 1] * precision))
    return Reach(onsets, knees, float(max(variance, 0.0) ** 0.5))


def _inverse(information: Floats, parameters: tuple[int, ...]) -> Floats:
    """Return the covariance of some parameters; very large where nothing is known of one."""
    information = information.copy()
    information[BEND, BEND] += BEND_SPREAD**-2
    information[WEDGE, WEDGE] += WEDGE_SPREAD**-2
    chosen = information[np.ix_(parameters, parameters)]
    scale = np.sqrt(np.diag(chosen))
    scale = np.maximum(scale, 1e-9 * np.array(TYPICAL)[list(parameters)] ** -1.0)
    scaled = chosen / np.outer(scale, scale) + 1e-9 * np.eye(len(parameters))
    return np.asarray(np.linalg.inv(scaled) / np.outer(scale, scale))
