"""What lies under a line: a slope, a little curvature, and the steps of stronger lines.

The step is Shirley's: electrons of a line that lose energy on their way out raise the background
at higher binding energy (Phys. Rev. B 5, 4709, 1972), here in proportion to the line's own
integral.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CURVED = 0.01
"""By how much of its level the background may sag at the middle of a region, as a standard
deviation before the data; ours. Few counts then see a straight line, many see what is there."""


def straight_and_curved(energies: Floats) -> Floats:
    """Return the columns of a background: level, slope and curvature, shape (3, energies)."""
    middle = (energies[0] + energies[-1]) / 2
    u = (energies - middle) / (abs(energies[0] - energies[-1]) / 2)
    return np.array([np.ones_like(u), u, 1.5 * u**2 - 0.5])


def stiffness(level: Floats, columns: int, curved: float = CURVED) -> Floats:
    """Return the prior precision of each column, shape (spectra, columns).

    `level` is the mean count of each spectrum, shape (spectra,); only curvature has a prior.
    """
    precision = np.zeros((len(level), columns))
    precision[:, 2] = 1 / (curved * np.maximum(level, 1.0)) ** 2
    return precision


def steps(shapes: Floats) -> Floats:
    """Return the steps that lines leave in the background, of height 1: shape as `shapes`.

    `shapes` have their channels from high to low binding energy, as regions are scanned.
    """
    return np.asarray(np.cumsum(shapes[:, ::-1], axis=1)[:, ::-1] - shapes / 2)
