"""The interlocks of a potentiostat: what they refuse, and what they let through."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from acquire.cycling.potentiostat_rules import RULES
from acquire.gate import Situation
from drivers.potentiostat import HoldOrder, PotentiostatLimits, PotentiostatStatus
from tests.acquire.cycling.bench import step

ORDER = HoldOrder(
    "current", 7.35e-6, end_voltage=5.1, seconds_max=1080.0, voltage_min=3.3, voltage_max=5.2
)
OFF = PotentiostatStatus(cell_on=False, running=False, voltage=4.0, current=0.0)
ON = PotentiostatStatus(cell_on=True, running=True, voltage=4.7, current=7.35e-6)


def refusal(
    order: HoldOrder = ORDER, status: PotentiostatStatus = OFF, *, running: bool = False
) -> str:
    """Return why a hold may not begin, or go on; empty where it may."""

    def nobody(role: str) -> Any:
        raise AssertionError(role)

    limits = PotentiostatLimits(current_max=1e-3, voltage_max=5.2, hold_max=86400.0)
    now = Situation(
        "potentiostat.hold",
        (order,),
        running,
        status,
        limits,
        step(),
        nobody,
        None,  # type: ignore[arg-type]
    )
    told = (rule(now) for rule in RULES["potentiostat.hold"])
    return next((text for text in told if text), "")


def test_a_hold_within_all_limits_may_begin_and_go_on() -> None:
    assert refusal() == ""
    assert refusal(status=ON, running=True) == ""


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"current": 2e-3}, "0.002 A is above the lab's current_max of 0.001 A"),
        ({"current": -2e-3}, "0.002 A is above the lab's current_max of 0.001 A"),
        ({"voltage_max": 5.3}, "the hold allows 3.3 to 5.3 V, the lab -1 to 5.2 V"),
        ({"voltage_min": -2.0}, "the hold allows -2 to 5.2 V, the lab -1 to 5.2 V"),
        ({"seconds_max": 1e5}, "above the lab's hold_max of 8.64e+04 s"),
        ({"seconds_max": math.inf}, "above the lab's hold_max"),
        ({"seconds_max": math.nan}, "above the lab's hold_max"),
    ],
)
def test_a_hold_beyond_the_lab_is_refused(changed: dict[str, Any], told: str) -> None:
    assert told in refusal(replace(ORDER, **changed))


def test_a_cell_that_somebody_else_cycles_is_left_alone() -> None:
    assert "another program cycles it" in refusal(status=ON)


def test_an_old_sample_is_no_sample() -> None:
    assert "the device's last sample is 60 s old" in refusal(status=replace(OFF, age=60.0))


@pytest.mark.parametrize("volts", [3.2, 5.25, math.nan])
def test_a_cell_outside_its_window_stops_a_hold(volts: float) -> None:
    assert "outside 3.3 to 5.2 V" in refusal(status=replace(ON, voltage=volts), running=True)


def test_an_overload_stops_a_hold() -> None:
    assert "current range is overloaded" in refusal(status=replace(ON, overload=True), running=True)


def test_a_rest_allows_any_voltage() -> None:
    rest = HoldOrder("rest", end_seconds=10.0, voltage_min=-10.0, voltage_max=10.0)
    assert refusal(rest) == ""
    assert refusal(rest, replace(ON, voltage=-4.1, current=0.0), running=True) == ""
