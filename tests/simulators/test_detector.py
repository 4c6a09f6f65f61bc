from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.stem import Area, Spectrum
from protocols.units import ELEMENTARY_CHARGE
from simulators.eds_physics import channels
from simulators.emission import EMISSION, ionisation, lines
from simulators.pulses import PulseProcessor
from simulators.stem import AXIS, SimStem
from tests.simulators.stems import AREA, IDEAL, LIPON, LITHIUM, STILL, open_stem, run_through

CURRENT = 100e-12
PT_LAYER = {"interface": "collector", **STILL}
IN_PLATINUM = Area(x=50e-9, y=0.0, along=1e-9, across=600e-9, angle=0.0)


def exposed(stem: SimStem, area: Area, dwell: float, current: float = CURRENT) -> Spectrum:
    return run_through(stem.spectrum(area, current, dwell))[1]


def near(counts: np.ndarray[Any, Any], energy: float, within: float = 60.0) -> float:
    return float(counts[np.abs(channels(AXIS) - energy) < within].sum())


def test_dead_time_shortens_the_live_time_and_not_the_dwell() -> None:
    stem = open_stem(**STILL, dead_time=20e-6)
    blocks, spectrum = run_through(stem.spectrum(LIPON, CURRENT, 0.35))
    assert spectrum.real_time == pytest.approx(0.35)
    assert spectrum.electrons == pytest.approx(CURRENT * 0.35 / ELEMENTARY_CHARGE)
    assert 0.9 < spectrum.live_time / spectrum.real_time < 0.99
    busy = spectrum.counts[channels(AXIS) > 110].sum() * 20e-6
    assert spectrum.real_time - spectrum.live_time == pytest.approx(busy)
    assert all(0 < block.live_time < block.real_time for block in blocks)


def test_counts_per_live_second_do_not_depend_on_the_dead_time() -> None:
    rates = []
    for dead_time in (0.0, 50e-6):
        stem = open_stem(**STILL, **{**IDEAL, "dead_time": dead_time})
        spectrum = exposed(stem, LIPON, 40.0, 1e-9)
        rates.append(near(spectrum.counts, 2010) / spectrum.live_time)
    assert spectrum.live_time < 0.6 * spectrum.real_time
    assert rates[1] == pytest.approx(rates[0], rel=0.02)


def test_a_swamped_detector_has_no_live_time_rather_than_a_negative_one() -> None:
    pulses = PulseProcessor(1e-3, 0.0, AXIS)
    assert pulses.live_time(np.full(AXIS.channels, 10, np.uint16), 1.0) == 0


def test_noise_lies_at_zero_and_hardly_reaches_nitrogen() -> None:
    noise = PulseProcessor(0.0, 200.0, AXIS).noise()
    assert noise.sum() == pytest.approx(200, rel=0.02)
    assert abs(channels(AXIS)[noise.argmax()]) <= 10
    assert near(noise, 0) > 100 * near(noise, 200) > 1000 * near(noise, 392)
    assert near(noise, 392) < 0.1  # per second; nitrogen of LiPON gives 95
    spectrum = exposed(open_stem(**STILL), LITHIUM, 2.0)
    assert near(spectrum.counts, 0, 100) == pytest.approx(400, rel=0.2)


def test_copper_of_grid_and_holder_is_in_every_spectrum() -> None:
    def copper(thickness: float) -> float:
        stem = open_stem(**STILL, stray_copper=thickness)
        counts = stem._scene.counts_per_electron(*LITHIUM.place) * CURRENT / ELEMENTARY_CHARGE
        return near(counts, 8041, 150) - near(counts, 7500, 150)

    assert abs(copper(0.0)) < 0.5
    assert 3 < copper(0.2e-9) < 30  # per second; phosphorus of LiPON gives 540
    assert copper(2e-9) - copper(0.0) == pytest.approx(10 * (copper(0.2e-9) - copper(0.0)))


def test_platinum_of_the_collector_has_a_line_within_one_width_of_phosphorus() -> None:
    spectrum = exposed(open_stem(**PT_LAYER), IN_PLATINUM, 2.0)
    assert near(spectrum.counts, 2050, 40) > 1.5 * near(spectrum.counts, 1750, 40)
    peak = channels(AXIS)[np.abs(channels(AXIS) - 2050) < 100]
    counts = spectrum.counts[np.abs(channels(AXIS) - 2050) < 100]
    assert 2040 < float(peak[counts.argmax()]) < 2080  # P Ka is at 2010, 87 eV wide
    for energy in (9434.5, 11071.1):
        assert near(spectrum.counts, energy, 150) > 1.2 * near(spectrum.counts, 10300, 150)


def test_phosphorus_has_its_beta_line() -> None:
    (ka, a), (kb, b) = lines("P")
    assert (ka, kb) == (2009.9, 2135.6)
    assert b / a == pytest.approx(0.0425 / 0.9575, rel=0.01)


