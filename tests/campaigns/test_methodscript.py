"""MethodSCRIPT over a bad line: short ones; whole ones by hand."""

from __future__ import annotations

import pytest

from tests.campaigns.methodscript_faults import holds, spoiled_lines
from tests.drivers.methodscript.bad_line import ALL, another_digit


def test_nothing_that_a_bad_line_makes_is_a_sample() -> None:
    score = spoiled_lines(300, ALL)
    assert score.wrong == score.ends_wrong == 0
    assert score.right > 500


def test_a_digit_that_the_line_changes_is_seen_by_sending_twice() -> None:
    score = spoiled_lines(300, {"another digit": another_digit})
    assert score.wrong_if_once > 150, "one line alone shows nothing"
    assert score.wrong == score.ends_wrong == 0


@pytest.mark.slow
@pytest.mark.timeout(300)  # it waits in real time for what a bad line loses
def test_the_cell_is_off_after_every_hold_over_a_bad_line() -> None:
    score = holds(15)
    assert score.left_on == score.wrong == score.ends_wrong == 0
    assert score.ends_right > 0
    assert sum(score.faults.values()) > 100
