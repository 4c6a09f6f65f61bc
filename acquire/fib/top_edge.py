"""The lamella's top in a tilted ion image: where it ends towards the trench behind it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.measured import Measured, agreed, refused
from drivers.fib import BeamPicture

SCALES = (1.5, 3.0)
"""Standard deviations of the two filters, pixels; both must show the same edge."""
AGREE = 3.0
"""Pixels that they may differ by."""
SURE = 5.0
"""Standard errors by which the edge must stand out."""


def top_edge(picture: BeamPicture, *, u: float, v: float, reach: float, width: float) -> Measured:
    """Return v at which the bright top ends, down the image, in front of a dark trench.

    Args:
        picture: of the undercut's tilt.
        u: middle of the columns that are averaged (m).
        v: where the edge is expected (m).
        reach: how far from there it is looked for, each way (m).
        width: of the columns (m).
    """
    at_v, at_u = (places(count, picture.pixel_size) for count in picture.pixels.shape)
    columns = np.abs(at_u - u) <= width / 2
    near = np.flatnonzero(np.abs(at_v - v) <= reach)
    if columns.sum() < 8 or len(near) < 8:
        return refused("the lamella's top is not wholly in the image; use a larger field")
    pixels = np.asarray(picture.pixels[:, columns], float)
    found = [_steepest_fall(pixels, near, scale) for scale in SCALES]
    rows = [row for row in found if row is not None]
    if len(rows) < len(SCALES):
        return refused("the lamella's top does not stand out of the trench behind it")
    size = picture.pixel_size
    first, second = (Measured(float(at_v[0] + row * size), size) for row in rows)
    return agreed(first, second, "the edge of the lamella's top", beyond=AGREE * size)


def _steepest_fall(
    pixels: npt.NDArray[np.float64], near: npt.NDArray[np.intp], scale: float
) -> float | None:
    from scipy.ndimage import gaussian_filter1d

    slope = gaussian_filter1d(pixels, scale, axis=0, order=1)[near]
    fall = -slope.mean(axis=1)
    noise = slope.std(axis=1, ddof=1) / np.sqrt(pixels.shape[1])
    best = int(np.argmax(fall))
    if not 0 < best < len(near) - 1 or fall[best] < SURE * max(float(noise[best]), 1e-9):
        return None
    before, top, after = fall[best - 1 : best + 2]
    bend = before - 2 * top + after
    return float(near[best] + (0.5 * (before - after) / bend if bend < 0 else 0.0))
