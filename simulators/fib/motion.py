"""Where the stage and the needle truly are: what they miss, how they drift.

The stage's position names the place of the specimen under the beams, so that a stage that is
`missed` too far to the right has the specimen too far to the left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from drivers.fib import NeedlePosition, StagePosition
from simulators.draws import generator
from simulators.faults import Scheduled
from simulators.fib.faults import (
    LostHome,
    NeedleBent,
    NeedleDrift,
    NeedleLostCalibration,
    StageBacklash,
    ZDropped,
    at,
)
from simulators.fib.settings import SimFibSettings
from simulators.fib.thermal import COLD, Thermal

Vector = npt.NDArray[np.float64]
Place = Literal["site", "grid", "elsewhere"]
Triple = tuple[float, float, float]

PARK = NeedlePosition(0.0, 0.0, 100e-6)
"""Where an insertion brings the needle; ours."""
EXPANSION = 20e-3 * 1e-5
"""m/K: 20 mm at 1e-5/K. Source: reference fib-and-tem.md 5.4 [calc]."""
SETTLING = 60.0
"""s in which a creep does 63 % of its way: it decays within 2 to 5 min [lit]."""
STAGE_SPEED, TILT_SPEED, STAGE_SETTLES = 200e-6, math.radians(2.0), 1.0
"""m/s, rad/s, s; ours."""
NEAR = 500e-6
"""m around the stage's place of site or grid within which that is what is looked at."""
FAR = 100e-6
"""m above which a stage move misses as far moves do."""


@dataclass(frozen=True)
class Creep:
    """What follows a stage move: a step that decays."""

    t: float
    by: Triple


@dataclass(frozen=True)
class Stage:
    """The stage as it stands."""

    read: StagePosition
    missed: Triple = (0.0, 0.0, 0.0)
    """Truth less encoders, m."""
    creeps: tuple[Creep, ...] = ()
    moving_until: float = 0.0
    set_out: StagePosition | None = None
    """Where its move began."""
    pending: StagePosition | None = None
    """Where it will be then; None while it stands."""
    origin: Triple = (0.0, 0.0, 0.0)
    """Displacement at which the untouched site was first milled: there its frame begins."""
    framed: bool = False
    """True if it has been milled."""


@dataclass(frozen=True)
class Needle:
    """The needle as it stands."""

    read: NeedlePosition = PARK
    inserted: bool = False
    since: float = 0.0
    """World time of the insertion, s."""
    missed: Triple = (0.0, 0.0, 0.0)
    """By how much the insertion missed the park place, m."""
    slack: Triple = (0.0, 0.0, 0.0)
    """Backlash of its last move along each axis, m."""
    bent: Triple = (0.0, 0.0, 0.0)
    """Of the tip, m."""


STAGE: TypeAdapter[Stage] = TypeAdapter(Stage)
NEEDLE: TypeAdapter[Needle] = TypeAdapter(Needle)


def triple(vector: Vector) -> Triple:
    """Return a vector as plain numbers."""
    x, y, z = (float(part) for part in vector)
    return x, y, z


