"""Core levels that XPS measures: where they lie and how strongly they are excited by Al Ka.

Cross sections are Scofield's at 1486.7 eV (J. Electron Spectrosc. 8, 129, 1976), barn per atom,
generated with xraylib 4.1 (`CSb_Photo_Partial` times `ElectronConfig`); the energies are xraylib's
edges, of the element: a chemical state may lie several eV away. Levels weaker than an eighth of
the element's strongest are left out.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from protocols.units import closest

AL_KA_EV = 1486.7
"""Photon energy of monochromatised Al Ka. Source: the paper."""

_NAME = re.compile(r"^([A-Z][a-z]?)\s*([1-6][spdf])(\d/2)?$")


@dataclass(frozen=True)
class CoreLevel:
    """A core level, or both lines of a spin-orbit pair together."""

    name: str
    """As the field writes it: `N 1s`, `P 2p`, `Sn 3d5/2`."""
    element: str
    energy: float
    """Binding energy of the (stronger) line, eV."""
    cross_section: float
    """Barn per atom; of both lines of a pair."""
    split: float = 0.0
    """By which the weaker line of the pair lies at higher binding energy, eV; 0 for one line."""
    weaker: float = 0.0
    """Intensity of the weaker line in parts of the stronger one's."""


@lru_cache(maxsize=1)
def core_levels() -> Mapping[str, CoreLevel]:
    """Return every core level by name; a pair is there as a whole and line by line."""
    text = resources.files("protocols").joinpath("core_levels.csv").read_text("utf-8")
    levels: dict[str, CoreLevel] = {}
    for row in csv.DictReader(text.splitlines()):
        name = f"{row['element']} {row['level']}"
        energy, section = float(row["binding_energy_eV"]), float(row["cross_section_barn"])
        levels[name] = CoreLevel(name, row["element"], energy, section)
    for name in [each for each in levels if each.endswith("/2")]:
        whole = name[:-3]
        pair = [level for each, level in levels.items() if each[:-3] == whole]
        if len(pair) == 2 and whole not in levels:
            weak, strong = sorted(pair, key=lambda level: level.cross_section)
            levels[whole] = CoreLevel(
                whole,
                strong.element,
                strong.energy,
                weak.cross_section + strong.cross_section,
                weak.energy - strong.energy,
                weak.cross_section / strong.cross_section,
            )
    return levels


def core_level(name: str) -> CoreLevel:
    """Return a core level by its name, also where the space is left out.

    Raises:
        ValueError: there is none of that name.
    """
    match = _NAME.match(name.strip())
    written = f"{match[1]} {match[2]}{match[3] or ''}" if match else name
    levels = core_levels()
    if written not in levels:
        near = closest(written, list(levels))
        raise ValueError(f"{name!r} is no core level of the table, such as 'N 1s' or 'P 2p'{near}")
    return levels[written]
