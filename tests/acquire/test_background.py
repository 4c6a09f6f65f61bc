"""The expected background: a rise of the continuum is no onset, an element's own rise is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from acquire.eds.background import line_free, seen_elements
from acquire.eds.watch import EdsWatch
from drivers.stem import EnergyAxis, Spectrum, StemSetup
from protocols.eds import Watch

AXIS = EnergyAxis(-200.0, 10.0, 2048)
SETUP = StemSetup(200e3, AXIS, 130.0, 0.38, 0.0, None, 1e-9, 1e-6)
ENERGIES = AXIS.offset + AXIS.scale * np.arange(AXIS.channels)
POINTS, STEP = 200, 100


def continuum(total: float) -> npt.NDArray[np.float64]:
    """Return an expected continuum that falls as 1/E, `total` counts above 300 eV."""
    shape = np.where(ENERGIES > 300, 1 / np.maximum(ENERGIES, 300), 0.0)
    return shape * total / shape.sum()


def line(energy: float, total: float) -> npt.NDArray[np.float64]:
    """Return an expected line of 26 eV standard deviation with `total` counts."""
    peak = np.exp(-0.5 * ((ENERGIES - energy) / 26.0) ** 2)
    return np.asarray(peak * total / peak.sum())


def onsets(expected: list[npt.NDArray[np.float64]], seed: int) -> dict[str, float]:
    """Return the onset of N and P, in positions, on one Poisson draw of a line."""
    draw = np.random.default_rng(seed)
    watch = EdsWatch(
        [Watch(element="N"), Watch(element="P")],
        SETUP,
        background_points=30,
        average_run_length=10_000,
    )
    for index, mean in enumerate(expected):
        counts = draw.poisson(mean).astype(np.uint32)
        watch.update(index, index * 1e-9, Spectrum(counts, 0.18, 0.18, 1e8))
    found = watch.findings().onsets
    return {e: each["position_m"] * 1e9 for e, each in found.items() if "none" not in each}


@pytest.mark.parametrize("seed", range(6))
def test_a_continuum_that_grows_threefold_is_no_onset(seed: int) -> None:
    growth = 1 + 2 * np.clip((np.arange(POINTS) - STEP) / 20, 0, 1)
    assert onsets([continuum(40 * factor) for factor in growth], seed) == {}


@pytest.mark.parametrize("seed", range(6))
def test_an_element_that_appears_in_a_growing_continuum_is_found_where_it_does(seed: int) -> None:
    growth = 1 + 2 * np.clip((np.arange(POINTS) - 60) / 20, 0, 1)
    expected = [
        continuum(40 * factor) + line(2009.9, 20.0 * (index >= STEP))
        for index, factor in enumerate(growth)
    ]
    found = onsets(expected, seed)
    assert found == {"P": pytest.approx(STEP, abs=4)}


@pytest.mark.parametrize("seed", range(4))
def test_the_tail_of_oxygen_is_no_nitrogen(seed: int) -> None:
    expected = [continuum(40) + line(524.9, 80.0 * (index >= STEP)) for index in range(POINTS)]
    assert "N" not in onsets(expected, seed)


def test_lines_that_are_there_are_seen_and_kept_out_of_the_line_free_channels() -> None:
    spectrum = continuum(5000) + line(1253.6, 900.0)
    seen = seen_elements(SETUP, np.random.default_rng(1).poisson(spectrum).astype(float))
    assert "Mg" in seen
    free = line_free(SETUP, seen)
    assert not free[np.abs(ENERGIES - 1253.6) < 60].any()
    assert line_free(SETUP, [])[np.abs(ENERGIES - 1253.6) < 20].any()
