"""How far the specimen has moved between two images of the same place.

Gradients of both images are correlated. A straight interface looks the same when moved along
itself, so only the shift across it can be known: whether there is structure in a second direction
is decided by the image split into two halves of its pixels like a chessboard, whose noise is
independent. What is not determined is left at zero and said; what is doubtful is refused, never
guessed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from drivers.stem import Image
from protocols.errors import InputError

Floats = npt.NDArray[np.float64]

SCALES = (3.0, 6.0)
"""Standard deviations of the two Gaussian filters, pixels; both must give the same shift."""
AGREE = 1.0
"""Pixels that the two may differ by beyond their errors."""
WEAKEST = 0.05
"""Structure along an interface, relative to that across it, below which it is taken as none."""
SURE = 5.0
"""Standard errors of the noise by which structure must stand out."""
ALIKE = 0.5
"""Least share of their structure that the two images must have in common."""
TILES = 8
"""Parts of the image along each side, from whose scatter the error is taken."""


@dataclass(frozen=True)
class Shift:
    """How far the specimen has moved from the reference image to the other."""

    dx: float
    dy: float
    """m; zero where refused, and in a direction that the image does not determine."""
    quality: float
    """Share of structure that the images have in common at this shift: 1 if they show the same."""
    determined: Literal["both", "across", "none"]
    """Both directions; only across the image's one straight interface; or nothing."""
    angle: float
    """Direction of the best determined shift, rad clockwise from x."""
    uncertainty: float
    """Standard error in the worst of the determined directions, m."""
    refusal: str | None
    """Why it is not to be believed, or None."""


