from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.fib.faults import HeaterRunaway, Ln2Dry
from simulators.fib.thermal import COLD, DEWAR, ROOM, Thermal

COOLED = Thermal().cool(600.0, COLD)


def test_it_is_cold_within_a_degree_after_ninety_minutes_and_five_litres() -> None:
    end = 600.0 + 5400.0
    assert COOLED.temperature("stage", 600.0) == ROOM
    assert COOLED.temperature("stage", end) == pytest.approx(COLD, abs=1.1)
    assert COOLED.temperature("stage", end - 900.0) > COLD + 2
    assert COOLED.used(end) == pytest.approx(5e-3, rel=0.05)


def test_the_shield_is_the_coldest_and_the_needle_the_last() -> None:
    soon, late = 600.0 + 1800.0, 600.0 + 4 * 3600.0
    for t in (soon, late):
        shield, stage, needle = (COOLED.temperature(b, t) for b in ("shield", "stage", "needle"))  # type: ignore[arg-type]
        assert shield < stage < needle


def test_a_temperature_does_not_depend_on_when_it_was_looked_at_before() -> None:
    hot = Thermal(faults=(HeaterRunaway(at=3000.0, lasting=600.0),)).cool(0.0, COLD)
    once = hot.temperature("stage", 9000.0)
    for t in range(0, 9000, 700):
        hot.temperature("stage", float(t))
    again = Thermal(faults=hot.faults).cool(0.0, COLD)
    assert again.temperature("stage", 9000.0) == once


@given(t=st.floats(1.0, 20 * 3600.0))
def test_a_temperature_changes_steadily(t: float) -> None:
    step = COOLED.temperature("stage", t + 1.0) - COOLED.temperature("stage", t)
    assert -0.25 <= step <= 0.25


def test_the_slope_is_that_of_the_last_minutes() -> None:
    t = 600.0 + 1800.0
    steepest = -(ROOM - COLD) / (17 * 60.0)
    assert steepest < COOLED.slope(t) < 0
    assert COOLED.slope(600.0 + 4 * 3600.0) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("dry_at", [None, 7200.0])
def test_everything_warms_when_the_dewar_is_empty(dry_at: float | None) -> None:
    faults = () if dry_at is None else (Ln2Dry(at=dry_at),)
    thermal = Thermal(faults=faults).cool(0.0, COLD)
    empty = next(t for t in range(0, 30 * 3600, 60) if thermal.hold(float(t)) == 0 and t > 60)
    assert empty == pytest.approx(dry_at or 5400 + (DEWAR - 5.65e-3) / (1.2e-3 / 3600), rel=0.01)
    assert thermal.temperature("stage", empty + 1800.0) > COLD + 100
    assert thermal.used(30 * 3600.0) <= DEWAR


def test_ice_grows_only_on_what_is_cold_and_less_behind_a_cold_shield() -> None:
    cold = Thermal(start_cold=True)
    assert COOLED.ice_rate(0.0, 1e-4) == 0
    per_hour = cold.ice_rate(0.0, 1e-4) * 3600
    assert 2e-9 < per_hour < 20e-9
    assert cold.ice_rate(0.0, 1e-3) == pytest.approx(10 * cold.ice_rate(0.0, 1e-4))


def test_a_stage_that_starts_cold_stays_cold() -> None:
    cold = Thermal(start_cold=True)
    assert cold.temperature("stage", 0.0) == cold.temperature("stage", 3600.0) == COLD
    assert math.isfinite(cold.hold(0.0))
