"""What steps at a STEM would do and spend, before anything is exposed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from acquire.eds.forecast import forecast, shortcomings
from acquire.plan import StepPlan, limit
from drivers.stem import StemLimits
from protocols.eds import DOSE, EdsLineScan, StemImage


def current_limit(value: float, limits: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the lab's limit of the probe current (A) beside what a step asks for."""
    bounds = limits.get("stem")
    if not isinstance(bounds, StemLimits):
        return []
    cure = "lower it, or the lab file's probe_current_max stands in the way"
    return [limit("probe_current_A", value, bounds.probe_current_max, cure)]


def line_scan_plan(index: int, step: EdsLineScan, limits: Mapping[str, Any]) -> StepPlan:
    """Return what a line scan would do, and what it can be expected to answer."""
    share = 1.0 if step.refine is None else step.refine.spend
    drift = 0.0 if step.drift is None else step.images * step.drift.image.duration
    seconds = share * step.points * step.dwell + step.survey.duration + drift
    dose = step.dose + step.imaging_dose
    figures = {
        "points": step.points,
        "pitch_m": step.pitch,
        "length_m": step.length,
        "beam_time_s": seconds,
        "dose_per_point_e_per_angstrom2": step.dose,
        "dose_imaging_e_per_angstrom2": step.imaging_dose,
        DOSE: dose if step.refine is None else step.dose_limit,
        "images": step.images + 1,
    }
    largest = max(step.probe_current, step.survey.probe_current)
    cure = "widen the strip, coarsen the pitch, shorten the dwell, or raise dose_limit"
    checked = [limit(DOSE, dose, step.dose_limit, cure), *current_limit(largest, limits)]
    made = StepPlan(index, step.kind, figures, tuple(checked), tuple(_notes(step)))
    if step.expect is None:
        return made
    found = forecast(step, step.expect)
    return replace(
        made,
        expected=found.as_dict(),
        foretold=tuple(found.words()),
        cannot=tuple(shortcomings(step, step.expect, found)),
    )


def _notes(step: EdsLineScan) -> Iterator[str]:
    yield f"watches {', '.join(watch.xray_line for watch in step.watch)}"
    if step.refine is not None:
        yield (
            f"refined: {step.refine.spend:.0%} of an even scan's electrons, none of them above "
            "the dose limit; what is expected below is of the even scan"
        )
    if step.damage_limit is not None:
        yield "the dwell may be shortened by what the beam_damage step before finds"
    if step.expect is None:
        yield "no expect: what the scan can answer is not foretold"
    yield "beam time only; stage, settling and questions come on top"


def image_plan(index: int, step: StemImage, limits: Mapping[str, Any]) -> StepPlan:
    """Return what taking one image would do."""
    figures = {"beam_time_s": step.image.duration, DOSE: step.image.dose}
    cure = "widen the field, shorten the dwell, or raise dose_limit"
    checked = [
        limit(DOSE, step.image.dose, step.dose_limit, cure),
        *current_limit(step.image.probe_current, limits),
    ]
    return StepPlan(index, step.kind, figures, tuple(checked))
