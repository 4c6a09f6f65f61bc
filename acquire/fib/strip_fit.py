"""The least-squares fit of a lamella's brightness, all together and piece by piece."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from acquire.fib import strip_model as model
from acquire.fib.band import PARTS, Band, places
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

MARGIN = 0.3e-6
"""Of the dark trench on each side that is fitted with it, m."""
STARTS = ((30e-9, 0.1), (5e-9, 0.3), (70e-9, 0.0))
"""Leans (m) and edges from which the fit begins: it has more than one minimum."""
ALSO = 6.0
"""A minimum is kept beside the best one if its chi² is at most so much more."""
BAD = 8.0
"""Times the noise at which what is left of the fit says that it is not such a band."""
BLUR = 70e-9
"""Largest blur (standard deviation) at which a thickness is told, m."""


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
    """Variance of each pixel, from its neighbours along u; shape as `pixels` less one column."""
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


def fit_strip(
    picture: BeamPicture, columns: npt.NDArray[np.intp], band: Band, share: float
) -> StripFit | str:
    """Return the fit of the band over the given columns, or why it is none.

    `share` is the depth of the interface by that of the bottom.
    """
    data = _data(picture, columns, band, share)
    found = _fits(_profile(data), band, share)
    turn = _turn(found[0][0], data)
    if abs(turn) * float(np.ptp(data.u)) > 0.1 * data.size:
        data = replace(data, slope=data.slope + turn)
        found = _fits(_profile(data), band, share)
    x, _, chi2 = found[0]
    if chi2 > BAD**2:
        return "the image does not look like a lamella between trenches; look at it"
    if x[model.BLUR] > BLUR:
        return f"edges are blurred over {x[model.BLUR] * 1e9:.0f} nm; focus, or wait for rest"
    return _result(found, data)


def _data(picture: BeamPicture, columns: npt.NDArray[np.intp], band: Band, share: float) -> _Data:
    size = picture.pixel_size
    v, u = (places(count, size) for count in picture.pixels.shape)
    turned = abs(band.slope) * float(np.abs(u[columns]).max())
    rows = (v > band.clear_above - MARGIN - turned) & (v < band.clear_below + MARGIN + turned)
    pixels = np.asarray(picture.pixels[rows][:, columns], float)
    noise = np.diff(pixels, axis=1) ** 2 / 2
    return _Data(pixels, noise, v[rows], u[columns], size, band.slope, share)


def _profile(data: _Data) -> _Profile:
    """Return the brightness averaged along the band, each pixel used once."""
    w = data.v[:, None] - data.slope * data.u
    first = data.v[0] + float(np.abs(data.slope * data.u).max())
    index = np.floor((w - first) / data.size + 0.5).astype(int)
    count = int((data.v[-1] - data.v[0] - 2 * (first - data.v[0])) / data.size)
    inside = (index >= 0) & (index < count)
    which = index[inside]
    n = np.maximum(np.bincount(which, minlength=count), 1)
    at, values = (
        np.bincount(which, weights=each[inside], minlength=count) / n for each in (w, data.pixels)
    )
    held = inside[:, 1:]
    pairs = np.maximum(np.bincount(index[:, 1:][held], minlength=count), 1)
    variance = np.bincount(index[:, 1:][held], weights=data.noise[held], minlength=count) / pairs
    full = n > 0.5 * len(data.u)
    floor = 0.1 * float(np.median(variance[full])) + 1e-6
    return _Profile(at[full], values[full], np.sqrt(np.maximum(variance, floor) / n)[full])


def _fits(profile: _Profile, band: Band, share: float) -> list[tuple[Floats, Floats, float]]:
    """Return parameters, their covariance and mean chi² of the minima that fit, best first."""
    from scipy.optimize import least_squares

    dark = [float(profile.values[part].mean()) for part in (slice(0, 8), slice(-8, None))]
    bright = float(np.quantile(profile.values, 0.98))
    scale = model.sizes(max(bright - sum(dark) / 2, 1.0))

    def off(y: Floats) -> Floats:
        x = y * scale
        rest = profile.values - model.brightness(x, profile.w - x[0], share, x[1])
        return np.concatenate([rest / profile.sigma, model.unusual(x)])

    minima = []
    for lean, edge in STARTS:
        width = max(band.bottom - band.top - lean, 20e-9)
        middle = (band.top + band.bottom) / 2
        start = [middle, width, lean, lean, 20e-9, *dark, bright, 0.5, 0.4, edge, 15e-9]
        found = least_squares(
            off,
            np.clip(start, model.LOW + 1e-12, model.HIGH) / scale,
            bounds=(model.LOW / scale, model.HIGH / scale),
            x_scale="jac",
            max_nfev=60,
            ftol=1e-6,
        )
        worse = float((found.fun[: len(profile.w)] ** 2).mean())
        covariance = np.linalg.pinv(found.jac.T @ found.jac) * np.outer(scale, scale)
        minima.append((2 * found.cost, found.x * scale, covariance * max(1.0, worse), worse))
    minima.sort(key=lambda each: each[0])
    limit = minima[0][0] + ALSO * max(1.0, minima[0][3])
    return [(x, covariance, worse) for cost, x, covariance, worse in minima if cost <= limit]


def _turn(x: Floats, data: _Data) -> float:
    """Return by how much the band is turned further (dv/du), from the middles of its pieces."""
    _, middles, _, u = _pieces(x, data)
    return float(np.polyfit(u, middles, 1)[0])


def _pieces(x: Floats, data: _Data) -> tuple[Floats, Floats, float, Floats]:
    """Return width and middle of each piece with the rest held, a width's error, and u.

    One step of least squares.
    """
    small = 1e-9
    blocks = np.array_split(np.arange(len(data.u)), PARTS)
    widths, middles, errors = [], [], []
    for block in blocks:
        w = data.v - x[0] - data.slope * float(data.u[block].mean())
        base = model.brightness(x, w, data.share, x[1])
        by_top = (model.brightness(x, w, data.share, x[1] + small) - base) / small
        by_place = (model.brightness(x, w - small, data.share, x[1]) - base) / small
        variance = data.noise[:, block[:-1]].mean(axis=1) + 1e-6
        sigma = np.sqrt(np.maximum(variance, np.median(variance)) / len(block))
        slopes = np.stack([by_top, by_place], axis=1) / sigma[:, None]
        inverse = np.linalg.pinv(slopes.T @ slopes)
        rest = (data.pixels[:, block].mean(axis=1) - base) / sigma
        by, aside = inverse @ slopes.T @ rest
        widths.append(x[1] + by)
        middles.append(aside)
        errors.append(inverse[0, 0])
    at = np.array([data.u[block].mean() for block in blocks])
    return np.array(widths), np.array(middles), math.sqrt(float(np.mean(errors))), at


def _result(found: list[tuple[Floats, Floats, float]], data: _Data) -> StripFit:
    """Return what the best minimum says; the others widen its errors."""
    x = found[0][0]
    cos = math.cos(math.atan(data.slope))
    lean = (x[model.LEFT] + x[model.RIGHT]) * data.share
    widths, _, own, _ = _pieces(x, data)

    def value(*weights: float) -> tuple[float, float]:
        along = np.zeros(len(x))
        along[: len(weights)] = weights
        spread = max(abs(float(along @ (other - x))) for other, _, _ in found)
        error = math.sqrt(max(0.0, float(along @ found[0][1] @ along)))
        return float(along @ x) * cos, math.hypot(error, spread)

    return StripFit(
        (float(x[0]), value(1.0)[1]),
        value(0.0, 1.0),
        value(0.0, 1.0, 1.0, 1.0),
        value(0.0, 1.0, data.share, data.share),
        float(x[model.BLUR]),
        (widths + lean) * cos,
        own,
    )
