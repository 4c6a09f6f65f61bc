"""A slit in a face: something else than the face is seen through it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from acquire.fib.band import places
from acquire.fib.measured import Measured, refused
from drivers.fib import BeamPicture

PARTS, LEVEL_PARTS = 4, 6
"""Pieces of an upright and of a level slit's length that are judged each by itself."""
CONTRAST = 0.04
"""Of the image's range of brightness, by which what is behind must differ from the face; curtaining
makes less. Ours. A detector's offset and gain leave the share alone."""
DARKER = 0.06
"""Of that range, by which a slit is darker than what is around it. Ours, to verify."""
RANGE = (0.02, 0.9)
"""Quantiles of an image between which its range is: grains and specks are beyond."""
SURE = 4.0
"""Standard errors by which it must."""


def slit_seen(
    picture: BeamPicture, *, u: float, top: float, bottom: float, width: float, side: int = -1
) -> Measured:
    """Return the share (0 to 1) of an upright slit's length through which one sees.

    What lies behind is darker or, lit from elsewhere, brighter than the face; what is not cut
    through is the face still.

    Args:
        picture: of the beam that sees the face.
        u: of the slit's middle (m).
        top: v of its upper end (m).
        bottom: v of its lower end (m).
        width: of the slit (m).
        side: on which it is compared with the face: -1 to the left of it, 1 to the right.
    """
    pixels = np.asarray(picture.pixels, float)
    at_v, at_u = (places(count, picture.pixel_size) for count in pixels.shape)
    inside = np.abs(at_u - u) <= 0.3 * width
    face = np.abs(at_u - (u + side * 1.3 * width)) <= 0.4 * width
    if inside.sum() < 2 or face.sum() < 2:
        return refused("the slit is too narrow in the image; use a smaller field")
    ends, least = np.linspace(top, bottom, PARTS + 1), CONTRAST * _range(pixels)
    seen = []
    for low, high in pairwise(ends):
        rows = (at_v >= low) & (at_v < high)
        if not rows.any():
            return refused("the slit is not in the image; centre it")
        behind, beside = pixels[np.ix_(rows, inside)], pixels[np.ix_(rows, face)]
        noise = math.hypot(*(_error(each) for each in (behind, beside)))
        apart = abs(float(behind.mean() - beside.mean()))
        seen.append(apart > max(least, SURE * noise))
    return Measured(float(np.mean(seen)), 0.5 / math.sqrt(PARTS))


def dark_slit(picture: BeamPicture, *, u: float, v: float, length: float, width: float) -> Measured:
    """Return the share (0 to 1) of a level slit's length that is darker than what is around it.

    Deeper parts of a face grow darker by themselves: a slit is darker than that, and than both what
    is above and what is below it.

    Args:
        picture: of the beam that sees the face.
        u: of the slit's middle (m).
        v: likewise (m); within a width of there it is looked for.
        length: along u (m).
        width: as the image shows it, along v (m).
    """
    pixels = np.asarray(picture.pixels, float)
    at_v, at_u = (places(count, picture.pixel_size) for count in pixels.shape)
    half = max(0.3 * width, picture.pixel_size)
    ends = np.linspace(u - length / 2, u + length / 2, LEVEL_PARTS + 1)
    dark, least = [], DARKER * _range(pixels)
    for low, high in pairwise(ends):
        columns = (at_u >= low) & (at_u < high)
        if columns.sum() < 2:
            return refused("the slit is too short in the image; use a smaller field")
        dark.append(
            any(
                _dark_between(pixels[:, columns], at_v, v + off, half, 1.1 * width, least)
                for off in np.linspace(-width, width, 9)
            )
        )
    return Measured(float(np.mean(dark)), 0.5 / math.sqrt(LEVEL_PARTS))


def _dark_between(
    pixels: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    at_v: np.ndarray[tuple[int], np.dtype[np.float64]],
    v: float,
    half: float,
    apart: float,
    least: float,
) -> bool:
    """True if a band about v is darker by `least` than the bands `apart` above and below it.

    By so much as the face falls off above it anyway it must be darker still.
    """
    middles = (v, v - apart, v + apart, v - 2 * apart)
    bands = [pixels[np.abs(at_v - middle) <= half] for middle in middles]
    if min(len(band) for band in bands) == 0:
        return False
    inside, above, below, higher = (float(band.mean()) for band in bands)
    fall = max(0.0, higher - above)
    less = (above - inside - fall, below - inside)
    noise = [math.hypot(_error(each), _error(bands[0])) for each in bands[1:3]]
    return all(drop > max(least, SURE * error) for drop, error in zip(less, noise, strict=True))


def _range(pixels: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    """Return the range of brightness that an image has."""
    dark, bright = np.quantile(pixels, RANGE)
    return float(bright - dark)


def _error(patch: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    """Return the standard error of a patch's mean."""
    return float(patch.std() / math.sqrt(patch.size))
