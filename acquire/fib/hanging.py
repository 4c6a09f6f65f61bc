"""A lamella on its needle beside the grid's post: its edges, looked for where they must be.

Where the needle has brought it is known to a micrometre or two, and so is what it looks like: a
band of one brightness, darker than the needle and the post, with nothing behind it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.bodies import Body
from acquire.fib.edges import falling_edge
from acquire.fib.measured import Measured, agreed, refused
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]
Span = tuple[float, float]
"""From, to: m in the image."""

SCALES = (1.5, 2.5)
"""Standard deviations of the two filters, pixels; both must show the same edges."""
AGREE = 3.0
"""Pixels that they may differ by."""
SURE, SURE_PIECE = 5.0, 3.0
"""Standard errors by which half of the band's brightness must be above the dark; and of a piece of
its end, which must show the same in two filters and over DARK."""
RISEN = 0.3
"""Of the way from dark to bright at which the band's first and last rows are met: what lies deep in
a face is darker than its top."""
BRIGHT = (0.15e-6, 0.65e-6)
"""Behind an edge, where the band is as bright as it is, m."""
WITHIN = 0.2e-6
"""From the upper border on, where the band's end is looked for, m: less are its rounded corners."""
TALL = 1.1e-6
"""Height over which that is done, m: a face grows darker below."""
PIECES = 4
"""Of that height, each looked at by itself: the end is where the first of them reaches."""
DARK = 0.1e-6
"""Least length that must be dark beyond an end, m: less is a speck of noise."""
LEAST = 16
"""Pixels along a side of what is averaged."""
ASIDE, ACROSS = 0.4e-6, 1.8e-6
"""Off the lamella, and over what height, the post's edge is looked for, m."""


def hanging(picture: BeamPicture, *, surely: Span, v: Span) -> Body:
    """Return the left end and the borders of the lamella on the needle.

    Args:
        picture: of either beam.
        surely: columns that the lamella covers wherever it may hang (u from, to).
        v: rows between which its upper border is, and nothing else that is bright.
    """
    found = [_at_scale(picture, surely, v, scale) for scale in SCALES]
    names = ("the lamella's end", "its upper border", "its lower border")
    beyond = AGREE * picture.pixel_size
    return Body(
        *(agreed(a, b, what, beyond=beyond) for what, a, b in zip(names, *found, strict=True))
    )


def post_edge(picture: BeamPicture, lamella: Body, *, u: float, reach: float) -> Measured:
    """Return u of the post's straight right edge, seen above and below a lamella before it.

    Args:
        picture: in which the post is taller than the lamella.
        lamella: where that image shows it.
        u: where the edge is expected (m).
        reach: how far from there it is looked for, each way (m).
    """
    if not lamella.upper.known:
        return lamella.upper
    off = ASIDE + ACROSS / 2
    above, below = (
        falling_edge(picture, u=u, v=v, reach=reach, width=ACROSS, along="u")
        for v in (lamella.upper.value - off, lamella.lower.value + off)
    )
    edge = agreed(above, below, "the post's edge", beyond=AGREE * picture.pixel_size)
    return edge if not edge.known else edge.moved((below.value - above.value) / 2)


def _at_scale(
    picture: BeamPicture, surely: Span, v: Span, scale: float
) -> tuple[Measured, Measured, Measured]:
    pixels, size = np.asarray(picture.pixels, float), picture.pixel_size
    at_v, at_u = (places(count, size) for count in pixels.shape)
    columns = np.flatnonzero((at_u >= surely[0]) & (at_u <= surely[1]))
    rows = np.flatnonzero((at_v >= v[0]) & (at_v <= v[1]))
    if len(columns) < LEAST or len(rows) < LEAST:
        no = refused("the lamella on the needle is not in the image; centre it")
        return no, no, no
    borders = _borders(pixels[rows][:, columns], scale, size)
    if isinstance(borders, str):
        no = refused(borders)
        return no, no, no
    first, last, dark = borders
    upper, lower = float(at_v[rows[0]]) + first * size, float(at_v[rows[0]]) + last * size
    tall = min(lower - WITHIN, upper + WITHIN + TALL)
    inside = np.flatnonzero((at_v >= upper + WITHIN) & (at_v <= tall))
    end = _end(pixels[inside], columns, dark, scale, size)
    sure = size / 2
    return (
        refused(end) if isinstance(end, str) else Measured(float(at_u[0]) + end * size, sure),
        Measured(upper, sure),
        Measured(lower, sure),
    )


