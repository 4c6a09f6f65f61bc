"""What a spectrum of the specimen would be now: the surface, its charge, and count rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from protocols.xps import Region
from simulators.draws import key_of
from simulators.faults import Scheduled
from simulators.xps.faults import ChargingJumps, DetectorSaturates, PressureRises, at
from simulators.xps.hidden import Hidden
from simulators.xps.sputtering import etching
from simulators.xps.surface import Adsorbed, Surface
from simulators.xps.xps_world import Crater

Floats = npt.NDArray[np.float64]

CARBON, HYDROXIDE = 1e-7, 3e-7
"""m of film that residual gas makes per Pa s: a tenth of what arrives sticks; ours, to verify."""
THICKEST = 0.3e-9
"""m: thickest such film of each; ours."""


@dataclass(frozen=True)
class Seen:
    """The analysed spot as it is at one time."""

    parts: tuple[tuple[float, Surface], ...]
    """Shares of the spot and their surfaces."""
    shift: float
    """eV, of all lines: charging."""


class View:
    """Expected count rates of a world's specimen."""

    def __init__(
        self, hidden: Hidden, seed: int, faults: Sequence[Scheduled], base_pressure: float
    ) -> None:
        """Prepare the specimen's surfaces."""
        self.hidden, self._seed, self._faults = hidden, seed, faults
        self._base = base_pressure
        self.analyser = hidden.analyser()
        self._etching = etching(hidden.specimen, hidden.mixing)
        self._surfaces = hidden.surfaces()
        self._bare = lru_cache(maxsize=64)(self._surfaces.after)

    def at(self, crater: Crater, t: float, *, neutralised: bool = False) -> Seen:
        """Return the spot over a crater at the world time `t` (s)."""
        films = self._films(crater, t)
        inner = self._surface(crater.inner, crater.fluence, films)
        parts = [(1.0 - crater.edge, inner)]
        if crater.edge:
            parts.append((crater.edge, self._surface(crater.outer, crater.outer, films)))
        key = key_of("etched", round(crater.seconds, 3))
        shift = self.hidden.charge(self._seed, key, inner.metal, neutralised=neutralised)
        jump = at(self._faults, ChargingJumps, t)
        return Seen(tuple(parts), shift + (jump.by if jump else 0.0))

    def _surface(self, dose: float, fluence: float, films: Adsorbed) -> Surface:
        bare = self._bare(round(dose * self.hidden.rate, 9), round(fluence, 9))
        return self._surfaces.covered(bare, films)

    def _films(self, crater: Crater, t: float) -> Adsorbed:
        """Return what residual gas has brought since the last etch."""
        if crater.clean_since is None or t <= crater.clean_since:
            return Adsorbed()
        since = crater.clean_since
        gas = self._base * (t - since) + sum(
            (one.to - self._base) * max(0.0, min(t, one.until) - max(since, one.at))
            for one in self._faults
            if isinstance(one, PressureRises)
        )
        grown = (THICKEST * (1 - math.exp(-k * gas / THICKEST)) for k in (CARBON, HYDROXIDE))
        return Adsorbed(*grown)

    def depth(self, crater: Crater) -> float:
        """Return how much (m) has been removed in the middle of a crater."""
        return self._etching.depth(crater.inner * self.hidden.rate)

    def parts(self, seen: Seen, region: Region) -> tuple[Floats, Floats]:
        """Return counts/s of the lines and of what is under them, each of shape (points,)."""
        energies = energies_of(region)
        lines, under = np.zeros_like(energies), np.zeros_like(energies)
        for share, surface in seen.parts:
            arguments = surface, energies, region.pass_energy, seen.shift
            lines += share * self.analyser.lines(*arguments)
            under += share * self.analyser.background(*arguments)
        return lines, under

    def rates(self, seen: Seen, region: Region, t: float, dead_time: float) -> Floats:
        """Return the counts/s expected in each channel at the world time `t` (s)."""
        rate = np.sum(self.parts(seen, region), axis=0)
        counted: Floats = rate / (1.0 + rate * dead_time)
        slow = at(self._faults, DetectorSaturates, t)
        return np.minimum(counted, slow.at_most) if slow else counted


def energies_of(region: Region) -> Floats:
    """Return the binding energies (eV) of a region's channels, falling."""
    found: Floats = region.start - region.step * np.arange(region.points, dtype=float)
    return found
