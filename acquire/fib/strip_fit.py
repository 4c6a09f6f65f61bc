"""The least-squares fit of a lamella's brightness, all together and piece by piece."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from acquire.fib import strip_model as model
from acquire.fib.band import PARTS, Band, places
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

MARGIN = 0.3e-6
"""Of the dark trench on each side that is fitted with it, m."""
STARTS = ((30e-9, 0.2), (5e-9, 0.4), (70e-9, 0.05))
"""Leans (m) and edges from which the fit begins: it has more than one minimum."""
NARROWEST = 0.3
"""Share of the band's width at half its height that the top has at least."""
ALSO = 6.0
"""A minimum is kept beside the best one if its chi² is at most so much more."""
SAME = 0.2
"""Standard errors within which two minima are one."""
ROUGHLY, FINELY = 1e-5, 1e-6
"""By which share chi² may still fall where a fit rests: to begin another, and the last one's."""
CORRELATED = 1.5
"""Pieces are not independent: grains reach from one to the next. Ours, to verify."""
BAD = 8.0
"""Times the noise at which what is left of the fit says that it is not such a band."""
BLUR, OF_PIXELS = 70e-9, 2.0
"""Largest blur (standard deviation) at which a thickness is told, m, or in pixels where that is
more: of a thick lamella a wide image tells enough."""


@dataclass(frozen=True)
class StripFit:
    """Values with their standard errors (m), without the systematic of the spot."""

    middle: tuple[float, float]
    top: tuple[float, float]
    outer: tuple[float, float]
    at_interface: tuple[float, float]
    blur: float
    pieces: Floats
    """Thickness at the interface of each piece along u."""
    piece_sigma: float
    """Standard error of one of them against the others."""

    @property
    def waviness(self) -> float:
        """Scatter of the pieces beyond their errors, m."""
        return math.sqrt(max(0.0, float(self.pieces.var(ddof=1)) - self.piece_sigma**2))


@dataclass(frozen=True)
class _Data:
    """The part of the image around the band."""

    pixels: Floats
    noise: Floats
    """Variance of each pixel, from its neighbour along u."""
    v: Floats
    u: Floats
    size: float
    slope: float
    """dv/du of the band."""
    share: float
    """Depth of the interface by that of the lamella's bottom."""


@dataclass(frozen=True)
class _Profile:
    """Mean brightness over w = v - slope u; sigma is the standard error of each."""

    w: Floats
    values: Floats
    sigma: Floats
    counting: Floats
    """The part of it that is of counting alone."""


def fit_strip(
    picture: BeamPicture, columns: npt.NDArray[np.intp], band: Band, share: float
) -> StripFit | str:
    """Return the fit of the band over the given columns, or why it is none.

    `share` is the depth of the interface by that of the bottom.
    """
    data = _data(picture, columns, band, share)
    profile = _profile(data)
    found = _fits(profile, band, share, _starts(profile, band), ROUGHLY)
    turn = _turn(found[0].x, data)
    if abs(turn) * float(np.ptp(data.u)) > 0.1 * data.size:
        data = replace(data, slope=data.slope + turn)
        profile = _profile(data)
        found = _fits(profile, band, share, [each.x for each in found], ROUGHLY)
    sharper = _sharper(profile, found[0].x, data)
    found = _fits(sharper, band, share, [each.x for each in found], FINELY)
    if found[0].chi2 > BAD**2:
        return "the image does not look like a lamella between trenches; look at it"
    blur = float(found[0].x[model.BLUR])
    if blur > max(BLUR, OF_PIXELS * data.size):
        return f"edges are blurred over {blur * 1e9:.0f} nm; focus, or wait for rest"
    return _result(found, data)


def _data(picture: BeamPicture, columns: npt.NDArray[np.intp], band: Band, share: float) -> _Data:
    size = picture.pixel_size
    v, u = (places(count, size) for count in picture.pixels.shape)
    turned = abs(band.slope) * float(np.abs(u[columns]).max())
    rows = (v > band.clear_above - MARGIN - turned) & (v < band.clear_below + MARGIN + turned)
    pixels = np.asarray(picture.pixels[rows][:, columns], float)
    noise = np.diff(pixels, axis=1, prepend=pixels[:, 1:2]) ** 2 / 2
    return _Data(pixels, noise, v[rows], u[columns], size, band.slope, share)


