"""What the analyser counts: lines, losses and a flat part at each binding energy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from simulators.xps.losses import background
from simulators.xps.surface import Emitted, Surface, weaker_line

Floats = npt.NDArray[np.float64]

LORENTZ = 0.3
"""Share of Lorentz in a line: GL(30) [lit]."""
TAIL = 1.4
"""By how much a metal's line is broader on the side of higher binding energy; ours."""
RESOLUTION = 0.015
"""Analyser's width (eV) per eV of pass energy; ours, as of AXIS instruments about [lit]."""
TRANSMISSION = -0.6
"""Transmission goes as the kinetic energy to this power at a fixed pass energy: -0.5 to -0.7
[lit]."""
PASS_POWER = 1.6
"""Count rate goes as the pass energy to this power; ours, to verify."""
REFERENCE_PASS, REFERENCE_KINETIC = 40.0, 955.0
"""eV, at which the scale of count rates is given; the latter is that of O 1s."""
SCALE = 2e-20
"""Counts/s eV per atom barn/m²: bulk Li2O gives about 3.5e4 counts/s at the top of O 1s, as AXIS
instruments do with 300 um x 700 um at 40 eV; ours, to verify."""
FLAT = 40.0
"""Counts/s in each channel at that pass energy, whatever the energy; ours, to verify."""
DARK = 2.0
"""Counts/s of the detector itself; ours."""
CHARGE_WIDTH = 0.08
"""eV by which a line is broader per eV of charging; ours."""


def transmission(kinetic: npt.ArrayLike) -> Floats:
    """Return the transmission at kinetic energies (eV), 1 at that of O 1s."""
    relative: Floats = (np.asarray(kinetic, float) / REFERENCE_KINETIC) ** TRANSMISSION
    return relative


def line_shape(away: Floats, width: float, *, metal: bool = False) -> Floats:
    """Return a line of area 1 per eV at energies (eV) away from its position.

    Width is the full one at half maximum; a sum of 70 % Gauss and 30 % Lorentz.
    """
    wide = np.where(away > 0, TAIL * width, width) if metal else np.full_like(away, width)
    area = (1 + TAIL) / 2 if metal else 1.0
    narrow = 4 * math.log(2)
    gauss = math.sqrt(narrow / math.pi) / width * np.exp(-narrow * (away / wide) ** 2)
    lorentz = 2 / (math.pi * width) / (1 + 4 * (away / wide) ** 2)
    shape: Floats = ((1 - LORENTZ) * gauss + LORENTZ * lorentz) / area
    return shape


def width_of(one: Emitted, pass_energy: float, shift: float) -> float:
    """Return a line's full width at half maximum as measured, eV."""
    return math.hypot(one.width, RESOLUTION * pass_energy, CHARGE_WIDTH * shift)


def line_spectrum(one: Emitted, energies: Floats, pass_energy: float, shift: float) -> Floats:
    """Return one state's electrons without loss per eV, shape of `energies`."""
    width = width_of(one, pass_energy, shift)
    strong, weak, split = weaker_line(one)
    away = energies - one.energy - shift
    shape = strong * line_shape(away, width, metal=one.metal)
    if weak:
        shape = shape + weak * line_shape(away - split, width, metal=one.metal)
    total: Floats = one.straight * shape
    return total


class Analyser:
    """Turns what a surface emits into count rates."""

    def __init__(self, photon_energy: float, flux: float) -> None:
        """Take the X-rays' energy (eV) and their flux relative to the usual."""
        self._photon_energy, self._flux = photon_energy, flux

    def scale(self, energies: Floats, pass_energy: float) -> Floats:
        """Return counts/s per electron/eV at binding energies (eV)."""
        kinetic = np.maximum(self._photon_energy - energies, 1.0)
        power = (pass_energy / REFERENCE_PASS) ** PASS_POWER
        found: Floats = SCALE * self._flux * power * transmission(kinetic)
        return found

    def flat(self, pass_energy: float) -> float:
        """Return counts/s that are there at each energy."""
        power: float = (pass_energy / REFERENCE_PASS) ** PASS_POWER
        return FLAT * self._flux * power + DARK

    def lines(self, surface: Surface, energies: Floats, pass_energy: float, shift: float) -> Floats:
        """Return counts/s of the lines alone."""
        total = np.zeros_like(energies)
        for one in surface.emitted:
            if _near(one, energies):
                total += line_spectrum(one, energies, pass_energy, shift)
        return self.scale(energies, pass_energy) * total

    def background(
        self, surface: Surface, energies: Floats, pass_energy: float, shift: float
    ) -> Floats:
        """Return counts/s of losses and the flat part."""
        lines = np.array([one.energy for one in surface.emitted]) + shift
        once = np.array([one.once for one in surface.emitted])
        more = np.array([one.more for one in surface.emitted])
        lossy = background(energies, lines, once, more, surface.metal)
        return self.scale(energies, pass_energy) * lossy + self.flat(pass_energy)


_NEAR = 60.0
"""eV beyond which a line's tail is nothing."""


def _near(one: Emitted, energies: Floats) -> bool:
    return bool(energies.min() - _NEAR < one.energy < energies.max() + _NEAR)
