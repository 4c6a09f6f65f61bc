"""The needle's tip: a bright cone that comes into the image from its right border."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.height import Seen
from acquire.fib.measured import Measured, agreed, refused
from acquire.fib.smooth import smoothed
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

Tip = Seen
"""Where the tip is in the image: u to the right, v down."""

SCALES = (1.5, 3.0)
"""Standard deviations of the two filters, pixels; both must show the same tip."""
WIDE, BLUNT = 2.0, 0.3e-6
"""Pixels and m, of which the larger bounds the wider filter: it must not blot out a thin tip."""
AGREE = 7.0
"""Pixels that the two may differ by: a wider filter rounds the tip off."""
TAPER = (0.08, 0.9)
"""By how much a needle grows wider per length, in the image; half angles of 3 to 20 deg, steeper
where it is seen from its end. Ours, to verify."""
UNEVEN, EVEN = 0.7, 0.03
"""Pixels, and share of its mean width more, by which each of its borders may be uneven."""
LEAST = 60
"""Pixels of the smallest cone."""
BRIGHTEST = 0.998
"""Quantile of the right half's brightness that lies within the needle, which is small there."""
LEVELS = tuple(0.54 + 0.03 * step for step in range(14))
"""Shares of it, tried one after the other until what is brighter is a cone. Tungsten is the
brightest of what is there; how much of the image is dark trench says nothing of it."""
COARSE = 2
"""Pixels along the side of a block when the cone is looked for."""
AROUND = 8
"""Pixels around the cone that tell what it lies in front of."""
ABOVE = 0.65
"""Of the way from that to the needle: what it touches is brighter then, and is none of it."""

THIN = 24.0
"""Pixels within which a tip ends that is too thin to be seen as bright as the needle."""
MARGIN = int(2 * THIN)
"""Pixels around the cone that are looked at."""
BACK = 2.0
"""Pixels inside the cone from which its end is looked for."""


def needle_tip(picture: BeamPicture) -> Tip:
    """Return where the tip of the needle is.

    Refused if nothing bright enters from the right, if it does not narrow to a tip, or if two
    filters show tips more than AGREE pixels apart.
    """
    pixels = np.asarray(picture.pixels, float)
    near = _near_the_needle(pixels)
    if isinstance(near, str):
        return Tip(refused(near), refused(near))
    pixels, near, (v, u) = _cut_out(pixels, near, picture.pixel_size)
    scales = SCALES[0], min(SCALES[1], max(WIDE, BLUNT / picture.pixel_size))
    fine, coarse = (_tip(pixels, near, scale) for scale in scales)
    size = picture.pixel_size
    return Tip(
        _both(u + fine[0] * size, u + coarse[0] * size, size, "u of the tip"),
        _both(v + fine[1] * size, v + coarse[1] * size, size, "v of the tip"),
    )


def _both(first: float, second: float, size: float, what: str) -> Measured:
    """Return the finer one's; how far the two are apart is part of its error."""
    found = agreed(Measured(first, 0.0), Measured(second, 0.0), what, beyond=AGREE * size)
    return replace(found, sigma=max(size, abs(first - second) / 2)) if found.known else found


