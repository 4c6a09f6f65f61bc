"""How a specimen wanders under the beam, and where the frame is on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from simulators.faults import DriftBurst, Scheduled
from simulators.holder import Holder

Vector = tuple[float, float]
Lengths = TypeVar("Lengths", float, npt.NDArray[np.float64])


@dataclass(frozen=True)
class Creep:
    """What follows a stage move: a step that decays.

    Source: reference fib-and-tem.md 5.4, "a step after any move, decaying over 2-5 min" [lit], to
    verify.
    """

    t: float
    """World time of the move, s."""
    by: Vector
    """Where it ends, m."""


@dataclass(frozen=True)
class DriftPath:
    """Drift of the specimen in the frame since the world began."""

    rate: Vector
    """m/s, after settling."""
    settling_time: float
    """Seconds in which a creep does 63 % of its way."""
    faults: Sequence[Scheduled] = ()
    holder: Holder | None = None
    """Expands as it warms, in the direction of the drift, and shakes while it is refilled."""

    def at(self, t: float, creeps: Sequence[Creep] = ()) -> Vector:
        """Return (dx, dy), m: how far a feature of the specimen has moved in the frame by `t`."""
        dx, dy = self.rate[0] * t, self.rate[1] * t
        for creep in creeps:
            done = -math.expm1(-max(0.0, t - creep.t) / self.settling_time)
            dx, dy = dx + creep.by[0] * done, dy + creep.by[1] * done
        for fault in self.faults:
            if isinstance(fault, DriftBurst):
                share = fault.by * fault.share(t)
                dx, dy = dx + share * math.cos(fault.angle), dy + share * math.sin(fault.angle)
        if self.holder is not None:
            length = math.hypot(*self.rate)
            ahead = (self.rate[0] / length, self.rate[1] / length) if length else (1.0, 0.0)
            grown, (shaken_x, shaken_y) = self.holder.growth(t), self.holder.shaking(t)
            dx, dy = dx + grown * ahead[0] + shaken_x, dy + grown * ahead[1] + shaken_y
        return dx, dy


@dataclass(frozen=True)
class Face:
    """Where the layers of a specimen lie: depth grows along `tilt`.

    Coordinates are of the specimen: of the frame at the world's beginning, stage at its origin.
    """

    depth: float
    """Depth (m below the free surface) of the boundary near the field's centre."""
    offset: float
    """Distance of that boundary from the origin, along the direction in which depth grows, m."""
    tilt: float
    """That direction, rad clockwise from the image's x axis."""

    def depth_at(self, x: Lengths, y: Lengths) -> Lengths:
        """Return the depth (m) of the specimen's place (x, y), or of many."""
        return self.depth - self.offset + x * math.cos(self.tilt) + y * math.sin(self.tilt)
