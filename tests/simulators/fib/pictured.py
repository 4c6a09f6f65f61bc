"""Solids set up by hand, and pictures of them, for the tests of the images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.fib import BeamName
from protocols.fib import BeamImage
from simulators.fib.scene import Look, Scene
from simulators.fib.solid import HALF, Solid, band_depth, band_x, column_places
from simulators.fib.view import render

Floats = npt.NDArray[np.float64]
WIDE = BeamImage(field=40e-6, pixels=512, dwell=1e-6, frames=4, current=10e-12)
NEAR = BeamImage(field=12e-6, pixels=512, dwell=1e-6, frames=4, current=10e-12)
THIN = BeamImage(field=4e-6, pixels=512, dwell=1e-6, frames=4, current=10e-12)
FACE = math.radians(52)
UNDER = -math.radians(45)
FLOOR = 5.8e-6
LENGTH = 6e-6
"""Half the lamella's length."""


@dataclass(frozen=True)
class Simple:
    """1.5 um Li, 1 um LiPON, 0.1 um Pt, then Si."""

    materials: tuple[str, ...] = ("Li", "LiPON", "Pt", "Si")

    def above(self, depths: Floats) -> Floats:
        faces = np.array([0.0, 1.5e-6, 2.5e-6, 2.6e-6, 1.0])
        inside = np.clip(np.asarray(depths)[..., None] - faces[:-1], 0, np.diff(faces))
        return np.asarray(inside)


STACK = Simple()


def trenched(thickness: float = 1.5e-6, taper: float = 0.0) -> Solid:
    """A lamella between two trenches, its faces leaning by `taper`."""
    solid = Solid()
    x, depth, places = np.abs(band_x()) < LENGTH + 1e-6, band_depth(), column_places()
    part = x[:, None] & (depth < FLOOR)
    face = np.broadcast_to(thickness / 2 + depth * taper, part.shape)
    solid.front[part] = face[part]
    solid.back[part] = -face[part]
    milled = (np.abs(places)[:, None] < LENGTH + 1e-6) & (np.abs(places) < 10e-6)
    solid.floor[milled & (np.abs(places) > HALF)] = FLOOR
    return solid


def undercut(solid: Solid) -> Solid:
    """The same with the cut under it, and with its right end free."""
    x, depth = band_x()[:, None], band_depth()
    inside = np.abs(x) < LENGTH + 1e-6
    solid.cut[inside & (depth > 4.5e-6) & (depth < 5.5e-6)] = 1.0
    solid.cut[inside & (x > LENGTH) & (depth < 5.5e-6)] = 1.0
    return solid


def severed(solid: Solid) -> Solid:
    """The same with both ends free."""
    x, depth = band_x()[:, None], band_depth()
    solid = undercut(solid)
    solid.cut[(x > -LENGTH - 1e-6) & (x < -LENGTH) & (depth < 5.5e-6)] = 1.0
    return solid


def on_grid(thickness: float = 1.5e-6, taper: float = 0.0, gap: float = 0.3e-6) -> Solid:
    """A lamella welded to the post."""
    solid = severed(trenched(thickness, taper))
    solid.held, solid.moved = "grid", (gap, 0.0, 0.0)
    return solid


def picture(
    scene: Scene,
    view: BeamImage = WIDE,
    beam: BeamName = "ion",
    angle: float = 0.0,
    look: Look | None = None,
    seed: int = 1,
) -> Floats:
    """Counts of an image."""
    made = render(scene, view, beam, angle, look or Look(), np.random.default_rng(seed))
    return made.astype(float)


def at(view: BeamImage, u: float, v: float) -> tuple[int, int]:
    """Row and column of a place of the image, m."""
    size = view.field / view.pixels
    return int(v / size + view.pixels / 2), int(u / size + view.pixels / 2)


def mean(image: Floats, view: BeamImage, u: float, v: float, half: float = 0.3e-6) -> float:
    """Mean counts about a place of the image."""
    (top, left), (bottom, right) = at(view, u - half, v - half), at(view, u + half, v + half)
    return float(image[top : bottom + 1, left : right + 1].mean())