def _profile(data: _Data) -> _Profile:
    """Return the brightness averaged along the band, each pixel used once.

    Its error is that of counting, or the scatter of the pieces along u where that is larger.
    """
    w = data.v[:, None] - data.slope * data.u
    first = data.v[0] + float(np.abs(data.slope * data.u).max())
    count = int((data.v[-1] - 2 * first + data.v[0]) / data.size)
    index = np.clip(np.floor((w - first) / data.size + 0.5), -1, count).astype(int) + 1
    part = np.arange(len(data.u)) * PARTS // len(data.u)
    which = (index + (count + 2) * part).ravel()

    def summed(values: Floats) -> Floats:
        whole = np.bincount(which, weights=values.ravel(), minlength=(count + 2) * PARTS)
        return np.asarray(whole.reshape(PARTS, count + 2)[:, 1:-1])

    n, total = summed(np.ones_like(w)), summed(data.pixels)
    full = (n > 0).all(axis=0)
    n, total, variance, at = (each[:, full] for each in (n, total, summed(data.noise), summed(w)))
    number = n.sum(axis=0)
    counting = variance.sum(axis=0) / number**2
    scatter = CORRELATED * (total / n).var(axis=0, ddof=1) / PARTS
    smooth = np.convolve(np.pad(np.maximum(counting, scatter), 1, "edge"), np.ones(3) / 3, "valid")
    floor = 0.1 * float(np.median(smooth)) + 1e-6
    return _Profile(
        at.sum(axis=0) / number,
        total.sum(axis=0) / number,
        np.sqrt(np.maximum(smooth, floor)),
        np.sqrt(counting),
    )


def _sharper(profile: _Profile, x: Floats, data: _Data) -> _Profile:
    """Return a profile with the errors that are left once each piece has its own brightness.

    Grains make top and faces of a piece brighter all across, curtains make it wider or set it
    aside: that says nothing against the shape of their mean.
    """
    pieces = _pieces(x, data)
    across = np.array(
        [np.interp(profile.w, at, each) for at, each in zip(pieces.at, pieces.left, strict=True)]
    )
    scatter = CORRELATED * (across**2).mean(axis=0) / PARTS
    smooth = np.convolve(np.pad(scatter, 1, "edge"), np.ones(3) / 3, "valid")
    return replace(
        profile, sigma=np.minimum(profile.sigma, np.hypot(profile.counting, smooth**0.5))
    )


@dataclass(frozen=True)
class _Minimum:
    """Where the fit came to rest."""

    x: Floats
    covariance: Floats
    chi2: float
    """Mean over the profile."""
    cost: float
    """What was minimised, chi² with priors; of those found, above the best one's."""

    def same_as(self, other: _Minimum) -> bool:
        """True if the two lie within a part of their standard errors."""
        off = np.abs(self.x - other.x)
        return bool((off <= SAME * np.sqrt(np.maximum(other.covariance.diagonal(), 0.0))).all())


@dataclass
class _Problem:
    """Least squares over scaled parameters y = x / scale."""

    profile: _Profile
    share: float
    scale: Floats
    _last: tuple[bytes, model.Course] | None = None

    def _course(self, x: Floats) -> model.Course:
        """Return the course at x: residuals and slopes are asked for at the same places."""
        key = x.tobytes()
        if self._last is None or self._last[0] != key:
            self._last = key, model.Course(x, self.profile.w, self.share)
        return self._last[1]

    def off(self, y: Floats) -> Floats:
        """Return the residuals, shape (n,)."""
        x = y * self.scale
        rest = self.profile.values - self._course(x).values
        return np.concatenate([rest / self.profile.sigma, model.unusual(x)])

    def slopes(self, y: Floats) -> Floats:
        """Return the derivatives of the residuals, shape (n, len(NAMES))."""
        x = y * self.scale
        rest = -self._course(x).slopes() / self.profile.sigma
        return np.concatenate([rest.T, model.unusual_slopes(x)]) * self.scale


def _starts(profile: _Profile, band: Band) -> list[Floats]:
    """Return where the first fit begins."""
    dark = [float(profile.values[part].mean()) + 0.01 for part in (slice(8), slice(-8, None))]
    bright = float(np.quantile(profile.values, 0.98))
    middle, tall = (band.top + band.bottom) / 2, band.bottom - band.top
    usual = [0.75, 0.45, 0.45]
    rim = [25e-9, 12e-9, model.CONVEX[0]]
    starts = []
    for lean, edge in STARTS:
        metres = [middle, max(tall - lean, 20e-9), lean, lean, 20e-9]
        starts.append(np.array([*metres, *dark, bright, *usual, edge, *rim]))
    return starts


def _fits(
    profile: _Profile, band: Band, share: float, starts: Sequence[Floats], close: float
) -> list[_Minimum]:
    """Return the minima, best first, each once.

    A fit has come to rest when its chi² falls by less than the share `close` in a step.
    """
    bright, dark = float(np.quantile(profile.values, 0.98)), profile.values[[0, -1]].mean()
    scale = model.sizes(max(bright - dark, 1.0))
    problem = _Problem(profile, share, scale)
    low = model.LOW.copy()
    low[model.TOP] = max(low[model.TOP], NARROWEST * (band.bottom - band.top))
    minima = sorted(
        (_minimum(problem, start, low, close) for start in starts), key=lambda each: each.cost
    )
    best, worse = minima[0], max(1.0, minima[0].chi2)
    kept: list[_Minimum] = []
    for each in minima:
        if not any(each.same_as(other) for other in kept):
            above = (each.cost - best.cost) / worse
            kept.append(replace(each, cost=above, covariance=each.covariance * worse))
    return kept


