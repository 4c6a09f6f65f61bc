"""Where a bright body ends in an image: its top seen tilted, its right end seen from above."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquire.fib.band import find_band, places
from acquire.fib.measured import Measured, agreed, refused
from drivers.fib import BeamPicture

SCALES = (1.5, 3.0)
"""Standard deviations of the two filters, pixels; both must show the same edge."""
HALF = 0.5
"""Of the way from dark to bright at which a lamella's edge is."""
SMOOTH = 0.7
"""Standard deviation of the filter of a profile, pixels."""
AGREE = 3.0
"""Pixels that they may differ by."""
AROUND = 1e-6
"""From the band out to where it is dark, m."""
SURE = 5.0
"""Standard errors by which the edge must stand out."""


def outer_edges(picture: BeamPicture, *, kept: float, u: float = 0.0) -> tuple[Measured, Measured]:
    """Return v of the upper and lower edge of a lamella seen from above, m.

    Where the brightness, averaged over the zone of length `kept` about `u`, has risen to half: the
    edge of the top where it hides its face. Coarser than a fit, but nothing can be taken for
    something else.
    """
    from scipy.ndimage import gaussian_filter1d

    v, along = (places(count, picture.pixel_size) for count in picture.pixels.shape)
    columns = np.flatnonzero(np.abs(along - u) < kept / 2)
    band = find_band(picture, columns)
    if isinstance(band, str):
        return refused(band), refused(band)
    near = (v > band.clear_above - AROUND) & (v < band.clear_below + AROUND)
    pixels = picture.pixels[:, columns]
    rows = np.flatnonzero(near)[:, None] + band.slope * along[columns] / picture.pixel_size
    low = np.clip(np.floor(rows).astype(int), 0, len(v) - 2)
    v = v[near]
    part = np.clip(rows - low, 0.0, 1.0)
    at = np.arange(len(columns))
    turned = pixels[low, at] * (1 - part) + pixels[low + 1, at] * part
    profile = gaussian_filter1d(turned.mean(axis=1), SMOOTH)
    inside = (v > band.top) & (v < band.bottom)
    around = (v > band.top - AROUND) & (v < band.bottom + AROUND)
    dark = float(np.quantile(profile[around], 0.1))
    level = dark + HALF * (float(np.median(profile[inside])) - dark)
    above = np.flatnonzero((v < (band.top + band.bottom) / 2) & (profile < level))
    below = np.flatnonzero((v > (band.top + band.bottom) / 2) & (profile < level))
    if not len(above) or not len(below):
        return refused("the lamella is not between two dark sides"), refused("see the upper edge")
    first, last = int(above[-1]), int(below[0])
    size, sigma = picture.pixel_size, picture.pixel_size / 3
    upper = first + (level - profile[first]) / (profile[first + 1] - profile[first])
    lower = last - (level - profile[last]) / (profile[last - 1] - profile[last])
    return Measured(float(v[0] + upper * size), sigma), Measured(float(v[0] + lower * size), sigma)


def falling_edge(
    picture: BeamPicture,
    *,
    u: float,
    v: float,
    reach: float,
    width: float,
    along: Literal["u", "v"],
    without: tuple[float, float] | None = None,
) -> Measured:
    """Return where, going right (`along` u) or down (v), bright changes most to dark, m.

    Args:
        picture: of either beam.
        u: where the edge is expected, or the middle of what is averaged (m).
        v: likewise.
        reach: how far from there it is looked for, each way (m).
        width: of what is averaged, across (m).
        along: direction in which the edge is crossed.
        without: from where to where across something else is in the way (m); left out.
    """
    pixels = np.asarray(picture.pixels, float)
    if along == "u":
        pixels, u, v = pixels.T, v, u
    at_v, at_u = (places(count, picture.pixel_size) for count in pixels.shape)
    columns = np.abs(at_u - u) <= width / 2
    if without is not None:
        columns &= (at_u < without[0]) | (at_u > without[1])
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


def rising_edge(
    picture: BeamPicture, *, u: float, v: float, reach: float, width: float
) -> Measured:
    """Return where, going down, dark changes most to bright, m; as `falling_edge` otherwise."""
    turned = replace(picture, pixels=picture.pixels[::-1])
    found = falling_edge(turned, u=u, v=-v, reach=reach, width=width, along="v")
    return replace(found, value=-found.value)


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
