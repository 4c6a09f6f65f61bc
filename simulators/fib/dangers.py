"""What should not be done with a beam, as the truth sees it: for the ledger alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from protocols.fib import extent
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
CORE = {"thin": 20e-9, "polish": 20e-9, "clean": 20e-9}
"""m from the lamella's middle plane within which even these patterns have no business."""
BODY = 0.3e-6
"""The same for all others: no lamella is lifted thinner than twice that; ours."""
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
    y += _middle(chamber)
    half, core = chamber.settings.kept / 2, CORE.get(job.purpose, BODY)
    for pattern in job.patterns:
        left, right, top, bottom = extent(pattern)
        across = top - v - y < core and bottom - v - y > -core
        if across and left - u - x < half and right - u - x > -half:
            return True
    return False


def _middle(chamber: Chamber) -> float:
    """Return y of the lamella's middle plane at the interface, where it was cut, m."""
    solid, row = chamber.solid, int(chamber.interface / DZ)
    zone = (np.abs(band_x()) < chamber.settings.kept / 2) & (solid.thickness[:, row] > 0)
    planes = (solid.front[zone, row] + solid.back[zone, row]) / 2
    return float(planes.mean()) if planes.size else 0.0
