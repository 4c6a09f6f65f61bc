"""The gap between two bodies: how wide it is, and how much of it redeposited metal has closed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.measured import Measured, agreed, refused
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

CLOSED = 0.5
"""Of the way from the gap's darkness to the bodies' brightness: above it a place is closed."""
LEAST = 6
"""Lines across the gap that must be seen."""
SURE = 4.0
"""Standard errors by which the bodies must be brighter than the dark."""


@dataclass(frozen=True)
class Gap:
    """The dark gap of a joint or a cut."""

    width: Measured
    """Mean width (m) of the part that is open; 0 where all of it is closed."""
    closed: Measured
    """Share of its length that bright material closes, 0 to 1."""


def joint_gap(
    picture: BeamPicture,
    *,
    u: float,
    v: float,
    reach: float,
    across: Literal["u", "v"],
    along: float,
) -> Gap:
    """Return the gap that is crossed when going in direction `across` through (u, v).

    Args:
        picture: of either beam; both bodies and the gap are in it.
        u: where the gap's middle is expected (m).
        v: likewise, down (m).
        reach: how far from there it is looked for, each way (m); both bodies begin within it.
        across: direction in which it is crossed.
        along: length of the gap (m), perpendicular to that, centred on (u, v).
    """
    patch = _patch(picture, u, v, reach, across, along)
    if isinstance(patch, str):
        return Gap(refused(patch), refused(patch))
    levels = _levels(patch)
    if isinstance(levels, str):
        return Gap(refused(levels), refused(levels))
    dark, bright = levels
    size = picture.pixel_size
    widths = [_widths(patch, dark, bright, scale) * size for scale in (1.0, 2.0)]
    shut = [widths_ < size for widths_ in widths]
    count = patch.shape[0]
    closed = [
        Measured(float(each.mean()), max(0.5 / math.sqrt(count), 1.0 / count) * 0.5)
        for each in shut
    ]
    open_ = [each[~gone] for each, gone in zip(widths, shut, strict=True)]
    share = agreed(closed[0], closed[1], "share of the gap that is closed", beyond=0.1)
    if min(len(each) for each in open_) < 2:
        return Gap(Measured(0.0, size), share)
    width = [
        Measured(
            float(each.mean()),
            math.hypot(float(each.std(ddof=1)) / math.sqrt(len(each)), size / 2),
        )
        for each in open_
    ]
    return Gap(agreed(width[0], width[1], "width of the gap", beyond=2 * size), share)


def _patch(
    picture: BeamPicture, u: float, v: float, reach: float, across: str, along: float
) -> Floats | str:
    """Return lines across the gap, shape (lines, pixels across), or why they are not seen."""
    pixels = np.asarray(picture.pixels, float)
    at_v, at_u = (places(count, picture.pixel_size) for count in pixels.shape)
    if across == "v":
        pixels, at_u, at_v, u, v = pixels.T, at_v, at_u, v, u
    rows, columns = np.abs(at_v - v) <= along / 2, np.abs(at_u - u) <= reach
    edge = picture.pixel_size / 2
    if u - reach < at_u[0] - edge or u + reach > at_u[-1] + edge or rows.sum() < LEAST:
        return "the joint is not wholly in the image; centre it, or use a larger field"
    return np.asarray(pixels[rows][:, columns])


def _levels(patch: Floats) -> tuple[float, float] | str:
    """Return the brightness of the gap and of the darker of the two bodies, or why not."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(patch, 1.0)
    dark = float(np.quantile(smooth, 0.02))
    third = patch.shape[1] // 4
    sides = [float(np.median(smooth[:, :third])), float(np.median(smooth[:, -third:]))]
    bright = min(sides)
    noise = math.sqrt(max(bright, 1.0)) / 3.5
    if bright - dark < SURE * noise:
        return "no gap darker than both bodies is seen there; use more dose, or look at the image"
    return dark, bright


def _widths(patch: Floats, dark: float, bright: float, scale: float) -> Floats:
    """Return the width of the dark part of each line, pixels, by its area below the half level."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(patch, scale)
    half = dark + CLOSED * (bright - dark)
    return np.asarray([_longest(line < half) for line in smooth], float)


def _longest(dark: npt.NDArray[np.bool_]) -> int:
    from scipy.ndimage import label

    labels, count = label(dark)
    return int(np.bincount(labels)[1:].max()) if count else 0
