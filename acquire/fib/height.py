"""Where a thing is in space, from where both beams see it: `drivers.fib.seen` turned round."""

from __future__ import annotations

import math
from dataclasses import dataclass

from acquire.fib.measured import Measured, agreed, refused
from drivers.fib import Geometry


@dataclass(frozen=True)
class Seen:
    """Where a thing is in an image: u to the right, v down, from the image's middle."""

    u: Measured
    v: Measured


@dataclass(frozen=True)
class Place:
    """Where a thing is in the site's frame: across (y) and over the free surface (z)."""

    x: Measured
    y: Measured
    z: Measured


def place_from(ion: Seen, electron: Seen, geometry: Geometry, tilt: float) -> Place:
    """Return where a thing is that both beams saw at the stage's `tilt` (rad).

    Both see the same u: where they differ they do not show the same thing, or it has moved.
    """
    x = agreed(ion.u, electron.u, "u of the two beams", beyond=0.2e-6)
    if not x.known:
        return Place(x, x, x)
    a, e = geometry.angle("ion", tilt), geometry.angle("electron", tilt)
    if abs(math.sin(a - e)) < 0.1:
        flat = refused("both beams look along nearly the same line; heights are not seen")
        return Place(x, flat, flat)
    y = _combined(ion.v, electron.v, -math.sin(e), math.sin(a), a - e)
    z = _combined(ion.v, electron.v, -math.cos(e), math.cos(a), a - e)
    return Place(x, y, z)


def _combined(
    ion: Measured, electron: Measured, of_ion: float, of_electron: float, between: float
) -> Measured:
    """Return (of_ion v_ion + of_electron v_electron) / sin(between) with its error."""
    for each in (ion, electron):
        if not each.known:
            return each
    scale = math.sin(between)
    return Measured(
        (of_ion * ion.value + of_electron * electron.value) / scale,
        math.hypot(of_ion * ion.sigma, of_electron * electron.sigma) / abs(scale),
    )
