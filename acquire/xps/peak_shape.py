"""The shape of a photoelectron line as it is fitted: a pseudo-Voigt, alone or as a pair.

30 % Lorentzian, the field's GL(30), which is common for insulators [lit]. Source of the setting:
reference/xps-and-eds.md, 7.4(b).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from protocols.core_levels import CoreLevel

Floats = npt.NDArray[np.float64]

LORENTZIAN = 0.3
"""Share of the area that is Lorentzian."""
_GAUSS = 4 * math.log(2)


def line_shapes(energies: Floats, centres: Floats, width: float | Floats) -> Floats:
    """Return lines of unit area, in counts per channel: shape (centres, energies).

    `width` (eV) is the full width at half maximum, one for all or one each. Energies are evenly
    spaced; the tails beyond them are part of the unit area.
    """
    step = abs(float(energies[0] - energies[1]))
    widths = np.broadcast_to(np.asarray(width, np.float64), centres.shape)[:, None]
    x2 = ((energies - centres[:, None]) / widths) ** 2
    gauss = np.exp(-_GAUSS * x2) * math.sqrt(_GAUSS / math.pi)
    lorentz = (2 / math.pi) / (1 + 4 * x2)
    return np.asarray((LORENTZIAN * lorentz + (1 - LORENTZIAN) * gauss) * (step / widths))


def peak_shapes(
    energies: Floats, centres: Floats, width: float | Floats, level: CoreLevel
) -> Floats:
    """Return the same for a core level: both lines of a spin-orbit pair, unit area together.

    `centres` are of the stronger line, as the table's energies are.
    """
    shapes = line_shapes(energies, centres, width)
    if level.split:
        second = line_shapes(energies, centres + level.split, width)
        shapes = (shapes + level.weaker * second) / (1 + level.weaker)
    return shapes
