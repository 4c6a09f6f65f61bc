"""What the needle's tip touches, and how far it has been pushed in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulators.fib.holding import carried_end
from simulators.fib.motion import Place, Vector
from simulators.fib.solid import BAND_X, BAND_Z, COLUMN, DX, DZ, HALF, NX, NZ, SITE, Solid

THERE = 1e-9
"""m: a cell thinner than that is not there."""
TOP = 10
"""Rows below the surface in which an end of the lamella is looked for."""
FILAMENTS = 0.3
"""Share of those rows of which fewer are no end, but filaments that a cut has left; ours."""
REACH = 0.3e-6
"""m beside the end's outline within which the tip still meets it; a tip is no point. Ours."""
ROUND = 0.15e-6
"""m: mean gap between a round tip and a flat end that touch; ours, to verify."""
FAR = 5e-6
"""m: the gap where there is no end."""
ABOVE = 0.3e-6
"""m below its top: a tip that is deeper came in through the lamella's end. Ours."""
POST = 5e-6
"""Half the width of the grid's post, m; copper fills x < 0, z < 0 of the grid's frame."""


@dataclass(frozen=True)
class Touch:
    """What is nearest to the tip."""

    what: Literal["lamella", "film", "post"]
    gap: float
    """m from the tip to it; negative if the tip was pushed in."""


def ends(solid: Solid) -> tuple[float | None, float | None]:
    """Return x of the lamella's left and right end in its frame, m; None where it is not cut."""
    there = np.asarray((solid.thickness_of(np.s_[:, :TOP]) > THERE).mean(axis=1) > FILAMENTS)
    middle = NX // 2
    gone_left = np.flatnonzero(~there[:middle])
    gone_right = np.flatnonzero(~there[middle:])
    left = -BAND_X + (gone_left[-1] + 1) * DX if len(gone_left) else None
    right = -BAND_X + (middle + gone_right[0]) * DX if len(gone_right) else None
    return (None if left is None else float(left), None if right is None else float(right))


def depth(solid: Solid) -> float:
    """Return how deep the lamella reaches in its middle, m."""
    gone = np.flatnonzero(solid.thickness_of(np.s_[NX // 2, :]) <= THERE)
    return float((gone[0] if len(gone) else NZ) * DZ)


def surface(solid: Solid, x: float, y: float) -> float:
    """Return the height (m, <= 0) at which something coming down at (x, y) of the site lands."""
    if abs(y) <= HALF and abs(x) < BAND_X:
        i = min(NX - 1, int((x + BAND_X) / DX))
        thick = solid.thickness_of(np.s_[i, :])
        inside = (solid.back[i] <= y) & (y <= solid.front[i]) & (thick > THERE)
        rows = np.flatnonzero(inside)
        return -float(rows[0]) * DZ if len(rows) else -BAND_Z
    if abs(x) < SITE and abs(y) < SITE:
        i, j = int((x + SITE) / COLUMN), int((y + SITE) / COLUMN)
        return float(solid.fill[i, j] - solid.floor[i, j])
    return 0.0


def touch(solid: Solid, place: Place, tip: Vector) -> Touch | None:
    """Return what the tip (m, in the frame of site or grid) is nearest to; None if nothing is."""
    if place == "elsewhere":
        return None
    x, y, z = (float(part) for part in tip)
    found = [_end(solid, place, x, y, z)]
    if place == "site":
        found.append(_film(solid, x, y, z))
    elif x < 0 and abs(y) < POST:
        found.append(Touch("post", z))
    near = [one for one in found if one is not None]
    pushed = [one for one in near if one.what == "lamella" and one.gap < 0]
    return pushed[0] if pushed else min(near, key=lambda one: one.gap, default=None)


def _film(solid: Solid, x: float, y: float, z: float) -> Touch:
    left, right = ends(solid)
    within = abs(y) <= HALF and (left or -BAND_X) <= x <= (right or BAND_X)
    if within and (solid.held != "bulk" or solid.moved != (0.0, 0.0, 0.0)):
        return Touch("film", z + BAND_Z)
    return Touch("lamella" if within and right is not None else "film", z - surface(solid, x, y))


def _end(solid: Solid, place: Place, x: float, y: float, z: float) -> Touch | None:
    """Return how the tip meets the lamella's right end."""
    right = ends(solid)[1]
    if right is None or solid.held == "lost" or (place == "grid" and solid.held == "bulk"):
        return None
    qx, qy, qz = (p - m for p, m in zip((x, y, z), moved(solid, place), strict=True))
    front, back = _end_faces(solid)
    below = -depth(solid)
    if not (back - REACH <= qy <= front + REACH and below <= qz <= REACH):
        return None
    ahead, above = qx - right, qz
    if ahead >= 0:
        return Touch("lamella", math.hypot(ahead, max(0.0, above)))
    return Touch("lamella", ahead if above < -ABOVE else max(ahead, above))


def moved(solid: Solid, place: Place) -> tuple[float, float, float]:
    """Return where the lamella's own origin is in the frame of site or grid, m."""
    x, y, z = solid.moved
    return (x - carried_end(solid), y, z) if place == "grid" else (x, y, z)


def needle_gap(solid: Solid, tip: Vector) -> float:
    """Return the gap (m) between the tip and the lamella's right end at the site, on average."""
    right = ends(solid)[1]
    if right is None:
        return FAR
    x, y, z = (float(part) for part in tip)
    beside = max(0.0, abs(y - middle(solid)) - end_thickness(solid) / 2)
    return max(ROUND, math.hypot(max(0.0, x - right), beside, max(0.0, z)))


def end_thickness(solid: Solid) -> float:
    """Return the thickness (m) of the lamella at its right end, near its top."""
    front, back = _end_faces(solid)
    return max(1e-9, front - back)


def middle(solid: Solid) -> float:
    """Return y of the middle of the lamella's right end, m."""
    return sum(_end_faces(solid)) / 2


def _end_faces(solid: Solid) -> tuple[float, float]:
    right = ends(solid)[1]
    i = NX - 1 if right is None else max(0, min(NX - 1, round((right + BAND_X) / DX) - 1))
    return float(solid.front[i, :TOP].mean()), float(solid.back[i, :TOP].mean())
