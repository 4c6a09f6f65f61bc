"""The strongest straight edge of a dark-field image, and the line across it.

An edge is looked for in projections: for each direction the image is averaged at right angles to
it, and the two sides of each place are compared with the scatter that the same averages show. A
blurred step fitted to the pixels around the best place gives position, direction and width. An
edge that is not clear is refused, never guessed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.stem import Image
from protocols.eds import EdgeStart, PointStart
from protocols.errors import InputError, LiftlineError

Floats = npt.NDArray[np.float64]

COARSE = 128
"""Pixels along the longer side after averaging blocks: enough to fit, small enough to search."""
DIRECTIONS = 90
"""Directions tried: steps of 2 degrees move an edge's ends by about one coarse pixel."""
REACH = 1 / 6
"""How far to either side an edge is compared, as a share of the image's shorter side."""
CLEAR = 7.0
"""Standard errors of contrast that an edge needs; the largest of 400 images of noise was 4.9, over
all directions and places."""
SEGMENTS = 6
"""Parts of the edge's length that must each show it."""


SMALLEST = 16
"""Pixels on a side below which no edge is looked for."""


class NoEdgeError(LiftlineError):
    """The image shows no straight edge that can be trusted."""

    exit_code = 1


@dataclass(frozen=True)
class Edge:
    """A straight edge, in the frame of the image."""

    x: float
    y: float
    """The middle of the edge's part inside the image, m."""
    angle: float
    """Direction from dark to bright at right angles to the edge, rad clockwise from x."""
    contrast: float
    """(bright - dark) / (bright + dark)."""
    uncertainty: float
    """Standard error of the edge's position at right angles to it, m."""
    angle_uncertainty: float
    """Standard error of the angle, rad."""
    width: float
    """Standard deviation of the blurred step, m."""


@dataclass(frozen=True)
class ScanLine:
    """Positions in a row, in the frame of the image."""

    x0: float
    y0: float
    """The first position, m."""
    angle: float
    """Direction of the line, rad clockwise from x."""
    pitch: float
    """Distance between neighbouring positions, m."""
    points: int
    edge: Edge | None = None
    """The edge that the line was drawn from, if it was."""

    def at(self, distance: float) -> tuple[float, float]:
        """Return the place `distance` metres from the first position along the line."""
        return (
            self.x0 + distance * math.cos(self.angle),
            self.y0 + distance * math.sin(self.angle),
        )

    def position(self, index: int) -> tuple[float, float]:
        """Return the place of position `index`, counted from 0."""
        return self.at(index * self.pitch)


def line_from(
    start: EdgeStart | PointStart, length: float, points: int, image: Image, *, strip: float = 0.0
) -> ScanLine:
    """Return the line that `start` asks for in the survey `image`, both ends included.

    Raises:
        NoEdgeError: an edge is asked for and the image shows none that can be trusted.
        InputError: the line, `strip` wide, leaves the image.
    """
    pitch = length / (points - 1)
    if isinstance(start, PointStart):
        line = ScanLine(start.x, start.y, start.angle, pitch, points)
    else:
        edge = find_edge(image)
        angle = edge.angle if start.from_side == "dark" else edge.angle + math.pi
        angle = math.remainder(angle, 2 * math.pi)
        x0 = edge.x + start.offset * math.cos(angle)
        y0 = edge.y + start.offset * math.sin(angle)
        line = ScanLine(x0, y0, angle, pitch, points, edge)
    _check_inside(line, length, strip, image)
    return line


def _check_inside(line: ScanLine, length: float, strip: float, image: Image) -> None:
    """Refuse a line whose strip leaves the image.

    Raises:
        InputError: it does; the message says by how much.
    """
    rows, columns = image.pixels.shape
    strip = strip if rows > 1 else 0.0  # a recorded line is as wide as any strip asks
    out = 0.0
    for distance in (0.0, length):
        x, y = line.at(distance)
        for side in (-strip / 2, strip / 2):
            dx = x - side * math.sin(line.angle) - image.x
            dy = y + side * math.cos(line.angle) - image.y
            out = max(
                out,
                abs(dx) - columns * image.pixel_size / 2,
                abs(dy) - rows * image.pixel_size / 2,
            )
    if out > image.pixel_size * 1e-6:
        x1, y1 = line.at(length)
        width = f", {strip * 1e9:.4g} nm wide," if strip else ""
        raise InputError(
            f"the line from ({line.x0 * 1e9:.4g}, {line.y0 * 1e9:.4g}) nm to ({x1 * 1e9:.4g}, "
            f"{y1 * 1e9:.4g}) nm{width} leaves the image by {out * 1e9:.3g} nm; move the start, "
            "shorten length or strip, or widen survey.field"
        )


