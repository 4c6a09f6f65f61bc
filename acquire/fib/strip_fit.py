"""The least-squares fit of the lamella's profile: a bright top, two leaning faces, dark trenches.

Model of the brightness over w, across the band: trench, face below the interface, face above it,
top, and the same down again; each step an error function with one blur for all. Brighter edges are
a Gaussian on each edge of the top. Parameters that a steep face leaves open are held by what is
physically possible (priors), so that the errors stay honest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.fib.band import PARTS, Band, places
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

MARGIN = 0.3e-6
"""Of the dark trench on each side that is fitted with it, m."""
FACE = (0.45, 0.25)
"""Brightness of a face between trench (0) and top (1), and how far it may be off: a prior."""
LEAN = 0.03
"""Tangent of a face's lean that is usual (taper of 1 to 2 deg [lit]): width of a prior."""
BAD = 8.0
"""Times the noise at which what is left of the fit says that it is not such a band."""
BLUR = 60e-9
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
    of_mean: float
    """Standard error of their mean, from their scatter."""

    @property
    def waviness(self) -> float:
        """Scatter of the pieces beyond their errors, m."""
        return math.sqrt(max(0.0, float(self.pieces.var(ddof=1)) - self.piece_sigma**2))


@dataclass(frozen=True)
class _Data:
    """Profiles of the pieces, shape (pieces, rows), with where they are."""

    values: Floats
    sigma: Floats
    v: Floats
    u: Floats
    size: float
    share: float
    """Depth of the interface by that of the lamella's bottom."""


def fit_strip(
    picture: BeamPicture, columns: npt.NDArray[np.intp], band: Band, share: float
) -> StripFit | str:
    """Return the fit of the band over the given columns, or why it is none.

    `share` is the depth of the interface by that of the bottom.
    """
    from scipy.optimize import least_squares

    data = _data(picture, columns, band, share)
    start, scale, low, high = _start(data, band)
    found = least_squares(
        lambda x: _residuals(x * scale, data),
        start / scale,
        bounds=(low / scale, high / scale),
        x_scale="jac",
        max_nfev=60,
    )
    x = found.x * scale
    if x[5] > BLUR:
        return f"edges are blurred over {x[5] * 1e9:.0f} nm; focus, or wait until it is steady"
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * np.outer(scale, scale)
    worse = max(1.0, float((found.fun[: data.values.size] ** 2).mean()))
    if worse > BAD**2:
        return "the image does not look like a lamella between trenches; look at it"
    return _result(x, covariance * worse, data)


def _data(picture: BeamPicture, columns: npt.NDArray[np.intp], band: Band, share: float) -> _Data:
    size = picture.pixel_size
    v, u = (places(count, size) for count in picture.pixels.shape)
    turned = abs(band.slope) * float(np.abs(u[columns]).max())
    rows = (v > band.clear_above - MARGIN - turned) & (v < band.clear_below + MARGIN + turned)
    pixels = np.asarray(picture.pixels[rows][:, columns], float)
    blocks = np.array_split(np.arange(len(columns)), PARTS)
    values = np.array([pixels[:, block].mean(axis=1) for block in blocks])
    scatter = np.array(
        [pixels[:, block].var(axis=1, ddof=1) / len(block) for block in blocks]
    ).mean(axis=0)
    at = np.array([u[columns[block]].mean() for block in blocks])
    floor = max(float(np.median(scatter)) * 0.1, 1e-6)
    sigma = np.sqrt(np.maximum(scatter, floor))
    return _Data(values, np.broadcast_to(sigma, values.shape), v[rows], at, size, share)


NAMES = ("middle", "slope", "top", "left lean", "right lean", "blur", "dark left", "dark right",
         "bright", "face above", "face below", "edge")  # fmt: skip


