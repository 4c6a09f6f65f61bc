"""The gap between two bodies: how wide it is, and how much of it redeposited metal has closed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.measured import Measured, agreed, refused
from acquire.fib.smooth import smoothed
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

CLOSED = 0.5
"""Of the way from the trench's darkness to a body's brightness: above it a place is closed."""
LEAST = 5
"""Lines across the gap that must show both bodies."""
SURE = 5.0
"""Standard errors by which the bodies must be brighter than the dark."""
WIDE = 10.0
"""Pixels of a gap from which on its floor is seen, which may be brighter than the darkest of the
image; a narrower one is blurred."""
SMOOTH = 1.5
"""Standard deviation of the filter before lines are judged one by one, pixels."""


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
    lines = _lines(patch, _darkest(picture))
    if isinstance(lines, str):
        return Gap(refused(lines), refused(lines))
    shares = [Measured(float(each.mean()), 0.5 / math.sqrt(len(each))) for each in _closed(lines)]
    share = agreed(shares[0], shares[1], "share of the gap that is closed", beyond=0.1)
    open_ = ~_closed(lines)[0]
    if open_.sum() < 2:
        return Gap(Measured(0.0, picture.pixel_size), share)
    return Gap(_width(lines, open_, picture.pixel_size), share)


@dataclass(frozen=True)
class _Lines:
    """Lines across the gap that show both bodies, with the levels of bodies and dark."""

    values: Floats
    """Shape (lines, pixels across)."""
    dark: float
    first: float
    second: float

    def relative(self, values: Floats) -> Floats:
        """Return brightness with 0 for dark and 1 for the darker of the two bodies."""
        return np.asarray((values - self.dark) / (min(self.first, self.second) - self.dark))


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


def _darkest(picture: BeamPicture) -> float:
    """Return how bright the trench is: what is darkest in the whole image."""
    return float(np.quantile(smoothed(picture.pixels, 2.0), 0.01))


def _lines(patch: Floats, dark: float) -> _Lines | str:
    """Return the lines that show both bodies, or why there are not enough."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(patch, SMOOTH)
    part = max(2, patch.shape[1] // 5)
    ends = smooth[:, :part].mean(axis=1), smooth[:, -part:].mean(axis=1)
    levels = [float(np.quantile(end, 0.75)) for end in ends]
    noise = math.sqrt(max(dark, 1.0) / part) / 2
    if min(levels) - dark < SURE * noise:
        return "no two bodies brighter than the trench are seen there; use more dose, or look"
    both = [end > dark + 0.5 * (level - dark) for end, level in zip(ends, levels, strict=True)]
    if (both[0] & both[1]).sum() < LEAST:
        return "the two bodies do not face each other there; look at the image"
    return _Lines(patch[both[0] & both[1]], dark, *levels)


def _closed(lines: _Lines) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which lines are closed: by their darkest place, and by what is missing of the area."""
    from scipy.ndimage import gaussian_filter

    smooth = lines.relative(gaussian_filter(lines.values, SMOOTH))
    middle = smooth[:, smooth.shape[1] // 5 : -(smooth.shape[1] // 5)]
    return middle.min(axis=1) > CLOSED, np.quantile(middle, 0.05, axis=1) > CLOSED


def _width(lines: _Lines, open_: npt.NDArray[np.bool_], size: float) -> Measured:
    """Return the gap's mean width where it is open: at half its depth, and by its area."""
    each = lines.values[open_]
    profile = each.mean(axis=0)
    deepest = int(np.argmin(_smooth(profile)))
    dark = min(lines.dark, float(profile[deepest]))
    widths = _half_and_area(profile, deepest, dark, lines)
    if widths is not None and widths[0] > WIDE:  # so wide a gap shows its own floor
        inner = slice(*_quarters(profile, deepest, (dark + min(lines.first, lines.second)) / 2))
        dark = max(dark, float(np.median(profile[inner])))
        widths = _half_and_area(profile, deepest, dark, lines)
    if widths is None:
        return refused("one side of the gap is not seen; take a larger reach")
    half, area = widths
    uneven = float(_widths_of(each, dark, min(lines.first, lines.second)).std(ddof=1))
    sigma = math.hypot(uneven / math.sqrt(len(each)), 0.5) * size
    return agreed(
        Measured(float(half * size), float(sigma)),
        Measured(float(area * size), float(sigma)),
        "width of the gap",
        beyond=2 * size + 0.1 * half * size,
    )


def _half_and_area(
    profile: Floats, deepest: int, dark: float, lines: _Lines
) -> tuple[float, float] | None:
    """Return a gap's width in pixels at half its depth, and by its area; None without two sides."""
    half, area = 0.0, 0.0
    for side, body in ((profile[deepest::-1], lines.first), (profile[deepest:], lines.second)):
        above = (side - dark) / (body - dark)
        bright = np.flatnonzero(above > 0.5)
        if not len(bright):
            return None
        at = int(bright[0])
        half += at - (above[at] - 0.5) / max(float(above[at] - above[at - 1]), 0.05) if at else 0.0
        area += float(np.clip(1 - above[: at + at // 2 + 4], -0.5, 1.0).sum()) - 0.5
    return half, area


def _quarters(profile: Floats, deepest: int, level: float) -> tuple[int, int]:
    """Return between which pixels the middle half of the gap is that is darker than a level."""
    left = int(np.flatnonzero(profile[: deepest + 1] > level)[-1])
    right = deepest + int(np.flatnonzero(profile[deepest:] > level)[0])
    return left + (right - left) // 4, right - (right - left) // 4


def _smooth(profile: Floats) -> Floats:
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(profile, SMOOTH))


def _widths_of(lines: Floats, dark: float, bright: float) -> Floats:
    """Return how many pixels of each line are darker than half, for their scatter."""
    return np.asarray((lines < (dark + bright) / 2).sum(axis=1), float)
