"""How counts fall with dose: what is said of them, and how often that is true."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.eds import fade
from tests.campaigns.damage_series import Case, coverage, flagged_share, glr_maxima, sample

MANY = Case(2e4, 0.2, counts=1e6, background=0.0)


def series_of(case: Case, seed: int = 1) -> fade.DoseSeries:
    return fade.with_own_errors(*sample(case, np.random.default_rng(seed)))


def test_with_many_counts_all_three_figures_are_found() -> None:
    case = Case(5e3, 0.3, counts=1e7, background=0.0)
    series = series_of(case)
    assert fade.critical_dose(series, 0.95).value == pytest.approx(5e3, rel=0.05)
    assert fade.fit_decay(series).retained == pytest.approx(0.3, abs=0.01)
    assert fade.dose_for_loss(series, 0.1, 0.95).value == pytest.approx(
        case.loss_dose(0.1), rel=0.03
    )


def test_an_early_end_leaves_the_loss_known_but_not_what_stays() -> None:
    series = series_of(Case(6e4, 0.2, counts=5000, background=2000))
    stays = fade.retained_share(series, 0.95)
    loss = fade.dose_for_loss(series, 0.1, 0.95)
    critical = fade.critical_dose(series, 0.95)
    assert stays.high - stays.low > 0.5
    assert loss.high / loss.low < critical.high / critical.low


def test_what_loses_nothing_has_a_lower_limit_and_no_upper_one() -> None:
    series = series_of(Case(math.inf, 0.0, counts=5000))
    loss = fade.dose_for_loss(series, 0.1, 0.95)
    assert loss.high == math.inf
    assert series.end < loss.low < math.inf
    assert fade.least_critical_dose(series, 0.95) > series.end


def test_what_fades_too_fast_for_a_series_is_told() -> None:
    assert fade.too_fast(series_of(Case(800.0, 0.2)), 0.95)
    assert not fade.too_fast(series_of(Case(5e3, 0.2)), 0.95)


def test_a_share_that_no_dose_removes_has_an_infinite_dose() -> None:
    series = series_of(Case(3e3, 0.8, counts=1e5, background=0.0))
    assert fade.dose_for_loss(series, 0.5, 0.95).high == math.inf


@given(scale=st.floats(1e-12, 1e12), seed=st.integers(0, 1000))
def test_units_of_counts_change_nothing(scale: float, seed: int) -> None:
    one = series_of(MANY, seed)
    other = fade.DoseSeries(one.before, one.during, one.counts * scale, one.errors * scale)
    assert fade.fall_statistic(other) == pytest.approx(fade.fall_statistic(one), rel=1e-6)
    assert fade.dose_for_loss(other, 0.1, 0.95).low == pytest.approx(
        fade.dose_for_loss(one, 0.1, 0.95).low, rel=1e-6
    )


def test_a_rise_is_no_fade() -> None:
    series = series_of(MANY)
    rising = fade.DoseSeries(series.before, series.during, series.counts[::-1], series.errors)
    assert fade.fall_statistic(series) > 100
    assert fade.fall_statistic(rising) < 1e-6


@pytest.mark.parametrize("exposures", [5, 40])
def test_false_alarms_are_as_rare_as_promised_at_all_looks(exposures: int) -> None:
    maxima = glr_maxima(exposures, 20_000, np.random.default_rng(4))
    share = float((maxima > fade.fade_threshold(0.01, exposures)).mean())
    assert 0.003 < share < 0.0115


def test_false_alarms_of_few_counts_are_no_more_frequent() -> None:
    assert flagged_share(0.02, Case(math.inf, 0.0, counts=10, background=5), 150, 5) <= 0.04


@pytest.mark.parametrize("case", [Case(2e4, 0.2), Case(6e4, 0.2), Case(2e4, 0.0)])
def test_the_intervals_hold_the_truth_as_often_as_they_say(case: Case) -> None:
    of_critical, of_loss = coverage(case, 0.1, 150, 3)
    assert 0.9 <= of_critical <= 1.0
    assert 0.9 <= of_loss <= 0.99
