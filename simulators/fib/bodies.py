"""The bodies of a scene as blocks of cells: band and lamella, post, bonds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from simulators.fib.block import Block, Mask
from simulators.fib.holding import present
from simulators.fib.raster import Floats
from simulators.fib.scene import Look, Shades
from simulators.fib.solid import BAND_X, BAND_Z, DX, DZ, HALF, NX, NZ, Bond, Joint, Solid

CUT = 0.8
"""How much darker a cell is when tilted cuts or pits have taken nearly all of it; ours."""
POST_HALF, POST_LENGTH = 5e-6, 40e-6
"""Half the width of the grid's post, and how far it reaches back and down, m; ours."""
STEADY = 0.1e-6
"""Neighbouring faces that differ by less are one face, m."""
OPPOSITE = 8e-6
"""From a face to the wall across its trench, m: as trenches are usually cut."""
_MIRRORED: dict[Joint, Joint] = {
    "needle": "needle",
    "post_front": "post_back",
    "post_back": "post_front",
}


def mirrored(solid: Solid) -> Solid:
    """Return the solid as it is with y reversed."""
    x, y, z = solid.moved
    return replace(
        solid,
        front=-solid.back,
        back=-solid.front,
        film_front=solid.film_back,
        film_back=solid.film_front,
        floor=solid.floor[:, ::-1],
        fill=solid.fill[:, ::-1],
        bonds=[replace(bond, joint=_MIRRORED[bond.joint]) for bond in solid.bonds],
        moved=(x, -y, z),
        rolled=-solid.rolled,
    )


