"""Arrays of pits, each milled once: what they lose to their walls fills the gap beside them."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from protocols.fib import Array
from simulators.fib import columns
from simulators.fib.bonds import caught
from simulators.fib.faces import cells_between
from simulators.fib.holding import middle_at
from simulators.fib.pieces import Box, Piece
from simulators.fib.redeposition import captured
from simulators.fib.solid import DX, DZ, HALF, NZ, Bond, Floats, Solid
from simulators.fib.undercut import Tools

STEP = 0.1e-6
"""Depth over which the captured share is taken as constant, m."""


def mill(
    solid: Solid,
    tools: Tools,
    box: Box,
    piece: Piece,
    place: str,
    drift: float,
    sticking: float,
) -> None:
    """Mill one pit from one charge per area to another: x from, x to, y from, y to (m).

    The depth follows from the charge alone, through the layers from the free surface.
    """
    assert isinstance(piece.pattern, Array)
    ends = tools.through.deeper(np.zeros(2), np.array([piece.before, piece.after]))
    steps = max(1, math.ceil((ends[1] - ends[0]) / STEP))
    bond = _beside(solid, piece, box, place)
    towards = _from(solid, box, bond) if bond is not None else (0.0, 0.0)
    share = caught(bond, piece.pattern, towards, drift) if bond is not None else 0.0
    marks = np.linspace(ends[0], ends[1], steps + 1)
    for top, bottom in pairwise(marks):
        lost = sticking * captured(box[1] - box[0], box[3] - box[2], (top + bottom) / 2)
        removed = _dig(solid, tools, box, top, bottom, place)
        into_gap = tools.account.book(removed, back=0.0, away=lost * share)
        if bond is not None:
            bond.filled += into_gap


def _dig(solid: Solid, tools: Tools, box: Box, top: float, bottom: float, place: str) -> Floats:
    """Take a pit's slice out of what is there, and return m³ by material."""
    cells = cells_between(box[0], box[1])
    front, back = solid.front[cells], solid.back[cells]
    there = front - back
    covered = np.clip(np.minimum(front, box[3]) - np.maximum(back, box[2]), 0.0, None)
    edges = np.arange(NZ + 1) * DZ
    part = np.clip(np.minimum(edges[1:], bottom) - np.maximum(edges[:-1], top), 0.0, None) / DZ
    cut = solid.cut[cells]
    more = np.where(there > 0, covered * part / np.maximum(there, 1e-12), 0.0)
    more = np.minimum(more, 1 - cut)
    cut += more
    gone = (more * there).sum(axis=0) * DX * DZ
    removed = np.append(gone @ tools.stack.cells, 0.0)
    if place == "site":
        at = columns.under(box)
        charge = float(np.diff(tools.through.charge(np.array([top, bottom])))[0])
        removed += columns.mill(solid, at, tools.stack, tools.through, charge, tools.loose_rate)
    return removed


def _beside(solid: Solid, piece: Piece, box: Box, place: str) -> Bond | None:
    """Return the bond that an array is to fill: on the grid the one on its side of the lamella."""
    if place != "grid":
        return next((bond for bond in solid.bonds if bond.joint == "needle"), None)
    y = piece.pattern.y + (box[2] + box[3] - piece.box[2] - piece.box[3]) / 2
    for bond in solid.bonds:
        if bond.joint == ("post_front" if y > middle_at(solid, bond) else "post_back"):
            return bond
    return None


def _from(solid: Solid, box: Box, bond: Bond) -> tuple[float, float]:
    """Return the way from a pit's middle to the joint's, m."""
    outward = bond.gap / 2 if bond.joint == "needle" else -bond.gap / 2
    y = middle_at(solid, bond) + {"needle": 0.0, "post_front": HALF, "post_back": -HALF}[bond.joint]
    return bond.x + outward - (box[0] + box[1]) / 2, y - (box[2] + box[3]) / 2
