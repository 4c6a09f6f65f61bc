"""Watching a dose series, exposure by exposure: which elements fade, and what that says of dose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.eds.fade import (
    FEWEST,
    RESOLVED,
    DoseSeries,
    Estimate,
    critical_dose,
    dose_for_loss,
    fade_threshold,
    fall_statistic,
    fit_decay,
    least_critical_dose,
    retained_share,
    too_fast,
    with_own_errors,
)
from acquire.eds.net_counts import NetCounts
from acquire.flags import Flag
from drivers.stem import Spectrum, StemSetup
from protocols.beam_damage import BeamDamage
from protocols.eds import DOSE

Floats = npt.NDArray[np.float64]

VALUE, INTERVAL = "value_e_per_angstrom2", "interval_e_per_angstrom2"
AT_LEAST = "at_least_e_per_angstrom2"
IMAGING = "dose_imaging_e_per_angstrom2"
"""Of the survey images, over their whole field."""
THERE = 5.0
"""Standard errors by which an element's counts stand out, below which nothing is said of it."""
KNOWN = 0.5
"""Width of the interval of the share that stays, above which it counts as not determined."""


@dataclass(frozen=True)
class Exposure:
    """One exposure of the area."""

    before: float
    """Dose that the area had before it, e/Å²."""
    during: float
    """e/Å²."""
    counts: npt.NDArray[Any]
    """Shape (channels,)."""
    listened: float
    """Electrons that came while the detector could count; 0 where the data were lost."""


def exposure_of(spectrum: Spectrum, before: float, step: BeamDamage) -> Exposure:
    """Return what a spectrum of the area says; `before` is the dose (e/Å²) that it had.

    The current is the meter's, so that one that fades is no loss of the specimen.
    """
    lost = spectrum.live_time <= 0 or spectrum.counts.size == 0
    return Exposure(
        before=before,
        during=spectrum.electrons / (step.exposed_area * 1e20),
        counts=spectrum.counts,
        listened=0.0 if lost else spectrum.live_time * spectrum.electrons / step.dwell,
    )


class FadeDetector:
    """Looks after each exposure for elements that fall; spectra in, flags out."""

    def __init__(self, step: BeamDamage, setup: StemSetup) -> None:
        self.exposures: list[Exposure] = []
        self.flags: list[Flag] = []
        self._step = step
        self._setup = setup
        self._threshold = fade_threshold(step.false_alarm / len(step.watch), step.planned_exposures)
        self._series: dict[str, DoseSeries] = {}
        self._variances: dict[str, Floats] = {}

    def update(self, exposure: Exposure) -> list[Flag]:
        """Take the next exposure; return the flags that it raises."""
        self.exposures.append(exposure)
        if exposure.listened <= 0 or len(self._measured()) < FEWEST:
            return []
        self._series = self._net()
        faded = {flag.of for flag in self.flags}
        raised = []
        for element, series in self._series.items():
            statistic = fall_statistic(series)
            if element not in faded and statistic > self._threshold:
                raised.append(self._flag(element, series, statistic))
        self.flags += raised
        return raised

    def _measured(self) -> list[Exposure]:
        return [each for each in self.exposures if each.listened > 0]

    def _net(self) -> dict[str, DoseSeries]:
        """Return each element's counts per electron of every exposure so far."""
        measured = self._measured()
        spectra = np.array([each.counts for each in measured], float)
        total = spectra.sum(axis=0)
        listened = np.array([each.listened for each in measured])
        before = np.array([each.before for each in measured])
        during = np.array([each.during for each in measured])
        share = listened / listened.sum()
        net = NetCounts(self._setup, self._step.watch, total)
        of_all, of_each = net.of(total[None, :]), net.of(spectra)
        self._variances = {name: (each[1] / listened) ** 2 for name, each in of_each.items()}
        return {
            name: DoseSeries(
                before,
                during,
                counts / listened,
                of_all[name][1] * np.sqrt(share) / listened,
            )
            for name, (counts, _) in of_each.items()
        }

    def _flag(self, element: str, series: DoseSeries, statistic: float) -> Flag:
        decay = fit_decay(series)
        gone = 1 - float(decay.at(series.end)) / decay.level if decay.level > 0 else 1.0
        note = f"about {gone:.0%} gone there"
        return Flag(
            "fade",
            element,
            len(self.exposures) - 1,
            {DOSE: series.end},
            statistic=statistic,
            threshold=self._threshold,
            note=note,
        )

    def result(self) -> dict[str, Any]:
        """Return what the whole series says of each element, as `show --json` gives it."""
        faded = {flag.of for flag in self.flags}
        confidence, loss = self._step.confidence, self._step.loss
        found: dict[str, Any] = {"critical_dose": {}, "dose_for_loss": {}, "retained": {}}
        whole = {
            name: with_own_errors(each, self._variances[name])
            for name, each in self._series.items()
        }
        for watch in self._step.watch:
            series = whole.get(watch.element)
            missing = _missing(series, len(self._measured()))
            if series is None or missing is not None:
                why: dict[str, Any] = {"none": missing or ""}
                figures = (why, why, why)
            else:
                figures = _figures(series, watch.element in faded, loss, confidence)
            for name, figure in zip(found, figures, strict=True):
                found[name][watch.element] = figure
        series_of = {name: _written(each) for name, each in whole.items()}
        return {**found, "loss": loss, "series": series_of}


