"""Milling inside the band: a pattern takes material off faces, from the top down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from simulators.fib.solid import DZ, HALF, Floats, Solid, band_depth, band_x

FIN = 0.1e-6
"""What stands thinner than this outside a pattern falls with what is milled; ours."""
TOUCHED = 0.1e-6
"""A beam that passes a face this near takes its film off; ours."""
LEDGE = 5e-9
"""By which the floor being milled is wider than what leans out above it, m; ours."""
Side = Literal["front", "back"]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Edges:
    """A rectangle as it goes down into the band: its edges along y by x and depth."""

    cells: slice
    """Of the band along x."""
    low: Floats
    """y of the edge towards -y, the face that it leaves at the front; shape (x, NZ), m."""
    high: Floats
    """y of the edge towards +y, the face that it leaves at the back."""
    height: float
    """Of the rectangle, m."""
    towards: Side | None
    """The face at which a cleaning cross-section ends; it comes from outside."""


def cells_between(left: float, right: float) -> slice:
    """Return the band's cells along x whose middles lie between two places (m)."""
    inside = np.searchsorted(band_x(), [left, right])
    return slice(int(inside[0]), int(inside[1]))


def edges(
    box: tuple[float, float, float, float],
    *,
    lean: float,
    taper: float,
    wave: tuple[Floats, Floats],
    towards: Side | None,
) -> Edges:
    """Return the edges of a rectangle: x from, x to, y from, y to (m) at the free surface.

    Args:
        box: the rectangle.
        lean: tangent of the beam's angle to the normal; it goes to -y with depth.
        taper: tangent of the slope that a face keeps against the beam.
        wave: what curtaining adds to the front and back face along x, shape (NX,), m.
        towards: see `Edges`.
    """
    left, right, low, high = box
    cells, depth = cells_between(left, right), band_depth()
    front = low + depth * (taper - lean) + wave[0][cells, None]
    back = high - depth * (taper + lean) - wave[1][cells, None]
    return Edges(cells, front, back, high - low, towards)


@dataclass
class Goal:
    """What a rectangle is to take off, cell by cell."""

    front: Floats
    """y to which the front face comes, m."""
    back: Floats
    crossing: Mask
    """True where it goes right through: the cell's cut share grows, its faces stay."""
    from_front: Mask
    from_back: Mask
    left: Floats
    """Thickness (m) that is still to be taken off, cut shares not counted."""

    @cached_property
    def crosses(self) -> bool:
        """True if it goes right through anywhere."""
        return bool(self.crossing.any())


def goal(solid: Solid, to: Edges) -> Goal:
    """Return what a rectangle takes off; a slot inside the solid takes nothing here."""
    front, back = solid.front[to.cells], solid.back[to.cells]
    there = (front > back) & (solid.cut[to.cells] < 1.0)
    nowhere = np.zeros_like(there)
    at_front = at_back = nowhere
    if to.towards != "back":
        at_front = there if to.towards == "front" else there & (front <= to.high + FIN)
    if to.towards != "front":
        at_back = there if to.towards == "back" else there & (back >= to.low - FIN)
    crossing = at_front & at_back if to.towards is None else nowhere
    new_front, new_back, left = front, back, np.zeros_like(front)
    if to.towards != "back":
        comes = at_front & ~at_back & (to.low < front)
        new_front = np.where(comes, np.clip(to.low, back, front), front)
        left += front - new_front
    if to.towards != "front":
        comes = at_back & ~at_front & (to.high > back)
        new_back = np.where(comes, np.clip(to.high, back, front), back)
        left += new_back - back
    if to.towards is None:
        np.copyto(left, front - back, where=crossing)
    return Goal(new_front, new_back, crossing, at_front, at_back, left)


def reached(aim: Goal) -> float:
    """Return the depth (m) down to which a rectangle is done, over its cells along x."""
    left = aim.left > 1e-13
    first = np.where(left.any(axis=1), left.argmax(axis=1), left.shape[1])
    return float(first.mean() * DZ) if first.size else 0.0