def lamella_cells(solid: Solid) -> Mask:
    """Return the cells of the lamella, shape (NX, NZ).

    While it is in the bulk: the thinned cells about its middle. Afterwards: the largest piece that
    does not hang together with the bulk.
    """
    there = present(solid)
    if solid.held != "bulk":
        labels, _ = ndimage.label(there)
        rim = np.concatenate([labels[0], labels[-1], labels[:, -1]])
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        sizes[np.unique(rim)] = 0
        if sizes.any():
            return np.asarray(labels == sizes.argmax())
    thin = there & (solid.front < HALF) & (solid.back > -HALF)
    labels, _ = ndimage.label(thin)
    middle = labels[NX // 2]
    seeds = middle[middle > 0]
    return np.asarray(labels == seeds[0]) if len(seeds) else np.zeros_like(there)


@dataclass(frozen=True)
class Maker:
    """Makes the blocks of one image from a solid that is seen from +y."""

    solid: Solid
    lamella: Mask
    shades: Shades
    look: Look
    in_contact: bool
    electrons: bool
    from_back: bool
    """The solid is mirrored: what is seen is the back face, from which tilted cuts come in."""
    finer: int
    """Columns per cell: in narrow fields a face runs on between the cells' middles."""

    def in_band(self, with_lamella: bool) -> Mask:
        """Return which cells are at the site."""
        there = present(self.solid)
        return there if with_lamella else there & ~self.lamella

    def band(self, there: Mask, sky: Floats, floors: Floats) -> Block:
        """Return what there is of the band at the site.

        Args:
            there: which of its cells.
            sky: open share of the sky of what is seen from above, shape (NX,).
            floors: the same of the ground at both sides, shape (NX,).
        """
        depth = (np.arange(NZ) + 0.5) * DZ
        open_ = 1 - depth / np.hypot(depth, OPPOSITE)
        ground = np.where(self.lamella, open_, floors[:, None])
        uppermost = there & (np.arange(NZ) == there.argmax(axis=1)[:, None])
        ground = np.where(uppermost, sky[:, None], ground)
        return self._cells(there, self.look.wall * open_[None, :], ground)

    def apart(self, x: float) -> Block:
        """Return the lamella away from where it was cut, `x` (m) to the right of there."""
        everywhere = np.ones((1, 1))
        block = self._cells(self.lamella, everywhere, everywhere)
        lean = math.sin(self.solid.rolled) * (np.arange(NZ) + 0.5) * DZ
        keep = self.lamella.any(axis=1).repeat(self.finer)
        first, last = keep.argmax(), len(keep) - keep[::-1].argmax()
        part = slice(int(first), int(last))
        return replace(
            block,
            x=block.x[first : last + 1] + x,
            front=(block.front + lean)[part],
            back=(block.back + lean)[part],
            there=block.there[part],
            face=block.face[part],
            floor=block.floor[part],
            y=self.solid.moved[1],
            z=self.solid.moved[2],
        )

    def _cells(self, there: Mask, face_sky: Floats, floor_sky: Floats) -> Block:
        solid, look = self.solid, self.look
        front, back = solid.front + solid.film_front, solid.back - solid.film_back
        edges = np.linspace(0.0, BAND_Z, NZ + 1)
        fine = self.shades.at(edges[:-1, None] + DZ * (np.arange(10) + 0.5) / 10).mean(axis=1)
        bare = np.broadcast_to(fine, front.shape)
        hidden = 1 - np.exp(-solid.film_front / look.escape)
        face = self._lit(bare * (1 - hidden) + self.shades.redeposit * hidden, there, face_sky)
        if self.electrons:
            face *= 1 - np.exp(-np.maximum(front - back, 0) / look.transparent)
        if self.from_back:
            face *= self._pitted(solid.cut)
        upper = np.broadcast_to(self.shades.at(edges[:-1] + 20e-9), front.shape)
        # A pit goes on in the cell below; what is only lower by part of a cell is no darker.
        pits = np.minimum(solid.cut, np.pad(solid.cut, ((0, 0), (0, 1)))[:, 1:])
        floor = self._lit(upper, there, floor_sky) * self._pitted(pits)
        return Block(
            np.linspace(-BAND_X, BAND_X, NX * self.finer + 1),
            edges,
            self._running(front, there),
            self._running(back, there),
            there.repeat(self.finer, axis=0),
            face.repeat(self.finer, axis=0),
            floor.repeat(self.finer, axis=0),
        )

    def _lit(self, bright: Floats, there: Mask, sky: Floats) -> Floats:
        look = self.look
        shaded = look.shade + (1 - look.shade) * sky
        touched = np.where(self.lamella & self.in_contact, look.contact, 1.0)
        iced = self.shades.behind_ice(bright, self.solid.ice, look.escape)
        return np.asarray(iced * shaded * touched * there)

    def _pitted(self, cut: Floats) -> Floats:
        """Return how bright cells are of which shares are cut, against whole ones."""
        return np.asarray(1 - CUT * np.minimum(cut, 1.0))

    def _running(self, face: Floats, there: Mask) -> Floats:
        """Return a face in finer columns: straight from cell to cell unless there is a step."""
        if self.finer == 1:
            return face
        out = face.repeat(self.finer, axis=0)
        step = np.diff(face, axis=0)
        one = (np.abs(step) < STEADY) & there[1:] & there[:-1]
        step = np.where(one, step, 0.0)
        for part in range(self.finer):
            at = (part + 0.5) / self.finer - 0.5
            slope = step[:-1] if at < 0 else step[1:]
            out[part + self.finer : -self.finer : self.finer] += at * slope
        return np.asarray(out)

    # -- what is not made of the layers ---------------------------------------------------------

    def post(self) -> Block:
        """Return the post of the grid."""
        one = np.ones((1, 1))
        return Block(
            np.array([-POST_LENGTH, 0.0]),
            np.array([0.0, POST_LENGTH]),
            POST_HALF * one,
            -POST_HALF * one,
            one > 0,
            0.85 * self.shades.post * one,
            self.shades.post * one,
            grains=False,
        )

    def bonds(self, x: float) -> Iterator[Block]:
        """Yield the metal in the joints of a lamella that is `x` (m) to the right of its cut."""
        for bond in self.solid.bonds:
            needle = bond.joint == "needle"
            left = bond.x if needle else bond.x - bond.gap
            column = math.floor((bond.x + BAND_X) / DX + (-0.5 if needle else 0.5))
            rows = np.flatnonzero(self.lamella[min(max(column, 0), NX - 1)])
            if bond.filled > 0 and len(rows):
                yield self._bond(bond, left + x, column, int(rows[0]))

    def _bond(self, bond: Bond, begin: float, column: int, row: int) -> Block:
        """Return a bond of a lamella whose end is that column: it grows along the joint."""
        front, back = float(self.solid.front[column, row]), float(self.solid.back[column, row])
        if bond.joint == "post_front":
            back = front - bond.share * (front - back) / 2
        elif bond.joint == "post_back":
            front = back + bond.share * (front - back) / 2
        else:
            front = back + bond.share * (front - back)
        one = np.ones((1, 1))
        touched = self.look.contact if self.in_contact else 1.0
        bright = self.shades.redeposit * touched * one
        top = row * DZ
        return Block(
            np.array([begin, begin + bond.gap]),
            np.array([top, top + bond.height]),
            front * one,
            back * one,
            one > 0,
            0.8 * bright,
            bright,
            grains=False,
            y=self.solid.moved[1],
            z=self.solid.moved[2],
        )
