"""How an element's counts fall with dose: whether they do, at which dose, and how sure that is.

Pure: counts per exposure and their errors in, figures out. Of an element

    n(D) = n0 (f + (1 - f) exp(-D / Dc))

is there after a dose D (reference/xps-and-eds.md 5, "mass loss exponential in dose"), averaged over
the dose that each exposure gives. The counts are sums over many X-rays with known Poisson errors,
so the likelihood is Gaussian; for each 1/Dc on a grid n0 and f, within 0 to 1, are solved
for, so a profile likelihood is exact up to the grid.

f and Dc are hardly ever determined apart, as a series that ends at a fraction of Dc is a straight
line. What is determined, and matters, is the dose at which a given share is gone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST = 5
"""Exposures from which on a fall is looked for."""
RATES = 320
"""Values of 1/Dc tried."""
SHORTEST, LONGEST = 0.02, 300.0
"""Ends of Dc, per dose of the series, when a fall is looked for."""
RESOLVED = 0.1
"""Shortest Dc, per dose of the series, of which figures are given. What goes within an exposure or
two cannot be told from a higher level before, so without such an end no dose would be known to be
borne. Ours; a series that says that it is passed gives no figures (`too_fast`)."""
LOSS_DOSES = 800
"""Doses of a loss tried, from a thousandth to a thousand times the dose of the series."""
SPREAD = 1e3


@dataclass(frozen=True)
class DoseSeries:
    """One element's counts over a series of exposures of one area; each array one per exposure."""

    before: Floats
    """Dose that the area had before each exposure, e/Å²."""
    during: Floats
    """Dose of each exposure, e/Å²."""
    counts: Floats
    """Net counts per exposure, relative to what was listened to; any unit."""
    errors: Floats
    """Standard errors of `counts`."""

    @property
    def end(self) -> float:
        """Dose after the last exposure, e/Å²."""
        return float(self.before[-1] + self.during[-1])

    @property
    def middle(self) -> Floats:
        """Dose in the middle of each exposure, e/Å²."""
        return np.asarray(self.before + self.during / 2)


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; infinite where it has no upper end."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Decay:
    """The curve that describes a series best."""

    level: float
    """n0, in the unit of the counts."""
    retained: float
    """f."""
    critical_dose: float
    """Dc, e/Å²."""
    scatter: float
    """Sum of squared residuals over errors, per degree of freedom: 1 where the errors are right."""

    def at(self, dose: npt.ArrayLike) -> Floats:
        """Return the counts expected after a dose (e/Å²)."""
        gone = -np.expm1(-np.asarray(dose, float) / self.critical_dose)
        return np.asarray(self.level * (1 - (1 - self.retained) * gone))


def fade_threshold(false_alarm: float, exposures: int) -> float:
    """Return the log likelihood ratio (nats) that a series of `exposures` crosses by chance.

    It does so anywhere in the series with a probability of `false_alarm` where nothing is lost. The
    looks after each exposure are alike, so their number counts by its logarithm.

    h = ln(1/p) + ln(0.35 + 1.3 ln(N/5)), ours, from simulations of 5 to 400 exposures and p of
    0.03 to 0.0003 (`tests/campaigns/damage_series.py`).
    """
    return math.log(1 / false_alarm) + math.log(0.35 + 1.3 * math.log(max(exposures, 5) / 5))


def fall_statistic(series: DoseSeries) -> float:
    """Return by how much (nats) an exponential fall describes a series better than a constant."""
    sums = _Sums.of(series, SHORTEST)
    return float(max(0.0, (sums.constant - sums.deviance.min()) / 2))


def fit_decay(series: DoseSeries) -> Decay:
    """Return the most likely curve."""
    sums = _Sums.of(series, SHORTEST)
    best = int(sums.deviance.argmin())
    kept, lost = float(sums.kept[best]), float(sums.lost[best])
    level = kept + lost
    freedom = max(len(series.counts) - 3, 1)
    return Decay(
        level=level,
        retained=kept / level if level > 0 else 1.0,
        critical_dose=float(1 / sums.rates[best]),
        scatter=float(sums.deviance[best]) / freedom,
    )


def with_own_errors(series: DoseSeries, variances: Floats) -> DoseSeries:
    """Return the series with errors that fall as its counts do.

    `variances` are estimates from each exposure's own counts, which as weights would favour the low
    ones; so their part that follows the fitted curve, and the rest that stays, are taken instead.
    """
    curve = fit_decay(series).at(series.middle) / max(float(series.counts.max()), 1e-300)
    design = np.stack([np.ones_like(curve), curve], axis=1)
    scale = series.errors**2 / float((series.errors**2).mean())
    parts = np.linalg.lstsq(design, variances / scale, rcond=1e-6)[0]
    smooth = np.maximum(design @ parts, 0.2 * float(variances.mean())) * scale
    return DoseSeries(series.before, series.during, series.counts, np.sqrt(smooth))


def too_fast(series: DoseSeries, confidence: float) -> bool:
    """Return whether a Dc that is too short to be resolved describes the series better."""
    all_of, resolved = _Sums.of(series, SHORTEST), _Sums.of(series)
    better = float(resolved.deviance.min() - all_of.deviance.min())
    return better > _allowed(confidence)


def critical_dose(series: DoseSeries, confidence: float) -> Estimate:
    """Return Dc (e/Å²), whatever share is retained, by profile likelihood."""
    sums = _Sums.of(series)
    return _interval(1 / sums.rates[::-1], sums.deviance[::-1], confidence)