def _start(data: _Data, band: Band) -> tuple[Floats, Floats, Floats, Floats]:
    """Return first values, their usual sizes, and bounds; in the order of NAMES."""
    dark, bright = float(data.values.min(axis=1).mean()), float(data.values.mean(axis=0).max())
    width = band.bottom - band.top + data.size
    lean, rise = 40e-9, max(bright - dark, 1.0)
    start = [(band.top + band.bottom) / 2, band.slope, max(width - lean, 20e-9), lean, lean, 15e-9,
             dark, dark, bright, FACE[0], FACE[0] * 0.8, 0.05]  # fmt: skip
    scale = [10e-9, 1e-3, 20e-9, 20e-9, 20e-9, 10e-9, rise, rise, rise, 1.0, 1.0, 1.0]
    low = [-3e-6, -0.08, 5e-9, 0.0, 0.0, 2e-9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    high = [3e-6, 0.08, 4e-6, 0.8e-6, 0.8e-6, 0.2e-6, 1e9, 1e9, 1e9, 1.2, 1.2, 2.0]
    return np.array(start), np.array(scale), np.array(low), np.array(high)


def _model(x: Floats, w: Floats, share: float, *, top: Floats | float) -> Floats:
    """Return the brightness at w, from the band's middle; `top` is the top's width there."""
    from scipy.special import ndtr

    left, right, blur, dark_left, dark_right, bright, above, below, edge = x[3:12]
    dark = (dark_left + dark_right) / 2
    rise = bright - dark
    total = np.zeros(np.broadcast_shapes(w.shape, np.shape(top)))
    for sign, lean, level in ((1, left, dark_left), (-1, right, dark_right)):
        out = -sign * w - top / 2
        total += (level - dark) * ndtr((out - lean) / blur)
        edges = [ndtr((depth * lean - out) / blur) for depth in (0.0, share, 1.0)]
        total += rise * (above * (edges[1] - edges[0]) + below * (edges[2] - edges[1]))
        total += rise * edge * np.exp(-0.5 * (out / blur) ** 2)
    inside = ndtr((w + top / 2) / blur) - ndtr((w - top / 2) / blur)
    return np.asarray(dark + total + rise * inside)


def _residuals(x: Floats, data: _Data) -> Floats:
    w = data.v[None, :] - x[0] - x[1] * data.u[:, None]
    left = ((data.values - _model(x, w, data.share, top=x[2])) / data.sigma).ravel()
    priors = [
        (x[9] - FACE[0]) / FACE[1],
        (x[10] - 0.8 * FACE[0]) / FACE[1],
        x[11] / 0.5,
    ]
    return np.concatenate([left, priors])


def _result(x: Floats, covariance: Floats, data: _Data) -> StripFit:
    cos = math.cos(math.atan(x[1]))
    pieces, own = _pieces(x, data)
    lean = (x[3] + x[4]) * data.share

    def error(*weights: tuple[int, float]) -> float:
        along = np.zeros(len(x))
        for index, weight in weights:
            along[index] = weight
        return math.sqrt(max(0.0, float(along @ covariance @ along)))

    s = data.share
    of_mean = float(pieces.std(ddof=1)) / math.sqrt(len(pieces))
    at_interface = error((2, 1.0), (3, s), (4, s))
    return StripFit(
        (float(x[0]), error((0, 1.0))),
        (float(x[2]) * cos, error((2, 1.0))),
        (float(x[2] + x[3] + x[4]) * cos, error((2, 1.0), (3, 1.0), (4, 1.0))),
        (float(x[2] + lean) * cos, math.hypot(at_interface, of_mean)),
        float(x[5]),
        (pieces + lean) * cos,
        own,
        of_mean,
    )


def _pieces(x: Floats, data: _Data) -> tuple[Floats, float]:
    """Return the width of the top of each piece with the rest of the model held, and its error.

    One step of least squares for width and middle of each piece.
    """
    w = data.v[None, :] - x[0] - x[1] * data.u[:, None]
    small = 1e-9
    base = _model(x, w, data.share, top=x[2])
    by_top = (_model(x, w, data.share, top=x[2] + small) - base) / small
    by_place = (_model(x, w - small, data.share, top=x[2]) - base) / small
    widths, errors = [], []
    for k, rest in enumerate(data.values - base):
        slopes = np.stack([by_top[k], by_place[k]], axis=1) / data.sigma[k][:, None]
        inverse = np.linalg.pinv(slopes.T @ slopes)
        widths.append(x[2] + (inverse @ slopes.T @ (rest / data.sigma[k]))[0])
        errors.append(inverse[0, 0])
    return np.array(widths), math.sqrt(float(np.mean(errors)))
