"""Chemical states: at which binding energy, and how broad, a material shows its core levels."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

from pydantic import Field, TypeAdapter

from protocols.core_levels import CoreLevel, core_levels
from protocols.model import Written
from protocols.units import ElectronVolts
from protocols.written import read_written
from simulators.materials import LIBRARY

WIDTH = 1.3
"""eV; full width at half maximum of what is not in the table, ours."""
SPLIT = {"P 2p": 0.86, "Ar 2p": 2.1, "S 2p": 1.18, "Si 2p": 0.61}
"""eV between the lines of a pair where the elements' edges are not good enough [lit]."""
O_2S = CoreLevel("O 2s", "O", 23.7, 1915.0)
"""Too weak for the table of core levels, but the loss background under P 2p stands on it. Source:
Scofield at 1486.7 eV, from xraylib as that table."""

AUGER = {
    "C": CoreLevel("C KLL", "C", 1223.0, 8000.0),
    "N": CoreLevel("N KLL", "N", 1107.0, 15000.0),
    "O": CoreLevel("O KLL", "O", 978.0, 25000.0),
}
"""Auger electrons, which a survey shows beside the lines; Al Ka energies [lit], strengths ours."""
AUGER_WIDTH = 7.0
"""eV; ours."""


class State(Written):
    """A chemical state of one core level."""

    energy: ElectronVolts
    """Binding energy; of a pair the stronger line's."""
    width: Annotated[ElectronVolts, Field(gt=0)] = WIDTH
    """Full width at half maximum without the analyser's part."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of the element's atoms in the material that are in this state."""
    metal: bool = False
    """Its line has a tail towards higher binding energy."""
    scatter: Annotated[ElectronVolts, Field(ge=0)] = 0.0
    """Standard deviation of its energy from specimen to specimen."""
    source: str
    """Where these are from."""


class StateTable(Written):
    """A file of chemical states."""

    states: dict[str, dict[str, tuple[State, ...]]]
    """By material and core level."""


@lru_cache(maxsize=1)
def known_states() -> dict[str, dict[str, tuple[State, ...]]]:
    """Return the chemical states that come with liftline, by material and core level."""
    file = read_written(LIBRARY / "chemical-states.yaml")
    return file.validate(TypeAdapter(StateTable)).states


@lru_cache(maxsize=256)
def levels_of(element: str) -> tuple[CoreLevel, ...]:
    """Return the lines of an element: its core levels, each pair as one, and Auger electrons."""
    mine = [level for level in core_levels().values() if level.element == element]
    pairs = {level.name for level in mine if level.split}
    whole = [level for level in mine if level.name[:-3] not in pairs]
    others = [*([O_2S] if element == "O" else []), *([AUGER[element]] if element in AUGER else [])]
    return (*whole, *others)


def split_of(level: CoreLevel) -> float:
    """Return by how much a pair's weaker line lies higher, eV; 0 for a single line."""
    return SPLIT.get(level.name, level.split)


def states_of(material: str, level: CoreLevel) -> tuple[State, ...]:
    """Return the chemical states of a core level in a material."""
    known = known_states().get(material, {}).get(level.name)
    width = AUGER_WIDTH if level.name.endswith("KLL") else WIDTH
    return known or (State(energy=level.energy, width=width, source="the element's"),)
