"""What is left of a hold that was cut off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.action import Remainder, action_of
from drivers.methodscript.scripts import mark_of
from drivers.potentiostat import HoldOrder, Potentiostat

FIVE_C = 7.35e-6
ORDER = HoldOrder("current", current=-FIVE_C, end_charge=5e-3, end_seconds=600.0)


@pytest.fixture
def remainder() -> Remainder:
    found = action_of(Potentiostat, "hold").remainder
    assert found is not None
    return found


def test_the_time_of_a_constant_current_is_told_by_its_charge(remainder: Remainder) -> None:
    left = remainder.arguments((ORDER,), 100.0 * FIVE_C)
    assert left is not None
    assert left[0].end_seconds == pytest.approx(500.0)
    assert left[0].end_charge == pytest.approx(5e-3 - 100.0 * FIVE_C)
    assert mark_of(left[0]) == mark_of(ORDER)


@pytest.mark.parametrize("charge", [600.0 * FIVE_C, 700.0 * FIVE_C])
def test_nothing_is_left_once_one_of_its_ends_is_reached(
    remainder: Remainder, charge: float
) -> None:
    assert remainder.arguments((ORDER,), charge) is None


def test_the_time_of_a_held_voltage_is_not_told_by_its_charge(remainder: Remainder) -> None:
    held = replace(ORDER, mode="current then voltage", voltage=5.0)
    assert remainder.arguments((held,), 1e-3) == (replace(held, end_charge=4e-3),)


def test_a_rest_is_done_once_more(remainder: Remainder) -> None:
    rest = HoldOrder("rest", end_seconds=600.0)
    assert remainder.arguments((rest,), 0.0) == (rest,)


@pytest.mark.parametrize(
    ("order", "bounded"),
    [
        (ORDER, False),
        (replace(ORDER, end_voltage=3.5), True),
        (replace(ORDER, on_resume="again"), True),
        (replace(ORDER, on_resume="next"), True),
        (replace(ORDER, on_resume="ask"), False),
    ],
)
def test_a_hold_that_only_charge_or_time_ends_is_put_as_a_question(
    order: HoldOrder, bounded: bool
) -> None:
    adoption = action_of(Potentiostat, "hold").adoption
    assert adoption is not None
    assert adoption.bounded((order,)) == bounded
