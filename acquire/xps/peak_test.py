"""Is there a peak? A one-sided Poisson likelihood ratio, its position free, background profiled.

The expected counts are linear in all that is fitted: the background's columns and the area of one
peak. At each place that a peak may have, the likelihood with the peak is compared with the one
without. The signed root of the ratio, sign(area) * sqrt(2 ln ratio), is standard normal where there
is no peak. Its largest value over the places exceeds z with the probability

    tail(z) + length / (2 pi) * exp(-z^2 / 2)

where `length` is that of the path which the templates, as unit vectors, follow from the first place
to the last: their angles added up (Davies, Biometrika 74, 33, 1987; exact but for doubling back,
which makes it an upper bound). So no threshold needs a simulation; blanks confirm it
(`tests/campaigns/xps_power.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import norm

Floats = npt.NDArray[np.float64]

SCORINGS = 4
"""Fisher scorings from the null; a root then changes by less than 1e-3."""
LEAST = 1e-3
"""Of a spectrum's mean: expected counts are not below it while the fit goes on."""


@dataclass(frozen=True)
class Roots:
    """What the spectra say of a peak at each place, arrays of shape (spectra, places)."""

    root: Floats
    """Standard normal where there is no peak."""
    area: Floats
    """Counts of the peak that fits best, of either sign."""
    information: Floats
    """Of the area where there is no peak, per count squared."""
    background: Floats
    """Expected counts without a peak, shape (spectra, channels)."""
    angles: Floats
    """Between neighbouring places' templates, rad, shape (spectra, places - 1)."""


def roots(counts: Floats, columns: Floats, peaks: Floats, precision: Floats) -> Roots:
    """Test each of `peaks` (places, channels) on each of `counts` (spectra, channels).

    `columns` (k, channels) make up the background, its coefficients with the prior `precision`
    (spectra, k) about 0.
    """
    floor = LEAST * np.maximum(counts.mean(axis=1, keepdims=True), 1e-6)
    start = np.zeros((len(counts), len(columns)))
    start[:, 0] = counts.mean(axis=1)
    level = _scored(counts, start, columns[None], precision, floor)
    background = np.maximum(level @ columns, floor)
    designs = np.concatenate(
        [np.broadcast_to(columns, (len(peaks), *columns.shape)), peaks[:, None]], axis=1
    )
    places, (spectra, channels) = len(peaks), counts.shape
    both = np.zeros((spectra, places, len(columns) + 1))
    both[:, :, :-1] = level[:, None]
    held = np.zeros_like(both)
    held[:, :, :-1] = precision[:, None]
    many = np.broadcast_to(counts[:, None], (spectra, places, channels))
    floors = np.broadcast_to(floor[:, None], (spectra, places, 1))
    both = _scored(many, both, designs[None], held, floors)
    expected = np.maximum(np.einsum("rpk,pkn->rpn", both, designs), floors)
    gain = np.einsum("rn,rpn->rp", counts, np.log(expected / background[:, None]))
    gain -= (expected - background[:, None]).sum(axis=2)
    loss = 0.5 * (held * both**2).sum(axis=2) - 0.5 * (precision * level**2).sum(axis=1)[:, None]
    area = both[:, :, -1]
    root = np.sign(area) * np.sqrt(2 * np.maximum(gain - loss, 0.0))
    information, angles = _geometry(background, columns, peaks, precision)
    return Roots(root, area, information, background, angles)


def _scored(y: Floats, start: Floats, columns: Floats, precision: Floats, floor: Floats) -> Floats:
    """Return the coefficients of the largest penalised likelihood, by Fisher scoring.

    Arrays end in (channels) or (k); `columns` in (k, channels). The rest are batches.
    """
    theta = start
    for _ in range(SCORINGS):
        mu = np.maximum((theta[..., None, :] @ columns)[..., 0, :], floor)
        weighted = columns / mu[..., None, :]
        slope = (weighted @ (y - mu)[..., None])[..., 0] - precision * theta
        curvature = weighted @ np.swapaxes(columns, -1, -2)
        curvature = curvature + precision[..., None] * np.eye(precision.shape[-1])
        theta = theta + np.linalg.solve(curvature, slope[..., None])[..., 0]
    return theta


def _geometry(
    background: Floats, columns: Floats, peaks: Floats, precision: Floats
) -> tuple[Floats, Floats]:
    """Return the information of each place's area, and the angles between neighbours."""
    weighted = peaks / background[:, None]
    cross = weighted @ columns.T
    own = (columns / background[:, None]) @ columns.T
    own = own + precision[:, :, None] * np.eye(len(columns))
    taken = np.linalg.solve(own, np.swapaxes(cross, 1, 2))
    information = np.einsum("rpn,pn->rp", weighted, peaks)
    information -= np.einsum("rpk,rkp->rp", cross, taken)
    beside = np.einsum("rpn,pn->rp", weighted[:, :-1], peaks[1:])
    beside -= np.einsum("rpk,rkp->rp", cross[:, :-1], taken[:, :, 1:])
    cosine = beside / np.sqrt(information[:, :-1] * information[:, 1:])
    return np.asarray(information), np.arccos(np.clip(cosine, -1.0, 1.0))


def chance(root: float, lengths: Sequence[float]) -> float:
    """Return how likely the largest root exceeds `root` where there is no peak.

    `lengths` are of the paths (rad), one for each separate stretch of places.
    """
    around = sum(lengths) / (2 * math.pi) * math.exp(-(root**2) / 2)
    return float(len(lengths) * norm.sf(root)) + around


def threshold(chance_of_false_alarm: float, lengths: Sequence[float]) -> float:
    """Return the root that is exceeded with this probability where there is no peak."""
    return float(brentq(lambda z: chance(z, lengths) - chance_of_false_alarm, 0.0, 40.0))