class Motion:
    """What is hidden of stage and needle: errors fixed by the seed, and the drift."""

    def __init__(self, seed: int, settings: SimFibSettings) -> None:
        """Draw the errors that stay."""
        self._seed = seed
        self._settings = settings
        self._faults: tuple[Scheduled, ...] = settings.faults
        draws = generator(seed, "fib", "motion")
        angle = draws.uniform(0, 2 * math.pi, 3)
        scale = settings.drift_scale
        self._drift = scale * settings.drift_rate * _direction(angle[0], draws.normal(0, 0.3))
        self._grown = scale * EXPANSION * _direction(angle[1], 0.2)
        self._axis = settings.eucentric_error * np.array([math.cos(angle[2]), math.sin(angle[2])])
        error = settings.needle_error
        self._encoders = np.eye(3) + error * draws.standard_normal((3, 3))
        self._needle_drift = scale * settings.needle_drift * _direction(draws.uniform(0, 6.28), 0.5)

    def place(self, stage: Stage) -> Place:
        """Return what the stage has brought under the beams."""
        s = self._settings
        for name, where in (("site", s.site), ("grid", s.grid)):
            if math.hypot(stage.read.x - where.x, stage.read.y - where.y) < NEAR:
                return "site" if name == "site" else "grid"
        return "elsewhere"

    def displaced(self, stage: Stage, t: float, thermal: Thermal) -> Vector:
        """Return where site or grid is against the place where both beams meet, m, shape (3,)."""
        here = self._settings.grid if self.place(stage) == "grid" else self._settings.site
        read, missed = stage.read, np.asarray(stage.missed)
        off = np.array([here.x - read.x, here.y - read.y, read.z - here.z])
        off += missed * (-1.0, -1.0, 1.0) + self._tilted(read.t)
        off += self._drift * t
        off += self._grown * (thermal.temperature("stage", t) - COLD)
        for creep in stage.creeps:
            off += np.asarray(creep.by) * -math.expm1(-max(0.0, t - creep.t) / SETTLING)
        if dropped := at(self._faults, ZDropped, t):
            off[2] -= dropped.by
        if lost := at(self._faults, LostHome, t):
            off[0] -= lost.by
        return np.asarray(off - np.asarray(stage.origin))

    def _tilted(self, tilt: float) -> Vector:
        """Return by how much a tilt away from the milling tilt displaces the site, m."""
        turned = tilt - self._settings.column_angle
        y, z = self._axis
        c, s = math.cos(turned) - 1.0, math.sin(turned)
        return np.array([0.0, y * c - z * s, y * s + z * c])

    def arrived(self, stage: Stage, to: StagePosition, t: float) -> Stage:
        """Return the stage after it has moved to `to`, which its encoders read."""
        s = self._settings
        out = stage.set_out or stage.read
        way = np.array([to.x - out.x, to.y - out.y, to.z - out.z])
        distance = float(np.linalg.norm(way))
        rms = s.far_backlash if distance > FAR else s.backlash
        if wrong := at(self._faults, StageBacklash, t):
            rms = wrong.by
        draws = generator(self._seed, "fib", "stage", t)
        drawn = rms * min(1.0, distance / 1e-6) / math.sqrt(2) * draws.standard_normal(3)
        drawn[2] *= 0.5
        missed = drawn if distance > 10e-9 else np.asarray(stage.missed)
        creep = s.drift_scale * s.creep / math.sqrt(3) * draws.standard_normal(3)
        recent = tuple(c for c in stage.creeps if t - c.t < 20 * SETTLING)
        gone = sum((np.asarray(c.by) for c in stage.creeps if c not in recent), np.zeros(3))
        return replace(
            stage,
            read=to,
            set_out=None,
            pending=None,
            missed=triple(missed + gone * (-1.0, -1.0, 1.0)),
            creeps=(*recent, Creep(t, triple(creep))),
        )

    def tip(self, needle: Needle, t: float) -> Vector:
        """Return where the needle's tip truly is in the frame of the beams, m, shape (3,)."""
        times = 1.0
        if lost := at(self._faults, NeedleLostCalibration, t):
            times = lost.times
        read = np.array([needle.read.x, needle.read.y, needle.read.z])
        park = np.array([PARK.x, PARK.y, PARK.z])
        tip = park + np.asarray(needle.missed) + times * self._encoders @ (read - park)
        tip += np.asarray(needle.slack) + np.asarray(needle.bent)
        tip += self._needle_drift * (t - needle.since)
        for fault in self._faults:
            if isinstance(fault, NeedleDrift) and fault.at < t:
                tip[0] += fault.rate * (min(t, fault.until) - fault.at)
        if bent := at(self._faults, NeedleBent, t):
            tip += bent.by * np.array([0.6, 0.8, 0.0])
        return np.asarray(tip)

    def inserted(self, t: float) -> Needle:
        """Return the needle as an insertion brings it."""
        draws = generator(self._seed, "fib", "needle", t)
        missed = self._settings.needle_park_error * draws.standard_normal(3)
        return Needle(PARK, True, t, triple(missed))

    def steered(self, needle: Needle, to: NeedlePosition) -> Needle:
        """Return the needle after it has moved to `to`, which its encoders read."""
        way = np.array([to.x - needle.read.x, to.y - needle.read.y, to.z - needle.read.z])
        slack = -0.5 * self._settings.needle_backlash * np.sign(way)
        kept = np.where(np.abs(way) > 1e-9, slack, needle.slack)
        return replace(needle, read=to, slack=triple(kept))


def _direction(angle: float, up: float) -> Vector:
    vector = np.array([math.cos(angle), math.sin(angle), up])
    return np.asarray(vector / np.linalg.norm(vector))
