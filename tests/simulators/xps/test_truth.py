"""The truth that XPS analysis is scored against: where the shipped specimen has its boundaries."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from drivers.action import result_of
from protocols.loader import load_protocol
from protocols.xps import DepthProfile
from simulators.specimen import load_specimen
from simulators.xps.settings import SimXpsSettings
from simulators.xps.truth import Expected, expected
from tests.campaigns.xps_specimens import SPECIMENS
from tests.simulators.xps.spectrometers import open_xps

UNITS = 6
"""Of the paper's depth axis per etch of 60 s: our reading."""


def published() -> DepthProfile:
    (step,) = load_protocol("joule2020/xps-depth-profile").steps
    assert isinstance(step, DepthProfile)
    return step


@lru_cache
def profile(seed: int, cycles: int = 38) -> Expected:
    return expected((SimXpsSettings(), seed), published(), 60.0 * np.arange(cycles))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_shipped_specimen_shows_n_near_54_and_p_near_138_of_the_papers_units(seed: int) -> None:
    lines = profile(seed).lines
    nitrogen, phosphorus = lines["N 1s"].first(), lines["P 2p"].first()
    assert nitrogen is not None
    assert phosphorus is not None
    assert nitrogen * UNITS == pytest.approx(54, abs=UNITS)
    assert phosphorus * UNITS == pytest.approx(138, abs=UNITS)
    assert (lines["N 1s"].state[nitrogen], lines["N 1s"].energy[nitrogen]) == ("Li3N", 394.4)
    assert lines["P 2p"].energy[phosphorus] == 132.8


@pytest.mark.parametrize("seed", [0, 1])
def test_carbon_falls_near_54_of_the_papers_units_and_is_gone_later(seed: int) -> None:
    carbon = profile(seed).lines["C 1s"]
    falls, gone = carbon.falls(0.2), carbon.falls(0.05)
    assert falls is not None
    assert gone is not None
    assert falls * UNITS == pytest.approx(54, abs=12)
    assert falls <= gone < 15


def test_lithium_that_is_in_contact_does_not_charge_and_what_floats_does() -> None:
    shift = profile(1).shift
    assert np.abs(shift[:20]).max() < 0.05
    assert shift[-1] > 0.8
    assert np.ptp(shift[-5:]) > 0


def test_a_worlds_ledger_gives_what_its_settings_foresee(tmp_path: Path) -> None:
    step = published()
    xps = open_xps(tmp_path / "world.db", seed=5)
    for _ in range(3):
        result_of(xps.etch(step.etch))
    xps.close()
    was = expected(tmp_path / "world.db", step)
    foreseen = expected((SimXpsSettings(), 5), step, [0.0, 60.0, 120.0, 180.0])
    np.testing.assert_allclose(was.etch_times, foreseen.etch_times)
    np.testing.assert_allclose(was.depths, foreseen.depths)
    np.testing.assert_allclose(was.lines["C 1s"].area, foreseen.lines["C 1s"].area)


def test_expected_areas_are_what_the_instrument_counts() -> None:
    step = published()
    xps = open_xps(seed=5, dead_time=0.0)
    result_of(xps.set_source(True))
    region = step.region("O 1s")
    truth = expected((SimXpsSettings(), 5), step, [0.0]).lines["O 1s"]
    counts = result_of(xps.acquire(region, region.sweeps)).counts
    under = counts[-20:].mean() * region.points  # the flat part below the line: a lower bound
    assert 0.9 * counts.sum() - under < truth.area[0] < counts.sum()


@pytest.mark.parametrize("name", SPECIMENS)
def test_scored_specimens_are_what_they_say(name: str) -> None:
    scored = SPECIMENS[name]
    settings = SimXpsSettings(**scored.settings)
    specimen = load_specimen(settings.specimen)
    depths = specimen.first_depth("N"), specimen.first_depth("P")
    order = None if None in depths else "N before P" if depths[0] < depths[1] else "P before N"
    assert order == scored.orders[0]
    truth = expected((settings, 1), published(), 120.0 * np.arange(16)).lines
    assert truth["N 1s"].first() is not None
    assert (truth["P 2p"].first() is None) == (name == "no P")
