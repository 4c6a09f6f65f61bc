"""How much of a joint redeposited metal has bridged: what was dark in the gap and is bright now."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.measured import Measured, agreed, refused
from acquire.fib.shift import shift_between
from acquire.fib.smooth import smoothed
from drivers.fib import BeamPicture

Box = tuple[float, float, float, float]
"""Left, right, top and bottom in the image, m."""

HALF_WAY = 0.45
"""Of the way from the gap's darkness to the lamella's brightness from which a line is bridged:
redeposited metal is a little darker than lithium. Ours, to verify."""
RISES = 0.27
"""Of the way from the image's dark to the lamella's top, by which a place grows brighter that is
bridged, at least: what is seen through a gap may be as bright as the lamella, but lies in the
shadow, while the metal faces the beam. A share of the contrast: that may be poor. Ours, to
verify."""
ABOVE = 1e-6
"""Above the gap's box within which the lamella's top is seen, m."""
BESIDE = 0.6e-6
"""Length of the lamella beside the gap that tells how bright it is, m."""
INSIDE_CUT = (0.7e-6, 1.4e-6)
"""From a cut's edge inwards, where the lamella itself is as bright as it is, m: nearer the cut's
foot has dulled it."""
ASIDE = 0.3e-6
"""By which a cut may lie off from where it was placed, m; ours, to verify."""
TELLS = 2.5
"""Standard errors of a line by which bridged and open must lie on either side of the bound."""
SURE = 3.0
"""Times the scatter of its lines by which the lamella must be brighter than the gap before."""
SCALES = (0.7, 1.4)
"""Standard deviations of the two filters, pixels; both must give the same share."""
REACH = 5.0
"""Standard deviations beyond which a filter sees nothing."""
AGREE = 0.15
"""Share by which they may differ."""
LARGEST = 0.6e-6
"""How far the image may have moved between the two, m."""


def bridged_share(before: BeamPicture, after: BeamPicture, *, gap: Box, inwards: int) -> Measured:
    """Return the share (0 to 1) of the gap's lines across that became bright.

    Args:
        before: the joint before the weld; the gap is dark there.
        after: the same afterwards.
        gap: where the first shows the gap.
        inwards: -1 where the lamella lies to the gap's left, 1 where it lies to its right.
    """
    moved = shift_between(before, after, LARGEST)
    du = moved.u.value if moved.u.known else 0.0
    dv = moved.v.value if moved.v.known else 0.0
    now = (gap[0] + du, gap[1] + du, gap[2] + dv, gap[3] + dv)
    times = before.charge / after.charge
    shares = []
    for scale in SCALES:
        lines = times * _lines(after, now[:2], now[2:], scale)
        levels = _levels(before, gap, inwards, scale, 1.0, outside=False)
        first = _lines(before, gap[:2], gap[2:], scale)
        if levels is None:
            levels = _levels(after, now, inwards, scale, times, outside=True)
            levels = levels if levels and _dark(first, levels) else None
        if min(len(lines), len(first)) < 4:
            return refused("the gap is not wholly in the image; centre it, or use a larger field")
        # behind the gap it may be as bright as the lamella: then it must have become brighter
        low, high = levels or (float(np.median(first)),) * 2
        high = max(high, low + _rise(before, gap, inwards))
        if HALF_WAY * (high - low) < TELLS * times * _noise(after, now, scale):
            return refused("the gap's lines are lost in the noise; use more dose")
        shares.append(float(np.mean(lines > low + HALF_WAY * (high - low))))
    sigma = 0.25 / math.sqrt(len(lines))
    return agreed(
        Measured(shares[0], sigma), Measured(shares[1], sigma), "the bridged share", beyond=AGREE
    )


def crossed_share(picture: BeamPicture, *, gap: Box, inwards: int) -> Measured:
    """Return the share (0 to 1) of a cut's lines that bright material still crosses.

    For a cut behind which there is nothing: as dark as the darkest of the image. The cut is looked
    for within ASIDE of `gap`: it lies off by the shift between currents and by its own taper.
    """
    pixels = np.asarray(picture.pixels, float)
    at_v, at_u = (places(count, picture.pixel_size) for count in pixels.shape)
    left, right, top, bottom = gap
    near, far = INSIDE_CUT
    beside = (left - far, left - near) if inwards < 0 else (right + near, right + far)
    rows, columns = (at_v > top) & (at_v < bottom), (at_u > beside[0]) & (at_u < beside[1])
    if rows.sum() < 4 or columns.sum() < 4 or right + ASIDE > at_u[-1] or left - ASIDE < at_u[0]:
        return refused("the cut is not wholly in the image; centre it")
    low = float(np.quantile(smoothed(pixels, 2.0), 0.01))
    shares = []
    for scale in SCALES:
        smooth = smoothed(pixels, scale)[rows]
        bright = smooth[:, columns].mean(axis=1)
        high = float(np.median(bright))
        if high - low < SURE * _scatter(bright):
            return refused("the lamella beside the cut is not brighter than what lies behind it")
        middles = np.arange(-ASIDE, ASIDE, picture.pixel_size)
        lines = [smooth[:, (at_u > left + by) & (at_u < right + by)].mean(axis=1) for by in middles]
        shares.append(min(float(np.mean(each > low + 0.5 * (high - low))) for each in lines))
    sigma = 0.25 / math.sqrt(rows.sum())
    return agreed(Measured(shares[0], sigma), Measured(shares[1], sigma), "the cut", beyond=AGREE)


def _levels(
    picture: BeamPicture, gap: Box, inwards: int, scale: float, times: float, *, outside: bool
) -> tuple[float, float] | None:
    """Return how bright the gap and the lamella are; None where they do not differ enough.

    With `outside` what lies beyond the gap stands for the gap: it is bridged already.
    """
    left, right, top, bottom = gap
    sides = ((left - BESIDE, left), (right, right + BESIDE))
    lamella, beyond = sides if inwards < 0 else sides[::-1]
    dark = times * _lines(picture, beyond if outside else (left, right), (top, bottom), scale)
    bright = times * _lines(picture, lamella, (top, bottom), scale)
    if min(len(dark), len(bright)) < 4:
        return None
    low, high = float(np.quantile(dark, 0.25)), float(np.median(bright))
    return (low, high) if high - low >= SURE * _scatter(bright) else None


def _dark(lines: npt.NDArray[np.float64], levels: tuple[float, float]) -> bool:
    """True if a gap was as dark as the first level: what lies beyond it can stand for it."""
    low, high = levels
    return len(lines) > 0 and float(np.median(lines)) < low + HALF_WAY / 2 * (high - low)


def _rise(picture: BeamPicture, gap: Box, inwards: int) -> float:
    """Return by how much at least a gap becomes brighter where it is bridged."""
    smooth = smoothed(picture.pixels, 2.0)
    left, right, top, bottom = gap
    at_v, at_u = (places(count, picture.pixel_size) for count in smooth.shape)
    beside = (left - BESIDE, left) if inwards < 0 else (right, right + BESIDE)
    rows, columns = (at_v > top - ABOVE) & (at_v < bottom), (at_u > beside[0]) & (at_u < beside[1])
    span = float(np.quantile(smooth[rows][:, columns], 0.8) - np.quantile(smooth, 0.01))
    return RISES * max(span, 0.0)


def _noise(picture: BeamPicture, box: Box, scale: float) -> float:
    """Return the standard error of a line's mean across a box: of counts, as they are averaged.

    A Gaussian filter averages over 2 sqrt(pi) of its standard deviations.
    """
    left, right, top, bottom = box
    mean = float(_lines(picture, (left, right), (top, bottom), scale).mean())
    smoothed = 2 * math.sqrt(math.pi) * scale
    across = max(smoothed, (right - left) / picture.pixel_size)
    return math.sqrt(max(mean, 0.1) / (across * smoothed))


def _scatter(lines: npt.NDArray[np.float64]) -> float:
    """Return the scatter of lines of which some may be others: from their middle half."""
    return 0.74 * float(np.subtract(*np.quantile(lines, (0.75, 0.25))))


def _lines(
    picture: BeamPicture, u: tuple[float, float], v: tuple[float, float], scale: float
) -> npt.NDArray[np.float64]:
    """Return the mean brightness along u of each line between two v."""
    at_v, at_u = (places(count, picture.pixel_size) for count in picture.pixels.shape)
    rows, columns = (at_v > v[0]) & (at_v < v[1]), (at_u > u[0]) & (at_u < u[1])
    if not columns.any():
        columns = np.abs(at_u - (u[0] + u[1]) / 2) <= picture.pixel_size / 2
    down, across = _near(rows, scale), _near(columns, scale)
    smooth = smoothed(picture.pixels[down, across], scale)
    return np.asarray(smooth[rows[down]][:, columns[across]].mean(axis=1), np.float64)


def _near(chosen: npt.NDArray[np.bool_], scale: float) -> slice:
    """Return what is chosen along an axis, with all that a filter sees from there."""
    found, beyond = np.flatnonzero(chosen), math.ceil(REACH * scale)
    if not len(found):
        return slice(0, len(chosen))
    return slice(max(0, int(found[0]) - beyond), int(found[-1]) + beyond + 1)
