"""Opening a simulated STEM for a test, and running its actions to their end."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

from drivers.clock import Clock, JumpingClock
from drivers.lab import OpenRequest
from drivers.stem import Area, StemLimits
from protocols.eds import ImageSettings
from simulators.stem import SimStem
from simulators.stem_settings import SimStemSettings

Block = TypeVar("Block")
Result = TypeVar("Result")

STILL: dict[str, Any] = {
    "drift_rate": 0.0,
    "interface_offset": 0.0,
    "interface_tilt": 0.0,
    "texture": 0.0,
    "creep": 0.0,
    "stage_error": 0.0,
}
"""Settings of a specimen that lies straight and does not move."""
IDEAL: dict[str, Any] = {
    "damage": {"critical_dose": {}},
    "contamination": 0.0,
    "dead_time": 0.0,
    "noise_rate": 0.0,
}
"""Settings of a specimen that the beam does not change, and a detector that misses nothing."""
AREA = Area(x=0.0, y=0.0, along=1e-9, across=600e-9, angle=0.0)
LIPON = Area(x=250e-9, y=0.0, along=1e-9, across=600e-9, angle=0.0)
LITHIUM = Area(x=-250e-9, y=0.0, along=1e-9, across=600e-9, angle=0.0)
PICTURE = ImageSettings(field=1e-6, pixels=128, dwell=20e-6, probe_current=25e-12)


def open_stem(
    world: Path | None = None, *, seed: int = 1, clock: Clock | None = None, **settings: Any
) -> SimStem:
    return SimStem(
        OpenRequest(
            role="stem",
            address=None,
            settings=SimStemSettings(**settings),
            limits=StemLimits(),
            clock=clock or JumpingClock(),
            seed=seed,
            world=world,
            keep=lambda name, text: None,
        )
    )


def run_through(action: Generator[Block, None, Result]) -> tuple[list[Block], Result]:
    blocks = []
    while True:
        try:
            blocks.append(next(action))
        except StopIteration as end:
            return blocks, end.value
