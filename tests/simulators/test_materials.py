from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simulators.elements import element, elements
from simulators.materials import AVOGADRO, Material, known_materials, parse_formula


@pytest.mark.parametrize(
    ("formula", "atoms"),
    [
        ("Li", {"Li": 1}),
        ("Li2.9PO3.3N0.46", {"Li": 2.9, "P": 1, "O": 3.3, "N": 0.46}),
        ("Al2(SO4)3", {"Al": 2, "S": 3, "O": 12}),
        ("Ca(OH)2", {"Ca": 1, "O": 2, "H": 2}),
        ("CO", {"C": 1, "O": 1}),
        ("Co", {"Co": 1}),
        ("CH3CH3", {"C": 2, "H": 6}),
    ],
)
def test_a_formula_is_its_atoms(formula: str, atoms: dict[str, float]) -> None:
    assert parse_formula(formula) == pytest.approx(atoms)


@pytest.mark.parametrize(
    "formula", ["", "2Li", "Li2 O", "Li(", "Li)", "()", "(2)Li", "lipon", "Li2.9.1", "Li0", "Li-2"]
)
def test_what_is_no_formula_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match=r"not a formula|not an element"):
        parse_formula(formula)


def test_an_unknown_element_names_the_closest() -> None:
    with pytest.raises(ValueError, match="'Xx' is not an element"):
        Material(formula="Xx2O", density=1000.0, source="")


@given(st.text(alphabet="LiPON().0123456789 ", max_size=12))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        atoms = parse_formula(text)
    except ValueError:
        return
    assert atoms
    assert min(atoms.values()) > 0


def test_number_densities_carry_the_mass() -> None:
    for material in known_materials().values():
        mass = sum(
            n * element(e).weight * 1e-3 / AVOGADRO for e, n in material.number_densities.items()
        )
        assert mass == pytest.approx(material.density)


def test_lithium_has_the_atoms_of_the_reference_sheet() -> None:
    assert known_materials()["Li"].number_densities["Li"] == pytest.approx(4.63e28, rel=0.002)


def test_a_density_must_be_positive() -> None:
    with pytest.raises(ValidationError):
        Material(formula="Li", density=0.0, source="")


def test_the_element_table_is_that_of_xraylib() -> None:
    xraylib = pytest.importorskip("xraylib")
    for symbol, row in elements().items():
        z = xraylib.SymbolToAtomicNumber(symbol)
        assert row.number == z
        assert row.weight == pytest.approx(xraylib.AtomicWeight(z), rel=0.02)
        if row.k.fluorescence_yield:
            assert row.k.fluorescence_yield == pytest.approx(
                xraylib.FluorYield(z, xraylib.K_SHELL), rel=0.01
            )
