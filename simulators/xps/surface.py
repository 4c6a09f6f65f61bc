"""What photoelectrons come from: atoms by depth and chemical state, after so much etching.

A line's electrons without loss are Phi sigma T sum n(z) exp(-z / (L cos th)): overlayers attenuate
what lies below. At the magic angle between X-rays and analyser there is no asymmetry term.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from protocols.core_levels import CoreLevel, core_level
from simulators.materials import Material, known_materials
from simulators.specimen import Specimen
from simulators.xps.chemistry import levels_of, split_of, states_of
from simulators.xps.paths import mean_free_path
from simulators.xps.sputtering import Etching, Mixing

Floats = npt.NDArray[np.float64]

STEP = 0.25e-9
SEEN = 32e-9
"""m below the surface from which electrons are counted: seven free paths."""
SLOWEST = 100.0
"""eV: slower electrons' lines are left out; TPP-2M holds for faster ones only."""
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
"""Of the average over the roughness."""
ARGON = 0.025
"""Atoms of implanted argon per atom of the mixed zone, in the end: a few at.% [lit]; ours."""
FLUENCE = 20.0
"""C/m² of ions after which 63 % of that are there, and of the preferential loss; ours."""
LOSSES: Mapping[str, Mapping[str, float]] = {
    "Li2CO3": {"C": 0.5, "O": 0.3},
    "Li3PO4": {"O": 0.1},
    "LiPON": {"N": 0.15, "O": 0.08},
    "Li3N": {"N": 0.1},
}
"""Part of an element's atoms that the mixed zone loses in the end: preferential loss, carbonate to
oxide, reduction of P-O [lit] as to what happens; how much is ours."""


@dataclass(frozen=True)
class Emitted:
    """Electrons of one chemical state, in atoms times barn per m² that reach the surface."""

    level: CoreLevel
    material: str
    energy: float
    """Binding energy, eV, without charging; of a pair the stronger line's."""
    width: float
    metal: bool
    straight: float
    """Without loss."""
    once: float
    """That scattered once."""
    more: float
    """That scattered twice; more often each time as many."""


@dataclass(frozen=True)
class Surface:
    """All that a surface emits, and its share of metal."""

    emitted: tuple[Emitted, ...]
    metal: float
    """Volume fraction of lithium metal within the electrons' reach."""


@dataclass(frozen=True)
class Adsorbed:
    """What residual gas has brought since the last etch, m of carbon and of hydroxide."""

    carbon: float = 0.0
    hydroxide: float = 0.0


