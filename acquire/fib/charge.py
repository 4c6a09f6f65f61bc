"""The charge of ions that a pit through the expected layers takes, at nominal milling rates.

Of the atoms that leave a pit's floor with a cosine distribution only those that see its opening
get away; the others land in the pit and are milled again, so that a pit slows down as it deepens:
net rate = rate (1 - captured). Source: reference sheet fib-and-tem.md, section 5.2. It is a plan;
whether a cut is through is seen in images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from protocols.lift_out import Layer, Weld
from protocols.milling_rates import rates

OPEN_PIT = 10e-6
"""Across which the atoms of a slice off a free face get away: as from a pit that wide, m."""
LINE_BY_LINE = 1.7
"""A cleaning cross-section's rate against normal incidence: its front leans by about 45 deg (ours),
and rates go with cos^-1.5 to cos^-2. Source: fib-and-tem.md, section 5.1 [lit]."""
SLICES = 24
"""Slices of each layer over which the captured share is summed; 1 % at a pit twice as deep as
wide."""


def captured_share(width: float, height: float, depth: float) -> float:
    """Return the share of cosine-emitted atoms from a pit's floor that hit its walls, 0 to 1.

    One less the view factor from the floor to the opening, two equal parallel rectangles of
    `width` by `height` that lie `depth` apart (all m).
    Source: Howell, A Catalog of Radiation Heat Transfer Configuration Factors, C-11.
    """
    if depth <= 0.0:
        return 0.0
    x, y = width / depth, height / depth
    over_x, over_y = math.hypot(1.0, x), math.hypot(1.0, y)
    seen = (
        math.log(over_x * over_y / math.sqrt(1.0 + x * x + y * y))
        + x * over_y * math.atan(x / over_y)
        + y * over_x * math.atan(y / over_x)
        - x * math.atan(x)
        - y * math.atan(y)
    )
    return min(1.0, max(0.0, 1.0 - 2.0 * seen / (math.pi * x * y)))


def charge_for(
    layers: Sequence[Layer],
    species: str,
    width: float,
    height: float,
    depth: float,
    overdose: float = 1.0,
) -> float:
    """Return the charge (C) that mills a pit of `width` by `height` to `depth` (m).

    Args:
        layers: from the free surface down; below the last one it is taken to go on.
        species: of the ions.
        width: of the pit along u.
        height: of the pit along v.
        depth: along the beam.
        overdose: times the charge that the nominal rates need.
    """
    known = rates(species)
    per_area = 0.0
    for material, top, bottom in _through(layers, depth):
        thick = (bottom - top) / SLICES
        for index in range(SLICES):
            escaped = 1.0 - captured_share(width, height, top + (index + 0.5) * thick)
            per_area += thick / (known[material].value * escaped)
    return overdose * width * height * per_area


def charge_through(
    layers: Sequence[Layer],
    species: str,
    width: float,
    area: float,
    path: float,
    depth: float,
    overdose: float = 1.0,
) -> float:
    """Return the charge (C) that a tilted cut takes through a lamella `depth` (m) deep.

    Every place of the cut gets the same charge, so that the slowest layer counts: what goes through
    lithium at twice the speed leaves the electrolyte standing as a bridge.

    Args:
        layers: from the free surface down.
        species: of the ions.
        width: of the slit (m).
        area: of the cut in the image (m²).
        path: of the ions through the lamella (m).
        depth: of the lamella (m).
        overdose: times the charge that the nominal rate needs.
    """
    known = rates(species)
    slowest = min((m for m, _, _ in _through(layers, depth)), key=lambda m: known[m].value)
    only = (Layer(material=slowest, thickness=path),)
    return charge_for(only, species, width, area / width, path, overdose)


def charge_of_slice(
    layers: Sequence[Layer],
    species: str,
    width: float,
    thick: float,
    depth: float,
    overdose: float = 1.0,
) -> float:
    """Return the charge (C) that a cleaning cross-section takes to mill a slice off a free face.

    The slice is `width` along the face, `thick` off it and `depth` deep (m).
    """
    open_pit = charge_for(layers, species, width, OPEN_PIT, depth, overdose)
    return open_pit * thick / OPEN_PIT / LINE_BY_LINE


def charge_of_weld(
    layers: Sequence[Layer], species: str, width: float, height: float, weld: Weld
) -> float:
    """Return the charge (C) of a row of rectangles of `width` by `height` (m) that weld.

    In a single pass what the walls catch is not milled again: it fills the gap.
    """
    wide = charge_for(layers, species, OPEN_PIT, OPEN_PIT, weld.depth, weld.overdose)
    return wide * weld.count * weld.passes * width * height / OPEN_PIT**2


def _through(layers: Sequence[Layer], depth: float) -> Iterator[tuple[str, float, float]]:
    """Yield material, top and bottom (m below the surface) of what lies above `depth`."""
    top = 0.0
    for index, layer in enumerate(layers):
        last = index == len(layers) - 1
        bottom = depth if last else min(depth, top + layer.thickness)
        if bottom <= top:
            return
        yield layer.material, top, bottom
        top = bottom
