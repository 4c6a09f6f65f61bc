"""What a line says: the stretch that is one interphase, and the words where a place is not said."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.eds.line_result import Level, LineFindings, findings, stretch
from acquire.eds.ramp import LineCounts
from tests.acquire.ramps import NM, line_of, ramp_line, straight

POINTS = 240
DISTANCE = np.arange(POINTS) * 2 * NM


def found_in(line: LineCounts, change: float, level: Level | None = None) -> LineFindings:
    return findings({"P": line}, {"P": change}, {"P": level}, {"N": "no significant rise"})


def grain(seed: int, *, enter: float, leave: float) -> LineCounts:
    """Return a line with a grain before the interphase at 300 to 360 nm."""
    inside = (enter <= DISTANCE) & (leave > DISTANCE)
    shape = 0.8 * inside + straight(DISTANCE, 300 * NM, 360 * NM)
    return line_of(np.random.default_rng(seed), shape, level=4.0, plateau=60.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_grain_that_is_entered_and_left_before_the_rise_is_cut_off(seed: int) -> None:
    kept = stretch(grain(seed, enter=80 * NM, leave=140 * NM), 310 * NM)
    assert kept.distance[0] == pytest.approx(140 * NM, abs=4 * NM)
    assert kept.distance[-1] == DISTANCE[-1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_rise_ends_where_its_grain_is_left_again(seed: int) -> None:
    kept = stretch(grain(seed, enter=80 * NM, leave=140 * NM), 80 * NM)
    assert kept.distance[0] == 0.0
    assert kept.distance[-1] == pytest.approx(138 * NM, abs=4 * NM)


@pytest.mark.parametrize("seed", range(5))
def test_a_line_that_only_rises_is_kept_whole_also_with_a_wedge(seed: int) -> None:
    line = ramp_line(seed, 200 * NM, 280 * NM, points=POINTS, plateau=60.0, wedge=-0.2)
    assert len(stretch(line, 205 * NM).counts) == POINTS


def test_onset_and_plateau_of_a_grain_are_its_own() -> None:
    found = found_in(grain(4, enter=80 * NM, leave=140 * NM), 80 * NM)
    onset = found.onsets["P"]
    assert "none" not in onset
    assert onset["interval_m"][0] <= 80 * NM <= onset["interval_m"][1] + 2 * NM


def test_a_line_that_is_too_short_says_how_much_further_to_scan() -> None:
    found = found_in(ramp_line(5, 90 * NM, 500 * NM), 95 * NM)
    plateau = found.plateaus["P"]
    assert "none" in plateau
    assert "the rise may go on to the end of the data at 238 nm" in plateau["none"]
    assert "nm further" in plateau["none"]
    assert found.width == {"none": "P has no plateau on the line"}


def test_what_does_not_appear_has_neither_onset_nor_plateau() -> None:
    found = found_in(ramp_line(6, 90 * NM, 150 * NM, plateau=60.0, points=160), 95 * NM)
    assert found.onsets["N"] == {"none": "no significant rise"}
    assert found.plateaus["N"] == {"none": "no onset: no significant rise"}
    assert "none" not in found.plateaus["P"]


def test_without_any_onset_there_is_no_width_and_no_order() -> None:
    found = findings({}, {}, {}, {"N": "no significant rise"})
    assert found.width == {"none": "no onset"}
    assert (found.order, found.interphase) == ("undecided", None)


def test_the_width_has_its_interval_its_ends_and_its_shapes() -> None:
    width = found_in(ramp_line(7, 90 * NM, 150 * NM, plateau=60.0, points=160), 95 * NM).width
    assert width["interval_m"][0] <= 60 * NM <= width["interval_m"][1]
    assert (width["from"], width["to"], width["shapes_of"]) == ("P", "P", "P")
    assert set(width["shapes"]) == {"linear", "erf", "exponential"}


def test_the_same_counts_give_the_same_result() -> None:
    line = ramp_line(8, 90 * NM, 150 * NM)
    first, again = (found_in(line, 95 * NM, Level(4.0, 0.15)) for _ in range(2))
    assert first.onsets == again.onsets
    assert first.width == again.width
