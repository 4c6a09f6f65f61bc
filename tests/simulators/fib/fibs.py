"""Opening a simulated FIB and its cold stage for a test, and running actions to their end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from drivers.clock import Clock, JumpingClock
from drivers.cryo import CryoLimits
from drivers.fib import FibLimits, Milling, NeedlePosition, StagePosition
from drivers.lab import NoSettings, OpenRequest
from protocols.fib import Array, BeamImage, CleaningCrossSection, Direction, Rectangle
from simulators.fib.cryostat import SimCryo
from simulators.fib.microscope import SimFib
from simulators.fib.settings import SimFibSettings

UM = 1e-6
MILLING_TILT = math.radians(52)
SITE = StagePosition(0.0, 0.0, 0.0, 0.0, MILLING_TILT)
GRID = StagePosition(3e-3, 0.0, 0.0, 0.0, MILLING_TILT)
STILL: dict[str, Any] = {
    "drift_rate": 0.0,
    "drift_scale": 0.0,
    "creep": 0.0,
    "vibration": 0.0,
    "backlash": 0.0,
    "far_backlash": 0.0,
    "eucentric_error": 0.0,
    "beam_shift": 0.0,
    "needle_error": 0.0,
    "needle_backlash": 0.0,
    "needle_drift": 0.0,
    "needle_park_error": 0.0,
    "start_cold": True,
}
"""Settings of an instrument that goes where it is sent, and is cold."""
PICTURE = BeamImage(field=20e-6, pixels=64, dwell=10e-6, frames=4, current=10e-12)
PIT = Milling(
    "trench", (Rectangle(x=0.0, y=8e-6, width=6e-6, height=4e-6),), 3e-9, 30e3, charge=60e-9
)
"""20 s."""


def open_fib(
    world: Path | None = None, *, seed: int = 1, clock: Clock | None = None, **settings: Any
) -> SimFib:
    return SimFib(
        OpenRequest(
            "fib",
            None,
            SimFibSettings(**settings),
            FibLimits(),
            clock or JumpingClock(),
            seed,
            world,
            lambda name, text: None,
        )
    )


def open_cryo(fib: SimFib, clock: Clock | None = None) -> SimCryo:
    return SimCryo(
        OpenRequest(
            "cryo",
            None,
            NoSettings(),
            CryoLimits(),
            clock or JumpingClock(),
            1,
            None,
            lambda name, text: None,
            {"fib": fib},
        )
    )


def rectangle(left: float, right: float, top: float, bottom: float) -> Rectangle:
    return Rectangle(
        x=(left + right) / 2, y=(top + bottom) / 2, width=right - left, height=bottom - top
    )


def cleaning(
    left: float, right: float, top: float, bottom: float, scan: Direction
) -> CleaningCrossSection:
    return CleaningCrossSection(
        x=(left + right) / 2,
        y=(top + bottom) / 2,
        width=right - left,
        height=bottom - top,
        scan=scan,
    )


def up(fib: SimFib, by: float) -> NeedlePosition:
    read = fib.status().needle
    return NeedlePosition(read.x, read.y, read.z + by)


def weld() -> Milling:
    """Return one pit beside the lamella's right end, enough to fill a touching tip's gap."""
    pit = Array(
        x=5.4 * UM,
        y=0.0,
        count=1,
        along="x",
        pitch=0.75 * UM,
        width=0.5 * UM,
        height=UM,
        scan="right_to_left",
    )
    return Milling("weld", (pit,), 100e-12, 30e3, charge=3e-9)