def least_critical_dose(series: DoseSeries, confidence: float) -> float:
    """Return the lower limit of Dc (e/Å²) of an element of which nothing is retained."""
    sums = _Sums.of(series)
    alone = sums.yy - sums.ym**2 / sums.mm
    return _interval(1 / sums.rates[::-1], alone[::-1], confidence).low


def dose_for_loss(series: DoseSeries, loss: float, confidence: float) -> Estimate:
    """Return the dose (e/Å²) at which a share `loss` of the element is gone.

    The profile runs over Dc and the level; a share that no dose removes has an infinite dose.
    """
    sums = _Sums.of(series)
    doses = np.geomspace(series.end / SPREAD, series.end * SPREAD, LOSS_DOSES)
    can_lose = loss / -np.expm1(-sums.rates[None, :] * doses[:, None])
    share = np.minimum(can_lose, 1.0)
    cross = (1 - share) * sums.y + share * sums.ym
    square = (1 - share) ** 2 * sums.one + 2 * share * (1 - share) * sums.m + share**2 * sums.mm
    deviance = np.where(can_lose <= 1, sums.yy - np.maximum(cross, 0.0) ** 2 / square, np.inf)
    return _interval(doses, deviance.min(axis=1), confidence, best=float(sums.deviance.min()))


def retained_share(series: DoseSeries, confidence: float) -> Estimate:
    """Return f, whatever Dc is, by profile likelihood."""
    sums = _Sums.of(series)
    shares = np.linspace(0.0, 1.0, 201)
    gone = 1 - shares[:, None]
    cross = shares[:, None] * sums.y + gone * sums.ym
    square = (
        shares[:, None] ** 2 * sums.one + 2 * shares[:, None] * gone * sums.m + (gone**2 * sums.mm)
    )
    deviance = (sums.yy - np.maximum(cross, 0.0) ** 2 / square).min(axis=1)
    return _interval(shares, deviance, confidence)


@dataclass(frozen=True)
class _Sums:
    """Weighted sums over a series for each 1/Dc, and the best level and loss of each."""

    rates: Floats
    """1/Dc, rising."""
    one: float
    y: float
    yy: float
    m: Floats
    mm: Floats
    ym: Floats
    kept: Floats
    """n0 f."""
    lost: Floats
    """n0 (1 - f)."""
    deviance: Floats
    """Sum of squared residuals over errors."""
    constant: float
    """The same where nothing is lost."""

    @classmethod
    def of(cls, series: DoseSeries, shortest: float = RESOLVED) -> _Sums:
        """Return the sums of a series, for Dc from `shortest` times its dose."""
        rates = np.geomspace(1 / LONGEST, 1 / shortest, RATES) / series.end
        during = rates[:, None] * np.maximum(series.during, 1e-30)
        left = np.exp(-rates[:, None] * series.before) * -np.expm1(-during) / during
        weight, counts = 1 / series.errors**2, series.counts
        one, y = float(weight.sum()), float(weight @ counts)
        yy = float(weight @ counts**2)
        m, mm, ym = left @ weight, left**2 @ weight, left @ (weight * counts)
        determinant = np.maximum(one * mm - m**2, 1e-12 * one * mm)
        kept = (mm * y - m * ym) / determinant
        lost = (one * ym - m * y) / determinant
        only_lost, only_kept = kept < 0, lost < 0
        kept = np.where(only_lost, 0.0, np.where(only_kept, max(y, 0.0) / one, kept))
        lost = np.where(only_lost, np.maximum(ym, 0.0) / mm, np.where(only_kept, 0.0, lost))
        kept, lost = np.maximum(kept, 0.0), np.maximum(lost, 0.0)
        fitted = kept**2 * one + 2 * kept * lost * m + lost**2 * mm
        deviance = yy - 2 * (kept * y + lost * ym) + fitted
        constant = yy - max(y, 0.0) ** 2 / one
        return cls(rates, one, y, yy, m, mm, ym, kept, lost, deviance, constant)


def _interval(
    values: Floats, deviance: Floats, confidence: float, *, best: float | None = None
) -> Estimate:
    """Return the most likely of rising `values` and the ends of those as likely as `confidence`.

    An end that is not within the values is their first one, or infinite.
    """
    allowed = min(float(deviance.min()), math.inf if best is None else best)
    allowed += _allowed(confidence)
    likely = np.flatnonzero(deviance <= allowed)
    middle = int(deviance.argmin())
    if not len(likely):
        return Estimate(float(values[middle]), float(values[0]), math.inf)
    first, last = int(likely[0]), int(likely[-1])
    low = values[0] if first == 0 else _crossing(values, deviance, first - 1, first, allowed)
    end = len(values) - 1
    high = math.inf if last == end else _crossing(values, deviance, last + 1, last, allowed)
    return Estimate(float(values[middle]), float(low), float(high))


def _allowed(confidence: float) -> float:
    """Return by how much the deviance of a true value exceeds the least one at most; Wilks 1938."""
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2)) ** 2


def _crossing(values: Floats, deviance: Floats, out: int, within: int, at: float) -> float:
    """Return where the deviance crosses `at` between two neighbouring values."""
    if not math.isfinite(deviance[out]):
        return float(values[within])
    share = (at - deviance[within]) / (deviance[out] - deviance[within])
    return float(values[within] + share * (values[out] - values[within]))
