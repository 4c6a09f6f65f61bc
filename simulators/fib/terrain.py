"""The film around the lamella: columns milled from above, with walls, floors and their shadows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.fib.block import Index, Mask, tilted
from simulators.fib.raster import Floats, Layer, Raster
from simulators.fib.scene import Look, Shades
from simulators.fib.solid import BAND_X, COLUMN, COLUMNS, DZ, HALF, SITE, Solid, column_places

FAR = 1e-3
"""The film goes on to there, m."""
FILM = 50e-9
"""Shallower than this, the free surface with its grains is seen, m."""
FACING = 5e-9
"""m."""
WALL = 0.98
"""Of a column's depth; what is less deep there is a wall."""
OFFSETS = (*range(1, 12), 13, 15, 17, 20, 23, 26, 30, 34, 38, 44)
"""Distances at which obstacles are looked for, in columns."""


def milled(solid: Solid, there: Mask) -> Floats:
    """Return the depth of what is seen from above everywhere (m), band included: (x, y).

    Args:
        solid: its columns and faces.
        there: which cells of the band are, shape (NX, NZ); they are as long as columns along x.
    """
    depth = solid.floor - solid.fill
    across, along = np.abs(column_places()) < HALF, np.abs(column_places()) < BAND_X
    y = column_places()[across]
    inside = (solid.front[:, :, None] >= y) & (solid.back[:, :, None] <= y) & there[:, :, None]
    whole = np.concatenate([inside, np.ones_like(inside[:, :1])], axis=1)
    depth[np.ix_(along, across)] = whole.argmax(axis=1) * DZ
    return np.asarray(np.maximum(depth, 0.0))


def open_sky(depth: Floats) -> Floats:
    """Return the share of the sky that each column's floor sees, 0 to 1, shape of `depth`.

    Between two walls it is half the sum of the sines of the angles from the normal to their edges,
    which in the middle of a long trench is 1 - F of its aspect; the product of x and y stands for
    a pit with four walls.
    """
    product = np.ones_like(depth)
    for axis in (0, 1):
        open_ = np.zeros_like(depth)
        for sign in (-1, 1):
            steepest = np.zeros_like(depth)
            for offset in OFFSETS:
                beside = _shifted(depth, axis, sign * offset)
                np.maximum(steepest, (depth - beside) / (offset * COLUMN), out=steepest)
            open_ += 0.5 / np.sqrt(1 + steepest**2)
        product *= open_
    return product


def _shifted(depth: Floats, axis: int, by: int) -> Floats:
    """Return the depths `by` columns further along an axis; beyond the site the film is whole."""
    out = np.zeros_like(depth)
    source = depth[by:] if by > 0 else depth[:by]
    target = out[:-by] if by > 0 else out[-by:]
    if axis == 1:
        source = depth[:, by:] if by > 0 else depth[:, :by]
        target = out[:, :-by] if by > 0 else out[:, -by:]
    target[...] = source
    return out


