"""What a lift-out is told to take, before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from acquire.fib.plan import lift_out_plan
from acquire.plan import StepPlan
from drivers.cryo import CryoLimits
from drivers.fib import FibLimits
from protocols.lift_out import ION_CHARGE, Ions, LiftOut
from tests.campaigns.fib_calls import STEP

LIMITS = {"fib": FibLimits(), "cryo": CryoLimits()}


def planned(step: LiftOut = STEP, limits: Any = LIMITS) -> StepPlan:
    return lift_out_plan(0, step, limits)


def of_stages(first: str, last: str) -> StepPlan:
    return planned(STEP.model_copy(update={"first": first, "last": last}))


def refused(plan: StepPlan) -> set[str]:
    return {each["name"] for each in plan.limits if not each["ok"]}


def test_cooling_down_takes_about_an_hour_and_a_half_and_five_litres() -> None:
    plan = of_stages("cool", "cool")
    assert plan.figures["duration_s"] == pytest.approx(5400, rel=0.15)
    assert plan.figures["ln2_l"] == pytest.approx(5, rel=0.15)


def test_the_whole_is_the_sum_of_its_stages() -> None:
    figures = planned().figures
    parts = sum(float(figures[f"{name}_s"]) for name in STEP.stages)
    assert figures["duration_s"] == pytest.approx(parts)
    halves = (of_stages("cool", "lift"), of_stages("land", "final"))
    charges = [float(half.figures[ION_CHARGE]) for half in halves]
    assert figures[ION_CHARGE] == pytest.approx(sum(charges))


def test_less_current_takes_longer_at_the_same_charge() -> None:
    slow = STEP.model_copy(update={"clean": STEP.clean.model_copy(update={"current": 5e-11})})
    was, now = planned().figures, planned(slow).figures
    assert now[ION_CHARGE] == pytest.approx(was[ION_CHARGE])
    assert float(now["clean_s"]) > 1.9 * float(was["clean_s"])


def test_a_lab_limit_that_stands_in_the_way_is_named_with_its_cure() -> None:
    strict = {"fib": FibLimits(imaging_current_max=5e-12, ion_current_max=1e-9)}
    plan = planned(limits=strict)
    assert {"imaging_current_A", "ion_current_A"} <= refused(plan)
    assert any("imaging_current_max stands in the way" in text for text in plan.refusals)


def test_a_setpoint_above_the_milling_temperature_is_refused() -> None:
    warm = STEP.model_copy(update={"cold": STEP.cold.model_copy(update={"stage": 130.0})})
    assert "milling_temperature_K" in refused(planned(warm))


def test_other_ions_than_published_are_told() -> None:
    ions = Ions(species="gallium", as_stated="argon")
    notes = planned(STEP.model_copy(update={"ions": ions})).notes
    assert "ions: gallium is used, argon is what was published" in notes


def test_what_is_tried_again_is_told_on_top_of_what_goes_well() -> None:
    figures = planned().figures
    assert float(figures["retries_ion_charge_C"]) > 0
    once = {"tries": 1}
    update = {
        name: STEP.stage(name).model_copy(update=once)
        for name in ("trench", "undercut", "weld", "sever", "weld_grid", "release", "thin")
    }
    at_first = planned(STEP.model_copy(update=update)).figures
    assert at_first[ION_CHARGE] == figures[ION_CHARGE]
    only_polish = of_stages("polish", "polish").figures["retries_ion_charge_C"]
    assert at_first["retries_ion_charge_C"] == pytest.approx(only_polish)


def test_tries_that_would_exceed_the_charge_allowed_are_told() -> None:
    little = planned(STEP.model_copy(update={"ion_charge_limit": 2e-5})).notes
    assert any("with all its tries it would stop at ion_charge_limit" in n for n in little)
