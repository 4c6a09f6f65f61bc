"""Whether a rise has ended: not on an endless ramp, soon after a knee."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.eds.plateau import FALSE_SHARE, THRESHOLD, plateau
from tests.acquire.ramps import NM, ramp_line
from tests.campaigns.plateau_false_alarms import delays, endless


def test_an_endless_ramp_hardly_ever_raises_a_plateau() -> None:
    largest = np.concatenate([endless(4.0, 0.3, 260, 20, 1), endless(1.0, 0.3, 260, 20, 2)])
    assert (largest > THRESHOLD).sum() <= 1 + 3 * FALSE_SHARE * len(largest)


def test_a_knee_is_found_behind_it_and_where_it_is() -> None:
    late, off = delays(5.0, 55.0, 76, 20, 3)
    assert len(late) >= 19
    assert (late < 0).sum() <= 2
    assert np.median(late) < 60
    assert np.median(np.abs(off)) < 15


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_holds_the_knee(seed: int) -> None:
    line = ramp_line(seed, 100 * NM, 160 * NM, points=150, plateau=60.0)
    found = plateau(line, (90 * NM, 110 * NM))
    assert found.statistic > THRESHOLD
    assert found.interval[0] < found.position < found.interval[1]
    assert found.interval[0] <= 160 * NM <= found.interval[1]


def test_two_positions_after_the_onset_say_nothing() -> None:
    line = ramp_line(1, 100 * NM, 160 * NM, points=53)
    assert plateau(line, (100 * NM, 102 * NM)).statistic < THRESHOLD
