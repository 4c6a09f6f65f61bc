from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import InputError, ProtocolFileError
from simulators.specimen import Specimen, load_specimen, specimens

START, WIDTHS = 1.5e-6, (21.1e-9, 11.6e-9, 43.7e-9)


def write(folder: Path, text: str, name: str = "s.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def stem_specimen() -> Specimen:
    return load_specimen("li-lipon-stem")


@pytest.mark.parametrize("name", specimens())
def test_each_specimen_of_the_library_loads_and_reads_back_the_same(
    name: str, tmp_path: Path
) -> None:
    specimen = load_specimen(name)
    again = load_specimen(write(tmp_path, specimen.written()))
    depths = np.linspace(0, specimen.faces[-1], 5000)
    assert np.allclose(again.densities(depths), specimen.densities(depths), rtol=1e-9)
    assert again.written() == specimen.written()


def test_the_published_interphase_is_76_nm_in_three_layers() -> None:
    specimen = stem_specimen()
    top = specimen.upper_face("outer")
    assert top == pytest.approx(START)
    assert specimen.upper_face("middle") - top == pytest.approx(WIDTHS[0])
    assert specimen.upper_face("inner") - top == pytest.approx(sum(WIDTHS[:2]))
    assert specimen.upper_face("electrolyte") - top == pytest.approx(sum(WIDTHS))


def test_nitrogen_is_seen_deeper_into_the_lithium_than_phosphorus() -> None:
    specimen = stem_specimen()
    nitrogen, phosphorus = specimen.first_depth("N"), specimen.first_depth("P")
    assert nitrogen is not None
    assert phosphorus is not None
    assert phosphorus - nitrogen == pytest.approx(WIDTHS[1])
    assert specimen.first_depth("Au") is None


def test_nitrogen_and_phosphorus_only_rise_towards_their_plateau() -> None:
    specimen = stem_specimen()
    depths = np.linspace(START - 50e-9, START + sum(WIDTHS) + 50e-9, 2000)
    for symbol in ("N", "O", "P"):
        profile = specimen.densities(depths)[:, specimen.elements.index(symbol)]
        assert np.all(np.diff(profile) >= -1e-9 * profile.max())
        assert profile[0] == 0
        assert profile[-1] == profile.max()


def test_the_interphase_is_continuous() -> None:
    specimen = stem_specimen()
    depths = np.arange(START - 5e-9, START + sum(WIDTHS) + 5e-9, 1e-11)
    densities = specimen.densities(depths)
    assert np.abs(np.diff(densities, axis=0)).max() < 1e-3 * densities.max()


def test_densities_keep_the_shape_of_the_depths() -> None:
    specimen = stem_specimen()
    assert specimen.densities(np.zeros((3, 4))).shape == (3, 4, len(specimen.elements))
    assert specimen.densities(1e-6).shape == (len(specimen.elements),)


def test_phase_fractions_fill_the_volume_and_make_the_densities() -> None:
    specimen = stem_specimen()
    depths = np.linspace(1e-9, specimen.faces[-1] - 1e-9, 500).reshape(5, 100)
    fractions = specimen.fractions(depths)
    assert fractions.shape == (5, 100, len(specimen.materials))
    assert np.allclose(fractions.sum(axis=-1), 1.0)
    oxygen = [m.number_densities.get("O", 0.0) for m in specimen.materials.values()]
    found = specimen.densities(depths)[..., specimen.elements.index("O")]
    assert np.allclose(fractions @ oxygen, found)


def test_outside_is_vacuum() -> None:
    specimen = stem_specimen()
    assert not specimen.densities([-1e-9, specimen.faces[-1] + 1e-9]).any()


@given(st.floats(0, 2.4e-6))
def test_mass_density_lies_between_that_of_the_phases(depth: float) -> None:
    density = float(stem_specimen().mass_density(depth))
    assert 533.9 <= density <= 2460.1


LAYER = "{name: a, thickness: 1 um, phases: {Li: 1}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: x\nlayers:\n  - {name: a, thickness: 1 um, phases: {LiPOM: 1}}\n",
            r"s\.yaml:3: layers\.0\.phases\.LiPOM: there is no material 'LiPOM', "
            r"did you mean 'LiPON'\?",
        ),
        (
            "name: x\nlayers:\n  - thickness: 1 um\n    phases: {Li: 0.5, Li2O: 0.4}\n",
            r"s\.yaml:4: layers\.0\.phases: the fractions add up to 0\.9",
        ),
        (
            "name: x\nlayers:\n  - thickness: 1 um\n    phases: {Li: 1}\n    graded_to: {Li: 2}\n",
            r"s\.yaml:5: layers\.0\.graded_to: the fractions add up to 2",
        ),
        (
            "name: x\nlayers:\n  - thickness: 5\n    phases: {Li: 1}\n",
            r"s\.yaml:3: layers\.0\.thickness: 5 has no unit",
        ),
        (
            f"name: x\nlayers:\n  - {LAYER}\n  - include: li-lipon-interfase\n",
            r"s\.yaml:4: layers\.1\.include: there is no specimen 'li-lipon-interfase' here or in "
            r"the library, did you mean 'li-lipon-interphase'\?",
        ),
        ("name: x\nlayers:\n  - include: s\n", r"s\.yaml:3: .*includes itself"),
        ("name: x\nlayers: []\n", r"s\.yaml:2: layers: "),
        (f"layers:\n  - {LAYER}\n", r"s\.yaml:1: name: is missing"),
        (
            "name: x\nmaterials:\n  Z: {formula: Zz, density: 1 g/cm^3, source: me}\n"
            f"layers:\n  - {LAYER}\n",
            r"s\.yaml:3: materials\.Z\.formula: 'Zz' is not an element",
        ),
        (
            "name: x\nmaterials:\n  Li: {formula: Li, density: 1 g/cm^3, source: me}\n"
            f"layers:\n  - {LAYER}\n",
            r"s\.yaml:3: materials\.Li: is another material of the table",
        ),
    ],
)
def test_a_mistake_names_file_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ProtocolFileError, match=message):
        load_specimen(write(tmp_path, text))


def test_includes_that_go_round_in_circles_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "name: a\nlayers:\n  - include: b\n", "a.yaml")
    path = write(tmp_path, "name: b\nlayers:\n  - include: a\n", "b.yaml")
    with pytest.raises(ProtocolFileError, match=r"a\.yaml:3: layers\.0\.include: b includes"):
        load_specimen(path)


def test_a_specimen_may_bring_its_own_material_and_include_a_neighbour(tmp_path: Path) -> None:
    write(
        tmp_path,
        "name: n\nmaterials:\n  LiF: {formula: LiF, density: 2.64 g/cm^3, source: CRC}\n"
        "layers:\n  - {thickness: 5 nm, phases: {LiF: 1}}\n",
        "neighbour.yaml",
    )
    path = write(tmp_path, f"name: x\nlayers:\n  - {LAYER}\n  - include: neighbour\n")
    assert load_specimen(path).elements == ("Li", "F")


def test_a_specimen_that_does_not_exist_names_the_closest() -> None:
    with pytest.raises(InputError, match="did you mean 'li-lipon-stem'"):
        load_specimen("li-lipon-sten")


def test_a_layer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="no layer 'electrolite', did you mean 'electrolyte'"):
        stem_specimen().upper_face("electrolite")
    with pytest.raises(InputError, match="no layer 99"):
        stem_specimen().upper_face(99)
