"""Prodigy over a bad line, and the published profile over it: short ones; whole ones by hand."""

from __future__ import annotations

import pytest

from tests.campaigns.prodigy_faults import changed_digits, over_a_bad_line
from tests.campaigns.prodigy_profile import profile

VERSIONS = pytest.mark.parametrize("version", [(1, 22), (1, 5)], ids=["1.22", "1.5"])


@VERSIONS
def test_a_bad_line_never_gives_wrong_data(version: tuple[int, int]) -> None:
    score = over_a_bad_line(version, 25)
    assert score.outcomes["scan WRONG"] == score.outcomes["etch WRONG"] == 0
    assert score.outcomes["scan right"] > 0


def test_a_digit_that_the_line_changes_is_seen_by_reading_twice() -> None:
    score = changed_digits(150, 0.3)
    assert score.single_wrong > 20, "one reading sees nothing"
    assert score.wrong == 0
    assert score.right > 100


@pytest.mark.slow
@VERSIONS
def test_the_published_profile_runs_over_prodigy_and_nothing_is_lost(
    version: tuple[int, int],
) -> None:
    told = profile(version, 4, 1000.0, cut_share=0.1)
    assert (told.regions, told.wrong, told.harmed) == (4 * 6 + 1, 0, 0)
    assert told.ledger == pytest.approx(told.asked, abs=1e-3)
