"""How far the specimen has moved between two images; refuses rather than guesses.

An interface looks the same all along itself, so two images of it tell the shift across it only.
The direction that cannot be told is left out, never invented.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.stem import Image

Floats = npt.NDArray[np.float64]

FILTERS = (4.0, 8.0)
"""Pixels of smoothing at which the shift must agree (fibsem-os #714: two filter scales)."""
AGREE = 2.0
"""Pixels by which the two may differ."""
LEAST_QUALITY = 0.1
"""Correlation of the two images, shifted back, below which there is no peak to trust."""
WEAK = 0.08
"""Share of the strongest direction's gradient below which a direction tells nothing."""
EDGE_OF_WINDOW = 0.4
"""A shift of more than this share of the image is at the window's edge: no answer."""
ROUNDS = 12


@dataclass(frozen=True)
class Shift:
    """How far the picture moved from the reference."""

    dx: float
    dy: float
    """m; 0 in a direction that cannot be told."""
    quality: float
    """Correlation of the two images after the shift is undone, at most 1."""
    directions: int
    """2: both told; 1: only across an interface; 0: refused."""
    refusal: str | None
    """Why nothing is said, or None."""


def measure_shift(reference: Image, image: Image, *, largest: float) -> Shift:
    """Return by how much `image` shows the specimen moved since `reference`.

    Least squares on the images' gradients (Lucas and Kanade, 1981), repeated until it stands still.

    Args:
        reference: the first image of these settings.
        image: another of the same settings.
        largest: a larger shift (m) is refused rather than believed.
    """
    a, b = (np.asarray(each.pixels, float) for each in (reference, image))
    if a.shape != b.shape or a.std() == 0 or b.std() == 0:
        return _refused("the two images cannot be compared", 0.0)
    found = [_at_scale(a, b, sigma) for sigma in FILTERS]
    (fine, directions, quality), (coarse, _, _) = found
    apart = math.hypot(fine[0] - coarse[0], fine[1] - coarse[1])
    size = reference.pixel_size
    length = math.hypot(*fine) * size
    if directions == 0:
        return _refused("the image has no structure to follow", quality)
    if quality < LEAST_QUALITY:
        return _refused(f"the correlation is {quality:.2f}, {LEAST_QUALITY} is needed", quality)
    if math.hypot(*fine) > EDGE_OF_WINDOW * min(a.shape):
        return _refused("the best shift is at the edge of the window", quality)
    if apart > AGREE:
        return _refused(f"two filters differ by {apart * size * 1e9:.2g} nm", quality)
    if length > largest:
        told = f"{length * 1e9:.3g} nm at once is more than {largest * 1e9:.3g} nm"
        return _refused(told, quality)
    return Shift(fine[0] * size, fine[1] * size, quality, directions, None)


def _refused(why: str, quality: float) -> Shift:
    return Shift(0.0, 0.0, quality, 0, why)


def _at_scale(a: Floats, b: Floats, sigma: float) -> tuple[tuple[float, float], int, float]:
    """Return shift (dx, dy) in pixels, how many directions it tells, and the correlation."""
    from scipy.ndimage import gaussian_filter, shift

    smooth_a, smooth_b = (gaussian_filter(each, sigma) for each in (a, b))
    gy, gx = np.gradient(smooth_a)
    inner = (slice(16, -16), slice(16, -16))
    gradients = np.stack([gx[inner].ravel(), gy[inner].ravel()])
    values, vectors = np.linalg.eigh(gradients @ gradients.T)
    noise = _noise_floor(a, sigma, gradients.shape[1])
    told = values > max(WEAK * values[-1], 3 * noise)
    if not told.any():
        return (0.0, 0.0), 0, 0.0
    inverse = (vectors[:, told] / (values[told] - noise)) @ vectors[:, told].T
    moved = np.zeros(2)
    for _ in range(ROUNDS):
        back = shift(smooth_b, (-moved[1], -moved[0]), order=1, mode="nearest")
        change = inverse @ (gradients @ (smooth_a - back)[inner].ravel())
        moved += change
        if np.hypot(*change) < 0.01:
            break
    back = shift(smooth_b, (-moved[1], -moved[0]), order=1, mode="nearest")
    quality = float(np.corrcoef(smooth_a[inner].ravel(), back[inner].ravel())[0, 1])
    return (float(moved[0]), float(moved[1])), int(told.sum()), quality


def _noise_floor(pixels: Floats, sigma: float, count: int) -> float:
    """Return the sum of squared gradients that counting noise alone makes in one direction.

    White noise of variance v, smoothed with a Gaussian of `sigma`: v / (8 pi sigma^4) per pixel.
    The variance is taken from differences of neighbouring pixels, which structure hardly changes.
    """
    differences = np.diff(pixels, axis=1)
    variance = float(differences.var()) / 2
    return variance / (8 * math.pi * sigma**4) * count