def find_edge(image: Image) -> Edge:
    """Return the strongest straight edge of the image.

    Raises:
        NoEdgeError: no straight edge is clear enough to be believed.
    """
    if min(image.pixels.shape) < SMALLEST:
        raise NoEdgeError(
            f"an image of {image.pixels.shape[1]} x {image.pixels.shape[0]} pixels shows no edge; "
            f"give the line's start as x and y (replay: --line x0,y0,x1,y1)"
        )
    block = max(1, math.ceil(max(image.pixels.shape) / COARSE))
    values, x, y = _coarse(np.asarray(image.pixels, float), block)
    reach = max(REACH * min(values.shape), 4.0)
    clear, angle, place = _best_projection(values.ravel(), x, y, reach)
    if clear < CLEAR:
        raise NoEdgeError(
            f"the image shows no edge: the best contrast is {clear:.1f} of the {CLEAR:g} standard "
            "errors needed. Take the survey with more dose, or give the line's start as x and y"
        )
    near = np.abs(x * math.cos(angle) + y * math.sin(angle) - place) < 1.5 * reach
    step = _fit_step(values.ravel()[near], x[near], y[near], angle, place)
    reason = _doubt(step, values.ravel()[near], x[near], y[near], reach)
    if reason is not None:
        raise NoEdgeError(
            f"the strongest edge of the image is not to be trusted: {reason}. Choose a field with "
            "one straight interface, or give the line's start as x and y"
        )
    return _edge(step, image, block)


def _coarse(pixels: Floats, block: int) -> tuple[Floats, Floats, Floats]:
    """Return block averages, and x and y of each (flat), in coarse pixels from the centre."""
    rows, columns = pixels.shape[0] // block, pixels.shape[1] // block
    kept = pixels[: rows * block, : columns * block]
    values = kept.reshape(rows, block, columns, block).mean(axis=(1, 3))
    y, x = np.indices(values.shape, float)
    x += 0.5 - pixels.shape[1] / block / 2
    y += 0.5 - pixels.shape[0] / block / 2
    return values, x.ravel(), y.ravel()


def _best_projection(
    values: Floats, x: Floats, y: Floats, reach: float
) -> tuple[float, float, float]:
    """Return contrast in standard errors, direction (rad) and place of the clearest step."""
    best = (0.0, 0.0, 0.0)
    window = max(2, round(reach))
    fewest = 0.1 * reach * math.sqrt(len(values))
    for angle in np.arange(DIRECTIONS) * math.pi / DIRECTIONS:
        t = x * math.cos(angle) + y * math.sin(angle)
        low = math.floor(t.min())
        bins = np.floor(t - low).astype(np.intp)
        n: Floats = np.bincount(bins).astype(np.float64)
        if len(n) <= 2 * window:
            continue
        total = np.bincount(bins, values)
        square = np.bincount(bins, values**2)
        scatter: Floats = square - total**2 / np.maximum(n, 1)
        n2, total2, scatter2 = (
            _sums(np.asarray(part, np.float64), window) for part in (n, total, scatter)
        )
        before, after = slice(None, -window), slice(window, None)
        enough = (n2[before] > fewest) & (n2[after] > fewest)
        n_low, n_high = np.maximum(n2[before], 1), np.maximum(n2[after], 1)
        pooled = (scatter2[before] + scatter2[after]) / np.maximum(n_low + n_high - 2 * window, 1)
        error = np.sqrt(np.maximum(pooled, 1e-12) * (1 / n_low + 1 / n_high))
        clear = np.where(enough, (total2[after] / n_high - total2[before] / n_low) / error, 0.0)
        index = int(np.argmax(np.abs(clear)))
        if abs(clear[index]) > best[0]:
            place, turn = low + index + window, clear[index] < 0
            best = (
                float(abs(clear[index])),
                float(angle + math.pi * turn),
                float(-place if turn else place),
            )
    return best


def _sums(values: Floats, window: int) -> Floats:
    cumulative = np.concatenate(([0.0], np.cumsum(values)))
    return cumulative[window:] - cumulative[:-window]


