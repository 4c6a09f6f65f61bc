"""What steps at a STEM would do and spend, before anything is exposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acquire.plan import StepPlan, limit
from drivers.stem import StemLimits
from protocols.eds import DOSE, EdsLineScan, StemImage
from protocols.model import Refine


def current_limit(value: float, limits: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the lab's limit of the probe current (A) beside what a step asks for."""
    bounds = limits.get("stem")
    if not isinstance(bounds, StemLimits):
        return []
    cure = "lower it, or the lab file's probe_current_max stands in the way"
    return [limit("probe_current_A", value, bounds.probe_current_max, cure)]


def line_scan_plan(index: int, step: EdsLineScan, limits: Mapping[str, Any]) -> StepPlan:
    """Return what a line scan would do."""
    drift = step.drift
    images = 0 if drift is None else -(-step.points // drift.every)
    imaging = step.survey.dose + (0.0 if drift is None else images * drift.image.dose)
    exposing = step.points * step.dwell
    seconds = (
        exposing + step.survey.duration + (0.0 if drift is None else images * drift.image.duration)
    )
    overlapping = 2 if any(isinstance(w.on_onset, Refine) for w in step.watch) else 1
    dose = overlapping * step.dose + imaging
    notes = [f"watches {', '.join(watch.xray_line for watch in step.watch)}"]
    if overlapping == 2:
        notes.append("a refined position overlaps its neighbours: twice the dose there")
    notes.append("beam time only; stage, settling and questions come on top")
    figures = {
        "points": step.points,
        "pitch_m": step.pitch,
        "length_m": step.length,
        "beam_time_s": seconds,
        "dose_per_point_e_per_angstrom2": step.dose,
        "dose_imaging_e_per_angstrom2": imaging,
        DOSE: dose,
        "images": images + 1,
    }
    largest = max(step.probe_current, step.survey.probe_current)
    cure = "widen the strip, coarsen the pitch, shorten the dwell, or raise dose_limit"
    checked = [limit(DOSE, dose, step.dose_limit, cure), *current_limit(largest, limits)]
    return StepPlan(index, step.kind, figures, tuple(checked), tuple(notes))


def image_plan(index: int, step: StemImage, limits: Mapping[str, Any]) -> StepPlan:
    """Return what taking one image would do."""
    figures = {"beam_time_s": step.image.duration, DOSE: step.image.dose}
    cure = "widen the field, shorten the dwell, or raise dose_limit"
    checked = [
        limit(DOSE, step.image.dose, step.dose_limit, cure),
        *current_limit(step.image.probe_current, limits),
    ]
    return StepPlan(index, step.kind, figures, tuple(checked))
