"""Where a line begins to rise, levels off, falls and moves, from its areas alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquire.xps.boundary import (
    Areas,
    Place,
    crossing,
    fall_begins,
    moved,
    onset,
    plateau,
)
from acquire.xps.line_watch import upper_limit
from acquire.xps.order import order

Floats = npt.NDArray[np.float64]
TIMES: Floats = 60.0 * np.arange(30)
CONFIDENCE = 0.95


def areas(expected: Floats, error: float = 30.0, seed: int = 0) -> Areas:
    noise = np.random.default_rng(seed).normal(0.0, error, len(expected))
    return Areas(TIMES[: len(expected)], expected + noise, np.full(len(expected), error))


def rise(begin: float, end: float = 1e9, slope: float = 1.0) -> Floats:
    return np.asarray(slope * np.clip(TIMES - begin, 0.0, end - begin))


def test_the_interval_of_an_onset_holds_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(200):
        begin = float(rng.uniform(240, 900))
        found = onset(areas(rise(begin, slope=float(rng.uniform(0.5, 3))), seed=seed), CONFIDENCE)
        held += found.low <= begin <= found.high
    assert held >= 186  # 190 expected, less 2 standard deviations


@settings(max_examples=30, deadline=None)
@given(begin=st.floats(200, 1200), seed=st.integers(0, 2**31))
def test_a_later_onset_is_told_later(begin: float, seed: int) -> None:
    earlier, later = (onset(areas(rise(b), seed=seed), CONFIDENCE) for b in (begin, begin + 240))
    assert earlier.value < later.value
    assert earlier.low <= earlier.value <= earlier.high


def test_what_rises_from_the_first_cycle_began_no_earlier() -> None:
    found = onset(areas(rise(-300.0)), CONFIDENCE)
    assert found.value == found.low == 0.0


def test_what_a_wrong_background_leaves_in_each_cycle_is_no_rise() -> None:
    found = onset(areas(60.0 + rise(600.0)), CONFIDENCE)  # twice the error, all the way
    assert found.low > 300
    assert found.value == pytest.approx(600, abs=90)


def test_a_plateau_is_believed_once_the_rise_has_ended_and_not_before() -> None:
    expected = rise(300.0, 900.0)
    begin = Place(300.0, 270.0, 330.0)
    for cycles in (10, 14):
        assert plateau(areas(expected[:cycles]), begin, CONFIDENCE).ended < 0.9
    found = plateau(areas(expected[:22]), begin, CONFIDENCE)
    assert found.ended > 0.975
    assert found.place.low <= 900 <= found.place.high


def test_a_fall_is_where_it_began_and_where_it_crosses() -> None:
    expected = np.asarray(1000 - np.clip(TIMES - 420, 0, None))[:20]
    fallen = areas(expected, error=10.0)
    begin = fall_begins(fallen, CONFIDENCE)
    assert begin.low <= 420 <= begin.high
    place = crossing(fallen, 500.0, CONFIDENCE)
    assert place.value == pytest.approx(920, abs=20)
    assert place.high - place.low <= 120


def test_a_shift_is_half_way_between_its_two_rests() -> None:
    positions = np.array([284.6, 284.6, 284.7, 285.6, 286.6, 286.6])
    found = moved(TIMES[:6], positions, by=2.0)
    assert found == Place(pytest.approx(180, abs=1), 120.0, 240.0)


def test_an_upper_limit_is_above_nothing_whatever_chance_has_left() -> None:
    assert upper_limit(1000.0, 10.0, 0.95) == pytest.approx(1016.4, abs=0.2)
    assert 0 < upper_limit(-60.0, 30.0, 0.95) < upper_limit(0.0, 30.0, 0.95)
    assert upper_limit(0.0, 30.0, 0.95) == pytest.approx(1.96 * 30, rel=0.01)


@pytest.mark.parametrize(
    ("n", "p", "told"),
    [
        (Place(500, 450, 550), Place(1200, 1000, 1400), "N before P"),
        (Place(1200, 1000, 1400), Place(500, 450, 550), "P before N"),
        (Place(500, 450, 550), Place(600, 540, 700), "undecided"),
    ],
)
def test_one_is_before_the_other_only_where_the_intervals_are_apart(
    n: Place, p: Place, told: str
) -> None:
    assert order({"N 1s": n, "P 2p": p}) == told


def test_one_onset_alone_is_in_no_order() -> None:
    assert order({"N 1s": Place(500, 450, 550)}) == "undecided"
