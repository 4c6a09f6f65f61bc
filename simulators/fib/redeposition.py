"""Which share of the sputtered atoms lands on a wall nearby, and stays there."""

from __future__ import annotations

import math


def captured(width: float, height: float, depth: float) -> float:
    """Return the share of atoms from the floor of a rectangular pit that hits its walls, 0 to 1.

    Cosine emission, spread evenly over the floor: one less the view factor between two equal
    parallel rectangles. Source: Howell, Catalog of Radiation Heat Transfer Configuration Factors,
    C-11 [lit]; a test counts atoms.
    """
    if depth <= 0.0:
        return 0.0
    x, y = width / depth, height / depth
    x1, y1 = math.hypot(1.0, x), math.hypot(1.0, y)
    logarithm = math.log(x1 * y1 / math.sqrt(1 + x * x + y * y))
    angles = x * y1 * math.atan(x / y1) + y * x1 * math.atan(y / x1)
    opening = logarithm + angles - x * math.atan(x) - y * math.atan(y)
    return min(1.0, max(0.0, 1.0 - 2.0 / (math.pi * x * y) * opening))


def to_wall(along: float, across: float, height: float) -> float:
    """Return the share that hits one wall at the edge of a floor, 0 to 1.

    The floor is `along` by `across`, the wall `along` by `height`. Source: view factor between
    perpendicular rectangles with a common edge, Howell C-14 [lit].
    """
    if height <= 0.0 or across <= 0.0:
        return 0.0
    h, w = height / along, across / along
    hh, ww = h * h, w * w
    both = hh + ww
    terms = (
        w * math.atan(1 / w)
        + h * math.atan(1 / h)
        - math.sqrt(both) * math.atan(1 / math.sqrt(both))
    )
    logarithm = (
        math.log((1 + ww) * (1 + hh) / (1 + both))
        + ww * math.log(ww * (1 + both) / ((1 + ww) * both))
        + hh * math.log(hh * (1 + both) / ((1 + hh) * both))
    )
    return min(1.0, max(0.0, (terms + logarithm / 4) / (math.pi * w)))


def sticking(temperature: float) -> float:
    """Return the share of atoms that stay where they land, at a temperature of the solid (K).

    About 1 for Li, Cu and W when cold [lit]; that it falls to 0.8 at 20 degC is ours, to verify.
    """
    warm = min(1.0, max(0.0, (temperature - 200.0) / 93.0))
    return 1.0 - 0.2 * warm
