"""Physics of an EDS spectrum of a thin specimen: one function per effect, SI units, eV.

Counts per electron = atoms per area x emission cross section x solid angle / 4 pi x efficiency x
self-absorption, as a Gaussian on the energy axis, on a continuum. Left out, and small here:
fluorescence, escape and sum peaks, incomplete charge collection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.stem import EnergyAxis
from simulators.eds_tables import Detector, efficiency, mass_absorption
from simulators.elements import element
from simulators.emission import BEAM_ENERGY, BETA_SQUARED, lines
from simulators.materials import AVOGADRO

Floats = npt.NDArray[np.float64]

ALPHA_R_E_SQUARED = 5.795e-32
"""Fine-structure constant times the classical electron radius squared, m² (CODATA)."""
STRAY = 1.6e-32
"""m²/eV per Z²: continuum from electrons scattered in the specimen that hit what is around it.

Fitted so that the background under P in LiPON is 0.1 of its net counts, as the reference sheet says
[lit], to verify; under N that gives 0.6 (0.3 to 1 [lit])."""
STRAY_FALLS = 4000.0
"""eV over which the stray continuum falls to 1/e; [lit], to verify."""
FANO, PAIR_ENERGY, NOISE = 0.12, 3.64, 51.0
"""Fano factor, eV per electron-hole pair in silicon, and noise (FWHM, eV) that gives 130 eV at Mn
Ka. Source: reference xps-and-eds.md section 5 [calc]."""


def fwhm(energy: npt.ArrayLike) -> Floats:
    """Return the detector's full width at half maximum (eV) at `energy` (eV)."""
    e = np.asarray(energy, float)
    width: Floats = np.sqrt(NOISE**2 + (2.355**2) * FANO * PAIR_ENERGY * e)
    return width


def continuum(energy: Floats) -> Floats:
    """Return the continuum's cross section (m²/eV) per Z², at `energy` (eV, same shape).

    Kramers' bremsstrahlung of a thin target, 16 pi / (3 sqrt 3) alpha r_e² / beta² (1/E)(1 - E/E0),
    taken as isotropic, and a stray part that falls slowly with energy.
    """
    e = np.maximum(energy, 50.0)
    kramers = 16 * math.pi / (3 * math.sqrt(3)) * ALPHA_R_E_SQUARED / BETA_SQUARED
    return kramers / e * (1 - e / BEAM_ENERGY) + STRAY * np.exp(-e / STRAY_FALLS)


def channels(axis: EnergyAxis) -> Floats:
    """Return the energies (eV) of the channels' centres, shape (channels,)."""
    energies: Floats = axis.offset + axis.scale * np.arange(axis.channels, dtype=float)
    return energies


def line_spectrum(symbol: str, axis: EnergyAxis, detector: Detector) -> Floats:
    """Return the lines' counts per channel for one photon per m² of cross section and atom, m².

    Shape (channels,). Multiply by atoms per area, electrons and solid angle / 4 pi.
    """
    energies = channels(axis)
    spectrum = np.zeros(axis.channels)
    for energy, sigma in lines(symbol):
        width = float(fwhm(energy)) / 2.355
        shape = np.exp(-0.5 * ((energies - energy) / width) ** 2) / (width * math.sqrt(2 * math.pi))
        spectrum += sigma * float(efficiency(energy, detector)) * axis.scale * shape
    return spectrum


def continuum_spectrum(axis: EnergyAxis, detector: Detector) -> Floats:
    """Return the continuum's counts per channel per Z², in m² as `line_spectrum` has it."""
    energies = channels(axis)
    return continuum(energies) * efficiency(energies, detector) * axis.scale


def self_absorption(
    densities: Floats, symbols: Sequence[str], thickness: float | Floats, elevation: float
) -> Floats:
    """Return the share of each element's strongest line that leaves a slab, same shape.

    `densities` are atoms/m³ of each of `symbols`, shape (..., elements); `thickness` (m) is one for
    all, or of shape (...). Emission is even through the thickness, the way out is `elevation` (rad)
    above its plane, through the same composition: (1 - exp(-chi)) / chi with
    chi = sum rho_i (mu/rho)_i t / sin(elevation).
    Source: as in the reference's table (N 0.81, O 0.90, P 0.99 for 100 nm LiPON at 22 deg).
    """
    mass = densities * np.array([element(s).weight * 1e-3 / AVOGADRO for s in symbols])
    energies = [max(lines(s), key=lambda line: line[1], default=(1e4, 0.0))[0] for s in symbols]
    mu = np.array([[mass_absorption(a, e) for e in energies] for a in symbols])
    through = np.asarray(thickness, float)[..., None] / math.sin(elevation)
    chi = np.maximum(mass @ mu * through, 1e-12)
    absorbed: Floats = -np.expm1(-chi) / chi
    return absorbed


def broadening(densities: Floats, symbols: Sequence[str], thickness: float | Floats) -> Floats:
    """Return the standard deviation (m) by which scattering widens the beam in a slab.

    `densities` in atoms/m³, shape (..., elements); result of shape (...).
    b = 8e-12 (Z / E0) sqrt(Nv) t^1.5 (Williams and Carter; m, keV, atoms/m³) holds 90 % of the
    electrons at the lower face: b / 2 = 2.146 sigma. Through the thickness sigma² grows as t³, so
    its mean is a quarter. Source: reference fib-and-tem.md 5.5 [calc].
    """
    total = densities.sum(axis=-1)
    charge = densities @ np.array([float(element(s).number) for s in symbols])
    mean_z = charge / np.maximum(total, 1.0)
    b = 8e-12 * mean_z / (BEAM_ENERGY / 1e3) * np.sqrt(total) * np.asarray(thickness) ** 1.5
    spread: Floats = b / 2 / 2.146 / 2
    return spread


@dataclass(frozen=True)
class Slab:
    """A lamella and the detector that looks at it."""

    symbols: tuple[str, ...]
    thickness: float
    """m."""
    elevation: float
    """Of the detector above the lamella's plane, rad."""
    solid_angle: float
    """sr."""
    detector: Detector
    axis: EnergyAxis

    def units(self) -> Floats:
        """Return counts per electron and channel for one atom/m² of each element.

        Shape (2 x elements, channels): lines first, then continua.
        """
        share = self.solid_angle / (4 * math.pi)
        each = [line_spectrum(s, self.axis, self.detector) for s in self.symbols]
        unit = continuum_spectrum(self.axis, self.detector)
        each += [unit * element(s).number ** 2 for s in self.symbols]
        return np.array(each) * share

    def films(self, symbols: Sequence[str]) -> Floats:
        """Return counts per electron and channel, lines and continuum, for one atom/m² of films.

        Shape (symbols, channels); nothing absorbs them.
        """
        share = self.solid_angle / (4 * math.pi)
        unit = continuum_spectrum(self.axis, self.detector)
        each = [
            line_spectrum(s, self.axis, self.detector) + unit * element(s).number ** 2
            for s in symbols
        ]
        return np.array(each) * share

    def amounts(self, densities: Floats, thickness: float | Floats | None = None) -> Floats:
        """Return what to multiply `units` by: atoms/m², lines weakened by self-absorption.

        `densities` in atoms/m³, shape (n, elements); result of shape (n, 2 x elements). `thickness`
        (m, one or shape (n,)) is the slab's own where left out.
        """
        through = self.thickness if thickness is None else thickness
        areal = densities * np.asarray(through, float)[..., None]
        leaves = self_absorption(densities, self.symbols, through, self.elevation)
        return np.concatenate([areal * leaves, areal], axis=1)
