"""Milling with a tilted beam: it goes in at the face that it sees and out at the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulators.fib.account import Account
from simulators.fib.faces import cells_between
from simulators.fib.material_stack import Stack, Through
from simulators.fib.pieces import Box, Piece
from simulators.fib.redeposition import captured
from simulators.fib.solid import DX, DZ, Solid, band_depth

STEP = 0.2
"""Share of the way through over which the captured share is taken as constant."""
BACK = 0.95
"""Of what is captured the share that falls back; the rest leaves at its far end; ours."""


@dataclass(frozen=True)
class Tools:
    """What milling needs beside the solid."""

    stack: Stack
    through: Through
    account: Account
    loose_rate: float
    """Of redeposited metal, m³/C."""


def mill(solid: Solid, tools: Tools, box: Box, piece: Piece, angle: float, sticking: float) -> None:
    """Cut the cells whose face, as the beam sees it, lies in a rectangle of the image.

    Ions at a negative angle see the back face, at a positive one the front face. Of a cell's
    thickness the same share is gone all along the beam.
    """
    cells = cells_between(box[0], box[1])
    face = (solid.back if angle < 0 else solid.front)[cells]
    v = face * math.cos(angle) + band_depth() * math.sin(angle)
    there = solid.front[cells] - solid.back[cells]
    inside = (v >= box[2]) & (v < box[3]) & (there > 0)
    if not inside.any():
        return
    path = there / abs(math.sin(angle))
    fastest = float((tools.through.cells / np.where(inside, path, np.inf)).max())
    charge = piece.after - piece.before
    steps = max(1, math.ceil(charge * fastest / STEP))
    for _ in range(steps):
        cut = solid.cut[cells]
        deep = float((cut * path)[inside].mean())
        back = BACK * sticking * captured(box[1] - box[0], box[3] - box[2], deep)
        rates = tools.through.cells * (1 - back)
        more = np.where(inside, charge / steps * rates / np.maximum(path, 1e-12), 0.0)
        more = np.minimum(more, 1 - cut)
        cut[...] = np.where(cut + more > 1 - 1e-9, 1.0, cut + more)
        gone = (more * there).sum(axis=0) * DX * DZ
        removed = np.append(gone @ tools.stack.cells, 0.0)
        tools.account.book(removed, back=back, away=0.0)
