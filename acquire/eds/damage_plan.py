"""What a dose series would do and spend, and how small a loss it can be expected to see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from acquire.eds.fade import fade_threshold
from acquire.eds.forecast import COUNTS_PER_ELECTRON
from acquire.eds.plan import current_limit
from acquire.plan import StepPlan, limit
from protocols.beam_damage import BeamDamage
from protocols.eds import DOSE
from protocols.units import ELEMENTARY_CHARGE

BACKGROUND = 1.0
"""Counts under a line per net count; 0.3 to 1 for N. Source: reference/xps-and-eds.md 5."""


def damage_plan(index: int, step: BeamDamage, limits: Mapping[str, Any]) -> StepPlan:
    """Return what a dose series would do."""
    n = step.planned_exposures
    figures = {
        "exposures": n,
        "area_m2": step.exposed_area,
        "beam_time_s": n * step.dwell + 2 * step.survey.duration,
        "dose_per_exposure_e_per_angstrom2": step.dose,
        "dose_imaging_e_per_angstrom2": 2 * step.survey.dose,
        DOSE: step.planned_dose,
    }
    cure = "take fewer exposures, widen the area, shorten the dwell, or raise dose_limit"
    checked = [
        limit(DOSE, step.planned_dose, step.dose_limit, cure),
        *current_limit(max(step.probe_current, step.survey.probe_current), limits),
    ]
    notes = (
        f"watches {', '.join(watch.xray_line for watch in step.watch)}",
        *_told(expected := smallest_losses(step)),
        "the area is given up; beam time only, stage, settling and questions come on top",
    )
    return StepPlan(index, step.kind, figures, tuple(checked), notes, expected)


def smallest_losses(step: BeamDamage) -> dict[str, Any]:
    """Return for each element the counts to expect in LiPON and the loss that half the series flag.

    An element without a figure in the reference is left out. A steady loss L of n counts over the
    series differs from none by L n / sqrt(12 n (1 + b)) standard errors, b background per net
    count, and a flag takes sqrt(2 h) of them.
    """
    known = COUNTS_PER_ELECTRON["windowless"]
    threshold = fade_threshold(step.false_alarm / len(step.watch), step.planned_exposures)
    electrons = step.probe_current * step.dwell * step.planned_exposures / ELEMENTARY_CHARGE
    found = {}
    for element in (watch.element for watch in step.watch):
        if element in known:
            counts = electrons * known[element]
            loss = math.sqrt(2 * threshold * 12 * (1 + BACKGROUND) / counts)
            found[element] = {"counts": counts, "smallest_loss": min(loss, 1.0)}
    return found


def _told(expected: Mapping[str, Any]) -> list[str]:
    if not expected:
        return []
    each = ", ".join(f"{name} {of['smallest_loss']:.2g}" for name, of in expected.items())
    return [f"on 100 nm of LiPON the smallest share lost that raises a flag: {each} (within 1.5)"]