def _borders(patch: Floats, scale: float, size: float) -> tuple[float, float, float] | str:
    """Return the rows, counted from a patch's first, between which it is bright; and its dark."""
    from scipy.ndimage import gaussian_filter1d

    profile = gaussian_filter1d(patch.mean(axis=1), scale)
    dark, near = float(np.quantile(profile, 0.1)), max(3, round(BRIGHT[1] / size))
    bright = float(gaussian_filter1d(profile, near / 2).max())
    noise = np.sqrt(max(bright, 1.0) / patch.shape[1] / scale)
    if (bright - dark) / 2 < SURE * noise:
        return "no lamella stands out where the needle must have brought it; use more dose, or look"
    risen = _lasting(profile > dark + RISEN * (bright - dark), near)
    if not len(risen) or risen[0] == 0:
        return "the lamella's upper border is not where the needle must have brought it"
    first = int(risen[0])
    rise = float(np.median(profile[first + near // 4 : first + near])) - dark
    below = _lasting(profile[first + near :] < dark + RISEN * rise, max(2, round(DARK / size)))
    if not len(below):
        return "the lamella's lower border is not in the image; centre it, or use a larger field"
    upper = _crossing(profile, first, dark + rise / 2)
    lower = _crossing(profile, first + near + int(below[0]), dark + RISEN * rise)
    if upper is None or lower is None:
        return "the lamella on the needle has no borders where it must be; look at the image"
    return upper, lower, dark


def _end(
    rows: Floats, columns: npt.NDArray[np.intp], dark: float, scale: float, size: float
) -> float | str:
    """Return the column, in pixels, at which the lamella ends to the left: its foremost part."""
    from scipy.ndimage import gaussian_filter1d

    if len(rows) < 2 * PIECES:
        return "the lamella on the needle is too thin in the image; use a smaller field"
    ends, middle = [], int(columns[len(columns) // 2])
    for piece in np.array_split(rows, PIECES):
        profile = gaussian_filter1d(piece.mean(axis=0), scale)
        bright = float(np.median(profile[columns]))
        noise = np.sqrt(max(bright, 1.0) / len(piece) / (3.5 * scale))
        if (bright - dark) / 2 < SURE_PIECE * noise:
            return "the lamella's end is lost in the noise; use more dose"
        level = (dark + bright) / 2
        leftwards = profile[middle::-1]
        beyond = _lasting(leftwards < level, max(2, round(DARK / size)))
        if not len(beyond):
            return "the lamella is not seen to end: nothing dark is at its left"
        crossing = _crossing(leftwards, int(beyond[0]), level)
        if crossing is None or not beyond[0]:
            return "the lamella's end is not where the needle must have brought it"
        ends.append(middle - crossing)
    return float(min(ends))


def _lasting(true: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.intp]:
    """Return from which places on something is true `count` times in a row."""
    runs = np.convolve(true, np.ones(count), "valid")
    return np.flatnonzero(runs > count - 0.5)


def _crossing(profile: Floats, near: int, level: float) -> float | None:
    """Return where a profile crosses a level next to a place, between two pixels."""
    above = profile > level
    crossed = np.flatnonzero(above[1:] != above[:-1])
    if not len(crossed):
        return None
    at = int(crossed[np.argmin(np.abs(crossed + 0.5 - near))])
    return float(at + (level - profile[at]) / (profile[at + 1] - profile[at]))
