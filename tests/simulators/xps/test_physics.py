"""Physics of the simulated XPS beside closed forms and tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from protocols.core_levels import AL_KA_EV, core_level
from simulators.materials import known_materials
from simulators.specimen import Layer, Specimen
from simulators.xps.analyser import Analyser, line_shape, transmission
from simulators.xps.chemistry import O_2S, known_states
from simulators.xps.losses import B, C, background, universal
from simulators.xps.paths import mean_free_path
from simulators.xps.sputtering import Mixing, etching, rates
from simulators.xps.surface import Adsorbed, Emitted, Surface, Surfaces

Layers = list[tuple[float, dict[str, float]]]

REFERENCE_PATHS = {
    "Li": (4.58, 4.37, 3.96, 3.66, 3.28),
    "Li2O": (3.88, 3.71, 3.38, 3.13, 2.83),
    "Li3N": (3.48, 3.32, 3.02, 2.79, 2.52),
    "Li2CO3": (4.03, 3.85, 3.51, 3.25, 2.94),
    "Li3PO4": (3.67, 3.51, 3.20, 2.97, 2.68),
    "LiPON": (3.61, 3.45, 3.15, 2.92, 2.63),
}
"""TPP-2M, nm, at Li 1s, P 2p, C 1s, N 1s and O 1s, of the project's reference sheet."""
SHARP = Mixing(zone=3e-9, roughness=0.0, growth=0.0)


def stack(layers: Layers) -> Specimen:
    names = {name for _, phases in layers for name in phases}
    return Specimen(
        name="of a test",
        materials={name: known_materials()[name] for name in sorted(names)},
        layers=tuple(Layer(thickness=thick, phases=phases) for thick, phases in layers),
    )


def surfaces(layers: Layers, mixing: Mixing = SHARP, cos_angle: float = 1.0) -> Surfaces:
    specimen = stack(layers)
    return Surfaces(
        specimen,
        etching(specimen, mixing),
        mixing,
        photon_energy=AL_KA_EV,
        cos_angle=cos_angle,
        shifts={},
    )


def strength(surface: Surface, line: str, material: str | None = None) -> float:
    return math.fsum(
        one.straight
        for one in surface.emitted
        if one.level.name == line and material in (None, one.material)
    )


def path(material: str, line: str) -> float:
    energy = AL_KA_EV - core_level(line).energy
    return float(mean_free_path(material, known_materials()[material], energy))


@pytest.mark.parametrize("name", REFERENCE_PATHS)
def test_free_paths_are_those_of_the_reference_sheet(name: str) -> None:
    levels = ("Li 1s", "P 2p", "C 1s", "N 1s", "O 1s")
    found = [1e9 * path(name, level) for level in levels]
    assert found == pytest.approx(REFERENCE_PATHS[name], rel=0.06)


def test_bulk_intensities_are_xraylibs_cross_sections_times_atoms_times_path() -> None:
    xraylib = pytest.importorskip("xraylib")
    surface = surfaces([(1e-6, {"LiPON": 1.0})]).after(0.0, 0.0)
    atoms = known_materials()["LiPON"].number_densities
    shells = {"Li 1s": (3, 0), "N 1s": (7, 0), "O 1s": (8, 0)}
    for line, (number, shell) in shells.items():
        section = xraylib.CSb_Photo_Partial(number, shell, AL_KA_EV / 1000)
        section *= xraylib.ElectronConfig(number, shell)
        expected = atoms[line.split()[0]] * section * path("LiPON", line)
        assert strength(surface, line) == pytest.approx(expected, rel=5e-3)
    theirs = xraylib.CSb_Photo_Partial(8, 1, AL_KA_EV / 1000) * xraylib.ElectronConfig(8, 1)
    assert pytest.approx(theirs, rel=1e-3) == O_2S.cross_section


@pytest.mark.parametrize(("thick", "angle"), [(2e-9, 0.0), (5e-9, 0.0), (2e-9, 1.0)])
def test_an_overlayer_attenuates_exponentially(thick: float, angle: float) -> None:
    cos = math.cos(angle)
    bare = surfaces([(1e-6, {"LiPON": 1.0})], cos_angle=cos).after(0.0, 0.0)
    covered = surfaces([(thick, {"Li2O": 1.0}), (1e-6, {"LiPON": 1.0})], cos_angle=cos)
    through = strength(covered.after(0.0, 0.0), "P 2p") / strength(bare, "P 2p")
    assert through == pytest.approx(math.exp(-thick / (path("Li2O", "P 2p") * cos)), rel=5e-3)


