"""The same rise described by other curves: how far the width depends on the shape assumed.

Linear ramp, error function and exponential approach, each fitted by maximum likelihood to the
element with most counts. An error function and an exponential have no ends: their onset and plateau
are taken where a straight ramp of the same variance has its own, so that the three widths compare.
Source of the comparison: reference/xps-and-eds.md 7.4(c).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from acquire.eds.ramp import LineCounts, best_levels
from acquire.eds.rise_fit import RiseFit

Floats = npt.NDArray[np.float64]

EXCLUDED = 4.0
"""Nats below the best shape from which on a shape does not count for the spread."""
SIGMAS = math.sqrt(12.0)
"""Width of a straight ramp in standard deviations of where it rises."""


class Shape(TypedDict):
    """One curve's width, and how much less likely it is than the best one."""

    width_m: float
    nats: float


class Compared(TypedDict):
    """Widths by the shape assumed."""

    shapes: dict[str, Shape]
    spread_m: float


def _linear(t: Floats) -> Floats:
    """Return a ramp of unit variance that rises around 0."""
    return np.asarray(np.clip(t / SIGMAS + 0.5, 0.0, 1.0))


def _erf(t: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(t))


def _exponential(t: Floats) -> Floats:
    """Return 1 - exp(-t) from its beginning one standard deviation before the mean."""
    return np.asarray(-np.expm1(-np.maximum(t + 1.0, 0.0)))


SHAPES: dict[str, Callable[[Floats], Floats]] = {
    "linear": _linear,
    "erf": _erf,
    "exponential": _exponential,
}


def compared(fitted: RiseFit) -> Compared:
    """Return the width by each shape and their spread, from the counts of a fitted rise."""
    line = fitted.line
    middle = float(np.median((fitted.onset + fitted.knee) / 2))
    width = float(np.median(fitted.knee - fitted.onset))
    best = {name: _best(line, curve, middle, width) for name, curve in SHAPES.items()}
    highest = max(value for _, value in best.values())
    shapes: dict[str, Shape] = {
        name: {"width_m": found, "nats": highest - value} for name, (found, value) in best.items()
    }
    allowed = [each["width_m"] for each in shapes.values() if each["nats"] < EXCLUDED]
    return {"shapes": shapes, "spread_m": max(allowed) - min(allowed)}


def _best(
    line: LineCounts, curve: Callable[[Floats], Floats], middle: float, width: float
) -> tuple[float, float]:
    """Return the width (m) of the most likely curve of one shape, and its log likelihood.

    A grid around where the ramp has been found, twice refined.
    """
    sigma, reach, ratio = max(width, line.pitch) / SIGMAS, max(width, 4 * line.pitch) / 2, 3.0
    value = -math.inf
    for _ in range(4):
        centres = middle + reach * np.linspace(-1, 1, 13)
        sigmas = sigma * np.geomspace(1 / ratio, ratio, 13)
        grid = np.array([(c, s) for c in centres for s in sigmas])
        found = best_levels(curve((line.distance - grid[:, :1]) / grid[:, 1:]), line).likelihood
        best = int(np.argmax(found))
        (middle, sigma), value = grid[best], float(found[best])
        reach, ratio = reach / 3, ratio ** (1 / 2.5)
    return float(sigma * SIGMAS), value
