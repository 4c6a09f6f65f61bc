"""The solid that a FIB works on, as it truly is: film, lamella, redeposited metal, bonds.

Frame of the site: x along the lamella, y across it, z up out of the free surface (0 there), origin
in the middle of the lamella-to-be. Around the origin lies a *band*, |y| <= HALF, in which faces are
exact: of each cell (x, z) the solid reaches from `back` to `front` in y. Outside it the film is a
map of columns milled from above. Only patterns, needle and gravity change it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HALF = 2e-6
"""Half the width of the band, m."""
BAND_X, BAND_Z = 10e-6, 8e-6
"""The band reaches from -BAND_X to +BAND_X and from the free surface to -BAND_Z, m."""
DX, DZ = 0.25e-6, 0.1e-6
"""Cells of the band, m."""
COLUMN = 0.25e-6
"""Side of a column outside the band, m."""
SITE = 16e-6
"""The columns reach from -SITE to +SITE along x and y, m; beyond, nothing is milled."""
NX, NZ = round(2 * BAND_X / DX), round(BAND_Z / DZ)
COLUMNS = round(2 * SITE / COLUMN)

Held = Literal["bulk", "needle", "grid", "needle and grid", "lost"]
Joint = Literal["needle", "post_front", "post_back"]


def band_x() -> Floats:
    """Return the middles of the band's cells along x (m), shape (NX,)."""
    return np.asarray(-BAND_X + (np.arange(NX) + 0.5) * DX, np.float64)


def band_depth() -> Floats:
    """Return the depths of the middles of the band's cells (m, >= 0), shape (NZ,)."""
    return np.asarray((np.arange(NZ) + 0.5) * DZ, np.float64)


def column_places() -> Floats:
    """Return the middles of the columns along x or y (m), shape (COLUMNS,)."""
    return np.asarray(-SITE + (np.arange(COLUMNS) + 0.5) * COLUMN, np.float64)


@dataclass
class Bond:
    """Redeposited metal in the gap between two bodies."""

    joint: Joint
    gap: float
    """m, when the weld began."""
    height: float
    width: float
    """Of the joint, m."""
    x: float = 0.0
    """Of the lamella's end at the joint, as it was cut, m."""
    filled: float = 0.0
    """Volume in the gap, m³."""

    @property
    def share(self) -> float:
        """Share of the joint that is bridged, 0 to 1: filled / (gap height width)."""
        return min(1.0, self.filled / (self.gap * self.height * self.width))

    @property
    def area(self) -> float:
        """Bridged area, m²."""
        return self.share * self.height * self.width


@dataclass
class Solid:
    """What there is. Arrays are changed in place by the milling."""

    front: Floats = field(default_factory=lambda: np.full((NX, NZ), HALF))
    """y of the face towards +y of each cell of the band (m); HALF where nothing was taken off.
    The electron beam looks at this face."""
    back: Floats = field(default_factory=lambda: np.full((NX, NZ), -HALF))
    """y of the face towards -y; -HALF where nothing was taken off."""
    cut: Floats = field(default_factory=lambda: np.zeros((NX, NZ)))
    """Share of each cell's thickness that tilted cuts have removed; 1 is through."""
    film_front: Floats = field(default_factory=lambda: np.zeros((NX, NZ)))
    """Redeposited metal on the front face, m."""
    film_back: Floats = field(default_factory=lambda: np.zeros((NX, NZ)))
    floor: Floats = field(default_factory=lambda: np.zeros((COLUMNS, COLUMNS)))
    """Depth to which each column outside the band was milled (m, >= 0), shape (x, y)."""
    fill: Floats = field(default_factory=lambda: np.zeros((COLUMNS, COLUMNS)))
    """Redeposited material on the floor of each column, m."""
    bonds: list[Bond] = field(default_factory=list)
    held: Held = "bulk"
    """By what the lamella is held."""
    moved: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the lamella is against where it was cut (m), or on the grid against its place there:
    with its end at the post's face, x = 0 of the grid's frame."""
    rolled: float = 0.0
    """Rotation of the lamella about the needle's axis, rad."""
    ice: float = 0.0
    """On all faces, m."""

    @property
    def thickness(self) -> Floats:
        """Thickness of each cell of the band (m), redeposited films not counted; 0 where cut."""
        return self.thickness_of(np.s_[:, :])

    def thickness_of(self, cells: tuple[slice | int, slice]) -> Floats:
        """Return the same of some cells of the band."""
        there = np.maximum(self.front[cells] - self.back[cells], 0.0)
        return np.asarray(there * (1.0 - np.minimum(self.cut[cells], 1.0)))
