"""From what a protocol writes to what a device is told, and what is refused before that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from acquire.cycling.orders import Orders, refusals
from drivers.errors import InputError
from drivers.potentiostat import HoldOrder, PotentiostatSetup
from protocols.cycling import Cycling
from tests.acquire.cycling.bench import NOMINAL, step

SETUP = PotentiostatSetup(
    voltage_min=-6.0,
    voltage_max=6.0,
    current_ranges=(1e-7, 1e-6, 1e-5),
    shortest_interval=0.5,
    current_offset=2e-5,
    current_gain=5e-4,
    voltage_offset=5e-4,
    time_jitter=0.01,
    ends_on_device=True,
)
CAPACITY = NOMINAL["capacity"]


def one(move: dict[str, Any], **changed: Any) -> tuple[Cycling, HoldOrder]:
    """Return a step of one hold, and that hold as the device is told it."""
    asked = step(schedule=[move], **changed)
    return asked, Orders(asked, SETUP).order(asked.schedule[0])  # type: ignore[arg-type]


def test_a_charge_carries_its_limits_to_the_device() -> None:
    asked, order = one({"do": "charge", "rate": "5C", "until": [{"voltage": 5.1}]})
    assert order.mode == "current"
    assert order.current == pytest.approx(7.35e-6)
    assert order.current_range == 1e-5
    assert order.end_voltage == 5.1
    assert (order.voltage_min, order.voltage_max) == (3.3, 5.2)
    assert order.seconds_max == pytest.approx(1.5 * 720)
    assert order.end_charge == pytest.approx(1.2 * CAPACITY)
    assert order.every == 7.0
    assert order.on_resume == "go on"
    assert asked.safety.time_factor == 1.5


def test_a_discharge_has_a_negative_current_and_its_own_end() -> None:
    until = [{"voltage": 3.5}, {"charge": 1e-3}, {"time": 60.0}]
    _, order = one({"do": "discharge", "rate": "C/10", "until": until})
    assert order.current == pytest.approx(-0.147e-6)
    assert (order.end_charge, order.end_seconds) == (1e-3, 60.0)
    assert order.current_range == 1e-6


@pytest.mark.parametrize(("do", "first"), [("charge", 4.9), ("discharge", 5.0)])
def test_of_two_ends_alike_the_one_counts_that_comes_first(do: str, first: float) -> None:
    until = [{"voltage": 5.0}, {"voltage": 4.9}, {"time": 900.0}, {"time": 600.0}]
    _, order = one({"do": do, "rate": "5C", "until": until})
    assert order.end_voltage == first
    assert order.end_seconds == 600.0


def test_a_voltage_may_draw_what_the_safety_allows_and_needs_a_range_for_that() -> None:
    held = {"do": "hold voltage", "voltage": 5.1, "until": [{"time": 60.0}]}
    safety = {"voltage_min": 3.3, "voltage_max": 5.2, "current_max": 1e-5}
    _, order = one(held, safety=safety)
    assert (order.mode, order.voltage, order.current) == ("voltage", 5.1, 1e-5)
    (refusal,) = refusals(step(schedule=[held]), SETUP)
    assert refusal.startswith("hold voltage: 1.5e-05 A is above the device's largest range")


def test_a_charge_after_a_larger_one_may_pass_more() -> None:
    asked = step()
    orders = Orders(asked, SETUP)
    (charge, _) = asked.moves()
    assert orders.order(charge, 1.1 * CAPACITY).end_charge == pytest.approx(1.32 * CAPACITY)
    assert orders.order(charge, 0.5 * CAPACITY).end_charge == pytest.approx(1.2 * CAPACITY)


def test_a_current_that_goes_over_to_a_voltage_is_one_order() -> None:
    end = {"current": {"rate": "C/10"}}
    _, order = one({"do": "charge and hold", "rate": "5C", "voltage": 5.1, "until": [end]})
    assert order.mode == "current then voltage"
    assert order.voltage == 5.1
    assert order.end_current == pytest.approx(0.147e-6)


def test_a_rest_has_a_limit_on_the_device_too() -> None:
    _, order = one({"do": "rest", "duration": 3600.0, "slope": 1e-5})
    assert order.mode == "rest"
    assert (order.end_seconds, order.end_slope) == (3600.0, 1e-5)
    assert 3600.0 < order.seconds_max < 3900.0


def test_samples_come_no_faster_than_the_device_can_give_them() -> None:
    record = {"every": 0.01, "current_change": 1e-9}
    _, order = one({"do": "rest", "duration": 60.0, "record": record})
    assert order.every == 0.5
    assert order.current_change == 1e-9


def test_a_current_above_all_ranges_is_refused_with_the_largest() -> None:
    safety = {"voltage_min": 3.3, "voltage_max": 5.2, "current_max": 1.0}
    asked = step(
        schedule=[{"do": "charge", "current": 2e-5, "until": [{"voltage": 5.1}]}], safety=safety
    )
    with pytest.raises(InputError, match=r"2e-05 A is above the device's largest range of 1e-05 A"):
        Orders(asked, SETUP).order(asked.schedule[0])  # type: ignore[arg-type]
    (refusal,) = refusals(asked, SETUP)
    assert refusal.startswith("charge: 2e-05 A is above the device's largest range of 1e-05 A")


def test_a_window_that_the_device_cannot_do_is_refused() -> None:
    pico = replace(SETUP, voltage_min=-1.7, voltage_max=2.0)
    (refusal,) = refusals(step(), pico)
    assert "safety allows 3.3 to 5.2 V, the device can do -1.7 to 2 V" in refusal


def test_a_sound_step_is_not_refused() -> None:
    assert list(refusals(step(), SETUP)) == []
