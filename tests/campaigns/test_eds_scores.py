"""Whole line scans against what the simulator hides: short forms of the campaigns, with -m slow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from acquire.eds.forecast import forecast
from protocols.eds import EdsLineScan
from protocols.loader import load_protocol
from simulators.stem_settings import SimStemSettings
from tests.campaigns.eds_false_alarms import expected_spectra, flagged, setup_of
from tests.campaigns.eds_scores import CASES, Scored, scores
from tests.campaigns.refine_scores import EVEN, REFINED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def rmse(each: list[Scored]) -> float:
    """Return the root mean square error, nm."""
    return float(np.sqrt(np.mean([(q.value - q.true) ** 2 for q in each])))


def test_the_published_scan_is_as_good_as_check_says_it_can_be() -> None:
    """200 seeds: N onset and width within 1.25 times the bound, P onset 1.4 times."""
    found = scores(CASES["paper"], range(10), workers=1)
    step = load_protocol("joule2020/eds-line").steps[0]
    assert isinstance(step, EdsLineScan)
    assert step.expect is not None
    bound = forecast(step, step.expect)
    for key, best in (("N onset", bound.onset_bound[0]), ("width", bound.width_bound)):
        assert rmse([score.quantities[key] for score in found]) < 1.25 * best * 1e9
    assert rmse([score.quantities["P onset"] for score in found]) < 2 * bound.onset_bound[1] * 1e9
    assert sum(score.order == "N before P" for score in found) >= 9
    every = [q for score in found for q in score.quantities.values() if not math.isnan(q.value)]
    assert sum(q.covered for q in every) >= 0.88 * len(every)


def test_what_does_not_exist_is_not_found_in_bulk_lithium() -> None:
    found = scores(CASES["none"], range(6), workers=1)
    assert sum(score.onset_flags > 0 for score in found) <= 1


@pytest.mark.parametrize("specimen", ["none", "bulk-lipon"])
def test_a_wedge_of_bulk_material_raises_an_onset_in_two_scans_of_a_hundred_at_most(
    specimen: str,
) -> None:
    """1000 scans: 0.4 % each; more than 6 of 150 have a chance of 3 % at a true share of 2 %."""
    settings = SimStemSettings(wedge=0.2)
    spectra, times = expected_spectra(specimen, settings, 200, -100e-9)
    assert flagged(spectra, times, setup_of(settings), range(150))["any"] <= 6


def test_a_refined_scan_spends_a_third_and_keeps_its_intervals() -> None:
    refined, even = scores(REFINED, range(4), workers=1), scores(EVEN, range(4), workers=1)
    for ours, theirs in zip(refined, even, strict=True):
        assert ours.electrons < 0.34 * theirs.electrons
    for key in ("N onset", "P onset"):
        ratios = [
            (r.quantities[key].high - r.quantities[key].low)
            / (e.quantities[key].high - e.quantities[key].low)
            for r, e in zip(refined, even, strict=True)
        ]
        assert np.median(ratios) < 1
