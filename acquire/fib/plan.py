"""What a lift-out would do and spend, before anything is cooled or milled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from acquire.fib.stage_plan import AGAIN, TAKEN, Takes
from acquire.plan import StepPlan, limit
from drivers.cryo import CryoLimits
from drivers.fib import FibLimits
from protocols.lift_out import (
    ELECTRON_DOSE,
    ION_CHARGE,
    ION_DOSE,
    NEEDLE_TRAVEL,
    STAGES,
    Cut,
    LiftOut,
)
from protocols.milling_rates import rates

LITRE, HOUR = 1e-3, 3600.0
COOLING_FLOW, COOLING_TIME = 3.3 * LITRE / HOUR, 1.5 * HOUR
"""m³/s and s: about 5 l of nitrogen in 1.5 h as published; fib-and-tem.md 5.4 [calc]."""
COLD_FLOW = 1.3 * LITRE / HOUR
"""m³/s once it is cold; ours, to verify."""
ICE = (2e-9 / HOUR, 20e-9 / HOUR)
"""Growth of ice behind a cold shield, m/s; fib-and-tem.md 5.4 [lit]."""


def lift_out_plan(index: int, step: LiftOut, limits: Mapping[str, Any]) -> StepPlan:
    """Return what a lift-out would take when every stage goes well at the first try."""
    by_stage = {name: TAKEN[name](step) for name in step.stages}
    whole = sum(by_stage.values(), Takes())
    cooling = by_stage["cool"].seconds if "cool" in by_stage else 0.0
    nitrogen = _nitrogen(whole.seconds, cools=cooling > 0)
    figures: dict[str, float | int | str] = {
        "duration_s": whole.seconds,
        **{f"{name}_s": taken.seconds for name, taken in by_stage.items()},
        "ln2_l": nitrogen / LITRE,
        ION_CHARGE: whole.charge,
        ION_DOSE: whole.ion_dose,
        ELECTRON_DOSE: whole.electron_dose,
        NEEDLE_TRAVEL: whole.travel,
        "ice_low_m": ICE[0] * whole.seconds,
        "ice_high_m": ICE[1] * whole.seconds,
        **retries(step),
    }
    checked = (
        *_budgets(step, whole, nitrogen),
        limit("cool_s", cooling, step.cold.at_most, "raise cold.at_most"),
        *_of_the_fib(step, limits),
        *_of_the_cold_stage(step, limits),
    )
    return StepPlan(index, step.kind, figures, checked, tuple(_notes(step, whole)))


def retries(step: LiftOut) -> dict[str, float]:
    """Return what comes on top, at most, of what is tried again."""
    again = _again(step)
    return {
        "retries_duration_s": again.seconds,
        "retries_ln2_l": _nitrogen(again.seconds, cools=False) / LITRE,
        f"retries_{ION_CHARGE}": again.charge,
        f"retries_{ION_DOSE}": again.ion_dose,
    }


def _again(step: LiftOut) -> Takes:
    return sum((AGAIN[name](step) for name in step.stages if name in AGAIN), Takes())


def _nitrogen(seconds: float, *, cools: bool) -> float:
    """Return the liquid nitrogen that this takes, m³."""
    fast = min(seconds, COOLING_TIME) if cools else 0.0
    return COOLING_FLOW * fast + COLD_FLOW * (seconds - fast)


def _budgets(step: LiftOut, whole: Takes, nitrogen: float) -> Iterator[dict[str, Any]]:
    views = "shorten the dwell or widen the field of views"
    yield limit(
        ION_CHARGE, whole.charge, step.ion_charge_limit, "mill less, or raise ion_charge_limit"
    )
    yield limit(ION_DOSE, whole.ion_dose, step.ion_dose_limit, f"{views}, or raise ion_dose_limit")
    yield limit(
        ELECTRON_DOSE,
        whole.electron_dose,
        step.electron_dose_limit,
        f"{views}, or raise electron_dose_limit",
    )
    yield limit(NEEDLE_TRAVEL, whole.travel, step.needle_travel_limit, "raise needle_travel_limit")
    yield limit(
        "ln2_m3", nitrogen, step.ln2_limit, "plan a refill between two runs, or raise ln2_limit"
    )


def _of_the_fib(step: LiftOut, limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the lab's limits of the FIB beside what the step asks for."""
    lab = limits.get("fib")
    if not isinstance(lab, FibLimits):
        return
    stands = "or the lab file's {} stands in the way"
    current = max((cut.current for cut in _cuts(step)), default=0.0)
    imaging = max(view.current for view in step.views_of_ions)
    yield limit(
        "ion_current_A",
        current,
        lab.ion_current_max,
        f"mill at less current, {stands.format('ion_current_max')}",
    )
    yield limit(
        "imaging_current_A",
        imaging,
        lab.imaging_current_max,
        f"image at less current, {stands.format('imaging_current_max')}",
    )
    yield limit(
        "needle_step_near_m",
        max(step.contact.step, step.land.step),
        lab.needle_step_near,
        f"take shorter steps, {stands.format('needle_step_near')}",
    )
    for axis, most in (("x", lab.stage_x_max), ("y", lab.stage_y_max), ("z", lab.stage_z_max)):
        farthest = max(abs(getattr(place, axis)) for place in (step.site, step.grid))
        cure = f"save the places again, {stands.format(f'stage_{axis}_max')}"
        yield limit(f"stage_{axis}_m", farthest, most, cure)
    yield limit(
        "stage_tilt_rad",
        lab.column_angle + max(step.thin.over_tilt, step.polish.over_tilt),
        lab.tilt_max,
        f"tilt less over, {stands.format('tilt_max')}",
    )


