"""Counts out of values that a file calls counts, or rates, rightly or not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from drivers.recorded_counts import counted, fano


def poisson(mean: float = 300.0, seed: int = 1) -> npt.NDArray[np.int64]:
    """5 cycles of 200 channels."""
    return np.random.default_rng(seed).poisson(mean, (5, 200))


def test_counts_that_are_called_counts_stay_as_they_are() -> None:
    counts = poisson()
    made = counted(counts.astype(float), rate=False, seconds=0.4)
    np.testing.assert_array_equal(made.counts, counts)
    assert (made.seconds, made.note) == (0.4, None)


@pytest.mark.parametrize("mean", [0.2, 3.0, 300.0, 30_000.0])
@pytest.mark.parametrize("rate", [True, None])
def test_counts_per_second_become_counts_by_the_time_that_the_file_says(
    mean: float, rate: bool | None
) -> None:
    counts = poisson(mean)
    rates = (counts / 0.8).astype(np.float32).astype(float)
    made = counted(rates, rate=rate, seconds=0.8)
    np.testing.assert_array_equal(made.counts, counts)
    assert made.seconds == 0.8
    assert "counts per second over 0.8 s" in str(made.note)


def test_a_time_that_neither_grid_nor_scatter_of_the_values_bears_out_is_not_believed() -> None:
    counts = poisson()
    made = counted(counts / 0.08, rate=None, seconds=0.8)
    np.testing.assert_array_equal(made.counts, counts)
    assert made.seconds == pytest.approx(0.08)
    assert "over 0.08 s, although it says 0.8 s" in str(made.note)


def test_rates_rounded_to_whole_numbers_are_not_taken_for_counts() -> None:
    counts = poisson(3000.0)
    made = counted(np.rint(counts / 5.0), rate=True, seconds=5.0)
    assert abs(made.counts.astype(int) - counts).max() <= 3
    assert made.seconds == 5.0


def test_values_that_are_no_whole_counts_are_rounded_and_said_to_be() -> None:
    corrected = poisson() * np.linspace(1.0, 1.3, 200)
    made = counted(corrected, rate=False, seconds=0.1)
    np.testing.assert_array_equal(made.counts, np.rint(corrected))
    assert "no whole numbers of counts" in str(made.note)


def test_an_empty_region_is_one_of_no_counts() -> None:
    made = counted(np.zeros((2, 50)), rate=True, seconds=0.8)
    assert not made.counts.any()
    assert made.seconds == 0.8


@pytest.mark.parametrize("seconds", [0.1, 1.0, 10.0])
def test_the_scatter_of_counts_is_told_through_a_peak(seconds: float) -> None:
    peak = 200 + 4000 * np.exp(-(((np.arange(200) - 100) / 8) ** 2))
    counts = np.random.default_rng(3).poisson(np.broadcast_to(peak, (10, 200)))
    assert fano(counts / seconds) == pytest.approx(1 / seconds, rel=0.15)
