"""Counts out of the values that a recording of spectra holds, whatever its maker calls them.

The statistics of peaks are those of counts. Files hold counts, or counts per second, or either
under the other's name. The values themselves tell: whole counts over `t` seconds lie on a grid of
1/t, and scatter by the square root of their number.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

OFF_GRID = 0.05
"""Parts of a grid's spacing that a value may lie off it: files round to 6 digits, or float32."""
ENOUGH = 20
"""Distinct values from which a grid is found; fewer may share one by chance."""
FINEST = 10
"""The smallest difference of two values may be this many spacings."""


class Counted(NamedTuple):
    """Values as counts."""

    counts: npt.NDArray[np.uint32]
    seconds: float | None
    """Of counting behind each; None where neither the file nor the values tell."""
    note: str | None
    """What the record should say of how they became counts; None where there is nothing to say."""


def counted(values: Floats, *, rate: bool | None, seconds: float | None) -> Counted:
    """Return a region's values as counts.

    Args:
        values: of all its cycles, shape (cycles, channels), none negative.
        rate: whether the file says that they are counts per second; None where it contradicts
            itself or does not say.
        seconds: of counting behind a value, where the file says so.
    """
    stated = 1 / seconds if seconds and rate is not False else 1.0
    grid = _grid(values, stated)
    if grid is None:
        return _rounded(values, stated, seconds)
    if _near(grid, 1.0) and rate is False:
        return Counted(_whole(values), seconds, None)
    if not _near(grid, stated):
        scatter = max(fano(values), 1e-9)
        grid = min((grid, stated), key=lambda one: abs(math.log(scatter / one)))
        if not _on(values, grid):
            return _rounded(values, grid, seconds)
    counts = _whole(values / grid)
    if _near(grid, 1.0):
        return Counted(counts, seconds, None)
    note = f"one count is {grid:.6g} of the file's values, counts per second over {1 / grid:.4g} s"
    if seconds and _near(grid * seconds, 1.0):
        return Counted(counts, seconds, note)
    if seconds:
        note += f", although it says {seconds:.4g} s: the values lie on that grid and scatter so"
    return Counted(counts, 1 / grid, note)


def _rounded(values: Floats, stated: float, seconds: float | None) -> Counted:
    """Return values that are no whole counts on any grid as the nearest ones, and say so."""
    scatter = fano(values) / stated
    note = (
        "the file's values are no whole numbers of counts (corrected or averaged before): rounded; "
        f"they scatter by {math.sqrt(scatter):.2g} times what counts would, so take significances "
        "and intervals with care"
    )
    return Counted(_whole(values / stated), seconds, note)


def _whole(values: Floats) -> npt.NDArray[np.uint32]:
    return np.rint(values).astype(np.uint32)


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 0.01 * abs(other)


def _grid(values: Floats, stated: float) -> float | None:
    """Return the coarsest grid on which all values lie; None if there is none."""
    distinct = np.unique(values)
    if len(distinct) < ENOUGH:
        return next((one for one in (stated, 1.0) if _on(distinct, one)), None)
    above = distinct - distinct[0]
    steps = np.diff(above)
    least = float(steps[steps > 1e-5 * distinct[-1] / 10].min(initial=math.inf))
    if not math.isfinite(least):
        return None
    for parts in range(1, FINEST + 1):
        spacing = _refined(above, least / parts)
        if _on(distinct, spacing):
            return 1.0 if _near(spacing, 1.0) and _on(distinct, 1.0) else spacing
    return None


def _refined(above: Floats, spacing: float) -> float:
    """Return a spacing fitted to ever more distant values, so that it is good for all of them."""
    reach = 8 * spacing
    while True:
        near = above[above <= reach]
        number = np.rint(near / spacing)
        if number.any():
            spacing = float(near @ number / (number @ number))
        if reach >= above[-1]:
            return spacing
        reach *= 2


def _on(values: Floats, spacing: float) -> bool:
    number = values / spacing
    return bool((np.abs(number - np.rint(number)) <= OFF_GRID).all())


def fano(values: Floats) -> float:
    """Return the variance of values in parts of their mean, from their second differences.

    It is 1 for counts, and 1/t for counts per second over t seconds. The fainter half of the
    channels tells it, as peaks bend by themselves.

    Args:
        values: shape (..., channels).
    """
    bend = values[..., :-2] - 2 * values[..., 1:-1] + values[..., 2:]
    mean = (values[..., :-2] + values[..., 1:-1] + values[..., 2:]) / 3
    faint = mean <= np.median(mean)
    total = 6 * float(mean[faint].sum())  # the bend of three independent values: 1 + 4 + 1
    return float((bend[faint] ** 2).sum()) / total if total > 0 else 1.0
