"""Redeposited metal on faces, floors and in joints: where it lands, and how a beam takes it off."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators.fib import columns, faces
from simulators.fib.faces import Edges, Goal
from simulators.fib.holding import middle_at, present
from simulators.fib.solid import COLUMN, DX, DZ, HALF, NX, Bond, Floats, Solid, band_depth, band_x

WIPED, WIPED_CLEANING = 1e6, 5e6
"""Films that a passing beam takes off, e-foldings per metre of depth milled; ours, to verify."""
THINNEST = 1e-12
"""A film thinner than this is none, m."""
SPLASH = 2e-6
"""Width of the trench's floor on which atoms from a face fall, m; ours."""
BESIDE = 4
"""Cells on each side of a cut across the lamella on which atoms land; ours."""


@dataclass(frozen=True)
class Landing:
    """Where atoms land that do not fall back into the cut."""

    films: tuple[tuple[Floats, npt.NDArray[np.bool_]], ...]
    """Views of the solid's films, each with where."""
    floor: tuple[Floats, npt.NDArray[np.bool_]] | None

    @property
    def anywhere(self) -> bool:
        """False if there is nothing that could catch them."""
        return any(mask.any() for _, mask in self.films) or self.floor is not None

    def lay(self, volume: float) -> None:
        """Spread a volume (m³): half on the floor, if there is one, the rest on faces."""
        cells = sum(int(mask.sum()) for _, mask in self.films)
        on_floor = 0.0 if self.floor is None else volume / 2 if cells else volume
        if self.floor is not None:
            fill, there = self.floor
            fill[there] += on_floor / (there.sum() * COLUMN**2)
        for film, mask in self.films:
            film[mask] += (volume - on_floor) / (cells * DX * DZ) if cells else 0.0


def landing(solid: Solid, to: Edges, aim: Goal, deep: float, at_site: bool) -> Landing:
    """Return where atoms from a cut land: its faces down to its depth (m), the trench's floor.

    From a cut across the lamella they land on the cells beside it.
    """
    near = band_depth() <= max(deep, DZ)
    if aim.crosses and not (aim.from_front | aim.from_back)[~aim.crossing].any():
        there = present(solid)
        sides = [
            slice(max(0, to.cells.start - BESIDE), to.cells.start),
            slice(to.cells.stop, min(NX, to.cells.stop + BESIDE)),
        ]
        both = (solid.film_front, solid.film_back)
        return Landing(tuple((film[s], there[s] & near) for s in sides for film in both), None)
    thick = solid.front[to.cells] > solid.back[to.cells]
    films = (
        (solid.film_front[to.cells], aim.from_front & ~aim.crossing & near & thick),
        (solid.film_back[to.cells], aim.from_back & ~aim.crossing & near & thick),
    )
    return Landing(films, _floor(solid, to, aim) if at_site else None)


def _floor(solid: Solid, to: Edges, aim: Goal) -> tuple[Floats, npt.NDArray[np.bool_]] | None:
    """Return the milled floor beside a face, if there is any."""
    x = band_x()[to.cells]
    if not x.size:
        return None
    y = (HALF, HALF + SPLASH) if aim.from_front.any() else (-HALF - SPLASH, -HALF)
    at = columns.under((x[0], x[-1], *y))
    there = solid.floor[at.x, at.y] > 0
    return (solid.fill[at.x, at.y], there) if there.any() else None


def wipe(solid: Solid, to: Edges, aim: Goal, depth: float) -> float:
    """Take films off the faces that a beam passes, which would mill `depth` (m) of them.

    Returns:
        What is gone, m³.
    """
    folds = WIPED_CLEANING if to.towards is not None else WIPED
    keep = math.exp(-depth * folds)
    holes = (solid.front[to.cells] <= solid.back[to.cells]) | (solid.cut[to.cells] >= 1)
    gone = 0.0
    for film, there in (
        (solid.film_front[to.cells], faces.touched(solid, to, aim, "front")),
        (solid.film_back[to.cells], faces.touched(solid, to, aim, "back")),
    ):
        if not film.any():
            continue
        left = np.where(holes, 0.0, np.where(there, film * keep, film))
        left[left < THINNEST] = 0.0
        gone += float((film - left).sum())
        film[...] = left
    return gone * DX * DZ


def mill_bonds(solid: Solid, box: tuple[float, float, float, float], depth: float) -> float:
    """Take metal out of the joints that a rectangle covers, down by `depth` (m).

    Args:
        solid: changed in place.
        box: x from, x to, y from, y to, m.
        depth: that its charge mills of redeposited metal, m.

    Returns:
        What is gone, m³.
    """
    gone = 0.0
    for bond in solid.bonds:
        x, y = _middle(solid, bond)
        if box[0] <= x <= box[1] and box[2] <= y <= box[3]:
            taken = min(bond.filled, depth * bond.gap * bond.width)
            bond.filled -= taken
            gone += taken
    return gone


def _middle(solid: Solid, bond: Bond) -> tuple[float, float]:
    """Return x and y of a joint's middle (m)."""
    aside = {"needle": 0.0, "post_front": bond.width / 2, "post_back": -bond.width / 2}
    x = bond.x + (bond.gap if bond.joint == "needle" else -bond.gap) / 2
    return x, middle_at(solid, bond) + aside[bond.joint]
