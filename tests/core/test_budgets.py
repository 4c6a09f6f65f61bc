"""Dose counts where exposures overlap, and only there."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.budgets import Budgets, spend_of, spend_row
from drivers.action import Spend
from drivers.errors import BudgetError

NM = 1e-9


def strip(index: int, angle: float, pitch: float = 1 * NM, width: float = 600 * NM) -> Spend:
    x, y = index * pitch * math.cos(angle), index * pitch * math.sin(angle)
    return Spend("dose", 100.0, (x, y, pitch, width, angle))


@given(st.floats(0, 2 * math.pi), st.integers(5, 40))
def test_neighbouring_strips_of_a_line_at_any_angle_do_not_add_up(angle: float, n: int) -> None:
    budgets = Budgets()
    budgets.allow({"dose": 101.0})
    for index in range(n):
        budgets.reserve((index, 0), [strip(index, angle)])
    assert budgets.summary()["dose"]["spent"] == pytest.approx(100.0)


def test_the_same_place_twice_adds_up_and_is_refused() -> None:
    budgets = Budgets()
    budgets.allow({"dose": 150.0})
    budgets.reserve((0, 0), [strip(3, 0.3)])
    with pytest.raises(BudgetError, match="this would make 200, the limit is 150"):
        budgets.reserve((1, 0), [strip(3, 0.3)])


def test_half_a_pitch_between_overlaps_both_neighbours_but_doubles_only() -> None:
    budgets = Budgets()
    budgets.allow({"dose": 250.0})
    for index in range(2):
        budgets.reserve((index, 0), [strip(index, 0.0)])
    between = Spend("dose", 100.0, (0.5 * NM, 0.0, 1 * NM, 600 * NM, 0.0))
    budgets.reserve((2, 0), [between])
    assert budgets.summary()["dose"]["spent"] == pytest.approx(200.0)


def test_an_image_over_small_earlier_exposures_finds_them() -> None:
    budgets = Budgets()
    budgets.allow({"dose": 105.0})
    budgets.reserve((0, 0), [Spend("dose", 100.0, (313 * NM, -207 * NM, NM, NM, 0.0))])
    with pytest.raises(BudgetError):
        budgets.reserve((1, 0), [Spend("dose", 10.0, (0.0, 0.0, 1e-6, 1e-6, 0.0))])


def test_settling_gives_back_what_was_not_spent() -> None:
    budgets = Budgets()
    budgets.allow({"etch_s": 100.0})
    budgets.reserve((0, 0), [Spend("etch_s", 80.0)])
    budgets.settle((0, 0), [Spend("etch_s", 30.0)])
    budgets.reserve((1, 0), [Spend("etch_s", 70.0)])
    with pytest.raises(BudgetError):
        budgets.reserve((2, 0), [Spend("etch_s", 1.0)])


def test_a_step_without_a_budget_may_spend_nothing() -> None:
    budgets = Budgets()
    budgets.allow({})
    with pytest.raises(BudgetError, match="no budget for dose"):
        budgets.reserve((0, 0), [strip(0, 0.0)])


def test_a_place_given_up_counts_within_it_but_not_against_an_image_of_it() -> None:
    budgets = Budgets()
    budgets.allow({"dose": 100.0}, given_up=True)
    given_up = Spend("dose", 90.0, (0.0, 0.0, 1e-7, 1e-7, 0.0), given_up=True)
    budgets.reserve((1, 0), [given_up])
    with pytest.raises(BudgetError):
        budgets.reserve((2, 0), [given_up])
    assert budgets.summary()["dose"]["spent"] == 90.0
    budgets.allow({"dose": 50.0})
    budgets.reserve((3, 0), [Spend("dose", 1.0, (0.0, 0.0, 1e-6, 1e-6, 0.0))])
    assert budgets.summary()["dose"]["spent"] == 1.0
    with pytest.raises(BudgetError):
        budgets.reserve((4, 0), [Spend("dose", 1.0, (0.0, 0.0, 1e-9, 5e-8, 0.0))])
    assert spend_of(spend_row(given_up)) == given_up
