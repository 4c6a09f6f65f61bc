"""Where an element's rise begins and ends: the posterior of a ramp, given the counts of a line.

Every number is reported with the interval that holds the given share of the posterior. Priors, all
ours: the onset evenly along the line; the width per octave, evenly above a thirtieth of the line
and less below; a straight ramp for 3 in 10, for the others two pieces of which one is e^2 times as
steep on average, the bend anywhere; a wedge of 15 % along the line, where nothing else is said of
it. They are weak beside the data wherever a result is stated; coverage is measured on specimens
with other shapes (`tests/campaigns/eds_scores.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.eds.design import ExpectedRise
from acquire.eds.ramp import (
    BEND,
    LEVEL,
    ONSET,
    PLATEAU,
    STEEP,
    STEEPEST,
    WEDGE,
    WIDTH,
    LineCounts,
    best_levels,
    expectation,
    likelihood,
    pieces,
    rise,
)
from acquire.eds.sampler import draws

Floats = npt.NDArray[np.float64]

WALKERS, SETTLE, KEEP = 160, 120, 80
USUAL_STEEP = 2.0
"""Of `steep`: it is Laplacian, so half of the ramps are straight a priori, and of the others the
slopes differ by a factor of e on average."""
LEAST_PIECE = 0.15
"""Of the ramp's width each of two pieces has more, and so much of its height the second. A smaller
shoulder cannot be seen in the counts, and would only make every interval wider."""
LEAST_TOE = 0.05
"""Of the ramp's height, the first piece has more: an element may begin with little of it."""
SHORT = 1 / 30
"""Of the line: widths below are taken as less likely."""
BINS = 80
"""Parts of the line in which starting points are looked for."""
HIGHEST = 4.0
"""Of the largest rate that is seen over a part of the line: a plateau is not above that."""
THIN = 20
"""Of the draws, one in so many is asked for its midpoint."""
PARTS, SURE = 30, 2.5
"""Parts of the line over which scatter is judged, and standard deviations that are chance."""
COARSE = 8
"""Positions summed where no walker's ramp begins or ends."""


@dataclass(frozen=True)
class Prior:
    """What is known before the counts along the line are looked at."""

    wedge: float = 0.0
    """Relative change of the thickness over the line."""
    wedge_spread: float = 0.15
    level: float = 0.0
    """Logarithm of the background's level, as the shape of the summed spectrum says."""
    level_spread: float = math.inf


@dataclass(frozen=True)
class RiseFit:
    """Draws from the posterior of one element's ramp."""

    line: LineCounts
    theta: Floats
    """Shape (draws, 7), columns as in `ramp`."""
    middle: float
    length: float
    scatter: float = 1.0
    """How many times the variance about the ramp is that of counting."""

    @property
    def onset(self) -> Floats:
        """Draws of where the rise begins, m."""
        return np.asarray(self.theta[:, ONSET])

    @property
    def knee(self) -> Floats:
        """Draws of where the plateau begins, m; beyond the line where it may."""
        return np.asarray(self.theta[:, ONSET] + np.exp(self.theta[:, WIDTH]))

    def midpoint(self) -> Floats:
        """Return draws of where one step describes the rise best, m: of a ramp about its middle.

        Of the expected counts of every `THIN`th draw, the split with the largest likelihood ratio
        of two levels against one.
        """
        theta, line = self.theta[::THIN], self.line
        counts = expectation(line, theta, self.middle, self.length)
        before, time = np.cumsum(counts, axis=1)[:, :-1], np.cumsum(line.live_time)[:-1]
        total, whole = counts.sum(axis=1, keepdims=True), line.live_time.sum()
        after, rest = total - before, whole - time
        ratio = before * np.log(before / time) + after * np.log(after / rest)
        middle = (line.distance[:-1] + line.distance[1:]) / 2
        return np.asarray(middle[np.argmax(ratio, axis=1)])

    def expected_rise(self) -> ExpectedRise:
        """Return the rise that the draws say on average, in counts per second of live time."""
        onset, knee = float(np.median(self.onset)), float(np.median(self.knee))
        level = math.exp(float(np.median(self.theta[:, LEVEL])))
        return ExpectedRise(
            onset=onset,
            knee=max(knee, onset + self.line.pitch / 2),
            plateau=math.exp(float(np.median(self.theta[:, PLATEAU]))),
            background=level * self.line.background / self.line.live_time,
        )

    def rates(self, rows: npt.NDArray[np.intp]) -> Floats:
        """Return what some of the draws expect at each position, counts per second of live time.

        Shape (len(rows), positions).
        """
        counts = expectation(self.line, self.theta[rows], self.middle, self.length)
        return np.asarray(counts / self.line.live_time)

    @property
    def ends_within(self) -> float:
        """Probability that the plateau begins on the line."""
        return float((self.knee <= self.line.distance[-1]).mean())


