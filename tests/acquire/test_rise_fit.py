"""The posterior of one element's ramp: coverage, a step, a line that ends early, a wedge."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from acquire.eds.interphase import estimate
from acquire.eds.rise_fit import Prior, RiseFit, fit
from tests.acquire.ramps import NM, line_of, ramp_line, straight

ONSET, KNEE = 90 * NM, 160 * NM


def fitted(
    seed: int, onset: float = ONSET, knee: float = KNEE, prior: Prior | None = None, **line: float
) -> RiseFit:
    drawn = ramp_line(seed, onset, knee, **line)  # type: ignore[arg-type]
    return fit(drawn, prior or Prior(), np.random.default_rng(seed))


@pytest.fixture(scope="module")
def straight_ones() -> list[RiseFit]:
    return [fitted(seed) for seed in range(24)]


@pytest.mark.parametrize(("place", "truth"), [("onset", ONSET), ("knee", KNEE)])
def test_intervals_cover_as_often_as_they_say(
    straight_ones: list[RiseFit], place: str, truth: float
) -> None:
    found = [estimate(getattr(each, place)) for each in straight_ones]
    covered = sum(each.low <= truth <= each.high for each in found)
    assert covered >= binom.ppf(1e-3, len(found), 0.95)
    widths = np.array([each.high - each.low for each in found])
    assert np.median(widths) < 50 * NM  # of a line of 238 nm
    scatter = np.std([each.value for each in found])
    assert np.median(widths) < 8 * scatter  # four would be a Gaussian's; not wide for nothing


def test_the_plateau_is_where_it_is_on_average(straight_ones: list[RiseFit]) -> None:
    errors = [float(np.median(each.knee)) - KNEE for each in straight_ones]
    assert np.mean(errors) == pytest.approx(0.0, abs=6 * NM)


def test_the_midpoint_is_about_the_middle(straight_ones: list[RiseFit]) -> None:
    for each in straight_ones[:5]:
        assert np.median(each.midpoint()) == pytest.approx((ONSET + KNEE) / 2, abs=16 * NM)


def test_counts_of_a_ramp_scatter_as_counts_do(straight_ones: list[RiseFit]) -> None:
    assert sum(each.scatter > 1 for each in straight_ones) <= 2


def test_steps_that_no_ramp_describes_widen_the_intervals() -> None:
    """Grains of 16 nm, half and one and a half times as rich as the ramp has it."""
    place = np.arange(120) * 2 * NM
    grains = np.where((place // (16 * NM)) % 2 == 0, 0.5, 1.5)
    shape = straight(place, ONSET, KNEE)
    rng = np.random.default_rng(9)
    even, grainy = (
        fit(line_of(rng, values, level=4.0, plateau=60.0), Prior(), rng)
        for values in (shape, shape * grains)
    )
    assert even.scatter == 1.0
    assert grainy.scatter > 3
    assert np.std(grainy.onset) > 1.5 * np.std(even.onset)


def test_a_sharp_step_is_placed_to_a_few_positions_with_a_short_width() -> None:
    found = fitted(1, 100 * NM, 100.1 * NM)
    for place in (estimate(found.onset), estimate(found.knee)):
        assert place.low <= 102 * NM
        assert place.high >= 98 * NM
        assert place.high - place.low < 14 * NM
    assert np.median(found.knee - found.onset) < 8 * NM


def test_a_line_that_ends_before_the_plateau_says_so() -> None:
    short = fitted(2, 90 * NM, 400 * NM)
    assert short.ends_within < 0.9
    assert np.quantile(short.knee, 0.975) > 238 * NM
    assert fitted(2, points=200, plateau=60.0).ends_within > 0.99


def test_a_wedge_does_not_bias_the_plateau() -> None:
    for wedge in (-0.2, 0.2):
        found = [fitted(seed, wedge=wedge) for seed in range(40, 46)]
        errors = [float(np.median(each.knee)) - KNEE for each in found]
        assert np.mean(errors) == pytest.approx(0.0, abs=9 * NM)
        covered = sum(
            each.low <= KNEE <= each.high for each in (estimate(one.knee) for one in found)
        )
        assert covered >= 4


def test_a_wedge_that_is_known_is_used() -> None:
    known = fitted(50, wedge=0.3, prior=Prior(wedge=0.3, wedge_spread=0.02))
    assert np.mean(known.theta[:, 6]) == pytest.approx(0.3, abs=0.05)
    assert np.std(known.theta[:, 6]) == pytest.approx(0.02, abs=0.005)


def test_the_same_counts_give_the_same_draws() -> None:
    assert (fitted(3).theta == fitted(3).theta).all()


def test_a_few_counts_still_have_a_posterior() -> None:
    found = fitted(4, level=0.05, plateau=1.0, points=60)
    assert np.isfinite(found.theta).all()
    assert estimate(found.onset).low < 90 * NM < estimate(found.onset).high
