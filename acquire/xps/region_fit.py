"""Fits one region of one cycle: how many lines there are in it, where, and how strong.

Lines are added one by one where a line of the given width would explain most, as long as what it
explains stands out; then their places and their common width are fitted together (scipy), all that
is linear solved for at each step (variable projection, Golub and Pereyra, Inverse Problems 19, R1,
2003).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d
from scipy.optimize import least_squares

from acquire.xps.background import steps, stiffness, straight_and_curved
from acquire.xps.peak_shape import peak_shapes
from protocols.core_levels import CoreLevel

Floats = npt.NDArray[np.float64]

STANDS_OUT = 7.0
"""Standard errors that a line's area is above 0 to be fitted without being looked for; ours."""
LEAST_SHARE = 0.03
"""Of the region's strongest line: weaker ones may be that one's shape, and are not added; ours."""
MOST_LINES = 4
EXPLAINED = 1.5
"""Chi squared per channel below which the lines of the cycle before are all there is; ours."""
CURVED = 0.05
"""As `background.CURVED`, beside lines that stand out; ours."""
FREE_WIDTH = 25.0
"""Standard errors of the strongest line from which on the width is fitted too; ours."""
NARROWER, WIDER = 1 / 1.8, 1.3
"""Of the given width, what it may be; what is wider is more than one line."""
FIRST_WIDTHS = 0.65, 0.9, 1.2
"""Of the given width, from which the best is fitted on."""
STEP_OF_AREA = 0.02
"""Per eV: height of the step under lines in parts of their area, as a standard deviation before
the data. Inelastic scattering gives about 0.01 (Tougaard's universal cross section); ours."""
REACH = 0.4
"""eV from where a line was first put that its fitted place may lie."""
APART = 0.85
"""Widths between two lines, at least: nearer ones trade their areas for nothing."""
OVERDISPERSED = 2.0
"""Variance per mean from which on counts are not counts: rates, or scaled; below it is chance."""


@dataclass(frozen=True)
class Peak:
    """A line that is there."""

    position: float
    """As measured, eV; of a pair the stronger line's."""
    position_error: float
    area: float
    """Counts."""
    area_error: float


@dataclass(frozen=True)
class RegionFit:
    """What a region is made of."""

    energies: Floats
    counts: Floats
    level: CoreLevel
    width: float
    """Full width at half maximum that fits, eV."""
    scatter: float
    """Variance per mean of the counts: 1, or as the data say."""
    peaks: tuple[Peak, ...]
    background: Floats
    """Expected counts without the peaks, shape (channels,)."""
    step_column: Floats | None
    """The step of all peaks together, of any height."""

    def under(self, position: float, width: float) -> float:
        """Return the background's counts within a width either way of a position."""
        near = np.abs(self.energies - position) <= width
        return float(self.background[near].sum())

    def columns(self, others: Sequence[Peak]) -> Floats:
        """Return what a further line is tested beside: the background and some of the peaks."""
        base = straight_and_curved(self.energies)
        if not others:
            return base
        centres = np.array([peak.position for peak in others])
        shapes = peak_shapes(self.energies, centres, self.width, self.level)
        areas = np.array([peak.area for peak in others])
        step = steps((areas @ shapes)[None] / max(areas.sum(), 1e-9))
        return np.vstack([base, step, shapes])


def scatter_of(counts: Floats) -> float:
    """Return the variance per mean of neighbouring channels, 1 where that may be Poisson's.

    From second differences, which smooth spectra do not have, beside the lines; the median, which
    edges do not move.
    """
    second = counts[2:] - 2 * counts[1:-1] + counts[:-2]
    mean = np.maximum(uniform_filter1d(counts, 7), 1.0)[1:-1]
    beside = mean <= np.median(mean)
    ratio = float(np.median((second**2 / (6 * mean))[beside]) / 0.4549)
    return ratio if ratio > OVERDISPERSED else 1.0


def fit_region(
    energies: Floats,
    counts: Floats,
    level: CoreLevel,
    width: float,
    reach: tuple[float, float],
    before: RegionFit | None = None,
) -> RegionFit:
    """Return the lines that stand out of a region, looked for within `reach` (eV, low to high).

    `before` is the fit of the cycle before: if its lines still explain the spectrum nothing else is
    tried, which is quicker.
    """
    scatter = scatter_of(counts)
    smooth = np.maximum(uniform_filter1d(counts, 5), 1.0)
    solver = _Solver(energies, counts, 1 / np.sqrt(smooth * scatter), level)
    grid = np.arange(reach[0], reach[1] + 1e-9, width / 8)
    shapes = peak_shapes(energies, grid, width, level)
    places: Floats = np.empty(0)
    found, wide = solver.solve(places, width), width
    if before is not None and before.peaks:
        first = np.array([peak.position for peak in before.peaks])
        still = solver.tried(first, width, width)
        if still is not None and still[2].misfit < EXPLAINED:
            places, wide, found = still
    while len(places) < MOST_LINES:
        place = solver.next_place(found, grid, shapes, places, APART * width)
        if place is None:
            break
        trial = solver.tried(np.append(places, place), width, wide)
        if trial is None:
            break
        places, wide, found = trial
    return solver.result(places, wide, found, scatter)


@dataclass(frozen=True)
class _Solved:
    """A linear fit: background, step and areas."""

    theta: Floats
    covariance: Floats
    design: Floats
    residual: Floats
    """Weighted, shape (channels,)."""

    @property
    def misfit(self) -> float:
        """Chi squared per channel."""
        return float(self.residual @ self.residual) / len(self.residual)