def test_a_film_of_residual_gas_attenuates_and_adds_its_own_line() -> None:
    these = surfaces([(1e-6, {"LiPON": 1.0})])
    bare = these.after(0.0, 0.0)
    covered = these.covered(bare, Adsorbed(carbon=0.1e-9))
    dimmed = strength(covered, "P 2p") / strength(bare, "P 2p")
    assert dimmed == pytest.approx(math.exp(-0.1e-9 / path("C", "P 2p")))
    atoms = known_materials()["C"].number_densities["C"] * 0.1e-9
    assert strength(covered, "C 1s") == pytest.approx(atoms * core_level("C 1s").cross_section)


THIN: Layers = [(40e-9, {"Li2O": 1.0}), (0.5e-9, {"Li3PO4": 1.0}), (400e-9, {"Li2O": 1.0})]


def seen_at(depth: float) -> float:
    """P 2p of a thin layer 40 nm deep once `depth` m have been removed."""
    specimen = stack(THIN)
    etched = etching(specimen, SHARP)
    dose = float(np.interp(depth, etched.depths, etched.doses))
    return strength(surfaces(THIN).after(dose, dose), "P 2p")


def test_a_thin_layers_trailing_edge_decays_with_the_mixing_zone() -> None:
    ratio = seen_at(50e-9) / seen_at(46e-9)
    assert ratio == pytest.approx(math.exp(-4e-9 / SHARP.zone), rel=0.02)


def test_its_leading_edge_grows_with_the_free_path() -> None:
    ratio = seen_at(34e-9) / seen_at(30e-9)
    assert ratio == pytest.approx(math.exp(4e-9 / path("Li2O", "P 2p")), rel=0.02)


def test_mixing_keeps_what_it_mixes() -> None:
    specimen = stack(THIN)
    etched = etching(specimen, SHARP)
    step = float(etched.depths[1])
    phosphate = list(specimen.materials).index("Li3PO4")
    removed = float(etched.zone[:, phosphate].sum()) * step
    assert removed == pytest.approx(0.5e-9, rel=0.03)


def test_without_any_mixing_zone_the_profile_is_the_layers() -> None:
    thin = Mixing(zone=1e-10, roughness=0.0, growth=0.0)
    specimen = stack([(10e-9, {"Li": 1.0}), (50e-9, {"Li2O": 1.0})])
    zone = etching(specimen, thin).mixed(np.array([8e-9, 12e-9]))
    np.testing.assert_allclose(zone, [[1.0, 0.0], [0.0, 1.0]], atol=0.01)


def test_lithium_etches_several_times_faster_than_phosphate_and_grains_under_oxide_do_not() -> None:
    names = ("Li", "Li2O", "Li3PO4")
    pure = rates(names, np.eye(3))
    assert pure[0] > 2.5 * pure[2] > 5 * pure[1]
    (covered,) = rates(names, np.array([[0.7, 0.3, 0.0]]))
    assert covered == pytest.approx(pure[1])


def test_argon_builds_up_within_the_first_etches_to_a_few_percent() -> None:
    these = surfaces([(2e-6, {"LiPON": 1.0})])
    found = [strength(these.after(15.0 * n, 15.0 * n), "Ar 2p") for n in range(8)]
    assert found[0] == 0.0
    assert found[1] < found[3] < found[7] < 1.05 * found[5]


@pytest.mark.parametrize("metal", [False, True])
def test_a_line_has_its_area_and_its_width(metal: bool) -> None:
    away = np.arange(-400.0, 400.0, 0.01)
    shape = line_shape(away, 1.4, metal=metal)
    assert float(shape.sum()) * 0.01 == pytest.approx(1.0, abs=3e-3)
    above = away[shape > shape.max() / 2]
    assert above[-1] - above[0] == pytest.approx(1.4 * (1.2 if metal else 1.0), abs=0.03)


def test_one_scattering_is_the_universal_cross_section() -> None:
    losses = np.arange(0.0, 40_000.0, 0.5)
    assert float(universal(losses).sum()) * 0.5 == pytest.approx(B / (2 * C), rel=1e-3)
    line = np.array([285.0])
    once = background(np.array([300.0]), line, np.array([2.0]), np.array([0.0]), 0.0)
    assert float(once[0]) == pytest.approx(2.0 * float(universal(15.0)))


