"""Net counts: what a line alone gives, whatever its neighbours and the continuum do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.eds.net_counts import NetCounts
from drivers.stem import StemSetup
from protocols.eds import Watch
from protocols.errors import InputError
from simulators.eds_physics import Slab, fwhm
from simulators.eds_tables import Detector, efficiency
from simulators.emission import lines
from simulators.materials import known_materials
from simulators.stem import AXIS

Floats = npt.NDArray[np.float64]

SETUP = StemSetup(200e3, AXIS, float(fwhm(5895.0)), math.radians(22), 0.0, 0.95, 1e-9, 1e-6)
WATCHED = tuple(Watch(element=element) for element in ("N", "O", "P"))
ELECTRONS = 1e10
"""16 s of 100 pA."""


def spectrum(material: str, detector: Detector = "windowless", **films: float) -> Floats:
    """The expected counts of 100 nm of a material under films (m) of others."""
    slab, amounts = _slab(material, detector)
    expected = slab.units().T @ amounts
    for film, thickness in {"C": 0.5e-9, "Cu": 0.2e-9, **films}.items():
        expected += slab.films((film,))[0] * densities(film)[film] * thickness
    return np.asarray(expected * ELECTRONS)


def line_counts(material: str, element: str, detector: Detector = "windowless") -> float:
    """The expected counts of an element's Ka line alone."""
    slab, amounts = _slab(material, detector)
    index = slab.symbols.index(element)
    whole = float(slab.units()[index].sum() * amounts[index])
    parts = {e: sigma * float(efficiency(e, detector)) for e, sigma in lines(element)}
    return whole * max(parts.values()) / sum(parts.values()) * ELECTRONS


def densities(material: str) -> dict[str, float]:
    return known_materials()[material].number_densities


def _slab(material: str, detector: Detector) -> tuple[Slab, Floats]:
    found = densities(material)
    slab = Slab(tuple(found), 100e-9, math.radians(22), 0.95, detector, AXIS)
    return slab, slab.amounts(np.array([list(found.values())]))[0]


def scan(detector: Detector = "windowless", **films: float) -> Floats:
    """The summed spectrum of a scan from lithium over its oxide into LiPON."""
    parts = [spectrum(material, detector, **films) for material in ("Li", "Li2O", "LiPON")]
    return np.sum(parts, axis=0)


def net(
    counts: Floats, summed: Floats, watched: Sequence[Watch] = WATCHED
) -> dict[str, tuple[float, float]]:
    found = NetCounts(SETUP, watched, summed).of(counts[None])
    return {element: (float(n[0]), float(error[0])) for element, (n, error) in found.items()}


@pytest.mark.parametrize(("detector", "most"), [("windowless", 0.01), ("polymer", 0.06)])
def test_net_counts_are_those_of_the_line_alone(detector: Detector, most: float) -> None:
    found = net(spectrum("LiPON", detector), scan(detector))
    for element, (counts, _) in found.items():
        assert counts == pytest.approx(line_counts("LiPON", element, detector), rel=most)


@pytest.mark.parametrize("detector", ["windowless", "polymer"])
@pytest.mark.parametrize("carbon", [0.5e-9, 5e-9])
def test_the_tails_of_oxygen_and_carbon_are_no_nitrogen(detector: Detector, carbon: float) -> None:
    counts = spectrum("Li2O", detector, C=carbon)
    oxygen = line_counts("Li2O", "O", detector)
    found = net(counts, scan(detector, C=carbon))
    assert abs(found["N"][0]) < 0.005 * oxygen
    assert abs(found["P"][0]) < 0.005 * oxygen


def test_the_continuum_of_a_thicker_specimen_is_no_element() -> None:
    thick = spectrum("Li", Al=50e-9)
    found = net(thick, thick + scan())
    for counts, error in found.values():
        assert abs(counts) < 0.25 * error


def test_platinum_whose_m_line_lies_on_phosphorus_is_told_from_it() -> None:
    platinum = spectrum("LiPON", Pt=10e-9)
    counts, error = net(platinum, platinum)["P"]
    blind = net(platinum, scan())["P"][0]  # a scan in which no Pt was seen
    true = line_counts("LiPON", "P")
    assert blind > 1.5 * true
    assert counts == pytest.approx(true, rel=0.25)  # what is left is Pt Mb, which is not modelled
    assert error > 2 * math.sqrt(true)


def test_a_strong_watched_line_is_not_taken_for_another_elements() -> None:
    counts, error = net(spectrum("LiPON"), scan())["P"]  # Zr La is 0.4 widths from P Ka
    assert error < 1.2 * math.sqrt(counts)


def test_errors_are_the_scatter_of_counted_spectra() -> None:
    expected = spectrum("LiPON") / 100
    drawn = np.random.default_rng(3).poisson(expected, (2000, len(expected)))
    found = NetCounts(SETUP, WATCHED, scan()).of(drawn)
    for element, (counts, errors) in found.items():
        true = line_counts("LiPON", element) / 100
        assert np.std(counts) == pytest.approx(float(np.sqrt(np.mean(errors**2))), rel=0.06)
        assert np.mean(counts) == pytest.approx(true, abs=3 * np.std(counts) / 2000**0.5 + 0.1)


@given(first=st.floats(0, 10), second=st.floats(0, 10))
def test_net_counts_are_linear_in_the_spectra(first: float, second: float) -> None:
    counts = NetCounts(SETUP, WATCHED, scan())
    spectra = np.array([spectrum("LiPON"), spectrum("Li2O")])
    mixed = counts.of(np.array([[first, second]]) @ spectra)
    alone = counts.of(spectra)
    for element in alone:
        expected = first * alone[element][0][0] + second * alone[element][0][1]
        assert mixed[element][0][0] == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_what_the_detection_limit_says_is_detected_and_nothing_is_rarely() -> None:
    """Currie: above 1.645 sigma_0 in 5 % without the element, in 95 % with the limit's counts."""
    without = spectrum("Li2O") / 50
    counts = NetCounts(SETUP, WATCHED, scan())
    limit = counts.detection_limit("P", without)
    phosphorus = _line_alone("P") * limit
    critical = 1.645 * float(counts.of(without[None])["P"][1][0])
    draws = np.random.default_rng(5)
    false = counts.of(draws.poisson(without, (4000, AXIS.channels)))["P"][0] > critical
    seen = counts.of(draws.poisson(without + phosphorus, (4000, AXIS.channels)))["P"][0] > critical
    assert false.mean() == pytest.approx(0.05, abs=0.015)
    assert seen.mean() == pytest.approx(0.95, abs=0.025)


def _line_alone(element: str) -> Floats:
    """An element's lines with one count in Ka, shape (channels,)."""
    slab, _ = _slab("LiPON", "windowless")
    shape = slab.units()[slab.symbols.index(element)]
    parts = {e: sigma * float(efficiency(e, "windowless")) for e, sigma in lines(element)}
    return shape / shape.sum() / (max(parts.values()) / sum(parts.values()))


def test_a_summed_spectrum_without_counts_still_gives_weights() -> None:
    found = net(spectrum("LiPON"), np.zeros(AXIS.channels))
    assert found["P"][0] == pytest.approx(line_counts("LiPON", "P"), rel=0.05)


def test_a_line_off_the_energy_axis_is_refused() -> None:
    with pytest.raises(InputError, match="watch another line or element"):
        NetCounts(SETUP, [Watch(element="Ag", line="Ka")], scan())