@dataclass(frozen=True)
class Terrain:
    """The film around the band, and its light."""

    depth: Floats
    """Of each column's floor (m), shape (x, y); |y| < HALF belongs to the band where that is."""
    sky: Floats
    """Open share of each column's sky, same shape."""
    new: Floats
    """Thickness of redeposited metal on each floor, m."""
    ice: float
    raster: Raster
    shades: Shades
    look: Look

    def seen(self, x: Floats) -> tuple[Layer, Layer]:
        """Return what is seen before and behind the band at places along x: (len(x), rows)."""
        index = np.clip(((x + SITE) / COLUMN).astype(int), 0, COLUMNS - 1)
        outside = np.abs(x) > SITE
        depth = np.where(outside[:, None], 0.0, self.depth[index])
        begins = np.where(np.abs(x) < BAND_X, HALF, -HALF)
        ends = np.full(len(x), -np.inf)
        places = column_places()
        near = places > -HALF
        before = _course(depth[:, near], places[near], self.raster, begins)
        behind = _course(depth[:, ~near], places[~near], self.raster, ends)
        return self._lit(*before, index, outside), self._lit(*behind, index, outside)

    def _lit(self, depth: Floats, cover: Floats, index: Index, outside: Mask) -> Layer:
        """Return the brightness of what is seen `depth` deep in columns along x."""
        look, raster = self.look, self.raster
        # A wall is lit from the side that it faces: a little towards the viewer.
        y = (raster.v - depth * raster.sin) / raster.cos + FACING
        across = np.clip(((y + SITE) / COLUMN).astype(int), 0, COLUMNS - 1)
        row = index[:, None]
        off = outside[:, None] | (np.abs(y) > SITE)
        down = np.clip(depth / np.maximum(self.depth[row, across], FILM), 0, 1)
        film = depth < FILM
        sky = np.where(off | film, 1.0, 1 - down * (1 - self.sky[row, across]))
        hidden = 1 - np.exp(-np.where(off, 0.0, self.new[row, across]) / look.escape)
        bright = self.shades.at(depth) * (1 - hidden) + self.shades.redeposit * hidden
        bright = self.shades.behind_ice(bright, self.ice, look.escape)
        wall = ~film & (down < WALL)
        bright *= np.where(wall, look.wall * tilted(raster.cos), 1.0)
        bright *= (look.shade + (1 - look.shade) * sky) * cover
        plain, grained = np.where(film, 0.0, bright), np.where(film, bright, 0.0)
        return Layer(*np.stack([plain, grained, cover]).astype(np.float32))


def _course(depth: Floats, y: Floats, raster: Raster, until: Floats) -> tuple[Floats, Floats]:
    """Return what depth is seen in each row and how much of the row is covered: (columns, rows).

    From the viewer's side on, only what rises above all before it is seen.

    Args:
        depth: of the columns, shape (columns, n); the film goes on beyond on the viewer's side
            and, if the columns begin at the site's edge, on the far side.
        y: middles of the columns, ascending.
        raster: where the rows are.
        until: y at which the covered part ends, per column; -inf: never.
    """
    c, s = raster.cos, raster.sin
    edges = np.append(y - COLUMN / 2, y[-1] + COLUMN / 2)
    if np.isinf(until).all():  # the far side: the film goes on behind the site
        edges = np.concatenate([[-FAR], edges])[::-1]
        depth = np.pad(depth, ((0, 0), (1, 0)))[:, ::-1]
    else:  # the viewer's side: the film goes on before the site
        edges = np.append(edges, FAR)[::-1]
        depth = np.pad(depth, ((0, 0), (0, 1)))[:, ::-1]
    far_end = np.maximum(edges[1:], until[:, None])
    near_end = np.maximum(edges[:-1], until[:, None])
    last = (edges[:-1] > until[:, None] + 1e-9).sum(axis=1, keepdims=True) - 1
    order = np.minimum(np.arange(depth.shape[1]), last)
    depth = np.take_along_axis(depth, order, axis=1)  # no walls where the band begins
    wall_foot = np.concatenate([depth[:, :1], depth[:, :-1]], axis=1)
    corners = np.stack(
        [near_end * c + wall_foot * s, near_end * c + depth * s, far_end * c + depth * s], axis=2
    ).reshape(len(depth), -1)
    depths = np.stack([wall_foot, depth, depth], axis=2).reshape(len(depth), -1)
    seen = np.minimum.accumulate(corners, axis=1)
    # Where a wall comes out from behind what is nearer, it is seen from that height on.
    if s > 0:
        walls = np.zeros(corners.shape, bool)
        walls[:, ::3] = True
        depths = np.where(walls & (corners > seen), depths - (corners - seen) / s, depths)
    v = raster.v
    found = np.stack([np.interp(v, at[::-1], d[::-1]) for at, d in zip(seen, depths, strict=True)])
    covered = np.clip((v - seen[:, -1:]) / raster.size + 0.5, 0, 1)
    return found, covered
