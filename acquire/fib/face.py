"""The front face of the lamella in an electron image: its layers by contrast, and its bottom."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.measured import Measured, refused
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

FLAT = math.radians(20.0)
"""Least angle between surface's normal and beam at which the face is seen well enough."""
SURE = 5.0
"""Standard errors by which a step must stand out of the noise."""
PARTS = 8
"""Pieces of the width, from whose scatter the noise is taken: grains are noise too."""
DARK = 0.3
"""Of the way up from the darkest below the face to its brightest: the trench is below that."""
BELOW = 0.25e-6
"""Length along v below the face's bottom that must be dark, m."""
SCALES = (2.0, 4.0)
"""Standard deviations of the two filters, pixels; both must show a step."""


@dataclass(frozen=True)
class Step:
    """A change of brightness down the face: one layer ends, another begins."""

    depth: Measured
    """Below the face's top edge, along the face."""
    contrast: float
    """(below - above) / (below + above); negative where it grows darker."""


@dataclass(frozen=True)
class Face:
    """The layers that the face shows."""

    top: Measured
    """v of the face's top edge in the image, where depth is 0."""
    steps: tuple[Step, ...]
    """From the top down, without the face's bottom."""
    bottom: Measured
    """Depth at which the face ends in the trench."""


def layers_on_face(picture: BeamPicture, *, v_top: float, u: float, width: float) -> Face:
    """Return the contrast steps down the face that the electron beam sees.

    Args:
        picture: an electron image at the milling tilt.
        v_top: where the face's top edge is expected (m), within 1 um.
        u: middle of the columns that are averaged (m).
        width: of them (m).
    """
    if picture.beam != "electron" or abs(math.sin(picture.angle)) < math.sin(FLAT):
        return _none("the face is seen by the electron beam at the milling tilt: take that image")
    at_u = places(picture.pixels.shape[1], picture.pixel_size)
    columns = np.abs(at_u - u) <= width / 2
    if columns.sum() < 8:
        return _none("fewer than 8 columns show the face; use a smaller field")
    pixels = np.asarray(picture.pixels[:, columns], float)
    v = places(pixels.shape[0], picture.pixel_size)
    found = [_edges(pixels, scale) for scale in SCALES]
    both = _in_both(found[0], found[1])
    return _face(pixels.mean(axis=1), v, both, v_top, picture)


def _none(reason: str) -> Face:
    return Face(refused(reason), (), refused(reason))


def _edges(pixels: Floats, scale: float) -> list[tuple[float, float]]:
    """Return row and slope of where brightness down the columns changes most, at one scale."""
    from scipy.ndimage import gaussian_filter1d

    slope = gaussian_filter1d(pixels, scale, axis=0, order=1)
    mean = slope.mean(axis=1)
    parts = np.array([part.mean(axis=1) for part in np.array_split(slope, PARTS, axis=1)])
    scatter = gaussian_filter1d(parts.var(axis=0, ddof=1), 2 * scale)
    noise = np.sqrt(scatter / PARTS) + 1e-9
    sure = np.abs(mean) / noise
    inner = sure[1:-1]
    peaks = 1 + np.flatnonzero((inner > sure[:-2]) & (inner > sure[2:]) & (inner >= SURE))
    return [(_vertex(np.abs(mean), int(peak)), float(mean[peak])) for peak in peaks]


def _vertex(values: Floats, peak: int) -> float:
    before, top, after = values[peak - 1 : peak + 2]
    bend = before - 2 * top + after
    return peak + (0.5 * float((before - after) / bend) if bend < 0 else 0.0)


def _in_both(
    fine: list[tuple[float, float]], coarse: list[tuple[float, float]]
) -> list[tuple[float, float, float]]:
    """Return row, slope and how far both scales are apart, of the edges that both show."""
    both = []
    for row, slope in fine:
        near = [other for other, s in coarse if abs(other - row) < SCALES[1] and s * slope > 0]
        if near:
            apart = min(abs(other - row) for other in near)
            both.append((row, slope, apart))
    return both


def _face(
    profile: Floats,
    v: Floats,
    edges: list[tuple[float, float, float]],
    v_top: float,
    picture: BeamPicture,
) -> Face:
    size, sine = picture.pixel_size, math.sin(picture.angle)
    at = [float(np.interp(row, np.arange(len(v)), v)) for row, _, _ in edges]
    near = [index for index, place in enumerate(at) if abs(place - v_top) < 1e-6]
    if not near:
        return _none("the face's top edge is not seen where it should be; look at the image")
    top = min(near, key=lambda index: abs(at[index] - v_top))
    down = range(top + 1, len(edges))
    last = _bottom(profile, edges, down, round(BELOW / size))
    if last is None:
        return _none("the face's bottom is not seen below its top: more dose, or a deeper trench")

    def depth(index: int) -> Measured:
        apart = edges[index][2] * size
        return Measured((at[index] - at[top]) / sine, max(size / 2, apart) / sine)

    steps = tuple(
        Step(depth(index), _contrast(profile, edges[index][0])) for index in down if index < last
    )
    return Face(Measured(at[top], size / 2), steps, depth(last))


def _bottom(
    profile: Floats, edges: list[tuple[float, float, float]], down: range, below: int
) -> int | None:
    """Return which falling edge below the top leads into the dark trench."""
    if not down:
        return None
    first = round(edges[down[0] - 1][0])
    dark, bright = float(profile[first:].min()), float(np.quantile(profile[first:], 0.9))
    for index in down:
        at = round(edges[index][0]) + 2 * round(SCALES[0])
        level = float(np.median(profile[at : at + below])) if at + below <= len(profile) else bright
        if edges[index][1] < 0 and level < dark + DARK * (bright - dark):
            return index
    return None


def _contrast(profile: Floats, row: float) -> float:
    at, near = round(row), 3 * round(SCALES[0])
    above, below = profile[max(0, at - near) : at - 3], profile[at + 4 : at + near + 1]
    first, second = float(above.mean()), float(below.mean())
    return (second - first) / max(second + first, 1e-9)
