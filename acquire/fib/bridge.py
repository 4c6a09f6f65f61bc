"""How much of a joint redeposited metal has bridged: what was dark in the gap and is bright now."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.measured import Measured, agreed, refused
from acquire.fib.shift import shift_between
from drivers.fib import BeamPicture

Box = tuple[float, float, float, float]
"""Left, right, top and bottom in the image, m."""

HALF_WAY = 0.45
"""Of the way from the gap's darkness to the lamella's brightness from which a line is bridged:
redeposited metal is a little darker than lithium. Ours, to verify."""
BESIDE = 0.6e-6
"""Length of the lamella beside the gap that tells how bright it is, m."""
SURE = 4.0
"""Standard errors by which the lamella must be brighter than the gap before."""
SCALES = (0.7, 1.4)
"""Standard deviations of the two filters, pixels; both must give the same share."""
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
    left, right, top, bottom = gap
    beside = (left - BESIDE, left) if inwards < 0 else (right, right + BESIDE)
    shares = []
    for scale in SCALES:
        dark = _lines(before, (left, right), (top, bottom), scale)
        bright = _lines(before, beside, (top, bottom), scale)
        now = _lines(after, (left + du, right + du), (top + dv, bottom + dv), scale)
        if min(len(dark), len(bright), len(now)) < 4:
            return refused("the joint is not wholly in the image; centre it")
        low, high = float(np.quantile(dark, 0.25)), float(np.median(bright))
        if high - low < SURE * math.sqrt(max(high, 1.0)):
            return refused("the gap was not darker than the lamella; use more dose")
        shares.append(float(np.mean(now > low + HALF_WAY * (high - low))))
    sigma = 0.5 / math.sqrt(len(now)) / 2
    return agreed(
        Measured(shares[0], sigma), Measured(shares[1], sigma), "the bridged share", beyond=AGREE
    )


def _lines(
    picture: BeamPicture, u: tuple[float, float], v: tuple[float, float], scale: float
) -> npt.NDArray[np.float64]:
    """Return the mean brightness along u of each line between two v."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.asarray(picture.pixels, float), scale)
    at_v, at_u = (places(count, picture.pixel_size) for count in smooth.shape)
    rows, columns = (at_v > v[0]) & (at_v < v[1]), (at_u > u[0]) & (at_u < u[1])
    if not columns.any():
        columns = np.abs(at_u - (u[0] + u[1]) / 2) <= picture.pixel_size / 2
    return np.asarray(smooth[rows][:, columns].mean(axis=1), np.float64)