class Surfaces:
    """The surfaces that a specimen shows as it is etched."""

    def __init__(
        self,
        specimen: Specimen,
        etched: Etching,
        mixing: Mixing,
        *,
        photon_energy: float,
        cos_angle: float,
        shifts: Mapping[str, float],
    ) -> None:
        """Prepare them; `shifts` (eV) by `material/level` are this specimen's."""
        self._specimen, self._etching, self._mixing = specimen, etched, mixing
        table = known_materials()
        self._materials: dict[str, Material] = {**specimen.materials}
        self._films = {"C": table["C"], "LiOH": table["LiOH"]}
        self._depths = (np.arange(round(SEEN / STEP)) + 0.5) * STEP
        self._shifts = shifts
        atoms = [material.number_densities for material in self._materials.values()]
        films = [material.number_densities for material in self._films.values()]
        found = {symbol for one in (*atoms, *films) for symbol in one}
        self._levels = {e: levels_of(e) for e in sorted(found | {"Ar"})}
        self._kinetic = {
            level.name: photon_energy - level.energy
            for levels in self._levels.values()
            for level in levels
            if level.energy < photon_energy - SLOWEST
        }
        self._index = {name: i for i, name in enumerate(self._kinetic)}
        self._total = np.array([sum(one.values()) for one in atoms])
        energies = np.array(list(self._kinetic.values()))
        self._inverse = np.array(
            [1 / (mean_free_path(n, m, energies) * cos_angle) for n, m in self._materials.items()]
        )
        self._film_inverse = {
            name: 1 / (mean_free_path(name, m, energies) * cos_angle)
            for name, m in self._films.items()
        }

    def after(self, dose: float, fluence: float) -> Surface:
        """Return the clean surface after a dose of ions.

        Args:
            dose: C/m² of 5 keV ions, which sets the depth.
            fluence: C/m² of ions as they were, which sets argon and preferential loss.
        """
        mean = self._etching.depth(dose)
        sigma = self._mixing.roughness_at(mean)
        removed = np.maximum(mean + sigma * NODES, 0.0) if sigma else np.array([mean])
        weights = WEIGHTS / WEIGHTS.sum() if sigma else np.array([1.0])
        sputtered = 1.0 - float(np.exp(-fluence / FLUENCE))
        inside, mixed = self._column(removed, dose > 0)
        deep = np.cumsum(inside @ self._inverse, axis=1) * STEP  # free paths, (nodes, z, levels)
        ways = deep - inside @ self._inverse * (STEP / 2)
        reach = np.exp(-ways) * weights[:, None, None] * STEP
        seen = (reach, reach * ways, reach * ways**2 / 2)
        emitted = tuple(self._of_specimen(inside, mixed, seen, sputtered))
        return Surface(emitted, self._metal(inside, weights))

    def covered(self, bare: Surface, adsorbed: Adsorbed) -> Surface:
        """Return a surface with thin films on it: they attenuate it a little, and emit."""
        films = {"C": adsorbed.carbon, "LiOH": adsorbed.hydroxide}
        if not any(films.values()):
            return bare
        ways = sum(d * self._film_inverse[name] for name, d in films.items())
        through = dict(zip(self._kinetic, np.exp(-np.asarray(ways)), strict=True))
        under = (_dimmed(one, through[one.level.name]) for one in bare.emitted)
        return Surface((*under, *self._of_films(films)), bare.metal)

    def _column(self, removed: Floats, sputtered: bool) -> tuple[Floats, Floats]:
        """Return fractions (nodes, depths, materials) below the surface, and the mixed share."""
        below = self._specimen.fractions(removed[:, None] + self._depths[None, :])
        if not sputtered:
            return below, np.zeros(below.shape[:2])
        thick = self._mixing.thickness(removed)[:, None]
        mixed = np.clip((thick - self._depths[None, :]) / STEP + 0.5, 0.0, 1.0)
        zone = self._etching.mixed(removed)[:, None, :]
        return below * (1 - mixed[..., None]) + zone * mixed[..., None], mixed

    def _metal(self, inside: Floats, weights: Floats) -> float:
        names = list(self._materials)
        if "Li" not in names:
            return 0.0
        near = np.exp(-self._depths / 4e-9)
        return float(weights @ (inside[:, :, names.index("Li")] @ near) / near.sum())

    def _of_specimen(
        self, inside: Floats, mixed: Floats, seen: tuple[Floats, Floats, Floats], sputtered: float
    ) -> Iterator[Emitted]:
        for m, (name, material) in enumerate(self._materials.items()):
            part = inside[:, :, m]
            if not part.any():
                continue
            for symbol, density in material.number_densities.items():
                lost = LOSSES.get(name, {}).get(symbol, 0.0) * sputtered
                atoms = part * density * (1 - lost * mixed)
                for level in self._levels[symbol]:
                    if level.name in self._kinetic:
                        yield from self._states(name, level, self._sums(atoms, level, seen))
        argon = core_level("Ar 2p")
        atoms = ARGON * sputtered * mixed * (inside @ self._total)
        yield from self._states("Ar", argon, self._sums(atoms, argon, seen))

    def _sums(self, atoms: Floats, level: CoreLevel, seen: tuple[Floats, ...]) -> list[float]:
        return [float((atoms * one[:, :, self._index[level.name]]).sum()) for one in seen]

    def _of_films(self, films: Mapping[str, float]) -> Iterator[Emitted]:
        """Yield what thin films (m) emit: too thin to attenuate themselves."""
        for name, thickness in films.items():
            for symbol, density in self._films[name].number_densities.items():
                for level in self._levels[symbol]:
                    if level.name in self._kinetic:
                        yield from self._states(name, level, [density * thickness, 0.0, 0.0])

    def _states(self, material: str, level: CoreLevel, sums: list[float]) -> Iterator[Emitted]:
        if sums[0] <= 0:
            return
        for state in states_of(material, level):
            scale = state.share * level.cross_section
            yield Emitted(
                level,
                material,
                state.energy + self._shifts.get(f"{material}/{level.name}", 0.0),
                state.width,
                state.metal,
                *(scale * one for one in sums),
            )


def _dimmed(one: Emitted, by: float) -> Emitted:
    return replace(one, straight=one.straight * by, once=one.once * by, more=one.more * by)


def weaker_line(one: Emitted) -> tuple[float, float, float]:
    """Return shares of the stronger and the weaker line of a pair, and by how much it is higher."""
    weaker = one.level.weaker
    return 1 / (1 + weaker), weaker / (1 + weaker), split_of(one.level)
