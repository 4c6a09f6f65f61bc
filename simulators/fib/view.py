"""Images that the beams of a FIB-SEM take of a scene: what is there, with noise, and nothing else.

The surface of film and lamella is followed column by column along x; a body is exact in y, so that
a few nanometres of thickness are seen as the beam would. Secondary electrons: brightness by
material, brighter at edges, darker where little of the sky is open; counts are Poisson's.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from drivers.fib import BeamName
from protocols.fib import BeamImage
from protocols.units import ELEMENTARY_CHARGE
from simulators.fib.block import Block
from simulators.fib.blur import blurred
from simulators.fib.bodies import Maker, lamella_cells, mirrored
from simulators.fib.holding import end_of, present
from simulators.fib.needle_view import needle_shown
from simulators.fib.raster import Floats, Layer, Raster, Reals, Shown, empty
from simulators.fib.scene import Look, Scene, Shades, shades
from simulators.fib.solid import BAND_X, COLUMN, HALF, SITE, Solid, column_places
from simulators.fib.terrain import Terrain, milled, open_sky
from simulators.fib.texture import surface

FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""
FINE_FIELD = 10e-6
"""In narrower fields a cell is drawn in several columns, m."""
FINER = 4
TILTED, STREAKS = 0.3, 5.0
"""Sine of the angle from which on faces are seen, and how much longer than wide their streaks are:
curtaining runs down a face; ours."""
ELSEWHERE = {"site": 0.0, "grid": 17.3e-6, "elsewhere": 9.1e-6}
"""Where in the grains a place begins, m."""
MANY = 4.0
"""Expected counts from which on a normal draw is turned into Poisson's."""
ROUGH = 0.35
"""Of the free surface's texture that milled faces and floors have; ours."""


def render(
    scene: Scene,
    settings: BeamImage,
    beam: BeamName,
    angle: float,
    look: Look,
    draws: np.random.Generator,
) -> npt.NDArray[np.uint16]:
    """Return the counts of an image, shape (pixels, pixels), row 0 at the top.

    Args:
        scene: what is there.
        settings: field, pixels, dwell, frames and current.
        beam: which of the two.
        angle: between the surface's normal and the beam, rad, signed.
        look: how bright things are.
        draws: noise and the insulators' charging.
    """
    insulators = math.exp(scene.charging * draws.standard_normal())
    bright = brightness(scene, settings, beam, angle, look, insulators)
    sigma = math.hypot(look.spot(beam, settings.current) / FWHM, scene.blur)
    bright = blurred(bright, sigma * settings.pixels / settings.field)
    per_primary = look.per_ion if beam == "ion" else look.per_electron
    primaries = settings.current * settings.dwell * settings.frames / ELEMENTARY_CHARGE
    seen = look.mean + look.contrast * (bright - look.mean) + look.background
    expected = np.maximum(seen, 0.0) * per_primary * primaries
    return np.asarray(np.minimum(counts_for(expected, draws), np.iinfo(np.uint16).max), np.uint16)


def counts_for(expected: Reals, draws: np.random.Generator) -> Reals:
    """Return counts drawn for their expectations, same shape.

    Where many are expected, a normal draw z is turned into the count of the same quantile, good to
    a hundredth of a count; drawing it outright takes much longer, and so would the counter-based
    generator that `draws` is. With it, expected + z (root - (2 + z²) / (72 root)) + (2 + z²) / 6 +
    (z² (7 + 3 z²) - 16) / (810 expected). Source: expansion of the quantile in Giles, ACM Trans.
    Math. Softw. 42 (2016) 7.
    """
    quick = np.random.Generator(np.random.SFC64(draws.integers(2**63)))
    z = quick.standard_normal(expected.shape, dtype=np.float32)
    many = np.maximum(expected, MANY)
    root, square = np.sqrt(many), z * z
    counts = square * 3  # in place, as an image has many pixels
    counts += 7
    counts *= square
    counts -= 16
    many *= 810
    counts /= many
    square += 2
    counts += square / 6
    square /= root
    square /= 72
    root -= square
    root *= z
    counts += root
    counts += expected
    few = expected < MANY
    counts[few] = quick.poisson(expected[few])
    np.maximum(counts, 0.0, out=counts)
    return np.asarray(np.floor(counts, out=counts))