def test_in_a_homogeneous_solid_the_background_takes_itself_off() -> None:
    """Tougaard's own analysis of it leaves nothing beside the line."""
    step = 0.5
    energies = 100.0 + step * np.arange(800)
    line, one = np.array([100.0]), np.array([1.0])
    lossy = background(energies, line, one, one, 0.0)
    measured = lossy + np.where(energies == 100.0, 1.0 / step, 0.0)
    kernel = universal(energies - 100.0) * step
    extrinsic = np.convolve(measured, kernel)[: len(energies)]
    np.testing.assert_allclose(extrinsic, lossy, atol=2e-4)


def test_buried_atoms_have_more_background_for_their_line() -> None:
    def share(layers: Layers) -> float:
        (one,) = (
            one
            for one in surfaces(layers).after(0.0, 0.0).emitted
            if one.level.name == "N 1s" and one.energy == 394.4
        )
        return one.once / one.straight

    bulk = share([(1e-6, {"Li3N": 1.0})])
    buried = share([(8e-9, {"Li": 1.0}), (1e-6, {"Li3N": 1.0})])
    on_top = share([(2e-9, {"Li3N": 1.0}), (1e-6, {"Li": 1.0})])
    assert on_top < bulk < buried
    assert bulk == pytest.approx(1.0, abs=0.02)


def test_lithium_metal_has_plasmons_7_2_ev_apart() -> None:
    surface = surfaces([(1e-6, {"Li": 1.0})]).after(0.0, 0.0)
    energies = np.arange(57.0, 75.0, 0.05)
    under = Analyser(AL_KA_EV, 1.0).background(surface, energies, 40.0, 0.0)
    inside = (under[1:-1] > under[:-2]) & (under[1:-1] > under[2:])
    assert energies[1:-1][inside] == pytest.approx([62.0, 69.2], abs=0.3)


def test_count_rates_are_those_of_its_class() -> None:
    surface = surfaces([(1e-6, {"Li2O": 1.0})]).after(0.0, 0.0)
    energies = np.arange(535.0, 522.0, -0.1)
    analyser = Analyser(AL_KA_EV, 1.0)
    assert 2e4 < float(analyser.lines(surface, energies, 40.0, 0.0).max()) < 1e5
    wider = analyser.lines(surface, energies, 160.0, 0.0)
    narrow = analyser.lines(surface, energies, 40.0, 0.0)
    assert wider.max() > 3 * narrow.max()
    assert (wider > wider.max() / 2).sum() > 1.3 * (narrow > narrow.max() / 2).sum()


def test_charging_moves_every_line_and_transmission_falls_with_kinetic_energy() -> None:
    surface = surfaces([(1e-6, {"LiPON": 1.0})]).after(0.0, 0.0)
    analyser = Analyser(AL_KA_EV, 1.0)
    energies = np.arange(142.0, 124.0, -0.1)
    straight = analyser.lines(surface, energies, 40.0, 0.0)
    moved = analyser.lines(surface, energies, 40.0, 2.0)
    assert energies[moved.argmax()] - energies[straight.argmax()] == pytest.approx(2.0, abs=0.11)
    assert float(transmission(1350.0)) < float(transmission(950.0))


def test_the_papers_energies_are_in_the_table() -> None:
    states = known_states()
    assert states["Li3N"]["N 1s"][0].energy == 394.4
    assert states["Li3PO4"]["P 2p"][0].energy == states["LiPON"]["P 2p"][0].energy == 132.8
    assert states["C"]["C 1s"][0].energy == 284.6


def test_shares_of_an_elements_states_add_up() -> None:
    for levels in known_states().values():
        for states in levels.values():
            assert math.fsum(state.share for state in states) == pytest.approx(1.0)


def test_emitted_lines_keep_the_sum_of_their_states() -> None:
    surface = surfaces([(1e-6, {"LiPON": 1.0})]).after(0.0, 0.0)
    nitrogen: list[Emitted] = [one for one in surface.emitted if one.level.name == "N 1s"]
    assert [one.energy for one in nitrogen] == [397.8, 399.4]
    assert nitrogen[0].straight / nitrogen[1].straight == pytest.approx(0.7 / 0.3)
