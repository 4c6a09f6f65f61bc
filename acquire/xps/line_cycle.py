"""One watched line in one cycle: which peaks are its own, and what is at a place where none is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.xps.background import stiffness
from acquire.xps.charge import Charge
from acquire.xps.peak_shape import peak_shapes
from acquire.xps.peak_test import Roots, roots
from acquire.xps.region_fit import Peak, RegionFit
from protocols.xps import DepthProfile, WatchedRegion

Floats = npt.NDArray[np.float64]

PLACES_PER_WIDTH = 8
BESIDE = 2.0
"""eV outside the windows that a peak of the same line may lie: a state without a name; ours."""


def windows_of(step: DepthProfile, watched: WatchedRegion) -> tuple[tuple[float, float], ...]:
    """Return the stretches (eV, corrected) in which a line is looked for, apart and rising."""
    within = watched.position_within
    merged: list[tuple[float, float]] = []
    for energy in sorted(step.positions(watched)):
        low, high = energy - within, energy + within
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], high
        else:
            merged.append((low, high))
    return tuple(merged)


def places_of(windows: tuple[tuple[float, float], ...], width: float) -> Floats:
    """Return places in the stretches close enough that none is missed."""
    apart = width / PLACES_PER_WIDTH
    parts = [np.linspace(a, b, max(round((b - a) / apart) + 1, 2)) for a, b in windows]
    return np.concatenate(parts)


@dataclass(frozen=True)
class LineCycle:
    """A watched line's region in one cycle."""

    cycle: int
    etch_time: float
    fit: RegionFit
    charge: Charge
    sweeps: int
    width: float
    """As the protocol gives it, eV."""
    windows: tuple[tuple[float, float], ...]

    @property
    def mine(self) -> tuple[Peak, ...]:
        """The peaks of a line that is there, also beside its windows; strongest first."""
        return self._between(BESIDE)

    @property
    def others(self) -> tuple[Peak, ...]:
        """The peaks outside the windows, beside which the line is tested for."""
        mine = self._between(0.0)
        return tuple(peak for peak in self.fit.peaks if peak not in mine)

    def _between(self, beside: float) -> tuple[Peak, ...]:
        low, high = self.windows[0][0] - beside, self.windows[-1][1] + beside
        return tuple(p for p in self.fit.peaks if low <= p.position - self.charge.rough <= high)

    def roots(self, places: Floats) -> Roots:
        """Return what the spectrum says of a peak at places (eV, corrected); Poisson's errors."""
        fit = self.fit
        counts = fit.counts[None]
        columns = fit.columns(self.others)
        peaks = peak_shapes(fit.energies, places + self.charge.rough, self.width, fit.level)
        level = np.array([max(float(fit.background.mean()), 1.0)])
        return roots(counts, columns, peaks, stiffness(level, len(columns)))

    def root(self, places: Floats) -> Floats:
        """Return the roots at places (eV, corrected), standard normal where nothing is."""
        return np.asarray(self.roots(places).root[0] / self.fit.scatter**0.5)

    def area_at(self, place: float) -> tuple[float, float]:
        """Return area and standard error of a peak at a place (eV, corrected), of either sign."""
        found = self.roots(np.array([place]))
        error = (self.fit.scatter / max(float(found.information[0, 0]), 1e-12)) ** 0.5
        area = float(found.area[0, 0])
        return area, (error**2 + max(area, 0.0) * self.fit.scatter) ** 0.5

    def under(self, place: float) -> float:
        """Return the background's counts within a width either way of a place (eV, corrected)."""
        return self.fit.under(place + self.charge.rough, self.width)
