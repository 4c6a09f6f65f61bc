"""What holds the lamella: what is joined to what, and what falls."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from simulators.fib.solid import BAND_X, DX, DZ, HALF, NX, Bond, Floats, Held, Solid, band_x

SOLID = 5e-9
"""A cell that is thinner holds nothing, m; ours."""
TOP = 2e-6
"""Ends are looked for above this depth, m: there the joints are."""
NEAR = 2e-6
"""So far from its middle the lamella is looked for along x, m; ours."""
Mask = npt.NDArray[np.bool_]


def present(solid: Solid) -> Mask:
    """Return where the band is solid, shape (NX, NZ)."""
    return np.asarray(solid.thickness > SOLID)


def bulk(solid: Solid) -> Mask:
    """Return the cells that are joined to the film around the band."""
    outer = (solid.front >= HALF) | (solid.back <= -HALF)
    outer[[0, -1], :] = True
    outer[:, -1] = True
    return np.asarray(outer & present(solid))


def lamella(solid: Solid, interface: float) -> Mask:
    """Return the cells of the piece that holds the lamella's middle at a depth (m).

    Where the middle is milled through, the nearest solid within 2 um of it; else nothing: the
    lamella is gone.
    """
    labels = np.asarray(label(present(solid))[0])
    row = labels[:, min(int(interface / DZ), labels.shape[1] - 1)]
    away = np.where(row > 0, np.abs(band_x()), np.inf)
    nearest = int(away.argmin())
    found = away[nearest] <= NEAR
    return np.asarray(labels == row[nearest] if found else np.zeros(labels.shape, bool))


def end_of(solid: Solid, side: Literal[1, -1]) -> float:
    """Return the x (m) at which the solid ends from the middle on, to the right (1) or left (-1).

    Looked for in its top 2 um; the band's end where it goes on.
    """
    there = np.asarray(present(solid)[:, : round(TOP / DZ)].any(axis=1))
    outward = there[NX // 2 :] if side == 1 else there[: NX // 2][::-1]
    cells = len(outward) if outward.all() else int(outward.argmin())
    return side * cells * DX


def carried_end(solid: Solid) -> float:
    """Return the x (m) of the left end of a lamella that has been lifted, however thin its middle.

    On the grid that end is at `solid.moved[0]`.
    """
    there = np.asarray(present(solid)[:, : round(TOP / DZ)].any(axis=1))
    return -BAND_X + int(there.argmax()) * DX


def joins(bond: Bond, piece: Mask) -> bool:
    """True if a bond's place at the lamella's end is on a piece."""
    return bool(piece[_column(bond), : round(TOP / DZ)].any())


def middle_at(solid: Solid, bond: Bond) -> float:
    """Return y (m) of the middle of the lamella's end at a bond: it need not be the band's."""
    end = np.s_[_column(bond), : round(TOP / DZ)]
    there = solid.thickness_of(end) > 0
    middles = (solid.front[end] + solid.back[end])[there] / 2
    return float(middles.mean()) if len(middles) else 0.0


def _column(bond: Bond) -> int:
    """Return the column of the band that is the lamella's last at a bond."""
    inner = bond.x - DX / 2 if bond.joint == "needle" else bond.x + DX / 2
    return min(NX - 1, max(0, int((inner + BAND_X) / DX)))


def what_holds(solid: Solid, interface: float, bears: float = 0.0) -> Held:
    """Return what holds the lamella: at rest any bond does, under a pull one that `bears` it.

    Args:
        solid: what there is.
        interface: depth (m) at which the lamella's middle is looked for.
        bears: bridged area (m²) that a bond needs to hold it.
    """
    piece = lamella(solid, interface)
    if not piece.any():
        return "lost"
    if (piece & bulk(solid)).any():
        return "bulk"
    holding = [b for b in solid.bonds if joins(b, piece) and b.filled > 0 and b.area >= bears]
    needle = any(bond.joint == "needle" for bond in holding)
    grid = any(bond.joint != "needle" for bond in holding)
    if needle and grid:
        return "needle and grid"
    return "needle" if needle else "grid" if grid else "lost"


def carry(solid: Solid, interface: float) -> None:
    """Leave everything behind that does not belong to the lamella: it is lifted away.

    From here on the band holds the lamella alone; the columns stay with the film.
    """
    piece = lamella(solid, interface)
    middle: Floats = np.clip(0.0, solid.back, solid.front)
    solid.front[~piece] = middle[~piece]
    solid.back[~piece] = middle[~piece]
    solid.film_front[~piece] = 0.0
    solid.film_back[~piece] = 0.0
