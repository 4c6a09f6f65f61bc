"""What the lamella truly became. For scoring only: no procedure and no analysis sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.fib.holding import SOLID, lamella
from simulators.fib.solid import DZ, Solid, band_x

MARGIN = 0.3e-6
"""So far above and below the interface there is lamella, if the interface is inside it, m; ours."""
HOLES = 0.1
"""Most of the kept zone's length that may be milled through at the interface; ours."""


@dataclass(frozen=True)
class Score:
    """The lamella over the zone that is kept."""

    thickness: float
    """Mean at the interface's depth, holes not counted, m; 0 where all is gone."""
    thinnest: float
    """m; 0 where there is a hole."""
    holes: float
    """Share of the zone's length that is milled through at that depth."""
    interface_inside: bool
    on_grid: bool

    def success(self, at_most: float) -> bool:
        """True if it is on the grid with the interface in it, and on average thinner (m)."""
        thin = 0.0 < self.thickness < at_most
        return self.on_grid and self.interface_inside and thin


def score(solid: Solid, interface: float, kept: float) -> Score:
    """Return how the lamella is at an interface's depth (m) over the length that is kept (m)."""
    zone = np.abs(band_x()) < kept / 2
    row = int(interface / DZ)
    piece = lamella(solid, interface)
    thickness = np.where(piece, solid.thickness, 0.0)[zone, row]
    there = thickness > SOLID
    rows = slice(max(0, row - round(MARGIN / DZ)), row + round(MARGIN / DZ) + 1)
    around = piece[zone, rows].all(axis=1)
    return Score(
        thickness=float(thickness[there].mean()) if there.any() else 0.0,
        thinnest=float(thickness.min()),
        holes=float(1 - there.mean()),
        interface_inside=bool(around.mean() >= 1 - HOLES),
        on_grid=solid.held == "grid",
    )
