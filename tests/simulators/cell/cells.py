"""Simulated cells for tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.clock import Clock, JumpingClock
from drivers.lab import OpenRequest
from drivers.potentiostat import Held, HoldOrder, Potentiostat, PotentiostatLimits, Samples
from simulators.cell.bench import SimPotentiostat
from simulators.cell.settings import SimPotentiostatSettings

FIVE_C = 7.35e-6
"""A, of the thin-film cell."""
PERFECT: dict[str, Any] = {
    "current_offset": 0.0,
    "current_gain": 0.0,
    "voltage_offset": 0.0,
    "current_noise": 0.0,
    "voltage_noise": 0.0,
    "current_step": 0.0,
    "voltage_step": 0.0,
    "time_jitter": 0.0,
}
"""An instrument without errors."""


def open_cell(
    world: Path | None = None, clock: Clock | None = None, *, seed: int = 1, **settings: Any
) -> SimPotentiostat:
    """Open a simulated potentiostat."""
    return SimPotentiostat(
        OpenRequest(
            "potentiostat",
            None,
            SimPotentiostatSettings.model_validate(settings),
            PotentiostatLimits(),
            clock or JumpingClock(),
            seed,
            world,
            lambda name, text: None,
        )
    )


def order(current: float = FIVE_C, **changed: Any) -> HoldOrder:
    """Return a hold of the paper's protocol, or one like it."""
    ends = {} if changed else {"end_voltage": 5.1 if current > 0 else 3.5}
    given = {
        "mode": "current",
        "current": current,
        "seconds_max": 80_000.0,
        "voltage_min": 3.3,
        "voltage_max": 5.2,
        "current_range": 1e-5,
        "every": 7.0,
        "voltage_change": 5e-3,
        **ends,
        **changed,
    }
    return HoldOrder(**given)


def run_hold(
    potentiostat: Potentiostat, asked: HoldOrder, between: Callable[[], Any] = lambda: None
) -> tuple[list[Samples], Held]:
    """Do a hold to its end; return its blocks and its end."""
    return run_through(potentiostat.hold(asked), between)


def run_through(hold: Any, between: Callable[[], Any] = lambda: None) -> tuple[list[Samples], Held]:
    """Run a hold under way to its end; return its blocks and its end."""
    blocks: list[Samples] = []
    while True:
        try:
            blocks.append(next(hold))
        except StopIteration as stop:
            held: Held = stop.value
            return blocks, held
        between()


def cycle(potentiostat: Potentiostat, current: float = FIVE_C) -> tuple[Held, Held]:
    """Charge to 5.1 V and discharge to 3.5 V; return both ends."""
    charged = run_hold(potentiostat, order(current))[1]
    return charged, run_hold(potentiostat, order(-current))[1]


def as_killed(world: Path, name: str) -> Path:
    """Return a copy of a world in use: what a process that is killed now would leave."""
    left = world.with_name(name)
    for ending in ("", "-wal"):
        beside = world.with_name(world.name + ending)
        if beside.exists():
            shutil.copy(beside, left.with_name(name + ending))
    return left