def _of_the_cold_stage(step: LiftOut, limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the lab's limits of the cold stage beside what the step asks for."""
    lab = limits.get("cryo")
    if not isinstance(lab, CryoLimits):
        return
    yield limit(
        "milling_temperature_K",
        step.cold.stage + step.cold.within,
        lab.milling_temperature_max,
        "choose a colder setpoint, or the lab file's milling_temperature_max stands in the way",
    )


def _cuts(step: LiftOut) -> Iterator[Cut]:
    for name in step.stages:
        stage = step.stage(name)
        if isinstance(stage, Cut):
            yield stage


def _notes(step: LiftOut, whole: Takes) -> Iterator[str]:
    if step.stages != STAGES:
        yield f"stages {step.first} to {step.last}"
    stated = step.ions.as_stated
    if stated is not None and stated != step.ions.species:
        yield f"ions: {step.ions.species} is used, {stated} is what was published"
    for layer in step.layers:
        rate = rates(step.ions.species)[layer.material]
        yield (
            f"{layer.material}: {rate.value * 1e9:.2g} um3/nC expected, {rate.low * 1e9:.2g} to "
            f"{rate.high * 1e9:.2g} possible ({rate.source})"
        )
    supervised = [name for name in step.stages if step.stage(name).supervised]
    if supervised:
        yield f"waits for the operator after {', '.join(supervised)}"
    most = whole + _again(step)
    yield (
        f"if each stage goes well at its first try {_told(step, whole)}; with all its tries up to "
        f"{_told(step, most)}; questions come on top"
    )
    for name, value, limit_of in (
        ("ion_charge_limit", most.charge, step.ion_charge_limit),
        ("ion_dose_limit", most.ion_dose, step.ion_dose_limit),
    ):
        if value > limit_of:
            yield f"with all its tries it would stop at {name} ({value:.3g} of {limit_of:.3g})"


def _told(step: LiftOut, takes: Takes) -> str:
    litres = _nitrogen(takes.seconds, cools="cool" in step.stages) / LITRE
    return f"{takes.seconds / HOUR:.3g} h, {litres:.3g} l and {takes.charge * 1e6:.3g} uC"
