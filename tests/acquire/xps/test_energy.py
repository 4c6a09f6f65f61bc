"""Binding energies say how sure they are, and name the state that is near."""

from __future__ import annotations

import math

import pytest

from acquire.xps.charge import Correction
from acquire.xps.energy import SHAPE_ERROR, Energy, energy_of, mean, name
from acquire.xps.region_fit import Peak
from protocols.xps import ExpectedState

STATES = {
    "nitride": ExpectedState(energy=394.4),
    "LiPON": ExpectedState(energy=398.0, within=1.5),
}


@pytest.mark.parametrize(
    ("energy", "state"),
    [(394.0, "nitride"), (395.3, "nitride"), (396.0, None), (396.6, "LiPON"), (400.0, None)],
)
def test_a_state_is_named_within_its_reach_only(energy: float, state: str | None) -> None:
    assert name(energy, STATES) == state


def test_the_uncertainty_is_that_of_line_and_reference() -> None:
    correction = Correction("Ar 2p", 2.0, 0.05, 0.3, None)
    energy = energy_of(Peak(396.4, 0.04, 1000, 30), correction, STATES)
    assert (energy.value, energy.state) == (pytest.approx(394.4), "nitride")
    assert energy.uncertainty == pytest.approx(
        math.sqrt(0.04**2 + SHAPE_ERROR**2 + 0.05**2 + 0.3**2)
    )


def test_a_mean_is_no_surer_than_its_reference() -> None:
    many = [Energy(394.4 + 0.01 * (i % 3 - 1), 0.05, 0.3, "nitride") for i in range(30)]
    value, uncertainty = mean(many)
    assert value == pytest.approx(394.4, abs=0.01)
    assert uncertainty == pytest.approx(0.3, abs=0.002)
