"""How far photoelectrons come without losing energy: inelastic mean free paths."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from simulators.elements import element
from simulators.materials import Material, parse_formula

Floats = npt.NDArray[np.float64]

VALENCE = {"Li": 1, "C": 4, "N": 5, "O": 6, "F": 7, "Na": 1, "Al": 3, "Si": 4, "P": 5, "S": 6}
"""Valence electrons per atom. Source: the periodic table, as TPP-2M counts them."""
METALLIC = 8
"""Valence electrons of an atom that is not in that table: of a transition metal, about."""
GAPS = {
    "Li2O": 7.9,
    "Li3N": 2.2,
    "Li3P": 0.7,
    "Li3PO4": 8.0,
    "Li2CO3": 8.8,
    "LiOH": 7.0,
    "LiPON": 6.5,
    "SiO2": 8.9,
    "Al2O3": 8.8,
}
"""Band gaps, eV [lit], to verify; 0 for what is not here. The path hardly depends on them."""


def mean_free_path(name: str, material: Material, energy: npt.ArrayLike) -> Floats:
    """Return the inelastic mean free path (m) of electrons of a kinetic energy (eV).

    Source: TPP-2M; Tanuma, Powell and Penn, Surf. Interface Anal. 21, 165 (1994), eqs. 3 to 8.
    """
    e = np.asarray(energy, float)
    atoms = parse_formula(material.formula)
    molar = sum(element(symbol).weight * count for symbol, count in atoms.items())
    valence = sum(VALENCE.get(symbol, METALLIC) * count for symbol, count in atoms.items())
    density = material.density / 1000.0
    u = valence * density / molar
    plasmon = 28.8 * math.sqrt(u)
    gap = GAPS.get(name, 0.0)
    beta = -0.10 + 0.944 / math.hypot(plasmon, gap) + 0.069 * density**0.1
    gamma = 0.191 * density**-0.5
    c, d = 1.97 - 0.91 * u, 53.4 - 20.8 * u
    angstrom = e / (plasmon**2 * (beta * np.log(gamma * e) - c / e + d / e**2))
    path: Floats = angstrom * 1e-10
    return path
