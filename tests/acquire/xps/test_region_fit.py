"""Lines of a region are found, placed and measured, whatever lies beside them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from acquire.xps.peak_shape import peak_shapes
from acquire.xps.region_fit import RegionFit, fit_region, scatter_of
from protocols.core_levels import core_level

Floats = npt.NDArray[np.float64]
ENERGIES: Floats = 406.0 - 0.1 * np.arange(181.0)
LEVEL = core_level("N 1s")


def fitted(
    lines: list[tuple[float, float]], seed: int = 0, times: float = 1.0, width: float = 1.4
) -> RegionFit:
    expected = np.full_like(ENERGIES, 100.0)
    for energy, area in lines:
        expected += area * peak_shapes(ENERGIES, np.array([energy]), width, LEVEL)[0]
    counts = np.random.default_rng(seed).poisson(expected) * times
    return fit_region(ENERGIES, counts, LEVEL, 1.6, (389.2, 404.8))


def test_two_states_are_told_apart() -> None:
    fit = fitted([(394.4, 9000.0), (397.8, 5000.0)])
    assert [peak.position for peak in fit.peaks] == pytest.approx([394.4, 397.8], abs=0.05)
    assert [peak.area for peak in fit.peaks] == pytest.approx([9000, 5000], rel=0.05)
    assert fit.width == pytest.approx(1.4, abs=0.06)


def test_one_line_is_not_taken_for_two() -> None:
    assert [len(fitted([(396.0, 30000.0)], seed).peaks) for seed in range(8)] == [1] * 8


def test_nothing_stands_out_of_a_background() -> None:
    assert all(not fitted([], seed).peaks for seed in range(8))


def test_errors_are_what_the_values_scatter_by() -> None:
    peaks = [fitted([(396.0, 1500.0)], seed, width=1.6).peaks[0] for seed in range(60)]
    for values, errors, true in (
        ([p.position for p in peaks], [p.position_error for p in peaks], 396.0),
        ([p.area for p in peaks], [p.area_error for p in peaks], 1500.0),
    ):
        off = (np.array(values) - true) / np.array(errors)
        assert 0.75 < np.sqrt((off**2).mean()) < 1.35


def test_counts_that_are_scaled_are_known_by_their_scatter() -> None:
    counts = np.random.default_rng(2).poisson(300, 181).astype(np.float64)
    assert scatter_of(counts) == 1.0
    assert scatter_of(12.5 * counts) == pytest.approx(12.5, rel=0.35)
    assert fitted([(396.0, 4000.0)], times=10).scatter == pytest.approx(10, rel=0.4)
