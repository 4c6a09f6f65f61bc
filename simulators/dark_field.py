"""Physics of a dark-field image: how many electrons a place scatters into the detector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators.elements import element

Floats = npt.NDArray[np.float64]

SCATTERING = 1.65e-25
"""m² per Z^1.7: cross section for scattering into the annular detector at 200 kV. Chosen so that
100 nm LiPON scatters 5 % of the electrons; [lit], to verify."""
WAVES = 24
SHORTEST, LONGEST = 15e-9, 250e-9
"""Number of waves and range of wavelengths (m) of the diffraction contrast; ours."""


def scattered(densities: Floats, symbols: Sequence[str], thickness: float | Floats) -> Floats:
    """Return the share of electrons that reach the detector, shape of `densities` less its last.

    1 - exp(-sigma sum n Z^1.7 t); `densities` in atoms/m³, shape (..., elements), `thickness` in m,
    one or shape (...). The exponent 1.7 is usual for high-angle scattering [lit].
    """
    weights = np.array([element(s).number ** 1.7 for s in symbols])
    shares: Floats = -np.expm1(-SCATTERING * thickness * (densities @ weights))
    return shares


@dataclass(frozen=True)
class Texture:
    """Diffraction contrast of grains: a sum of waves fixed to the specimen, mean 0, rms 1."""

    kx: Floats
    ky: Floats
    """rad/m, shape (waves,)."""
    phase: Floats
    """rad, shape (waves,)."""

    def over(self, x: Floats, y: Floats) -> Floats:
        """Return the contrast on a grid of places (m), shape (len(y), len(x)).

        cos(a + b) = cos a cos b - sin a sin b makes it a product of two thin matrices.
        """
        a = np.outer(y, self.ky) + self.phase
        b = np.outer(self.kx, x)
        waves: Floats = np.cos(a) @ np.cos(b) - np.sin(a) @ np.sin(b)
        return waves * math.sqrt(2 / len(self.phase))


def texture(rng: np.random.Generator) -> Texture:
    """Draw a texture."""
    wavelength = np.exp(rng.uniform(math.log(SHORTEST), math.log(LONGEST), WAVES))
    direction = rng.uniform(0, 2 * math.pi, WAVES)
    k = 2 * math.pi / wavelength
    return Texture(k * np.cos(direction), k * np.sin(direction), rng.uniform(0, 2 * math.pi, WAVES))