def measure_shift(reference: Image, image: Image, *, largest: float) -> Shift:
    """Return how far what `reference` shows has moved in `image`.

    A shift of more than `largest` metres is refused.

    Raises:
        InputError: the images differ in shape or pixel size.
    """
    same = math.isclose(reference.pixel_size, image.pixel_size, rel_tol=1e-9)
    if reference.pixels.shape != image.pixels.shape or not same:
        raise InputError(
            "images of different shape or pixel size cannot be compared; take both alike"
        )
    first, second = _Steady(reference.pixels), _Steady(image.pixels)
    determined, angle = _structure(first)
    size = reference.pixel_size
    if determined == "none":
        return _refused("the reference image shows no structure; use more dose or another place")
    reach = min(math.ceil(1.5 * largest / size) + 2, min(first.values.shape) // 4)
    only = angle if determined == "across" else None
    found = [_correlate(first, second, scale, reach, only) for scale in SCALES]
    fine = found[0]
    length = math.hypot(*fine.shift) * size
    reason = _doubt(found, reach, length / size)
    if reason is None and length > largest:
        reason = f"{length * 1e9:.3g} nm is more than the {largest * 1e9:.3g} nm allowed at once"
    if reason is not None:
        return _refused(reason, fine.quality, determined, angle)
    return Shift(
        fine.shift[0] * size,
        fine.shift[1] * size,
        fine.quality,
        determined,
        angle,
        fine.error * size,
        None,
    )


def _refused(
    reason: str,
    quality: float = 0.0,
    determined: Literal["both", "across", "none"] = "none",
    angle: float = 0.0,
) -> Shift:
    return Shift(0.0, 0.0, quality, determined, angle, 0.0, reason)


class _Steady:
    """Counts with the same noise at each level, 2 sqrt(n + 3/8), Anscombe 1948; and their slopes.

    What was filtered once is kept.
    """

    def __init__(self, pixels: npt.ArrayLike) -> None:
        values = 2 * np.sqrt(np.maximum(np.asarray(pixels, float), 0.0) + 0.375)
        self.values: Floats = np.asarray(values - values.mean())
        self._gradients: dict[float, tuple[Floats, Floats]] = {}
        self._halves: dict[float, tuple[Floats, Floats]] = {}

    def gradients(self, scale: float) -> tuple[Floats, Floats]:
        """Return the slopes along x and y."""
        if scale not in self._gradients:
            self._gradients[scale] = _gradients(self.values, scale)
        return self._gradients[scale]

    def halves(self, scale: float) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Return the slopes of the image in two halves, a chessboard's fields, each at full level.

        The mean of both is the whole's, so that only one of them is filtered.
        """
        if scale not in self._halves:
            odd = np.add.outer(*(np.arange(length) for length in self.values.shape)) % 2 == 1
            self._halves[scale] = _gradients(np.where(odd, 2 * self.values, 0.0), scale)
        (x, y), (x1, y1) = self.gradients(scale), self._halves[scale]
        return (x1, y1), (2 * x - x1, 2 * y - y1)


def _gradients(values: Floats, scale: float) -> tuple[Floats, Floats]:
    from scipy.ndimage import gaussian_filter

    return (
        gaussian_filter(values, scale, order=(0, 1), mode="nearest"),
        gaussian_filter(values, scale, order=(1, 0), mode="nearest"),
    )


def _window(shape: tuple[int, ...], shift: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """Return a window that falls to zero at the image's edges, moved by (x, y) pixels."""
    sides = []
    for length, move in ((shape[0], shift[1]), (shape[1], shift[0])):
        place = np.clip((np.arange(length) + 0.5 - move) / length, 0.0, 1.0)
        sides.append(np.sin(np.pi * place) ** 2)
    return np.asarray(sides[0][:, None] * sides[1][None, :])


def _tiles(values: Floats) -> Floats:
    """Return the sums over the image's tiles, shape (TILES * TILES,)."""
    rows, columns = (length // TILES for length in values.shape)
    kept = values[: rows * TILES, : columns * TILES]
    return np.asarray(kept.reshape(TILES, rows, TILES, columns).sum(axis=(1, 3))).ravel()


def _chance(values: Floats, scale: float, window: Floats, density: float) -> float:
    """Return the standard deviation of sum(window x product of gradients) of two noises.

    `density` is the share of an image's noise variance that each has, 2 for a half. The sum's
    variance is sum(window²) x sum over shifts of the gradient's autocorrelation squared.
    """
    noise = float(np.mean(np.diff(values, axis=1) ** 2)) / 2
    return density * noise * math.sqrt(float((window**2).sum()) * _autocorrelation(scale))


@cache
def _autocorrelation(scale: float) -> float:
    """Return the sum over shifts of the squared autocorrelation of a gradient of white noise."""
    point = np.zeros((16 * math.ceil(scale) + 1,) * 2)
    point[point.shape[0] // 2, point.shape[1] // 2] = 1.0
    kernel = _gradients(point, scale)[0]
    return float((_correlation(_transforms([kernel]), [kernel]) ** 2).sum())


def _structure(image: _Steady) -> tuple[Literal["both", "across", "none"], float]:
    """Return in which directions the image has structure, and the strongest one's angle (rad)."""
    (x1, y1), (x2, y2) = image.halves(SCALES[1])
    window = _window(image.values.shape)
    xx, yy = float((x1 * x2 * window).sum()), float((y1 * y2 * window).sum())
    xy = float(((x1 * y2 + y1 * x2) * window).sum()) / 2
    angle = 0.5 * math.atan2(2 * xy, xx - yy)
    middle, half = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    strong, weak = middle + half, middle - half
    least = SURE * _chance(image.values, SCALES[1], window, 2.0)
    if strong < least:
        return "none", angle
    return ("both" if weak > max(least, WEAKEST * strong) else "across"), angle


def _power(image: _Steady, scale: float, window: Floats, only: float | None) -> float:
    """Return sum(window x gradient²) without the noise's share, along `only` (rad) if given."""
    (x1, y1), (x2, y2) = image.halves(scale)
    if only is None:
        return float(((x1 * x2 + y1 * y2) * window).sum())
    cos, sin = math.cos(only), math.sin(only)
    return float(((x1 * cos + y1 * sin) * (x2 * cos + y2 * sin) * window).sum())


@dataclass(frozen=True)
class _Found:
    """A shift at one filter scale, in pixels."""

    shift: tuple[float, float]
    quality: float
    error: float
    at_edge: bool
    """The correlation still rises at the edge of the window it was looked for in."""
    sure: bool
    """What they have in common is more than noise has."""


def _correlate(
    first: _Steady, second: _Steady, scale: float, reach: int, only: float | None
) -> _Found:
    """Return the shift at which the gradients agree best, along `only` (rad) if given.

    Windows draw the correlation towards no shift, so the second image's one is moved by what the
    first try finds.
    """
    gradients = [image.gradients(scale) for image in (first, second)]
    if only is not None:
        cos, sin = math.cos(only), math.sin(only)
        gradients = [(gx * cos + gy * sin, np.zeros_like(gx)) for gx, gy in gradients]
    (x1, y1), (x2, y2) = gradients
    shape = first.values.shape
    fixed = _window(shape)
    known = _transforms([x1 * fixed, y1 * fixed])
    shift = (0.0, 0.0)
    for _ in range(3):
        moved = _window(shape, shift)
        correlation = _correlation(known, [x2 * moved, y2 * moved])
        shift, at_edge = (
            _peak(correlation, reach) if only is None else _peak_along(correlation, reach, only)
        )
    if at_edge:
        return _Found(shift, 0.0, 0.0, at_edge, sure=False)
    shift, error = _refine(first, second, scale, shift, only)
    x3, y3 = _moved_back(x2, shift), _moved_back(y2, shift)
    common = float(((x1 * x3 + y1 * y3) * fixed).sum())
    powers = (
        _power(first, scale, fixed, only),
        _power(second, scale, _window(shape, shift), only),
    )
    alike = common / math.sqrt(powers[0] * powers[1]) if min(powers) > 0 else 0.0
    sure = common > SURE * _chance(first.values, scale, fixed, 1.0)
    return _Found(shift, alike, error, at_edge, sure)


def _transforms(values: Sequence[Floats]) -> list[npt.NDArray[np.complex128]]:
    from scipy import fft

    return [np.asarray(fft.rfft2(each)) for each in values]


def _correlation(first: Sequence[npt.NDArray[np.complex128]], second: Sequence[Floats]) -> Floats:
    """Return the sum of the circular correlations, index = shift of `second`, rows then columns.

    `first` is transformed already.
    """
    from scipy import fft

    product = sum(np.conj(a) * b for a, b in zip(first, _transforms(second), strict=True))
    return np.asarray(fft.irfft2(product, second[0].shape))


def _moved_back(values: Floats, shift: tuple[float, float]) -> Floats:
    """Return the values moved by -shift, in between on lines; beyond the border they go on."""
    for axis, by in ((0, shift[1]), (1, shift[0])):
        at = np.arange(values.shape[axis]) + math.floor(by)
        here, next_ = (values.take(at + i, axis, mode="clip") for i in (0, 1))
        values = here + (by - math.floor(by)) * (next_ - here)
    return values


def _peak(correlation: Floats, reach: int) -> tuple[tuple[float, float], bool]:
    """Return (x, y) of the highest place within `reach` pixels, and whether it is at the edge."""
    rolled = np.roll(correlation, (reach, reach), axis=(0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    row, column = (int(i) for i in np.unravel_index(int(np.argmax(rolled)), rolled.shape))
    if not (0 < row < 2 * reach and 0 < column < 2 * reach):
        return (float(column - reach), float(row - reach)), True
    y = row - reach + _vertex(*rolled[row - 1 : row + 2, column])
    x = column - reach + _vertex(*rolled[row, column - 1 : column + 2])
    return (x, y), False


def _peak_along(correlation: Floats, reach: int, angle: float) -> tuple[tuple[float, float], bool]:
    """Return the highest place within `reach` pixels along `angle`, and if it is at the edge."""
    from scipy.ndimage import map_coordinates

    steps = np.arange(-2 * reach, 2 * reach + 1) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    values = map_coordinates(correlation, [steps * sin, steps * cos], order=3, mode="grid-wrap")
    best = int(np.argmax(values))
    if not 0 < best < len(values) - 1:
        return (float(steps[best]) * cos, float(steps[best]) * sin), True
    along = float(steps[best]) + _vertex(*values[best - 1 : best + 2]) / 2
    return (along * cos, along * sin), False


def _vertex(before: float, top: float, after: float) -> float:
    """Return where the parabola through three values at -1, 0 and 1 is highest."""
    bend = before - 2 * top + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def _refine(
    first: _Steady, second: _Steady, scale: float, shift: tuple[float, float], only: float | None
) -> tuple[tuple[float, float], float]:
    """Return the shift by least squares near `shift`, and its largest standard error (pixels).

    To first order what is left of it is sum(residual x slope) / sum(slope²), the level free;
    the slopes of both images, whose noise is independent, make the denominator. The error is from
    the scatter of the tiles.
    """
    from scipy.ndimage import gaussian_filter

    smooth, other = (
        gaussian_filter(each.values, scale, mode="nearest") for each in (first, second)
    )
    window = _window(first.values.shape)
    axes = [0.0, math.pi / 2] if only is None else [only]
    for _ in range(3):
        residual = _moved_back(other, shift) - smooth
        residual -= (residual * window).sum() / window.sum()
        slopes = [
            [gx * math.cos(axis) + gy * math.sin(axis) for axis in axes]
            for gx, gy in (
                first.gradients(scale),
                [_moved_back(each, shift) for each in second.gradients(scale)],
            )
        ]
        information = np.array([[(a * b * window).sum() for b in slopes[1]] for a in slopes[0]])
        inverse = np.linalg.pinv((information + information.T) / 2)
        scores = np.array(
            [_tiles(residual * (a + b) / 2 * window) for a, b in zip(*slopes, strict=True)]
        )
        left = inverse @ scores.sum(axis=1)
        dx = sum(step * math.cos(axis) for step, axis in zip(left, axes, strict=True))
        dy = sum(step * math.sin(axis) for step, axis in zip(left, axes, strict=True))
        shift = (shift[0] - float(dx), shift[1] - float(dy))
    covariance = inverse @ (scores @ scores.T) @ inverse
    return shift, math.sqrt(float(np.linalg.eigvalsh(covariance)[-1]))


def _doubt(found: list[_Found], reach: int, length: float) -> str | None:
    """Return why the shift is not to be believed, or None."""
    fine, coarse = found
    if fine.at_edge or coarse.at_edge:
        return f"no peak within {reach} pixels: it moved further, or it shows something else"
    if not (fine.sure and coarse.sure) or min(fine.quality, coarse.quality) < ALIKE:
        return "the two images do not show the same; use more dose, or survey again"
    apart = math.dist(fine.shift, coarse.shift)
    if apart > AGREE + 3 * math.hypot(fine.error, coarse.error):
        return f"two filters disagree by {apart:.1f} pixels; use more dose or another place"
    if fine.error > max(1.0, length / 2):
        return f"uncertain by {fine.error:.1f} pixels; use more dose"
    return None