def take(solid: Solid, to: Edges, aim: Goal, charge: float, rates: Floats) -> Floats:
    """Mill from the top down with `charge` (C/m²) at net rates (m³/C) by depth, shape (NZ,).

    The cell that is being milled keeps how far it is: in its cut share where the beam goes across
    the lamella, else in its faces. There what is gone is measured against the cell below, so that
    the charge that falls beside what is left of it is lost to it. A trench's floor goes down while
    what leans out of a face above it does.

    Returns:
        The thickness taken off each cell, cut shares already counted, m, shape (x, NZ).
    """
    front, back, cut = solid.front[to.cells], solid.back[to.cells], solid.cut[to.cells]
    left, solid_part = aim.left, 1.0 - cut
    floor = _floor(solid, to, aim)
    cost = left * solid_part * DZ / (rates * np.maximum(_hit(to, aim, floor), 1e-12))
    cost[left <= 1e-13] = 0.0
    before = _before(cost, floor)
    share = np.clip((charge - before) / np.maximum(cost, 1e-30), 0, 1)
    free = cost == 0
    share[free] = (left[free] > 0) & (charge > before[free])
    done = share >= 1.0
    if aim.crosses:
        cut[...] = np.where(aim.crossing, np.where(done, 1.0, cut + share * (1 - cut)), cut)
    if to.towards != "back":
        front[...] = np.where(done, aim.front, front - share * (front - aim.front))
    if to.towards != "front":
        back[...] = np.where(done, aim.back, back + share * (aim.back - back))
    return np.asarray(share * left * solid_part)


def _before(cost: Floats, floor: Mask | None) -> Floats:
    """Return the charge that goes into the cells above each one: floors and faces by themselves."""
    if floor is None:
        return np.asarray(np.cumsum(cost, axis=1) - cost)
    of_floor = np.where(floor, cost, 0.0)
    of_faces = cost - of_floor
    return np.where(
        floor, np.cumsum(of_floor, axis=1) - of_floor, np.cumsum(of_faces, axis=1) - of_faces
    )


def _floor(solid: Solid, to: Edges, aim: Goal) -> Mask | None:
    """Return the cells of the film under the cut's floor, the one being milled among them."""
    whole = (aim.from_front & (solid.front[to.cells] >= HALF)) | (
        aim.from_back & (solid.back[to.cells] <= -HALF)
    )
    if not whole.any():
        return None
    left, under = aim.left, np.logical_or.accumulate(whole, axis=1)
    wider = left[:, 1:] > left[:, :-1] + LEDGE  # than what leans out above it: it is the floor
    top = under.copy()
    top[:, :-1] |= under[:, 1:] & np.pad(wider, ((0, 0), (1, 0)))[:, :-1]
    return np.asarray(top)


def _hit(to: Edges, aim: Goal, floor: Mask | None) -> Floats:
    """Return the width (m) over which each cell gets charge."""
    hit, below = aim.left.copy(), aim.left[:, 1:]
    if floor is not None:
        below = np.where(floor[:, :-1] == floor[:, 1:], below, 0.0)
    np.maximum(hit[:, :-1], below, out=hit[:, :-1])
    np.minimum(hit, to.height, out=hit)
    if aim.crosses:
        np.copyto(hit, aim.left, where=aim.crossing)
    return hit


def recede(solid: Solid, to: Edges, aim: Goal, by: Floats) -> Floats:
    """Move faces that are done further in by what the beam's tail takes (m, shape (NZ,)).

    Returns:
        The thickness taken off each cell, m.
    """
    front, back = solid.front[to.cells], solid.back[to.cells]
    solid_part = 1.0 - solid.cut[to.cells]
    done = (aim.left <= 1e-13) & ~aim.crossing & (front > back) & (by > 0)
    in_front = done & aim.from_front & (front <= to.low + 1e-12)
    new_front = np.where(in_front, np.maximum(np.minimum(front, to.low - by), back), front)
    in_back = done & aim.from_back & ~in_front & (back >= to.high - 1e-12)
    new_back = np.where(in_back, np.minimum(np.maximum(back, to.high + by), front), back)
    gone = ((front - new_front) + (new_back - back)) * solid_part
    front[...] = new_front
    back[...] = new_back
    return np.asarray(gone)


def touched(solid: Solid, to: Edges, aim: Goal, side: Side) -> Mask:
    """Return where the beam passes a face so near that it takes its film, shape (x, NZ)."""
    front, back = solid.front[to.cells], solid.back[to.cells]
    if side == "front":
        return np.asarray(aim.from_front & (np.abs(front - to.low) < TOUCHED) & (front < HALF))
    return np.asarray(aim.from_back & (np.abs(back - to.high) < TOUCHED) & (back > -HALF))
