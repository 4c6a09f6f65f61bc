"""What a map would do and spend, before anything is exposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acquire.eds.plan import current_limit
from acquire.plan import StepPlan, limit
from protocols.eds import DOSE, ImageSettings
from protocols.eds_map import EdsMap


def map_plan(index: int, step: EdsMap, limits: Mapping[str, Any]) -> StepPlan:
    """Return what a map would do."""
    images = 0 if step.drift is None else -(-step.rows // step.drift.every)
    following = (0.0, 0.0) if step.drift is None else _each(step.drift.image, images)
    pixels = step.rows * step.columns
    imaging = step.survey.dose + following[0]
    dose = step.dose + imaging
    figures = {
        "columns": step.columns,
        "rows": step.rows,
        "pixel_width_m": step.pixel_width,
        "pixel_height_m": step.pixel_height,
        "beam_time_s": pixels * step.dwell + step.survey.duration + following[1],
        "dose_per_pixel_e_per_angstrom2": step.dose,
        "dose_imaging_e_per_angstrom2": imaging,
        DOSE: dose,
        "images": images + 1,
    }
    notes = (
        f"maps {', '.join(watch.xray_line for watch in step.watch)}",
        "beam time only; stage, settling and questions come on top",
    )
    cure = "take larger pixels (fewer columns and rows), shorten the dwell, or raise dose_limit"
    checked = (
        limit(DOSE, dose, step.dose_limit, cure),
        *current_limit(max(step.probe_current, step.survey.probe_current), limits),
    )
    return StepPlan(index, step.kind, figures, checked, notes)


def _each(image: ImageSettings, images: int) -> tuple[float, float]:
    """Return dose (e/Å²) and duration (s) of so many images."""
    return images * image.dose, images * image.duration
