"""Several elements together: shared plateaus, the width, the order."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.eds.interphase import Interphase, estimate, together
from acquire.eds.line_result import LineFindings
from acquire.eds.rise_fit import Prior, RiseFit, fit
from tests.acquire.ramps import NM, ramp_line


def fitted(seed: int, onset: float, knee: float, plateau: float, points: int = 200) -> RiseFit:
    line = ramp_line(seed, onset * NM, knee * NM, plateau=plateau, points=points)
    return fit(line, Prior(), np.random.default_rng(seed))


def joined(**fits: RiseFit) -> Interphase:
    return together(fits, np.random.default_rng(0))


def order_of(**fits: RiseFit) -> str:
    return LineFindings(fits, joined(**fits)).order


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_element_of_few_counts_shares_the_plateau_of_one_of_many(seed: int) -> None:
    weak, strong = fitted(seed, 130, 200, 8.0), fitted(seed + 50, 140, 200, 80.0)
    alone, strongs = estimate(weak.knee), estimate(strong.knee)
    shared = joined(N=weak, P=strong).plateau("N")
    assert shared.high - shared.low < 0.7 * (alone.high - alone.low)
    assert shared.value == pytest.approx(strongs.value, abs=4 * NM)
    assert shared.low <= 200 * NM <= shared.high


def test_plateaus_that_differ_are_not_drawn_together() -> None:
    early, late = fitted(4, 100, 150, 80.0), fitted(5, 100, 240, 80.0)
    both = joined(N=early, P=late)
    for name, one in (("N", early), ("P", late)):
        own, found = estimate(one.knee), both.plateau(name)
        assert found.value == pytest.approx(own.value, abs=2 * NM)
        assert found.low == pytest.approx(own.low, abs=4 * NM)
        assert found.high == pytest.approx(own.high, abs=4 * NM)


def test_the_width_lies_between_the_first_onset_and_the_last_plateau() -> None:
    both = joined(N=fitted(6, 100, 200, 80.0), P=fitted(7, 140, 200, 80.0))
    width = both.width()
    assert width.low <= 100 * NM <= width.high
    assert width.high - width.low < 50 * NM
    assert both.first_and_last()[0] == "N"
    assert both.widths.min() > 0


def test_one_element_is_its_own_interphase() -> None:
    one = fitted(8, 120, 180, 60.0)
    alone = joined(P=one)
    assert alone.plateau("P").value == pytest.approx(estimate(one.knee).value, abs=NM)
    width = estimate(one.knee - one.onset)
    assert alone.width().value == pytest.approx(width.value, abs=NM)
    assert alone.first_and_last() == ("P", "P")
    assert alone.ends_within("P") == pytest.approx(one.ends_within, abs=0.02)
    assert LineFindings({"P": one}, alone).order == "undecided"


def test_order_is_claimed_only_where_the_intervals_are_apart() -> None:
    first, near, far = (
        fitted(s, onset, 240, 80.0) for s, onset in ((9, 100), (10, 101), (11, 160))
    )
    assert order_of(N=first, P=near) == "undecided"
    assert order_of(P=far, N=first) == "N before P"
    claims = order_of(O=near, P=far, N=first).split(", ")
    assert sorted(claims) == ["N before P", "O before P"]


def test_a_shared_plateau_does_not_move_an_onset() -> None:
    weak, strong = fitted(12, 100, 200, 10.0), fitted(13, 140, 200, 80.0)
    both = LineFindings({"N": weak, "P": strong}, joined(N=weak, P=strong))
    found = both.onsets["N"]
    assert "none" not in found
    assert found["position_m"] == estimate(weak.onset).value


def test_tuples_are_drawn_by_their_weights() -> None:
    both = joined(N=fitted(14, 130, 200, 10.0), P=fitted(15, 140, 200, 80.0))
    chosen = both.sample(4000, np.random.default_rng(1))
    assert np.median(both.widths[chosen]) == pytest.approx(both.width().value, abs=3 * NM)
    rows = both.rows[:, chosen]
    assert rows.shape == (2, 4000)
    assert rows.max() < len(fitted(14, 130, 200, 10.0).theta)
