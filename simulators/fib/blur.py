"""The blur of an image by the beam's spot and by vibration."""

from __future__ import annotations

import numpy as np

from simulators.fib.raster import Reals

REACH = 3.0
"""Standard deviations at which the spot is cut off."""


def blurred(image: Reals, sigma: float) -> Reals:
    """Return an image under a Gaussian of `sigma` (pixels); beyond its borders it goes on.

    Whole rows and columns are added up, not pixel by pixel as in `scipy.ndimage`: a spot is narrow,
    and so this takes a quarter of the time.
    """
    radius = int(REACH * sigma + 0.5)
    if radius == 0:
        return image
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    weights = (weights / (weights[0] + 2 * weights[1:].sum())).astype(np.float32)
    return _down(_down(image, weights).T, weights).T


def _down(image: Reals, weights: Reals) -> Reals:
    """Return each row with its neighbours times their weights, which begin with its own."""
    radius = len(weights) - 1
    rows, padded = len(image), np.pad(image, ((radius, radius), (0, 0)), mode="edge")
    out = padded[radius : radius + rows] * weights[0]
    both = np.empty_like(out)
    for away in range(1, radius + 1):
        before, after = (padded[radius + by : radius + by + rows] for by in (-away, away))
        np.add(before, after, out=both)
        both *= weights[away]
        out += both
    return np.asarray(out)
