"""The test for a peak keeps its false-alarm rate, and finds peaks as small as it should."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from acquire.xps.background import stiffness, straight_and_curved
from acquire.xps.peak_shape import line_shapes, peak_shapes
from acquire.xps.peak_test import roots, threshold
from protocols.core_levels import core_level
from tests.campaigns.xps_power import ENERGIES, false_alarms, found_share


def test_blanks_raise_no_more_alarms_than_declared() -> None:
    for background in (200.0, 20.0):
        assert false_alarms(background, 1000, np.random.default_rng(3)) <= 4e-3  # 3 sigma


@pytest.mark.parametrize(("background", "size"), [(200.0, 6.0), (20.0, 6.8)])
def test_a_peak_of_the_size_asked_is_found_19_times_in_20(background: float, size: float) -> None:
    assert found_share(background, size, 400, np.random.default_rng(4)) >= 0.93


def test_the_root_is_that_of_the_likelihood_ratio() -> None:
    columns, peaks = straight_and_curved(ENERGIES), line_shapes(ENERGIES, np.array([396.0]), 1.6)
    expected = 20 * columns[0] - 2 * columns[1] + 150 * peaks[0]
    counts = np.random.default_rng(5).poisson(expected).astype(np.float64)[None]
    precision = stiffness(counts.mean(axis=1), 3)

    def best(design: np.ndarray, held: np.ndarray) -> float:
        def loss(theta: np.ndarray) -> float:
            mu = np.maximum(theta @ design, 1e-9)
            return float((mu - counts[0] * np.log(mu)).sum() + 0.5 * (held * theta**2).sum())

        first = np.array([20.0, *np.zeros(len(design) - 1)])
        return float(minimize(loss, first, method="Nelder-Mead", options={"maxiter": 4000}).fun)

    with_peak = best(np.vstack([columns, peaks]), np.append(precision[0], 0.0))
    ratio = best(columns, precision[0]) - with_peak
    found = roots(counts, columns, peaks, precision)
    assert found.root[0, 0] == pytest.approx(np.sqrt(2 * ratio), rel=2e-3)


def test_a_dip_is_no_peak() -> None:
    shapes = line_shapes(ENERGIES, np.array([396.0]), 1.6)
    counts = np.asarray(np.round(200 - 900 * shapes), np.float64)
    found = roots(counts, straight_and_curved(ENERGIES), shapes, stiffness(np.array([200.0]), 3))
    assert found.root[0, 0] < -4


def test_more_places_ask_for_a_higher_root() -> None:
    assert threshold(1e-3, [0.0]) == pytest.approx(3.09, abs=0.01)
    assert threshold(1e-3, [0.0]) < threshold(1e-3, [3.0]) < threshold(1e-3, [3.0, 3.0])


def test_a_pair_has_its_weaker_line_at_higher_binding_energy() -> None:
    energies = 142.0 - 0.05 * np.arange(361, dtype=np.float64)
    level = core_level("P 2p")
    shape = peak_shapes(energies, np.array([132.8]), 0.3, level)[0]
    assert shape.sum() == pytest.approx(1.0, abs=0.02)
    assert energies[np.argmax(shape)] == pytest.approx(132.8, abs=0.05)
    second = shape[np.argmin(np.abs(energies - 132.8 - level.split))]
    assert second / shape.max() == pytest.approx(level.weaker, abs=0.08)
