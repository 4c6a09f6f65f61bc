"""Where in etch time a line begins to rise, where its rise ends, and where it falls.

The areas of the cycles are normal with their standard errors and a relative error of the model.
The onset is where the expected area begins to rise above absence: the foot of a ramp, straight or,
as mixing and roughness make it, rounded; only the cycles around the foot speak. The plateau
is the knee of a ramp over all cycles. Both are posteriors on a grid, before the data even in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

Floats = npt.NDArray[np.float64]

FEET = (1.0, 1.5)
"""Powers of the etch time that a foot rises with: straight, and rounded; ours."""
RISES = (1.0, 2.0)
"""The same of a whole rise up to its knee; ours."""
MODEL_ERROR = 0.1
"""Relative error of a ramp's expectation; ours."""
FOOT = 15.0
"""Standard errors of an area beyond which a cycle is no longer about the foot; ours."""
LEVEL = 0.96
"""Of the largest area, and above: before a fall; ours."""
REST = 1.5
"""Standard errors of an area that may be left where the line is absent; ours."""
NO_REST = 1e-9
ONSETS, KNEES = 240, 60


@dataclass(frozen=True)
class Place:
    """A place with its interval, s of etching."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Areas:
    """A line's areas in the order of the cycles, arrays of shape (cycles,)."""

    times: Floats
    """s of etching before each."""
    area: Floats
    """Counts per sweep; of either sign."""
    error: Floats

    def until(self, last: int) -> Areas:
        """Return the cycles before `last`."""
        return Areas(self.times[:last], self.area[:last], self.error[:last])


def onset(areas: Areas, confidence: float) -> Place:
    """Return where the line begins to rise; it does, somewhere in these cycles.

    The place is where a straight foot begins; that it may be rounded makes the interval reach back.
    """
    strong = np.flatnonzero(areas.area > FOOT * areas.error)
    last = int(strong[0]) + 1 if strong.size else len(areas.area)
    foot = areas.until(max(last, 2))
    before = float(foot.times[1] - foot.times[0])
    begins = np.linspace(foot.times[0] - before, foot.times[-1], ONSETS, endpoint=False)
    variance = foot.error**2 + (MODEL_ERROR * np.maximum(foot.area, 0.0)) ** 2
    rest = REST * float(np.median(foot.error))
    logs = np.array([_risen(foot, begins, power, variance, rest) for power in FEET])
    weights = np.exp(logs - logs.max())
    straight = _place(begins, np.exp(logs[0] - logs[0].max()), confidence)
    either = _place(begins, weights.sum(axis=0), confidence)
    low, high = min(straight.low, either.low), max(straight.high, either.high)
    first = float(areas.times[0])  # what began before is told as the first cycle's
    return Place(max(straight.value, first), max(low, first), max(high, first + before / 2))


def _risen(areas: Areas, begins: Floats, power: float, variance: Floats, rest: float) -> Floats:
    """Return the log likelihood of ramps that begin at `begins`, the slope profiled."""
    shapes = np.maximum(areas.times - begins[:, None], 0.0) ** power
    return _profiled(shapes, areas, variance, rest)


def _profiled(shapes: Floats, areas: Areas, variance: Floats, rest: float = NO_REST) -> Floats:
    """Return the log likelihood of shapes (rows, cycles), their height, not negative, profiled.

    They stand on a rest of this standard deviation about 0, profiled too: what a background that is
    not quite right leaves in each cycle is no line.
    """
    data = areas.area / variance
    weight = (1 / variance).sum() + rest**-2
    ones, with_data = (shapes / variance).sum(axis=1), shapes @ data
    own = (shapes**2 / variance).sum(axis=1)
    height = (weight * with_data - ones * data.sum()) / np.maximum(weight * own - ones**2, 1e-300)
    height = np.maximum(height, 0.0)
    level = (data.sum() - height * ones) / weight
    misfit = areas.area - level[:, None] - height[:, None] * shapes
    return np.asarray(-0.5 * ((misfit**2 / variance).sum(axis=1) + (level / rest) ** 2))


@dataclass(frozen=True)
class Plateau:
    """Where the rise ends, and how sure it is that it has."""

    place: Place
    ended: float
    """Probability that it ended before the newest cycle."""