@dataclass(frozen=True)
class _Step:
    """A blurred step: dark + rise * Phi((x cos + y sin - place) / width), in coarse pixels."""

    dark: float
    rise: float
    angle: float
    place: float
    width: float
    errors: Floats
    """Standard errors of the five, in this order, width as its logarithm."""

    def at(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the step's value and its slope across the edge."""
        value, slopes = _step([*self._parameters, math.log(self.width)], x, y)
        return value, -slopes[:, 3]

    @property
    def _parameters(self) -> list[float]:
        return [self.dark, self.rise, self.angle, self.place]


def _step(p: npt.ArrayLike, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the value of a blurred step and its derivatives, shape (pixels, 5)."""
    from scipy.special import ndtr

    dark, rise, angle, place, log_width = np.asarray(p, float)
    cos, sin, width = math.cos(angle), math.sin(angle), math.exp(log_width)
    u = (x * cos + y * sin - place) / width
    share = ndtr(u)
    slope = rise * np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi) / width
    derivatives = (np.ones_like(u), share, slope * (y * cos - x * sin), -slope, -slope * u * width)
    return dark + rise * share, np.stack(derivatives, axis=1)


def _fit_step(values: Floats, x: Floats, y: Floats, angle: float, place: float) -> _Step:
    """Fit a blurred step by least squares; errors allow for scatter that differs by place."""
    from scipy.optimize import least_squares

    after = x * math.cos(angle) + y * math.sin(angle) > place
    dark, bright = float(values[~after].mean()), float(values[after].mean())
    fit = least_squares(
        lambda p: _step(p, x, y)[0] - values,
        [dark, bright - dark, angle, place, math.log(2.0)],
        jac=lambda p: _step(p, x, y)[1],
        bounds=([-np.inf] * 4 + [math.log(0.3)], [np.inf] * 4 + [math.log(1e3)]),
        x_scale=[bright - dark, bright - dark, 0.02, 1.0, 1.0],
        max_nfev=60,
    )
    inverse = np.linalg.pinv(fit.jac.T @ fit.jac)
    weighted = fit.jac * fit.fun[:, None]
    errors = np.sqrt(np.diag(inverse @ (weighted.T @ weighted) @ inverse))
    dark, rise, angle, place, log_width = (float(v) for v in fit.x)
    return _Step(dark, rise, angle, place, math.exp(log_width), errors)


def _doubt(step: _Step, values: Floats, x: Floats, y: Floats, reach: float) -> str | None:
    """Return why the fitted step is no straight edge, or None."""
    if step.rise < CLEAR * step.errors[1]:
        return "its two sides differ too little"
    if step.width > reach / 1.5:
        return "it is a gradual change over the field, not an edge"
    if step.errors[3] > reach / 4:
        return "its place is too uncertain"
    value, slope = step.at(x, y)
    along = y * math.cos(step.angle) - x * math.sin(step.angle)
    if not _is_straight(values - value, slope, along, max(step.width / 2, 2.0)):
        return "it is not straight, or does not go through the whole field"
    across = x * math.cos(step.angle) + y * math.sin(step.angle)
    if _rest(values - value, along, across, reach / 2) > 0.25 * step.rise:
        return "what is on either side varies as much as it does itself"
    return None


def _is_straight(residual: Floats, slope: Floats, along: Floats, allowed: float) -> bool:
    """Return whether each part of the edge's length lies within `allowed` of the fitted place."""
    share = (along - along.min()) / np.ptp(along)
    parts = np.minimum((share * SEGMENTS).astype(np.intp), SEGMENTS - 1)
    weight = np.bincount(parts, slope**2, SEGMENTS)
    seen = weight > 0.25 * np.median(weight)
    away = np.bincount(parts, residual * slope, SEGMENTS)[seen] / weight[seen]
    error = np.sqrt(np.bincount(parts, (residual * slope) ** 2, SEGMENTS)[seen]) / weight[seen]
    return bool(np.all(np.abs(away) < allowed + 4 * error))


def _rest(residual: Floats, along: Floats, across: Floats, cell: float) -> float:
    """Return the standard deviation of what the step leaves, in cells, beyond their noise."""
    row = np.floor((along - along.min()) / cell).astype(np.intp)
    column = np.floor((across - across.min()) / cell).astype(np.intp)
    cells = row * (column.max() + 1) + column
    n = np.bincount(cells)
    total, square = np.bincount(cells, residual), np.bincount(cells, residual**2)
    full = n > 0.3 * cell**2
    n, total, square = n[full], total[full], square[full]
    noise = (square - total**2 / n) / (n - 1) / n
    return math.sqrt(max(float(np.mean((total / n) ** 2 - noise)), 0.0))


def _edge(step: _Step, image: Image, block: int) -> Edge:
    """Return the edge in metres, at the middle of its part inside the image."""
    size = image.pixel_size * block
    rows, columns = image.pixels.shape
    cos, sin = math.cos(step.angle), math.sin(step.angle)
    place = step.place * size
    low, high = -math.inf, math.inf
    for foot, direction, half in (
        (place * cos, -sin, columns * image.pixel_size / 2),
        (place * sin, cos, rows * image.pixel_size / 2),
    ):
        if abs(direction) > 1e-9:
            ends = sorted(((-half - foot) / direction, (half - foot) / direction))
            low, high = max(low, ends[0]), min(high, ends[1])
    middle = (low + high) / 2
    return Edge(
        x=image.x + place * cos - middle * sin,
        y=image.y + place * sin + middle * cos,
        angle=math.remainder(step.angle, 2 * math.pi),
        contrast=step.rise / (2 * step.dark + step.rise),
        uncertainty=float(step.errors[3]) * size,
        angle_uncertainty=float(step.errors[2]),
        width=step.width * size,
    )
