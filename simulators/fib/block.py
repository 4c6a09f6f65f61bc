"""A body of cells, exact in y: what a beam from above and in front of it sees of it.

Its columns are seen from the top down. What sticks out further than all above it is seen: the top
of the first cell, ledges, faces; and where a cell is missing, what is behind shines through.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators.fib.raster import Floats, Layer, Raster
from simulators.fib.scene import Look
from simulators.fib.solid import HALF

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]

GOES_ON = 1e-9
"""A face this near to the band's border has not been cut: the film goes on there, m."""
HOLE = 0.75
"""How much darker than what is behind it a hole under a body is, and what lies in it; ours."""


@dataclass(frozen=True)
class Block:
    """Cells of columns along x and depths; arrays of shape (columns, depths) unless noted."""

    x: Floats
    """Edges of the columns in the frame (m), shape (columns + 1,)."""
    depth: Floats
    """Edges of the cells below the block's own top (m), shape (depths + 1,)."""
    front: Floats
    """y of the face towards the beam, m."""
    back: Floats
    there: Mask
    """Whether the cell is there at all."""
    face: Floats
    """Brightness of the front face."""
    floor: Floats
    """Brightness of the cell's upper side where it is bare."""
    grains: bool = True
    """The free surface is the film's, with its grains."""
    y: float = 0.0
    """Where the block is moved to, m."""
    z: float = 0.0

    def seen(self, raster: Raster, look: Look) -> Layer:
        """Return what is seen of it, in columns of its own: shape (columns, rows)."""
        knots, bright, covered, is_top = _pieces(self, raster, look)
        lengths = np.diff(knots, axis=1)
        sums = [
            np.concatenate([np.zeros((len(knots), 1)), np.cumsum(lengths * each, axis=1)], axis=1)
            for each in (np.where(is_top, 0.0, bright), np.where(is_top, bright, 0.0), covered)
        ]
        return Layer(*(_rows(knots, each, raster) for each in sums))


def _pieces(block: Block, raster: Raster, look: Look) -> tuple[Floats, Floats, Floats, Mask]:
    """Return knots along v (columns, n + 1) and brightness, coverage, topness of the n pieces."""
    c, s = raster.cos, raster.sin
    at = block.y * c - block.z * s
    upper, lower = block.depth[:-1] * s + at, block.depth[1:] * s + at
    first: Index = block.there.argmax(axis=1)
    some: Mask = np.any(block.there, axis=1)
    column = np.arange(len(first))
    start = np.where(some, block.back[column, first] * c + upper[first], 0.0)
    end = np.where(some, block.front[column, first] * c + upper[first], 0.0)
    # Back side, from the top down: seen where a cell reaches further back than all above it.
    behind = np.where(block.there, block.back * c + upper, np.inf)
    behind = np.minimum.accumulate(np.minimum(behind, start[:, None]), axis=1)
    # Front: of each cell a hole before it, its bare upper side, its face.
    bare = block.there & ~np.pad(block.there, ((0, 0), (1, 0)))[:, :-1]
    hole = np.where(bare, block.back * c + upper, -np.inf)
    ledge = np.where(block.there, block.front * c + upper, -np.inf)
    wall = np.where(block.there, block.front * c + lower, -np.inf)
    from_start, from_end = _rims(block, first, end - start, look.rim * c)
    ahead = np.stack([hole, ledge, wall], axis=2).reshape(len(first), -1)
    ahead = np.concatenate(
        [(start + from_start)[:, None], (end - from_end)[:, None], ahead], axis=1
    )
    ahead = np.maximum.accumulate(np.maximum(ahead, start[:, None]), axis=1)
    knots = np.concatenate([behind[:, ::-1], start[:, None], ahead], axis=1)
    bright, covered, top = _values(block, behind, ahead, c, first, look)
    some = some[:, None]
    return knots, np.where(some, bright, 0.0), np.where(some, covered, 0.0), top


def tilted(c: float) -> float:
    """Return the brightness of an upright face against a flat one, by the cosine of the angle.

    Secondary electrons go about as 1/cos of the angle of incidence, here to the power 0.8; nearer
    to grazing than 60 deg no more of them reach the detector. Ours, to verify.
    """
    return float((max(c, 0.5) / max(math.sqrt(1 - c * c), 0.5)) ** 0.8)


def _rims(block: Block, first: Index, width: Floats, rim: float) -> tuple[Floats, Floats]:
    """Return the widths of the bright rims of the top: none where the film goes on."""
    column = np.arange(len(first))
    thin = np.minimum(rim, width / 2)
    goes_on_back = block.back[column, first] <= -HALF + GOES_ON
    goes_on_front = np.abs(block.front[column, first] - HALF) < GOES_ON
    return np.where(goes_on_back, 0.0, thin), np.where(goes_on_front, 0.0, thin)


def _values(
    block: Block, behind: Floats, ahead: Floats, c: float, first: Index, look: Look
) -> tuple[Floats, Floats, Mask]:
    """Return brightness, coverage, and whether it is the free surface, of each piece."""
    columns, depths = block.there.shape
    column = np.arange(columns)
    is_first = np.arange(depths) == first[:, None]
    surface = is_first & (first == 0)[:, None]
    step = np.diff(ahead[:, 1:], axis=1)[:, 1::3] / c
    tall = np.diff(block.depth)
    upright = tall**2 / (tall**2 + step**2)
    bare = block.there & ~np.pad(block.there, ((0, 0), (1, 0)))[:, :-1]
    lit = np.where(bare & ~is_first, 1 - HOLE, 1.0)
    slope = np.where(is_first, 1 + look.edge, 1 - (1 - look.steep) * upright)
    ledge, face = block.floor * lit * slope, block.face * tilted(c)
    front = np.stack([np.zeros_like(ledge), ledge, face], axis=2).reshape(columns, -1)
    top = block.floor[column, first]
    rim = (top * (1 + look.edge))[:, None]
    out = -np.diff(behind, axis=1, prepend=behind[:, :1]) / c
    back = (block.floor * (1 - (1 - look.steep) * tall**2 / (tall**2 + out**2)))[:, ::-1]
    bright = np.concatenate([back, rim, top[:, None], front], axis=1)
    under = np.where(is_first, 0.0, HOLE)
    hole = np.stack([under, np.ones_like(ledge), np.ones_like(ledge)], axis=2)
    covered = np.concatenate([np.ones((columns, depths + 2)), hole.reshape(columns, -1)], axis=1)
    nowhere = np.zeros_like(surface)
    tops = np.stack([nowhere, surface, nowhere], axis=2).reshape(columns, -1)
    shallow = (first == 0)[:, None]
    is_top = np.concatenate([nowhere, shallow, shallow, tops], axis=1) & block.grains
    return bright, covered, is_top


def _rows(knots: Floats, sums: Floats, raster: Raster) -> npt.NDArray[np.float32]:
    """Return the mean over each pixel row of a piecewise constant course, by its integral."""
    edges = raster.v_edges
    below = np.empty((len(knots), raster.pixels + 1))
    for row, (at, total) in enumerate(zip(knots, sums, strict=True)):
        below[row] = np.interp(edges, at, total)
    return np.diff(below, axis=1).astype(np.float32) / np.float32(raster.size)
