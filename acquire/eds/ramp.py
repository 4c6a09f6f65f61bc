"""How an element's counts rise along a line: a ramp from nothing to a plateau, and its likelihood.

The counts of a line's window at the distance x are Poisson with the expectation

    level * B(x) + plateau * S(x) * (1 + wedge * (x - middle) / length) * g(x)

B: what the background is proportional to there (`background`), or the live time for an element that
is there from the first point; S: live time; `wedge`: relative change of the thickness over the
line. g climbs from 0 at the onset to 1 where the plateau begins, straight or on two straight pieces
that meet at the share `bend` of the way; the logarithm of the ratio of their slopes is `steep`
beyond `STRAIGHT`, and 0 within, where the ramp is straight. Two pieces, as a layered interphase has
more than one slope, and one straight ramp puts the plateau where the steepest piece would end.

Distances here are in units of the caller's; nothing is assumed of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ONSET, WIDTH, BEND, STEEP, LEVEL, PLATEAU, WEDGE = range(7)
"""Columns of a parameter array: onset and logarithm of the width (m), bend, steep, logarithms of
level and plateau, wedge."""
STEEPEST = 6.0
"""Largest `steep` of either sign: beyond, a piece cannot be told from a vertical one."""
STRAIGHT = 0.7
"""Up to this `steep`, of either sign, the ramp is one straight piece."""


@dataclass(frozen=True)
class LineCounts:
    """Counts along a line, in the order of their distance; arrays of shape (n,)."""

    distance: Floats
    counts: Floats
    background: Floats
    """What the background's expectation is proportional to; above 0."""
    live_time: Floats
    """s; above 0: positions without data are left out."""

    @property
    def length(self) -> float:
        """From the first to the last position."""
        return float(self.distance[-1] - self.distance[0])

    @property
    def pitch(self) -> float:
        """Median distance between neighbours."""
        steps = np.diff(self.distance)
        return float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0

    def binned(self, keep: tuple[float, float], most: int) -> LineCounts:
        """Return the same with up to `most` neighbours summed outside the distances `keep`."""
        inside = (self.distance >= keep[0]) & (self.distance <= keep[1])
        run = np.arange(len(self.distance))
        edge = np.diff(inside, prepend=~inside[:1])
        since = run - np.maximum.accumulate(np.where(edge, run, 0))
        starts = np.flatnonzero(inside | edge | (since % most == 0))
        return self.summed(starts)

    def summed(self, starts: npt.NDArray[np.intp]) -> LineCounts:
        """Return the sums from each of `starts` to the next; places are means by live time."""
        middle, counts, background, time = (
            np.add.reduceat(values, starts)
            for values in (
                self.distance * self.live_time,
                self.counts,
                self.background,
                self.live_time,
            )
        )
        return LineCounts(middle / time, counts, background, time)

    def part(self, chosen: slice) -> LineCounts:
        """Return some of the positions."""
        arrays = (self.distance, self.counts, self.background, self.live_time)
        return LineCounts(*(values[chosen] for values in arrays))


def pieces(theta: Floats) -> tuple[Floats, Floats]:
    """Return the slope of the first piece, and how many times that of the second it is.

    Of a rise of 1 over a width of 1; both of shape (rows,).
    """
    steep, bend = theta[:, STEEP], theta[:, BEND]
    ratio = np.exp(np.sign(steep) * np.maximum(np.abs(steep) - STRAIGHT, 0.0))
    return ratio / (bend * ratio + 1 - bend), ratio


def rise(distance: Floats, theta: Floats) -> Floats:
    """Return g at `distance`, shape (n,), for parameters of shape (rows, 7): (rows, n)."""
    bend = theta[:, BEND, None]
    first, slope = pieces(theta)
    first, slope = first[:, None], slope[:, None]
    t = (distance - theta[:, ONSET, None]) * np.exp(-theta[:, WIDTH, None])
    np.clip(t, 0.0, 1.0, out=t)
    lower = np.minimum(t, bend)
    return np.asarray(first * (lower + (t - lower) / slope))


def expectation(line: LineCounts, theta: Floats, middle: float, length: float) -> Floats:
    """Return the expected counts, shape (rows, n)."""
    signal = np.exp(theta[:, PLATEAU, None]) * line.live_time
    wedge = 1 + theta[:, WEDGE, None] * ((line.distance - middle) / length)
    signal = signal * np.maximum(wedge, 0.05) * rise(line.distance, theta)
    return np.asarray(np.exp(theta[:, LEVEL, None]) * line.background + signal)


def likelihood(line: LineCounts, theta: Floats, middle: float, length: float) -> Floats:
    """Return the Poisson log likelihood up to a constant, shape (rows,)."""
    expected = expectation(line, theta, middle, length)
    # einsum, not @: BLAS would wake its threads for these few numbers, and they spin
    return np.asarray(np.einsum("ij,j->i", np.log(expected), line.counts) - expected.sum(axis=1))


class Levels(NamedTuple):
    """The best levels for given shapes, arrays of shape (rows,)."""

    likelihood: Floats
    """Largest log likelihood, up to the same constant for all."""
    level: Floats
    plateau: Floats


def best_levels(shapes: Floats, line: LineCounts) -> Levels:
    """Return the levels, neither negative, that make the likelihood of each shape largest.

    `shapes` are values of g at the line's positions, (rows, n). Where the likelihood is largest the
    expected total equals the counted one, so one number is left: the share of the counts that is
    due to the rise. The derivative falls steadily in it, so halving finds its zero.
    """
    total = line.counts.sum()
    flat = line.background / line.background.sum()
    risen = shapes * line.live_time
    amount = np.maximum(risen.sum(axis=1), 1e-300)
    slope = risen / amount[:, None] - flat
    low, high = np.zeros(len(shapes)), np.ones(len(shapes))
    for _ in range(16):
        share = (low + high) / 2
        expected = flat + share[:, None] * slope
        derivative = np.einsum("ij,j->i", slope / np.maximum(expected, 1e-300), line.counts)
        low, high = np.where(derivative > 0, share, low), np.where(derivative > 0, high, share)
    share = (low + high) / 2
    expected = np.maximum(total * (flat + share[:, None] * slope), 1e-300)
    best = np.einsum("ij,j->i", np.log(expected), line.counts) - total
    return Levels(best, total * (1 - share) / line.background.sum(), total * share / amount)