def plateau(areas: Areas, begin: Place, confidence: float) -> Plateau:
    """Return where a rise that began at `begin` ends, by now or later."""
    top = _climbed(areas)
    used = areas.until(top)
    area = np.minimum(areas.area[:top], areas.area.max())
    used = Areas(used.times, area, used.error)
    now, first = float(used.times[-1]), float(used.times[0])
    step = (now - first) / max(len(used.times) - 1, 1)
    knees = np.linspace(begin.value + 0.25 * step, now + (now - begin.value), KNEES)
    begins = np.linspace(begin.low, begin.high, 5)
    variance = used.error**2 + (MODEL_ERROR / 2 * np.maximum(used.area, 0.0)) ** 2
    logs = np.full((len(RISES), len(begins), KNEES), -np.inf)
    for i, power in enumerate(RISES):
        for j, start in enumerate(begins):
            rise = (used.times - start) / np.maximum(knees - start, 1e-9)[:, None]
            logs[i, j] = _profiled(np.clip(rise, 0.0, 1.0) ** power, used, variance)
    weight = np.exp(logs - logs.max()).sum(axis=(0, 1))
    ended = float(weight[knees < now].sum() / weight.sum())
    return Plateau(_place(knees, weight, confidence), ended)


def _climbed(areas: Areas) -> int:
    """Return how many cycles belong to the rise: up to two past the largest area."""
    return min(int(np.argmax(areas.area)) + 3, len(areas.area))


def crossing(areas: Areas, level: float, confidence: float) -> Place:
    """Return where the area has last fallen below `level`, which the newest one is.

    Between the last cycle above it and the next, in proportion; the interval holds that cycle's
    etch, and the cycles that may have crossed by their errors.
    """
    times, area, error = areas.times, areas.area, areas.error
    above = np.flatnonzero(area >= level)
    if not above.size or above[-1] == len(area) - 1:
        return Place(float(times[-1]), float(times[-2]), float(times[-1]))
    i = int(above[-1])
    share = (area[i] - level) / max(area[i] - area[i + 1], 1e-9)
    place = float(times[i] + share * (times[i + 1] - times[i]))
    z = float(norm.ppf((1 + confidence) / 2))
    surely_above = np.flatnonzero(area - z * error >= level)
    low = int(surely_above[-1]) if surely_above.size else 0
    surely_below = np.flatnonzero(area + z * error < level)
    below = surely_below[surely_below > low]
    high = int(below[0]) if below.size else len(area) - 1
    return Place(place, float(times[min(low, i)]), float(times[max(high, i + 1)]))


def fall_begins(areas: Areas, confidence: float) -> Place:
    """Return where the fall that has led to the newest area began: a level, then a slope.

    The slope is that of the fall's first half.
    """
    high = np.flatnonzero(areas.area >= LEVEL * areas.area.max())
    first, last = int(high[0]), int(high[-1])
    level = float(areas.area[first : last + 1].mean())
    times, area = areas.times[first:], areas.area[first:]
    lost = level - area
    half = np.flatnonzero(lost > lost.max() / 2)
    used = slice(0, max(int(half[0]) + 1, last - first + 2))
    error = np.hypot(areas.error[first:], (1 - LEVEL) / 2 * area)[used]
    part = Areas(times[used], lost[used], error)
    begins = np.linspace(part.times[0], part.times[-1], ONSETS, endpoint=False)
    logs = _risen(part, begins, 1.0, error**2, NO_REST)
    return _place(begins, np.exp(logs - logs.max()), confidence)


def moved(times: Floats, positions: Floats, by: float) -> Place:
    """Return when positions moved by `by` to the newest: half way, and between a tenth and nine."""
    share = 1 - (positions[-1] - positions) / by
    started = np.flatnonzero(share < 0.1)
    start = int(started[-1]) if started.size else 0
    arrived = start + int(np.argmax(share[start:] >= 0.9))
    half = float(np.interp(0.5, share[start : arrived + 1], times[start : arrived + 1]))
    return Place(half, float(times[start]), float(times[arrived]))


def _place(grid: Floats, weight: Floats, confidence: float) -> Place:
    """Return the median of a posterior on a grid, and its interval."""
    share = np.cumsum(weight) / weight.sum()
    half = float(grid[1] - grid[0]) / 2
    tail = (1 - confidence) / 2
    low, value, high = (float(np.interp(q, share, grid)) for q in (tail, 0.5, 1 - tail))
    return Place(value, max(low - half, float(grid[0])), high + half)
