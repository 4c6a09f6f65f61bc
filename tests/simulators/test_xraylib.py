"""Our tables beside xraylib's, where that is installed: within 5 %."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from protocols.xray_lines import LINE_ENERGIES_EV
from simulators.eds_tables import mass_absorption
from simulators.elements import elements
from simulators.minor_lines import minor_lines

xraylib = pytest.importorskip("xraylib")


def theirs(function: Callable[..., float], *arguments: Any) -> float:
    """What xraylib says; 0 where it has nothing."""
    try:
        return function(*arguments)
    except ValueError:
        return 0.0


@pytest.mark.parametrize(
    ("name", "shell", "main"),
    [("k", "K_SHELL", "KA_LINE"), ("l3", "L3_SHELL", "LA_LINE"), ("m5", "M5_SHELL", None)],
)
def test_yields_edges_and_shares(name: str, shell: str, main: str | None) -> None:
    compared = 0
    for atom in elements().values():
        ours, subshell = getattr(atom, name), getattr(xraylib, shell)
        if ours.edge <= 0 or ours.fluorescence_yield <= 0:
            continue
        found = theirs(xraylib.FluorYield, atom.number, subshell)
        assert ours.fluorescence_yield == pytest.approx(found, rel=0.05)
        assert ours.edge == pytest.approx(
            theirs(xraylib.EdgeEnergy, atom.number, subshell) * 1e3, rel=0.01, abs=0.3
        )
        share = theirs(xraylib.RadRate, atom.number, getattr(xraylib, main)) if main else 0.0
        if share and atom.number > 4:
            assert ours.main_line == pytest.approx(share, rel=0.05)
        compared += 1
    assert compared >= {"k": 88, "l3": 70, "m5": 28}[name]


def test_beta_to_alpha_ratios() -> None:
    for atom in elements().values():
        if not 13 <= atom.number <= 92:
            continue
        beta, alpha = (
            theirs(xraylib.RadRate, atom.number, line)
            for line in (xraylib.KB_LINE, xraylib.KA_LINE)
        )
        ratio = (1 - atom.k.main_line) / atom.k.main_line
        assert ratio == pytest.approx(beta / alpha, rel=0.05)


def test_energies_of_the_named_lines() -> None:
    kinds = {"Ka": "KA_LINE", "Kb": "KB_LINE", "La": "LA_LINE", "Ma": "MA1_LINE"}
    compared = 0
    for symbol, named in LINE_ENERGIES_EV.items():
        for name, energy in named.items():
            number = xraylib.SymbolToAtomicNumber(symbol)
            found = theirs(xraylib.LineEnergy, number, getattr(xraylib, kinds[name])) * 1e3
            if found:
                assert energy == pytest.approx(found, rel=0.005)
                compared += 1
    assert compared > 250


def test_minor_lines() -> None:
    kinds = {
        "Lb1": (xraylib.L2_SHELL, xraylib.LB1_LINE),
        "Ll": (xraylib.L3_SHELL, xraylib.L3M1_LINE),
        "Mb": (xraylib.M4_SHELL, xraylib.M4N6_LINE),
    }
    compared = 0
    for symbol, atom in elements().items():
        for line in minor_lines(symbol, atom.l3.edge, atom.l3.fluorescence_yield):
            shell, kind = kinds[line.name]
            emitted = theirs(xraylib.FluorYield, atom.number, shell) * theirs(
                xraylib.RadRate, atom.number, kind
            )
            energy = theirs(xraylib.LineEnergy, atom.number, kind) * 1e3
            assert line.energy == pytest.approx(energy, rel=0.005)
            assert line.emitted == pytest.approx(emitted, rel=0.05)
            compared += 1
    assert compared > 150


def test_absorption_of_every_element_at_the_lines_of_interest() -> None:
    for symbol, atom in elements().items():
        for energy in (277.4, 392.4, 524.9, 2009.9):
            found = theirs(xraylib.CS_Total, atom.number, energy / 1e3) / 10
            assert mass_absorption(symbol, energy) == pytest.approx(found, rel=0.05)
