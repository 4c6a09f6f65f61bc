"""The needle in an image: a cone of tungsten that comes from +x, from above."""

from __future__ import annotations

import math

import numpy as np

from simulators.fib.raster import Raster, Shown

RISE = math.radians(35)
"""Of its axis out of the surface; makers mount needles at 30 to 45 deg [lit]."""
HALF_ANGLE = math.radians(8)
RADIUS = 0.2e-6
"""Of the tip, m."""


def needle_shown(tip: tuple[float, float, float], raster: Raster, bright: float) -> Shown:
    """Return what is seen of it, shape (rows, columns).

    Its rim is brighter than its middle, as of any rod: secondary electrons leave more easily.
    """
    x, y, z = tip
    c, s = raster.cos, raster.sin
    axis_u, axis_v = math.cos(RISE), -math.sin(RISE) * s
    short = math.hypot(axis_u, axis_v)
    begin_u = x + RADIUS * axis_u
    begin_v = y * c - z * s + RADIUS * axis_v
    columns = raster.u > x - 2 * RADIUS
    out = Shown(*np.zeros((2, raster.pixels, raster.pixels), np.float32))
    if not columns.any():
        return out
    u, v = raster.u[columns] - begin_u, (raster.v - begin_v)[:, None]
    along = (u * axis_u + v * axis_v) / short
    aside = np.abs(v * axis_u - u * axis_v) / short
    radius = RADIUS + np.maximum(along, 0) / short * math.tan(HALF_ANGLE)
    away = np.where(along > 0, aside, np.hypot(along, aside))
    cover = np.clip((radius - away) / raster.size + 0.5, 0, 1)
    round_ = np.sqrt(np.clip(1 - (away / radius) ** 2, 0.04, 1))
    out.cover[:, columns] = cover
    out.bright[:, columns] = cover * bright * np.minimum(0.72 + 0.18 / round_, 1.25)
    return out