def test_cross_sections_meet_the_table_and_fall_with_the_edge() -> None:
    xraylib = pytest.importorskip("xraylib")
    for symbol, emission in EMISSION.items():
        z = xraylib.SymbolToAtomicNumber(symbol)
        edge = xraylib.EdgeEnergy(z, xraylib.K_SHELL) * 1e3
        photons = ionisation(edge, 2) * xraylib.FluorYield(z, xraylib.K_SHELL)
        assert photons == pytest.approx(emission, rel=0.05)
    assert ionisation(280, 2) > ionisation(8979, 2) > ionisation(78_395, 2) > 0


@pytest.mark.parametrize("name", ["windowless", "polymer"])
def test_the_instrument_gives_the_reference_counts_per_electron(name: str) -> None:
    reference = {
        "windowless": {392.4: 1.5e-7, 524.9: 1.4e-6, 2009.9: 8.7e-7},
        "polymer": {392.4: 5.4e-8, 524.9: 7.6e-7, 2009.9: 6.4e-7},
    }[name]
    stem = open_stem(**STILL, **IDEAL, detector=name, stray_copper=0.0, carbon=0.0)
    spectrum = exposed(stem, LIPON, 200.0)
    scene = stem._scene
    elements = {392.4: "N", 524.9: "O", 2009.9: "P"}
    mean = scene.counts_per_electron(*LIPON.place) * spectrum.electrons
    for energy, expected in reference.items():
        index = scene.symbols.index(elements[energy])
        amounts = scene._amounts[round((1.826e-6 - scene._top) / 0.25e-9), index]
        net = float((amounts * scene.units[index]).sum()) * spectrum.electrons
        under = near(mean, energy, 90) - net
        seen = (near(spectrum.counts, energy, 90) - under) / spectrum.electrons
        assert expected / 1.3 < seen < expected * 1.3


def test_poisson_dispersion_over_repeats() -> None:
    """Index of dispersion of each channel over repeats, all together: chi-squared, 4 sigma."""
    stem = open_stem(**STILL, **{**IDEAL, "dead_time": 5e-6, "noise_rate": 200.0})
    spectra = np.array([exposed(stem, LIPON, 0.18).counts for _ in range(300)], float)
    mean = spectra.mean(axis=0)
    seen = mean > 0.5
    freedom = int(seen.sum()) * (len(spectra) - 1)
    chi_squared = float((((spectra - mean) ** 2)[:, seen] / mean[seen]).sum())
    assert abs(chi_squared - freedom) < 4 * np.sqrt(2 * freedom)


def test_a_wedge_makes_counts_grow_with_the_local_thickness() -> None:
    stem = open_stem(**STILL, **IDEAL, wedge=0.2, wedge_length=350e-9, stray_copper=0.0)
    even = open_stem(**STILL, **IDEAL, stray_copper=0.0)
    for area, thicker in ((LIPON, 1 + 0.2 * 250 / 350), (LITHIUM, 1 - 0.2 * 250 / 350)):
        one, two = (s._scene.counts_per_electron(*area.place) for s in (stem, even))
        hard = channels(AXIS) > 5000
        assert one[hard].sum() / two[hard].sum() == pytest.approx(thicker, rel=0.01)
    one, two = (s._scene.counts_per_electron(*LIPON.place) for s in (stem, even))
    nitrogen, phosphorus = (near(one, e, 30) / near(two, e, 30) for e in (392.4, 2009.9))
    assert nitrogen < phosphorus - 0.01  # it absorbs its own soft lines


def test_a_wedge_shows_in_the_dark_field_too() -> None:
    stem, even = (open_stem(**STILL, wedge=wedge) for wedge in (0.2, 0.0))
    x = np.array([350e-9])
    one, two = (s._scene.brightness(x, np.zeros(1))[0, 0] for s in (stem, even))
    assert 1.15 < one / two < 1.21


def test_the_beam_broadens_more_in_platinum_than_in_lithium(tmp_path: Path) -> None:
    def beyond(metal: str, line: float) -> float:
        """Depth below a buried face at which 90 % of the layer's counts are reached."""
        file = tmp_path / f"{metal}.yaml"
        file.write_text(
            "name: two\nlayers:\n  - {thickness: 100 nm, phases: {Li2O: 1}}\n"
            f"  - {{thickness: 100 nm, phases: {{{metal}: 1}}}}\n"
        )
        scene = open_stem(specimen=str(file), carbon=0.0, stray_copper=0.0, **STILL)._scene
        places = np.arange(-20e-9, 20e-9, 0.25e-9)
        profile = [near(scene.counts_per_electron(x, 0, 1e-10, 1e-10, 0), line) for x in places]
        return float(np.interp(0.9, np.array(profile) / profile[-1], places))

    assert 0.5e-9 < beyond("SiO2", 1739.8) < 1.5e-9
    assert 3.3e-9 < beyond("Pt", 9434.5) < 4.1e-9  # sigma of 2.9 nm: 3.7 nm


def test_thin_carbon_is_there_from_the_first_and_can_be_left_out() -> None:
    with_carbon, without = (
        open_stem(**STILL, carbon=thickness)._scene.counts_per_electron(*LITHIUM.place)
        for thickness in (0.5e-9, 0.0)
    )
    assert near(with_carbon, 277) > 2 * near(without, 277)
    assert AREA.place[2] == 1e-9
