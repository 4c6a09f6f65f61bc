"""Charges, efficiencies and their uncertainties, against closed forms."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.cycling.coulometry import HalfCycle, efficiency, half_cycle, together, whole_cycle
from drivers.potentiostat import Held, HoldOrder
from tests.acquire.cycling.test_orders import CAPACITY, SETUP

CURRENT = 7.35e-6
HALF = HalfCycle(CAPACITY, CAPACITY / CURRENT, 1e-5, 0.0)


def held(charge: float, *, on_device: bool = True) -> Held:
    return Held("voltage", abs(charge) / CURRENT, charge, 5.1, CURRENT, on_device)


@given(st.floats(1e-6, 1e-2), st.floats(0.5, 1.1))
def test_the_zero_of_the_current_shifts_the_efficiency_by_twice_its_share(
    offset: float, share: float
) -> None:
    setup = replace(SETUP, current_offset=offset)
    discharged = replace(HALF, charge=HALF.charge * share, seconds=HALF.seconds * share)
    value, uncertainty = efficiency(HALF, discharged, setup)
    assert value == pytest.approx(share)
    assert uncertainty == pytest.approx(share * 2 * offset * 1e-5 / CURRENT)


def test_the_scale_matters_only_between_two_ranges() -> None:
    setup = replace(SETUP, current_offset=0.0)
    _, same = efficiency(HALF, HALF, setup)
    _, other = efficiency(HALF, replace(HALF, current_range=1e-4), setup)
    assert same == 0.0
    assert other == pytest.approx(5e-4 * 2**0.5)


def test_the_end_that_the_host_found_is_less_sure() -> None:
    order = HoldOrder("current", current=CURRENT, current_range=1e-5)
    assert half_cycle(order, held(CAPACITY), SETUP).late == 0.0
    late = half_cycle(order, held(CAPACITY, on_device=False), SETUP).late
    assert late == pytest.approx(CURRENT * 0.01)
    _, uncertainty = efficiency(
        replace(HALF, late=late), replace(HALF, late=late), replace(SETUP, current_offset=0.0)
    )
    assert uncertainty == pytest.approx(2**0.5 * 0.01 / 720, rel=1e-3)


def test_holds_of_one_direction_add() -> None:
    both = together([HALF, replace(HALF, current_range=1e-6)])
    assert both is not None
    assert both.charge == pytest.approx(2 * CAPACITY)
    assert both.current_range == 1e-5
    assert together([]) is None


@pytest.mark.parametrize("halves", [([], [HALF]), ([HALF], [])])
def test_half_a_cycle_has_no_efficiency(halves: tuple[list[HalfCycle], list[HalfCycle]]) -> None:
    cycle = whole_cycle(1, halves, CAPACITY, SETUP, interrupted=False, resistance=None)
    assert cycle.efficiency is None
    assert cycle.uncertainty is None


def test_the_rate_is_that_of_the_discharge() -> None:
    cycle = whole_cycle(3, ([HALF], [HALF]), CAPACITY, SETUP, interrupted=True, resistance=1e3)
    assert cycle.rate == pytest.approx(5.0)
    assert (cycle.number, cycle.interrupted, cycle.resistance) == (3, True, 1e3)
