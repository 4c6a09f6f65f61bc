"""What a depth profile would do and spend, before anything is exposed or etched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from acquire.plan import StepPlan, limit
from drivers.xps import XpsLimits
from protocols.xps import ETCH_TIME, XRAY_TIME, DepthProfile

OVERHEAD = 5.0
"""Seconds between two regions; ours, to verify."""


def profile_plan(index: int, step: DepthProfile, limits: Mapping[str, Any]) -> StepPlan:
    """Return what a depth profile would take if every cycle is done."""
    settling = (step.max_cycles - 1) * (step.etch.before + step.etch.after)
    changes = step.max_cycles * len(step.regions) * OVERHEAD
    cycle = sum(region.duration for region in step.regions)
    surveys = 1 + sum(map(step.surveyed, range(step.max_cycles))) if step.survey else 0
    wide = step.survey.duration * surveys if step.survey else 0.0
    counting = cycle * step.max_cycles + wide
    figures: dict[str, float | int | str] = {
        "cycles": step.max_cycles,
        "duration_s": counting + step.planned_etch_time + settling + changes,
        "cycle_s": cycle,
        "counting_s": counting,
        "surveys": surveys,
        ETCH_TIME: step.planned_etch_time,
        XRAY_TIME: step.planned_xray_time,
    }
    checked = (
        limit(XRAY_TIME, step.planned_xray_time, step.xray_budget, "raise xray_budget"),
        limit(ETCH_TIME, step.planned_etch_time, step.etch_budget, "raise etch_budget"),
        *_of_the_lab(step, limits),
    )
    return StepPlan(index, step.kind, figures, checked, tuple(_notes(step)))


def _of_the_lab(step: DepthProfile, limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    bounds = limits.get("xps")
    if not isinstance(bounds, XpsLimits):
        return
    etch = step.etch
    cure = "lower it, or the lab file's {} stands in the way"
    yield limit("ion_energy_eV", etch.energy, bounds.ion_energy_max, cure.format("ion_energy_max"))
    yield limit(
        "ion_current_A", etch.current, bounds.ion_current_max, cure.format("ion_current_max")
    )
    yield limit("etch_s", etch.duration, bounds.etch_max, cure.format("etch_max"))


def _notes(step: DepthProfile) -> Iterator[str]:
    yield f"watches {', '.join(watched.line for watched in step.watch)}"
    if step.stop is not None:
        yield (
            f"ends earlier, {step.stop.cycles} cycles after {' and '.join(step.stop.lines)} have "
            "reached their plateau"
        )
    if any(watched.faint_sweeps for watched in step.watch):
        yield "the X-ray time is the worst case: every faint region measured again in every cycle"
    if step.references:
        order = ", then ".join(f"{each.line} at {each.energy:g} eV" for each in step.references)
        yield f"charge reference: {order}"
    else:
        yield "no charge reference: binding energies are as the analyser gives them"
    if not step.etch_rate:
        yield "no etch rate: places are told in etch seconds, not in depth"
