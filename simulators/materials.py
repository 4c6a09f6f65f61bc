"""Materials: a formula and a density become atoms per cubic metre."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, field_validator
from pydantic_core import PydanticCustomError

from protocols.model import Written
from protocols.units import KilogramsPerCubicMetre
from protocols.written import read_written
from simulators.elements import element

AVOGADRO = 6.02214076e23
"""Per mole. Source: SI definition, 2019."""

LIBRARY = Path(str(resources.files("simulators"))) / "library"

_TOKEN = re.compile(r"([A-Z][a-z]?)|(\()|(\))|(\d+\.?\d*|\.\d+)")


def parse_formula(formula: str) -> dict[str, float]:
    """Return the atoms of each element in one formula unit: 'Li2.9PO3.3N0.46', 'Al2(SO4)3'.

    Raises:
        ValueError: it is not a formula, or names something that is not an element.
    """
    groups: list[list[tuple[dict[str, float], float]]] = [[]]
    position = 0
    while position < len(formula):
        match = _TOKEN.match(formula, position)
        if match is None:
            raise ValueError(f"{formula!r} is not a formula; write it like 'Li2.9PO3.3N0.46'")
        symbol, opens, closes, number = match.groups()
        if symbol:
            groups[-1].append(({element(symbol).symbol: 1.0}, 1.0))
        elif opens:
            groups.append([])
        elif closes and len(groups) > 1 and groups[-1]:
            inside = groups.pop()
            groups[-1].append((_sum(inside), 1.0))
        elif number and groups[-1] and formula[position - 1] not in "(.0123456789":
            groups[-1][-1] = (groups[-1][-1][0], float(number))
        else:
            raise ValueError(f"{formula!r} is not a formula; write it like 'Li2.9PO3.3N0.46'")
        position = match.end()
    atoms = _sum(groups[0])
    if len(groups) > 1 or not atoms or min(atoms.values()) <= 0:
        raise ValueError(f"{formula!r} is not a formula; write it like 'Li2.9PO3.3N0.46'")
    return atoms


def _sum(parts: list[tuple[dict[str, float], float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for atoms, times in parts:
        for symbol, count in atoms.items():
            total[symbol] = total.get(symbol, 0.0) + count * times
    return total


class Material(Written):
    """What a phase is made of."""

    formula: str
    """Chemical formula, such as Li2.9PO3.3N0.46."""
    density: Annotated[KilogramsPerCubicMetre, Field(gt=0)]
    """Mass density."""
    source: str
    """Where formula and density are from."""

    @field_validator("formula")
    @classmethod
    def _is_a_formula(cls, formula: str) -> str:
        try:
            parse_formula(formula)
        except ValueError as error:
            raise PydanticCustomError("formula", "{message}", {"message": str(error)}) from None
        return formula

    @property
    def number_densities(self) -> dict[str, float]:
        """Atoms per cubic metre of each element: n = rho N_A / M times atoms per formula unit."""
        atoms = parse_formula(self.formula)
        molar = sum(element(symbol).weight * count for symbol, count in atoms.items())
        units = self.density / (molar * 1e-3) * AVOGADRO
        return {symbol: units * count for symbol, count in atoms.items()}


class MaterialTable(Written):
    """A file of materials by name."""

    materials: dict[str, Material]
    """Materials by the name that specimens use."""


@lru_cache(maxsize=1)
def known_materials() -> dict[str, Material]:
    """Return the materials that come with liftline, by name."""
    file = read_written(LIBRARY / "materials.yaml")
    return file.validate(TypeAdapter(MaterialTable)).materials