def brightness(
    scene: Scene, settings: BeamImage, beam: BeamName, angle: float, look: Look, insulators: float
) -> Reals:
    """Return what is seen without blur and noise, against tungsten, shape (pixels, pixels)."""
    size = settings.field / settings.pixels
    du, dv = scene.shift
    solid = scene.solid if scene.place != "elsewhere" else Solid()
    needle = scene.needle
    flipped = angle < 0
    if flipped:
        solid, dv = mirrored(solid), -dv
        needle = None if needle is None else (needle[0], -needle[1], needle[2])
    half = settings.field / 2
    raster = Raster(-half - du, -half - dv, size, settings.pixels, abs(angle))
    colours = shades(scene, look, beam, insulators)
    shown = Drawing(scene, solid, raster, look, colours, beam, flipped).all()
    if needle is not None:
        shown = needle_shown(needle, raster, colours.needle).over(shown)
    return shown.bright[::-1] if flipped else shown.bright


class Drawing:
    """The layers of one image."""

    def __init__(
        self,
        scene: Scene,
        solid: Solid,
        raster: Raster,
        look: Look,
        shades: Shades,
        beam: BeamName,
        flipped: bool,
    ) -> None:
        if scene.stub is not None:  # the needle's metal is drawn with what it holds
            solid = replace(solid, bonds=[b for b in solid.bonds if b.joint != "needle"])
        self.scene, self.solid, self.raster, self.look = scene, solid, raster, look
        self.shades, self.flipped = shades, flipped
        self.finer = FINER if raster.size * raster.pixels < FINE_FIELD else 1
        self.maker = Maker(
            solid,
            lamella_cells(solid),
            shades,
            look,
            scene.in_contact,
            beam == "electron",
            flipped,
            self.finer,
        )

    def all(self) -> Shown:
        """Return everything but the needle."""
        solid = self.solid
        carried = solid.held in ("needle", "needle and grid")
        if self.scene.place == "grid":
            seen = self._dressed(self._block(self.maker.post())).over(self._nothing())
            if self.scene.stub is not None:
                seen = self._stub(self.scene.stub, seen)
            if carried or solid.held == "grid":
                return self._lamella(solid.moved[0] - end_of(solid, -1), seen)
            return seen
        here = solid.held == "bulk"
        seen = self._dressed(self._site(here))
        if here:
            return self._bonds(0.0, seen)
        return self._lamella(solid.moved[0], seen) if carried else seen

    def _site(self, lamella_there: bool) -> Layer:
        solid, raster = self.solid, self.raster
        there = self.maker.in_band(lamella_there)
        depth = milled(solid, there)
        sky = open_sky(depth)
        edges = self._site_edges()
        x = (edges[:-1] + edges[1:]) / 2
        terrain = Terrain(depth, sky, solid.fill, solid.ice, raster, self.shades, self.look)
        before, behind = terrain.seen(x)
        along = np.abs(column_places()) < BAND_X
        centre = np.abs(column_places()) < COLUMN
        beside = np.abs(np.abs(column_places()) - HALF - COLUMN / 2) < COLUMN / 4
        band = self.maker.band(
            there,
            sky[along][:, centre].max(axis=1),
            sky[along][:, beside].mean(axis=1),
        )
        middle = self._in_columns(band, x)
        return before.over(middle.over(behind)).spread(raster.overlap(edges))

    def _site_edges(self) -> Floats:
        """Return edges of columns over the field: a cell's, or parts of it."""
        step = COLUMN / self.finer
        low, high = max(self.raster.left, -SITE), min(self.raster.right, SITE)
        first, last = math.floor(low / step), math.ceil(high / step)
        inner = np.arange(first, last + 1) * step
        ends = [inner]
        if self.raster.left < -SITE:
            ends.insert(0, np.array([self.raster.left - step]))
        if self.raster.right > SITE:
            ends.append(np.array([self.raster.right + step]))
        return np.concatenate(ends)

    def _in_columns(self, block: Block, x: Floats) -> Layer:
        """Return a block whose columns are the site's own, at places along x."""
        inside = (x > block.x[0]) & (x < block.x[-1])
        out = empty((len(x), self.raster.pixels))
        if inside.any():
            index = np.searchsorted(block.x, x[inside]) - 1
            part = slice(int(index[0]), int(index[-1]) + 1)
            seen = _columns(block, part).seen(self.raster, self.look)
            for target, source in (
                (out.plain, seen.plain),
                (out.film, seen.film),
                (out.cover, seen.cover),
            ):
                target[inside] = source
        return out

    def _lamella(self, x: float, behind: Shown) -> Shown:
        if not self.maker.lamella.any():
            return behind
        solid, seen = self.solid, self._block(self.maker.apart(x))
        v = solid.moved[1] * self.raster.cos - solid.moved[2] * self.raster.sin
        return self._bonds(x, self._dressed(seen, x, v).over(behind))

    def _stub(self, moved: tuple[float, float, float], behind: Shown) -> Shown:
        """Draw what of the lamella is left on the needle over what is behind it."""
        x, y, z = moved
        lamella = self.maker.lamella
        right = np.arange(len(lamella)) > np.flatnonzero(lamella.any(axis=1))[-1]
        piece = present(self.solid) & right[:, None]
        if not piece.any():
            return behind
        bonds = [bond for bond in self.scene.solid.bonds if bond.joint == "needle"]
        solid = replace(self.solid, moved=(x, -y if self.flipped else y, z), bonds=bonds)
        maker = replace(self.maker, solid=solid, lamella=piece)
        v = solid.moved[1] * self.raster.cos - z * self.raster.sin
        at = x - end_of(self.solid, -1)
        behind = self._dressed(self._block(maker.apart(at)), at, v).over(behind)
        for bond in maker.bonds(at):
            behind = self._dressed(self._block(bond), at).over(behind)
        return behind

    def _bonds(self, x: float, behind: Shown) -> Shown:
        for bond in self.maker.bonds(x):
            behind = self._dressed(self._block(bond), x).over(behind)
        return behind

    def _block(self, block: Block) -> Layer:
        within = np.flatnonzero(
            (block.x[1:] > self.raster.left) & (block.x[:-1] < self.raster.right)
        )
        if not len(within):
            return empty((self.raster.pixels, self.raster.pixels))
        part = _columns(block, slice(int(within[0]), int(within[-1]) + 1))
        seen = part.seen(self.raster, self.look)
        return seen.spread(self.raster.overlap(part.x))

    def _nothing(self) -> Shown:
        shape = (self.raster.pixels, self.raster.pixels)
        return Shown(np.full(shape, self.look.void, np.float32), np.ones(shape, np.float32))

    def _dressed(self, seen: Layer, u: float = 0.0, v: float = 0.0) -> Shown:
        """Return a body with the grains of its surfaces; it was moved by u, v in the image (m)."""
        rows, columns = _extent(seen.cover.max(axis=1)), _extent(seen.cover.max(axis=0))
        raster, seed = self.raster, self.scene.texture
        x = raster.u[columns] - u + ELSEWHERE[self.scene.place]
        y = (raster.v[rows] - v) * (-1.0 if self.flipped else 1.0)
        bright = np.zeros_like(seen.cover)
        if len(x) > 1 and len(y) > 1:
            part = (rows, columns)
            streaks = STREAKS if raster.sin > TILTED else 1.0
            plain, film = seen.plain[part], seen.film[part]
            if plain.any():
                bright[part] = plain * surface(seed + 1, x, y / streaks, ROUGH)
            if film.any():
                bright[part] += film * surface(seed, x, y / raster.cos)
        return Shown(bright, seen.cover)


def _extent(cover: Reals) -> slice:
    """Return where the first to the last place is that is covered."""
    found = np.flatnonzero(cover)
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)


def _columns(block: Block, part: slice) -> Block:
    """Return some of a block's columns."""
    return replace(
        block,
        x=block.x[part.start : part.stop + 1],
        front=block.front[part],
        back=block.back[part],
        there=block.there[part],
        face=block.face[part],
        floor=block.floor[part],
    )