class _Solver:
    """Fits of one spectrum."""

    def __init__(self, energies: Floats, counts: Floats, weights: Floats, level: CoreLevel) -> None:
        self.energies, self.counts, self.weights, self.level = energies, counts, weights, level
        self.base = straight_and_curved(energies)
        level_of = np.array([max(float(np.quantile(counts, 0.2)), 1.0)])
        self.held = stiffness(level_of, 3, CURVED)[0]
        above = max(float((counts - level_of).sum()), 1.0)
        step = abs(float(energies[0] - energies[1]))
        self.held_step = 1 / (STEP_OF_AREA * step * above) ** 2

    def shapes(self, places: Floats, width: float) -> Floats:
        return peak_shapes(self.energies, places, width, self.level)

    def solve(self, places: Floats, width: float) -> _Solved:
        """Return the linear fit of lines at `places`."""
        design, held = self.base, self.held
        if len(places):
            shapes = self.shapes(places, width)
            step = steps(shapes.mean(axis=0)[None])
            design = np.vstack([self.base, step, shapes])
            held = np.concatenate([self.held, [self.held_step], np.full(len(places), 1e-12)])
        weighted = design * self.weights
        normal = weighted @ weighted.T + np.diag(held)
        covariance = np.asarray(np.linalg.inv(normal), np.float64)
        theta = covariance @ (weighted @ (self.counts * self.weights))
        residual = (self.counts - theta @ design) * self.weights
        return _Solved(theta, covariance, weighted, residual)

    def next_place(
        self, found: _Solved, grid: Floats, shapes: Floats, places: Floats, apart: float
    ) -> float | None:
        """Return where a further line would explain most; None if that does not stand out."""
        weighted = shapes * self.weights
        cross = weighted @ found.design.T
        own = np.einsum("pn,pn->p", weighted, weighted)
        information = own - np.einsum("pk,kl,pl->p", cross, found.covariance, cross)
        root = weighted @ found.residual / np.sqrt(np.maximum(information, 1e-3 * own))
        near = (np.abs(grid[:, None] - places[None, :]) < apart).any(axis=1)
        root = np.where(near | (information < 0.02 * own), -np.inf, root)
        best = int(np.argmax(root))
        return float(grid[best]) if root[best] > STANDS_OUT else None

    def tried(
        self, places: Floats, given: float, wide: float
    ) -> tuple[Floats, float, _Solved] | None:
        """Return places, width and fit of lines at about `places`; None unless each stands out."""
        near, wide = self.refine(places, given, wide)
        then = self.solve(near, wide)
        errors = np.sqrt(np.diag(then.covariance)[-len(near) :])
        areas = then.theta[-len(near) :]
        weak = areas < np.maximum(STANDS_OUT * errors, LEAST_SHARE * areas.max())
        if weak.any() or (np.diff(np.sort(near)) < 0.7 * APART * given).any():
            return None
        return near, wide, then

    def refine(self, places: Floats, given: float, width: float) -> tuple[Floats, float]:
        """Return where the lines fit best, and their width."""
        rough = self.solve(places, width)
        sure = float((rough.theta / np.sqrt(np.diag(rough.covariance)))[-len(places) :].max())
        free = sure > FREE_WIDTH
        if free:
            width = min(
                (factor * given for factor in FIRST_WIDTHS),
                key=lambda wide: float((self.solve(places, wide).residual ** 2).sum()),
            )
        start = np.append(places, [math.log(width / given)] if free else [])
        bounds = math.log(NARROWER), math.log(WIDER)

        def wide_of(x: Floats) -> float:
            return given * math.exp(float(np.clip(x[-1], *bounds))) if free else width

        def residual(x: Floats) -> Floats:
            near = np.clip(x[: len(places)], places - REACH, places + REACH)
            return self.solve(near, wide_of(x)).residual

        found = least_squares(residual, start, method="lm", xtol=1e-4, ftol=1e-5, max_nfev=40)
        near = np.clip(found.x[: len(places)], places - REACH, places + REACH)
        return np.asarray(near), wide_of(found.x)

    def result(self, places: Floats, width: float, found: _Solved, scatter: float) -> RegionFit:
        """Return the fit with its errors, which a bad fit makes wider."""
        lines = len(places)
        background = np.maximum(found.theta[: 3 + bool(lines)] @ self._under(places, width), 1e-3)
        fit = RegionFit(
            self.energies, self.counts, self.level, width, scatter, (), background, None
        )
        if not lines:
            return fit
        freedom = max(len(self.counts) - len(found.theta) - lines, 1)
        bad = max(1.0, float(found.residual @ found.residual) / freedom) ** 0.5
        where = self._position_errors(places, width) * bad
        areas, errors = found.theta[-lines:], np.sqrt(np.diag(found.covariance))[-lines:] * bad
        rows = zip(places, where, areas, errors, strict=True)
        peaks = tuple(Peak(*(float(value) for value in row)) for row in rows)
        strongest_first = tuple(sorted(peaks, key=lambda peak: -peak.area))
        return replace(fit, peaks=strongest_first, step_column=self._under(places, width)[-1])

    def _under(self, places: Floats, width: float) -> Floats:
        if not len(places):
            return self.base
        return np.vstack([self.base, steps(self.shapes(places, width).mean(axis=0)[None])])

    def _position_errors(self, places: Floats, width: float) -> Floats:
        """Return the standard errors of the places, all else fitted too."""
        h = 0.02
        here = self.solve(places, width).residual
        slopes = [
            (self.solve(places + h * row, width).residual - here) / h for row in np.eye(len(places))
        ]
        information = np.array(slopes) @ np.array(slopes).T
        return np.sqrt(np.diag(np.linalg.pinv(information)))
