"""Milling outside the band: columns from above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators.fib.account import OUTSIDE
from simulators.fib.material_stack import Stack, Through
from simulators.fib.solid import COLUMN, Floats, Solid, column_places


@dataclass(frozen=True)
class Columns:
    """The columns under a rectangle."""

    x: slice
    y: slice

    @property
    def outside(self) -> npt.NDArray[np.bool_]:
        """True for those outside the band."""
        return OUTSIDE[self.x, self.y]


def under(box: tuple[float, float, float, float]) -> Columns:
    """Return the columns whose middles lie in a rectangle: x from, x to, y from, y to (m)."""
    places = column_places()
    x, y = np.searchsorted(places, box[:2]), np.searchsorted(places, box[2:])
    return Columns(slice(int(x[0]), int(x[1])), slice(int(y[0]), int(y[1])))


def depth(solid: Solid, at: Columns) -> float | None:
    """Return the mean depth (m) of the floors of columns; None where there are none."""
    outside = at.outside
    if not outside.any():
        return None
    floors = solid.floor[at.x, at.y] - solid.fill[at.x, at.y]
    return float(floors[outside].mean())


def mill(
    solid: Solid, at: Columns, stack: Stack, through: Through, charge: float, loose_rate: float
) -> Floats:
    """Mill columns with a net charge (C/m²); what lies loose on their floors goes first.

    Returns:
        What is gone, m³ by material, redeposited metal last.
    """
    outside = at.outside
    if not outside.any():
        return np.zeros(len(stack.materials) + 1)
    floor, fill = solid.floor[at.x, at.y], solid.fill[at.x, at.y]
    swept = np.where(outside, np.minimum(fill, loose_rate * charge), 0.0)
    rest = np.where(outside, charge - swept / loose_rate, 0.0)
    old = floor[outside]
    new = through.deeper(old, rest[outside])
    fill -= swept
    floor[outside] = new
    return np.append(stack.between(old, new), swept.sum()) * COLUMN**2
