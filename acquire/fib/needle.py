"""The needle's tip: a bright cone that comes into the image from its right border."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.height import Seen
from acquire.fib.measured import Measured, agreed, refused
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

Tip = Seen
"""Where the tip is in the image: u to the right, v down."""

SCALES = (1.5, 3.0)
"""Standard deviations of the two filters, pixels; both must show the same tip."""
AGREE = 7.0
"""Pixels that the two may differ by: a wider filter rounds the tip off."""
TAPER = (0.08, 0.9)
"""By how much a needle grows wider per length, in the image; half angles of 3 to 20 deg, steeper
where it is seen from its end. Ours, to verify."""
EVEN = 0.15
"""Share of its mean width by which it may be uneven."""
LEAST = 60
"""Pixels of the smallest cone."""


def needle_tip(picture: BeamPicture) -> Tip:
    """Return where the tip of the needle is.

    Refused if nothing bright enters from the right, if it does not narrow to a tip, or if two
    filters show tips more than AGREE pixels apart.
    """
    fine, coarse = (_tip(picture, scale) for scale in SCALES)
    if isinstance(fine, str):
        return Tip(refused(fine), refused(fine))
    if isinstance(coarse, str):
        return Tip(refused(coarse), refused(coarse))
    size = picture.pixel_size
    return Tip(
        _both(fine[0], coarse[0], size, "u of the tip"),
        _both(fine[1], coarse[1], size, "v of the tip"),
    )


def _both(first: float, second: float, size: float, what: str) -> Measured:
    """Return the finer one's; how far the two are apart is part of its error."""
    found = agreed(Measured(first, 0.0), Measured(second, 0.0), what, beyond=AGREE * size)
    return replace(found, sigma=max(size, abs(first - second) / 2)) if found.known else found


def _tip(picture: BeamPicture, scale: float) -> tuple[float, float] | str:
    """Return u and v of the tip at one filter scale, or why it is not seen."""
    from scipy.ndimage import gaussian_filter
    from skimage.filters import threshold_multiotsu

    smooth = gaussian_filter(np.asarray(picture.pixels, float), scale)
    threshold = float(threshold_multiotsu(smooth, classes=3)[-1])
    cone = _from_the_right(smooth > threshold)
    if isinstance(cone, str):
        return cone
    axis = _axis(cone)
    if axis is None:
        return "what comes in from the right does not narrow to a tip; look at the image"
    row, column = _end(cone, smooth - threshold, axis)
    size = picture.pixel_size
    at_u, at_v = (places(count, size) for count in smooth.shape[::-1])
    return float(at_u[0] + column * size), float(at_v[0] + row * size)


def _from_the_right(bright: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_] | str:
    """Return the largest bright part that touches the right border, or the top near it."""
    from scipy.ndimage import label

    labels, _ = label(bright)
    half = bright.shape[1] // 2
    at_border = np.concatenate([labels[:, -1], labels[0, half:]])
    sizes = np.bincount(labels.ravel())
    sizes[np.setdiff1d(np.arange(len(sizes)), at_border)] = 0
    sizes[0] = 0
    if sizes.max() < LEAST:
        return "nothing bright comes in from the right border; insert the needle, or look lower"
    cone = labels == int(sizes.argmax())
    if cone[:, 0].any():
        return "what is bright at the right border reaches the left one: it is not the needle"
    return np.asarray(cone)


def _axis(cone: npt.NDArray[np.bool_]) -> tuple[float, float] | None:
    """Return the unit vector (row, column) along the cone's axis to the tip; None if it is none."""
    columns = np.flatnonzero(cone.any(axis=0))
    inner = columns[len(columns) // 5 :]
    inner = inner[~cone[0, inner]]  # where it leaves by the top its middle is not seen
    if len(inner) < 5:
        return None
    rows = np.arange(cone.shape[0])[:, None]
    width = cone[:, inner].sum(axis=0)
    middle = (rows * cone[:, inner]).sum(axis=0) / width
    slope = float(np.polyfit(inner, middle, 1)[0])
    length = float(np.hypot(1.0, slope))
    return (-slope / length, -1.0 / length) if _narrows(inner, width / length**2) else None


def _narrows(columns: npt.NDArray[np.intp], width: Floats) -> bool:
    """True if the width falls evenly to the left, as a cone's does."""
    taper, at_left = np.polyfit(columns - columns[0], width, 1)
    uneven = float((width - at_left - taper * (columns - columns[0])).std())
    return bool(TAPER[0] < taper < TAPER[1] and uneven < EVEN * float(width.mean()))


def _end(
    cone: npt.NDArray[np.bool_], above: Floats, axis: tuple[float, float]
) -> tuple[float, float]:
    """Return row and column of the cone's end along its axis, between pixels.

    `above` is the brightness less the threshold.
    """
    from scipy.ndimage import map_coordinates

    rows, columns = np.nonzero(cone)
    along = rows * axis[0] + columns * axis[1]
    last = along > along.max() - 2.0
    row, column = float(rows[last].mean()), float(columns[last].mean())
    steps = np.arange(-3.0, 6.0, 0.1)
    line = map_coordinates(
        above, [row + steps * axis[0], column + steps * axis[1]], order=1, mode="nearest"
    )
    out = np.flatnonzero(line < 0)
    step = float(steps[out[0]]) if len(out) else 0.0
    return row + step * axis[0], column + step * axis[1]
