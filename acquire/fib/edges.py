"""Where a bright body ends in an image: its top seen tilted, its right end seen from above."""

from __future__ import annotations

from typing import Literal

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


def falling_edge(
    picture: BeamPicture,
    *,
    u: float,
    v: float,
    reach: float,
    width: float,
    along: Literal["u", "v"],
) -> Measured:
    """Return where, going right (`along` u) or down (v), bright changes most to dark, m.

    Args:
        picture: of either beam.
        u: where the edge is expected, or the middle of what is averaged (m).
        v: likewise.
        reach: how far from there it is looked for, each way (m).
        width: of what is averaged, across (m).
        along: direction in which the edge is crossed.
    """
    pixels = np.asarray(picture.pixels, float)
    if along == "u":
        pixels, u, v = pixels.T, v, u
    at_v, at_u = (places(count, picture.pixel_size) for count in pixels.shape)
    columns = np.abs(at_u - u) <= width / 2
    near = np.flatnonzero(np.abs(at_v - v) <= reach)
    if columns.sum() < 5 or len(near) < 8:
        return refused("the edge is not wholly in the image; use a larger field")
    found = [_steepest_fall(pixels[:, columns], near, scale) for scale in SCALES]
    rows = [row for row in found if row is not None]
    if len(rows) < len(SCALES):
        return refused("no edge stands out where it is expected")
    size = picture.pixel_size
    first, second = (Measured(float(at_v[0] + row * size), size) for row in rows)
    return agreed(first, second, "the edge", beyond=AGREE * size)


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
