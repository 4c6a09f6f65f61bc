"""The onset detector: exact, as rare in error as it says, about as late as theory allows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.eds.onset import OnsetDetector, change_interval, onset_threshold
from tests.campaigns.onset_false_alarms import expected_delay, flagged_share, ramp_delays

NEVER = 1e300


def best_of_all_splits(
    counts: list[int], exposures: list[float], background_points: int
) -> tuple[float, int]:
    """Return the GLR by trying each split, and the best split."""

    def best(n: int, w: float) -> float:
        return n * math.log(n / w) if n else 0.0

    highest, change = 0.0, 0
    for split in range(1, len(counts)):
        measured = sum(w > 0 for w in exposures[:split])
        before, time = sum(counts[:split]), math.fsum(exposures[:split])
        after, rest = sum(counts[split:]), math.fsum(exposures[split:])
        if measured < background_points or exposures[split] == 0:
            continue
        if after * time > before * rest:
            value = best(before, time) + best(after, rest) - best(before + after, time + rest)
            if value > highest:
                highest, change = value, split
    return highest, change


points = st.tuples(st.integers(0, 30), st.sampled_from([0.0, 0.5, 1.0, 1.7]))


@given(st.lists(points, min_size=1, max_size=60), st.integers(1, 10))
def test_the_statistic_is_that_of_the_best_of_all_splits(
    scan: list[tuple[int, float]], background_points: int
) -> None:
    exposures = [exposure for _, exposure in scan]
    counts = [count if exposure else 0 for count, exposure in scan]
    detector = OnsetDetector(background_points, NEVER)
    for count, exposure in zip(counts, exposures, strict=True):
        detector.update(count, exposure)
    if exposures[-1] > 0:
        highest, _ = best_of_all_splits(counts, exposures, background_points)
        assert detector.statistic == pytest.approx(highest, abs=1e-6)


def raised(counts: list[int], exposures: list[float] | None = None) -> OnsetDetector:
    detector = OnsetDetector(10, 1e4)
    for index, count in enumerate(counts):
        detector.update(count, 1.0 if exposures is None else exposures[index])
    return detector


def test_a_step_is_dated_back_to_its_first_point() -> None:
    evidence = raised([4] * 40 + [12] * 20).raised
    assert evidence is not None
    assert evidence.change == 40
    assert evidence.interval[0] <= 40 <= evidence.interval[1]
    assert evidence.raised < 46
    assert evidence.statistic > evidence.threshold == onset_threshold(1e4)


def test_an_onset_is_raised_once() -> None:
    detector = OnsetDetector(10, 1e4)
    counts = [4] * 40 + [12] * 20 + [40] * 20
    assert sum(detector.update(count) is not None for count in counts) == 1


def test_a_fall_is_no_onset() -> None:
    assert raised([40] * 40 + [4] * 40).raised is None


def test_longer_exposure_is_no_onset() -> None:
    assert raised([4] * 40 + [12] * 40, [1.0] * 40 + [3.0] * 40).raised is None


def test_gaps_neither_hide_nor_make_an_onset() -> None:
    counts = ([4] * 40 + [12] * 20) * 1
    gaps = set(range(5, 60, 3))
    exposures = [0.0 if index in gaps else 1.0 for index in range(60)]
    evidence = raised(counts, exposures).raised
    assert evidence is not None
    assert evidence.change in (40, 41, 42)
    assert raised([4] * 60, exposures).raised is None


def test_counts_after_none_at_all_are_an_onset() -> None:
    evidence = raised([0] * 30 + [3] * 8).raised
    assert evidence is not None
    assert evidence.change == 30


def test_nothing_at_all_is_no_onset() -> None:
    assert raised([0] * 60).raised is None


@pytest.mark.parametrize(("count", "exposure"), [(-1, 1.0), (1, -1.0), (1, math.nan)])
def test_impossible_numbers_are_refused(count: int, exposure: float) -> None:
    with pytest.raises(ValueError, match="neither can be negative"):
        OnsetDetector(10, 1e4).update(count, exposure)


def test_the_interval_of_a_gradual_rise_reaches_further_back_than_its_step() -> None:
    counts = [4] * 60 + [4 + round(0.4 * index) for index in range(20)]
    _, change = best_of_all_splits(counts, [1.0] * 80, 10)
    first, last = change_interval(counts, [1.0] * 80, change, 10)
    assert first <= 61 < change <= last


@pytest.mark.parametrize("rate", [0.3, 1.0, 5.0, 50.0])
def test_false_alarms_are_no_more_frequent_than_promised(rate: float) -> None:
    scans = 1000
    promised = 321 / 20_000
    share = flagged_share(rate, 20_000, scans=scans, points=351, seed=11)
    assert share <= promised + 3 * math.sqrt(promised / scans)


@pytest.mark.parametrize(("low", "high"), [(4.0, 14.0), (1.0, 4.0), (10.0, 60.0)])
def test_a_ramp_is_flagged_about_as_late_as_theory_says(low: float, high: float) -> None:
    delays, covered = ramp_delays(low, high, 10_000, scans=200, seed=12)
    assert delays.mean() == pytest.approx(expected_delay(low, high, 10_000), rel=0.15)
    assert covered >= 0.88
