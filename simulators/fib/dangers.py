"""What should not be done with a beam, as the truth sees it: for the ledger alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from protocols.fib import CleaningCrossSection, extent
from simulators.fib.chamber import Chamber
from simulators.fib.solid import DZ, band_x
from simulators.fib.touch import moved

if TYPE_CHECKING:
    from simulators.fib.exposing import Exposure

WARM = 150.0
"""K of stage or needle above which lithium and gallium react; ours, to verify."""
PRESSURE = 1e-2
"""Pa above which a beam harms column and specimen; ours."""
IMAGING = 10e-12
"""A of an ion image; published."""
ON_FACES = ("thin", "polish", "clean")
LEAST = 40e-9
"""m that a slice off one face must leave, from its nominal edge to the other face; ours. Where the
middle was before the slice does not matter."""
BODY = 0.3e-6
"""m from the lamella's middle plane within which other patterns have no business: no lamella is
lifted thinner than twice that; ours."""
NORMAL = math.radians(20)
"""Of the ion beam to the surface's normal: beyond it, patterns do not come from above."""


def dangers(chamber: Chamber, exposure: Exposure) -> list[str]:
    """Return what is unsafe of an exposure that begins now."""
    t = exposure.begin
    found = []
    if chamber.pressure(t) > PRESSURE:
        found.append(f"{exposure.beam} beam on at {chamber.pressure(t):.2g} Pa")
    if t < chamber.stage.moving_until:
        found.append(f"{exposure.name} while the stage moves")
    if exposure.beam == "electron":
        return found
    warm = chamber.thermal.temperature("stage", t)
    if warm > WARM:
        found.append(f"{exposure.name} with ions at {warm:.0f} K")
    if exposure.job is None and exposure.current > IMAGING * 1.001:
        found.append(f"ion image with {exposure.current:.2g} A")
    if exposure.job is not None and exposure.job.purpose == "weld" and chamber.needle.inserted:
        needle = chamber.thermal.temperature("needle", t)
        if needle > WARM:
            found.append(f"weld with a needle of {needle:.0f} K")
    if exposure.job is not None and _on_kept(chamber, exposure):
        found.append(f"{exposure.name} on the zone that is kept")
    return found


def _on_kept(chamber: Chamber, exposure: Exposure) -> bool:
    """True if a pattern truly lands on the zone that is kept."""
    job, t = exposure.job, exposure.begin
    angle = chamber.geometry.angle("ion", exposure.tilt)
    if job is None or chamber.place == "elsewhere" or abs(angle) > NORMAL:
        return False
    u, v = chamber.pointing.shift("ion", exposure.current, angle, chamber.displaced(t), t)
    x, y = 0.0, 0.0
    if chamber.place == "grid":
        x, y, _ = moved(chamber.solid, "grid")
    back, front = (y + face for face in _faces(chamber))
    half = chamber.settings.kept / 2
    for pattern in job.patterns:
        left, right, top, bottom = extent(pattern)
        if left - u - x >= half or right - u - x <= -half:
            continue
        if job.purpose in ON_FACES and isinstance(pattern, CleaningCrossSection):
            from_front = pattern.scan == "bottom_to_top"
            left_over = top - v - back if from_front else front - (bottom - v)
            harms = left_over < LEAST
        else:
            middle = v + (back + front) / 2
            harms = top - middle < BODY and bottom - middle > -BODY
        if harms:
            return True
    return False


def _faces(chamber: Chamber) -> tuple[float, float]:
    """Return y of the lamella's back and front face at the interface, where it was cut, m."""
    solid, row = chamber.solid, int(chamber.interface / DZ)
    zone = (np.abs(band_x()) < chamber.settings.kept / 2) & (solid.thickness[:, row] > 0)
    if not zone.any():
        return 0.0, 0.0
    return float(solid.back[zone, row].mean()), float(solid.front[zone, row].mean())