def _missing(series: DoseSeries | None, measured: int) -> str | None:
    """Return why nothing can be said of an element, or None."""
    if series is None:
        return f"only {measured} exposures with data; {FEWEST} are needed"
    weight = 1 / series.errors**2
    if float(weight @ series.counts) / math.sqrt(float(weight.sum())) < THERE:
        return "its line does not stand out; choose an area that holds it, or give more dose"
    return None


def _figures(
    series: DoseSeries, faded: bool, loss: float, confidence: float
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return critical dose, dose for the loss, and the share that stays."""
    if too_fast(series, confidence):
        why = {
            "none": f"it fades faster than this series can tell, with a critical dose below "
            f"{RESOLVED * series.end:.0f} e/Å²; repeat it with a tenth of the dose"
        }
        return why, why, why
    at_loss = dose_for_loss(series, loss, confidence)
    if not faded:
        none = f"no fade seen up to {series.end:.0f} e/Å²"
        least = least_critical_dose(series, confidence)
        return (
            {"none": f"{none}; at least so much if no share of it stays"}
            | {AT_LEAST: least, "confidence": confidence},
            {"none": none, AT_LEAST: at_loss.low, "confidence": confidence},
            {"none": none},
        )
    stays = retained_share(series, confidence)
    high = min(stays.high, 1.0)
    share: dict[str, Any] = {
        "value": fit_decay(series).retained,
        "interval": [stays.low, high],
        "confidence": confidence,
    }
    if high - stays.low > KNOWN:
        share = {
            "none": f"not determined: {stays.low:.2g} to {high:.2g} describe the series alike; it "
            "takes a dose of several critical doses"
        }
    critical = _estimate(critical_dose(series, confidence), confidence)
    beyond = {"note": "beyond the dose of the series"} if at_loss.value > series.end else {}
    return critical, _estimate(at_loss, confidence) | beyond, share


def _estimate(found: Estimate, confidence: float) -> dict[str, Any]:
    high = found.high if math.isfinite(found.high) else None
    return {VALUE: found.value, INTERVAL: [found.low, high], "confidence": confidence}


def _written(series: DoseSeries) -> dict[str, Any]:
    """Return a series as a result holds it; counts are relative to the fitted beginning."""
    decay = fit_decay(series)
    level = decay.level if decay.level > 0 else 1.0
    return {
        "dose_before_e_per_angstrom2": series.before.tolist(),
        "dose_during_e_per_angstrom2": series.during.tolist(),
        "left": (series.counts / level).tolist(),
        "left_error": (series.errors / level).tolist(),
        "curve": {
            "retained": decay.retained,
            "critical_dose_e_per_angstrom2": decay.critical_dose,
            "scatter": decay.scatter,
        },
    }


def series_of(result: Mapping[str, Any], element: str) -> DoseSeries | None:
    """Return an element's series from a step's result; None if it holds none."""
    held = result.get("series", {}).get(element)
    if held is None:
        return None
    names: Sequence[str] = (
        "dose_before_e_per_angstrom2",
        "dose_during_e_per_angstrom2",
        "left",
        "left_error",
    )
    return DoseSeries(*(np.array(held[name], float) for name in names))