def _near_the_needle(pixels: Floats) -> Mask | str:
    """Return the pixels of a bright cone that comes in from the right, roughly, or why none is."""
    from scipy.ndimage import binary_fill_holes
    from skimage.measure import block_reduce

    small = smoothed(block_reduce(pixels, COARSE, np.mean), SCALES[1] / COARSE)
    bright = float(np.quantile(small[:, small.shape[1] // 2 :], BRIGHTEST))
    why = ""
    for level in LEVELS:
        cone = _from_the_right(small > level * bright)
        if isinstance(cone, str):
            why = why or cone
            continue
        cone = np.asarray(binary_fill_holes(cone))
        if _axis(cone) is not None:
            rows, columns = pixels.shape
            return np.asarray(cone.repeat(COARSE, axis=0).repeat(COARSE, axis=1)[:rows, :columns])
        why = "what comes in from the right does not narrow to a tip; look at the image"
    return why


def _cut_out(pixels: Floats, near: Mask, size: float) -> tuple[Floats, Mask, tuple[float, float]]:
    """Return what is around the cone, and v and u of its first pixel (m)."""
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    top, left = max(0, int(rows[0]) - MARGIN), max(0, int(columns[0]) - MARGIN)
    part = (slice(top, int(rows[-1]) + MARGIN), slice(left, int(columns[-1]) + MARGIN))
    at_v, at_u = (places(count, size) for count in pixels.shape)
    return pixels[part], near[part], (float(at_v[top]), float(at_u[left]))


def _tip(pixels: Floats, near: Mask, scale: float) -> tuple[float, float]:
    """Return column and row of the tip at one filter scale, between pixels."""
    from scipy.ndimage import binary_dilation

    smooth = smoothed(pixels, scale)
    around = binary_dilation(near, iterations=AROUND)
    needle = float(np.median(smooth[near]))
    behind = float(np.quantile(smooth[around & ~binary_dilation(near, iterations=2)], 0.75))
    cone = _from_the_right((smooth > behind + ABOVE * (needle - behind)) & around)
    axis = None if isinstance(cone, str) else _axis(cone)
    if isinstance(cone, str) or axis is None:  # too thin to be seen sharply: as it was found
        cone, axis = near, _axis(near) or (0.0, -1.0)
    row, column = _end(cone, smooth, (needle, behind), axis)
    return column, row


def _from_the_right(bright: Mask) -> Mask | str:
    """Return the largest bright part that touches the right border, or the top near it."""
    from scipy.ndimage import label

    labels, _ = label(bright)
    half = bright.shape[1] // 2
    at_border = np.concatenate([labels[:, -1], labels[0, half:]])
    sizes = np.bincount(labels.ravel())
    sizes[np.setdiff1d(np.arange(len(sizes)), at_border)] = 0
    sizes[0] = 0
    if sizes.max() < LEAST / COARSE**2:
        return "nothing bright comes in from the right border; insert the needle, or look lower"
    cone = labels == int(sizes.argmax())
    if cone[:, 0].any():
        return "what is bright at the right border reaches the left one: it is not the needle"
    return np.asarray(cone)


def _axis(cone: Mask) -> tuple[float, float] | None:
    """Return the unit vector (row, column) along the cone's axis to the tip; None if it is none.

    A cone: both its borders are straight, and it narrows to the left.
    """
    columns = np.flatnonzero(cone.any(axis=0))
    inner = columns[len(columns) // 5 :]
    seen = inner[~cone[0, inner]]  # where it leaves by the top its upper border is not seen
    if len(seen) < max(5, len(inner) / 3) or cone[-1].any():
        return None
    inner = seen
    upper = cone[:, inner].argmax(axis=0)
    lower = cone.shape[0] - cone[::-1, inner].argmax(axis=0)
    slopes = np.polyfit(inner, np.transpose([upper, lower]), 1)[0]
    slope, taper = float(slopes.mean()), float(slopes[1] - slopes[0])
    length = float(np.hypot(1.0, slope))
    if not TAPER[0] < taper / length**2 < TAPER[1]:
        return None
    uneven = UNEVEN + EVEN * float((lower - upper).mean())
    if max(_uneven(inner, upper), _uneven(inner, lower)) > uneven:
        return None
    return (-slope / length, -1.0 / length)


def _uneven(columns: npt.NDArray[np.intp], border: npt.NDArray[np.intp]) -> float:
    """Return the scatter (pixels) of a border about a straight line."""
    return float((border - np.polyval(np.polyfit(columns, border, 1), columns)).std())


def _end(
    cone: Mask, smooth: Floats, levels: tuple[float, float], axis: tuple[float, float]
) -> tuple[float, float]:
    """Return row and column of the cone's end along its axis, between pixels.

    There it is half as bright as the needle against what is brighter: what lies beyond its tip, or
    around it. `levels` are those of the needle and of what is around it.
    """
    from scipy.ndimage import map_coordinates

    rows, columns = np.nonzero(cone)
    along = rows * axis[0] + columns * axis[1]
    last = along > along.max() - 2.0
    row, column = float(rows[last].mean()), float(columns[last].mean())
    steps = np.arange(0.0, 2.0 * THIN, 0.1)
    begin = (row - BACK * axis[0], column - BACK * axis[1])
    line = map_coordinates(
        smooth, [begin[0] + steps * axis[0], begin[1] + steps * axis[1]], order=1, mode="nearest"
    )
    beyond = float(np.median(line[steps > THIN]))
    half = (levels[0] + max(levels[1], beyond)) / 2
    out = np.flatnonzero((line < half) & (steps > BACK - 1))
    step = float(steps[out[0]]) if len(out) else BACK
    return begin[0] + step * axis[0], begin[1] + step * axis[1]