def _minimum(problem: _Problem, start: Floats, low: Floats, close: float) -> _Minimum:
    """Return the minimum that a fit from `start` finds."""
    from scipy.optimize import least_squares

    scale = problem.scale
    found = least_squares(
        problem.off,
        np.clip(start, 1.001 * low + 1e-12, model.HIGH) / scale,
        problem.slopes,
        bounds=(low / scale, model.HIGH / scale),
        x_scale="jac",
        max_nfev=60,
        ftol=close,
    )
    chi2 = float((found.fun[: len(problem.profile.w)] ** 2).mean())
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * np.outer(scale, scale)
    return _Minimum(found.x * scale, covariance, chi2, 2 * found.cost)


def _turn(x: Floats, data: _Data) -> float:
    """Return by how much the band is turned further (dv/du), from the middles of its pieces."""
    pieces = _pieces(x, data)
    return float(np.polyfit(pieces.u, pieces.middles, 1)[0])


@dataclass(frozen=True)
class _Pieces:
    """The band's pieces along u; m and brightness."""

    widths: Floats
    middles: Floats
    """Aside of where the whole band is."""
    error: float
    """Standard error of a width."""
    u: Floats
    at: Floats
    """Places over w of the pixels, shape (PARTS, n)."""
    left: Floats
    """What the pieces leave unexplained there."""


def _pieces(x: Floats, data: _Data) -> _Pieces:
    """Return the pieces, each with its own width, place and brightness of top and faces.

    One step of least squares; the rest is held.
    """
    blocks = np.array_split(np.arange(len(data.u)), PARTS)
    at = np.array([data.u[block].mean() for block in blocks])
    w = data.v - data.slope * at[:, None]
    course = model.Course(x, w.ravel(), data.share)
    by = course.slopes()
    free = np.stack([by[model.TOP], by[model.MIDDLE], by[model.BRIGHT], course.by_face(by)])
    variance = np.array([data.noise[:, block].mean(axis=1) for block in blocks]) + 1e-6
    least = np.median(variance, axis=1, keepdims=True)
    long = np.array([len(block) for block in blocks])[:, None]
    sigma = np.sqrt(np.maximum(variance, least) / long)
    slopes = np.moveaxis(free.reshape(len(free), *w.shape), 0, 2) / sigma[:, :, None]
    turned = np.moveaxis(slopes, 1, 2)
    inverse = np.linalg.pinv(turned @ slopes)
    values = np.array([data.pixels[:, block].mean(axis=1) for block in blocks])
    rest = (values - course.values.reshape(w.shape)) / sigma
    off = inverse @ turned @ rest[:, :, None]
    left = (rest[:, :, None] - slopes @ off)[:, :, 0] * sigma
    error = math.sqrt(float(np.mean(inverse[:, 0, 0])))
    return _Pieces(x[1] + off[:, 0, 0], off[:, 1, 0], error, at, w, left)


def _result(found: list[_Minimum], data: _Data) -> StripFit:
    """Return the mean over the minima by how likely each is; their spread widens the errors."""
    x = found[0].x
    found = [each for each in found if each.cost <= ALSO]
    cos = math.cos(math.atan(data.slope))
    likely = np.array([math.exp(-each.cost / 2) for each in found])
    likely /= likely.sum()
    pieces = _pieces(x, data)

    def mean(of: Callable[[Floats], tuple[float, Floats]]) -> tuple[float, float]:
        """Return the mean and error of a function of the parameters that gives its slopes too."""
        each = [of(minimum.x) for minimum in found]
        values = np.array([value for value, _ in each])
        within = np.array(
            [
                max(0.0, float(slopes @ minimum.covariance @ slopes))
                for (_, slopes), minimum in zip(each, found, strict=True)
            ]
        )
        middle = float(likely @ values)
        return middle, math.sqrt(float(likely @ (within + (values - middle) ** 2)))

    def width(of: Callable[[Floats], tuple[float, Floats]]) -> tuple[float, float]:
        value, error = mean(of)
        return value * cos, error

    at_interface = width(lambda x: model.at_interface(x, data.share))
    return StripFit(
        mean(_middle),
        width(_top),
        width(_outer),
        at_interface,
        float(x[model.BLUR]),
        (pieces.widths - float(x[model.TOP])) * cos + at_interface[0],
        pieces.error,
    )


def _sum(x: Floats, *which: int) -> tuple[float, Floats]:
    """Return the sum of some parameters, and its derivatives."""
    slopes = np.zeros(len(x))
    slopes[list(which)] = 1.0
    return float(slopes @ x), slopes


def _middle(x: Floats) -> tuple[float, Floats]:
    return _sum(x, model.MIDDLE)


def _top(x: Floats) -> tuple[float, Floats]:
    return _sum(x, model.TOP)


def _outer(x: Floats) -> tuple[float, Floats]:
    return _sum(x, model.TOP, model.LEFT, model.RIGHT)