def fit(line: LineCounts, prior: Prior, rng: np.random.Generator) -> RiseFit:
    """Return draws from the posterior; the line has counts that rise somewhere."""
    middle = float(line.distance[0] + line.distance[-1]) / 2
    length = max(line.length, line.pitch)
    start = _start(line, prior, rng)
    low = start[:, ONSET].min() - length / 20
    high = (start[:, ONSET] + np.exp(start[:, WIDTH])).max() + length / 20
    coarse = line.binned((low, high), COARSE)
    highest = math.log(HIGHEST * float((coarse.counts / coarse.live_time).max()))

    scatter = 1.0

    def density(theta: Floats) -> Floats:
        value = np.where(theta[:, PLATEAU] <= highest, _log_prior(theta, line, prior), -np.inf)
        inside = np.isfinite(value)
        value[inside] += likelihood(coarse, theta[inside], middle, length) / scatter
        return value

    theta = draws(density, start, rng, settle=SETTLE, keep=KEEP)
    scatter = _scatter(line, theta, middle, length)
    if scatter > 1:
        theta = draws(density, theta[-WALKERS:], rng, settle=SETTLE // 2, keep=KEEP)
    return RiseFit(line, theta, middle, length, scatter)


def _scatter(line: LineCounts, theta: Floats, middle: float, length: float) -> float:
    """Return by how much the counts scatter more about the best ramp than Poisson's law has it.

    Pearson's chi squared per degree of freedom over parts of the line, so that what neighbours have
    in common (grains, steps that no ramp describes) counts; 1 where chance explains it. The
    likelihood is divided by it, as in any quasi-likelihood: a wrong model says less.
    """
    nowhere = (math.inf, -math.inf)
    parts = line.binned(nowhere, max(1, len(line.counts) // PARTS))
    best = theta[-WALKERS:]
    expected = expectation(parts, best, middle, length)
    chi = ((parts.counts - expected) ** 2 / np.maximum(expected, 1.0)).sum(axis=1).min()
    freedom = max(len(parts.counts) - theta.shape[1], 1)
    chance = 1 + SURE * math.sqrt(2 / freedom)
    return float(chi / freedom) if chi / freedom > chance else 1.0


def _log_prior(theta: Floats, line: LineCounts, prior: Prior) -> Floats:
    """Return the log prior density in the columns' own scales, -inf outside; shape (rows,)."""
    width = np.exp(theta[:, WIDTH])
    first, last = line.distance[0], line.distance[-1]
    inside = (theta[:, ONSET] >= first - line.pitch / 2) & (theta[:, ONSET] <= last)
    inside &= (width >= line.pitch / 2) & (width <= 2 * max(line.length, line.pitch))
    first, _ = pieces(theta)
    height = first * theta[:, BEND]
    inside &= (theta[:, BEND] > LEAST_PIECE) & (theta[:, BEND] < 1 - LEAST_PIECE)
    inside &= (height > LEAST_TOE) & (height < 1 - LEAST_PIECE)
    inside &= np.abs(theta[:, STEEP]) < STEEPEST
    inside &= np.abs(theta[:, WEDGE]) < 1
    value = -np.log1p(SHORT * line.length / width) - np.abs(theta[:, STEEP]) / USUAL_STEEP
    value += 0.5 * (theta[:, LEVEL] + theta[:, PLATEAU])
    value -= 0.5 * ((theta[:, WEDGE] - prior.wedge) / prior.wedge_spread) ** 2
    value -= 0.5 * ((theta[:, LEVEL] - prior.level) / prior.level_spread) ** 2
    return np.where(inside, value, -np.inf)


def _start(line: LineCounts, prior: Prior, rng: np.random.Generator) -> Floats:
    """Return walkers spread over the ramps that the counts allow, shape (WALKERS, 7)."""
    nowhere = (math.inf, -math.inf)
    coarse = line.binned(nowhere, max(1, math.ceil(len(line.counts) / BINS)))
    onsets = np.linspace(line.distance[0], line.distance[-1], 60)
    widths = np.geomspace(line.pitch, 1.5 * max(line.length, line.pitch), 24)
    grid = np.zeros((len(onsets) * len(widths), 7))
    grid[:, ONSET] = np.repeat(onsets, len(widths))
    grid[:, WIDTH] = np.log(np.tile(widths, len(onsets)))
    grid[:, BEND] = 0.5
    levels = best_levels(rise(coarse.distance, grid), coarse)
    weight = levels.likelihood - levels.likelihood.max()
    weight = np.exp(np.maximum(weight / 3, -60.0))  # flatter than the posterior
    chosen = rng.choice(len(grid), WALKERS, p=weight / weight.sum())
    start = grid[chosen]
    start[:, ONSET] += rng.uniform(-0.5, 0.5, WALKERS) * (onsets[1] - onsets[0])
    np.clip(start[:, ONSET], onsets[0], onsets[-1], out=start[:, ONSET])
    start[:, WIDTH] += rng.uniform(-0.5, 0.5, WALKERS) * math.log(widths[1] / widths[0])
    shortest, longest = math.log(widths[0] / 1.9), math.log(widths[-1] * 1.3)
    np.clip(start[:, WIDTH], shortest, longest, out=start[:, WIDTH])
    start[:, BEND] = rng.uniform(0.3, 0.7, WALKERS)
    start[:, STEEP] = rng.laplace(0.0, USUAL_STEEP, WALKERS).clip(-1.5, 1.5)
    least = 0.5 / line.background.sum(), 0.5 / line.live_time.sum()
    start[:, LEVEL] = np.log(np.maximum(levels.level[chosen], least[0]))
    start[:, PLATEAU] = np.log(np.maximum(levels.plateau[chosen], least[1]))
    start[:, [LEVEL, PLATEAU]] += rng.normal(0.0, 0.05, (WALKERS, 2))
    highest = math.log(HIGHEST * float((coarse.counts / coarse.live_time).max()))
    np.clip(start[:, PLATEAU], None, highest - rng.uniform(0, 0.1, WALKERS), out=start[:, PLATEAU])
    start[:, WEDGE] = rng.normal(prior.wedge, prior.wedge_spread / 3, WALKERS).clip(-0.9, 0.9)
    return start
