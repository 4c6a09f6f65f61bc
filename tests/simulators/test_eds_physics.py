from __future__ import annotations

import math

import numpy as np
import pytest

from simulators.eds_physics import Slab, broadening, channels, fwhm, line_spectrum, self_absorption
from simulators.eds_tables import Detector, efficiency, mass_absorption
from simulators.elements import elements
from simulators.materials import known_materials
from simulators.specimen import load_specimen
from simulators.stem import AXIS

ELEVATION = math.radians(22)
REFERENCE = {
    "windowless": {"N": 1.5e-7, "O": 1.4e-6, "P": 8.7e-7},
    "polymer": {"N": 5.4e-8, "O": 7.6e-7, "P": 6.4e-7},
}
"""Counts per electron, 100 nm LiPON, 0.95 sr. Source: xps-and-eds.md section 5 [calc]."""
LINE = {"N": 392.4, "O": 524.9, "P": 2009.9}


def lipon_slab(detector: Detector) -> tuple[Slab, np.ndarray]:
    atoms = known_materials()["LiPON"].number_densities
    slab = Slab(tuple(atoms), 100e-9, ELEVATION, 0.95, detector, AXIS)
    return slab, np.array([list(atoms.values())])


@pytest.mark.parametrize("detector", ["windowless", "polymer"])
@pytest.mark.parametrize("symbol", ["N", "O", "P"])
def test_counts_per_electron_are_those_of_the_reference(detector: Detector, symbol: str) -> None:
    slab, densities = lipon_slab(detector)
    index = slab.symbols.index(symbol)
    counts = float((slab.amounts(densities)[0][index] * slab.units()[index]).sum())
    expected = REFERENCE[detector][symbol]
    assert expected / 1.3 < counts < expected * 1.3


@pytest.mark.parametrize(("symbol", "share"), [("N", 0.81), ("O", 0.90), ("P", 0.99)])
def test_self_absorption_is_that_of_the_reference(symbol: str, share: float) -> None:
    slab, densities = lipon_slab("windowless")
    leaves = self_absorption(densities, slab.symbols, 100e-9, ELEVATION)[0]
    assert leaves[slab.symbols.index(symbol)] == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize(("symbol", "low", "high"), [("N", 0.3, 1.0), ("P", 0.05, 0.15)])
def test_background_under_a_line_is_that_of_the_reference(
    symbol: str, low: float, high: float
) -> None:
    slab, densities = lipon_slab("windowless")
    amounts, units = slab.amounts(densities)[0], slab.units()
    count = len(slab.symbols)
    window = np.abs(channels(AXIS) - LINE[symbol]) < fwhm(LINE[symbol])
    background = (amounts[count:] @ units[count:])[window].sum()
    index = slab.symbols.index(symbol)
    assert low < background / (amounts[index] * units[index]).sum() < high


@pytest.mark.parametrize(
    ("energy", "width"), [(277, 57), (392, 60), (525, 62), (2010, 87), (5895, 130)]
)
def test_resolution_is_that_of_the_reference(energy: float, width: float) -> None:
    assert float(fwhm(energy)) == pytest.approx(width, abs=1.5)


def test_lithium_cannot_be_seen() -> None:
    assert line_spectrum("Li", AXIS, "windowless").sum() == 0


def test_a_line_keeps_its_photons_on_the_axis() -> None:
    spectrum = line_spectrum("P", AXIS, "windowless")
    expected = 9.17e-27 * float(efficiency(2009.9, "windowless"))
    assert spectrum.sum() == pytest.approx(expected, rel=0.01)
    mean = float((spectrum * channels(AXIS)).sum() / spectrum.sum())
    assert 2009 < mean < 2030  # Ka with a little Kb


def test_every_element_has_a_spectrum_without_negative_counts() -> None:
    for symbol in elements():
        spectrum = line_spectrum(symbol, AXIS, "polymer")
        assert np.isfinite(spectrum).all()
        assert (spectrum >= 0).all()


def test_lithium_gives_less_background_than_lipon() -> None:
    specimen = load_specimen("li-lipon-stem")
    slab = Slab(specimen.elements, 100e-9, ELEVATION, 0.95, "windowless", AXIS)
    lithium, lipon = slab.amounts(specimen.densities(np.array([1e-6, 2e-6]))) @ slab.units()
    above = channels(AXIS) > 5000
    assert lithium[above].sum() < 0.2 * lipon[above].sum()


def test_vacuum_gives_nothing() -> None:
    slab, densities = lipon_slab("windowless")
    assert not (slab.amounts(0 * densities) @ slab.units()).any()
    assert broadening(0 * densities[0], slab.symbols, 100e-9) == 0


def test_broadening_is_that_of_the_reference() -> None:
    slab, densities = lipon_slab("windowless")
    whole = broadening(densities[0], slab.symbols, 120e-9) * 2 * 2.146 * 2
    assert whole == pytest.approx(3.7e-9, rel=0.1)


@pytest.mark.parametrize(("symbol", "ratio"), [("N", 0.36), ("O", 0.54), ("P", 0.74)])
def test_the_polymer_window_weakens_as_in_the_reference(symbol: str, ratio: float) -> None:
    with_window, without = (float(efficiency(LINE[symbol], d)) for d in ("polymer", "windowless"))
    assert with_window / without == pytest.approx(ratio, rel=0.1)


def test_absorption_and_elements_agree_with_xraylib() -> None:
    xraylib = pytest.importorskip("xraylib")
    for symbol in ("Li", "N", "O", "P", "Pt"):
        z = xraylib.SymbolToAtomicNumber(symbol)
        for energy in LINE.values():
            theirs = xraylib.CS_Total(z, energy / 1e3) / 10
            assert mass_absorption(symbol, energy) == pytest.approx(theirs, rel=0.01)
