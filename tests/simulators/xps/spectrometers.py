"""Opening a simulated XPS for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drivers.clock import Clock, JumpingClock
from drivers.lab import OpenRequest
from drivers.xps import XpsLimits
from protocols.xps import Etch, Region
from simulators.xps.settings import SimXpsSettings
from simulators.xps.spectrometer import SimXps

N_1S = Region(line="N 1s", start=406, stop=388, step=0.1, dwell=0.2, sweeps=2, pass_energy=40)
O_1S = Region(line="O 1s", start=540, stop=522, step=0.1, dwell=0.2, sweeps=2, pass_energy=40)
C_1S = Region(line="C 1s", start=296, stop=279, step=0.1, dwell=0.2, sweeps=2, pass_energy=40)
ETCH = Etch(
    energy=5000,
    current=1e-6,
    raster_width=2e-3,
    raster_height=2e-3,
    duration=60,
    before=5,
    after=10,
)


def open_xps(
    world: Path | None = None, *, seed: int = 1, clock: Clock | None = None, **settings: Any
) -> SimXps:
    return SimXps(
        OpenRequest(
            role="xps",
            address=None,
            settings=SimXpsSettings(**settings),
            limits=XpsLimits(),
            clock=clock or JumpingClock(),
            seed=seed,
            world=world,
            keep=lambda name, text: None,
        )
    )
