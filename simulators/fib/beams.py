"""What the two beams of a simulated FIB do: which current flows, and where it lands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from drivers.fib import BeamName, seen
from simulators.draws import generator
from simulators.faults import Scheduled
from simulators.fib.faults import (
    BeamShiftDrift,
    ChargingJump,
    CurrentReadbackDiffers,
    EmissionDecay,
    GisLeak,
    Oxidation,
    SlowLeak,
    SourceDrop,
    SourceFlicker,
    StaleCoincidence,
    VacuumSpike,
    Vented,
    at,
)
from simulators.fib.motion import Vector
from simulators.fib.settings import SimFibSettings

AIR = 1e5
"""Pa."""
VALVES_CLOSE = 0.05
"""Pa above which the column valves close and no beam reaches the chamber; ours."""
FLICKERS_IN = 5.0
"""s between two jumps of a flickering source; ours."""


def pressure(settings: SimFibSettings, t: float) -> float:
    """Return the chamber's pressure (Pa) at the world time `t` (s)."""
    faults = settings.faults
    if at(faults, Vented, t):
        return AIR
    value = settings.chamber_pressure
    for fault in faults:
        if isinstance(fault, (VacuumSpike, Oxidation, GisLeak)) and fault.active(t):
            value += fault.to
        elif isinstance(fault, SlowLeak) and fault.active(t):
            value *= 2.0 ** min((t - fault.at) / fault.doubles_in, 40.0)
    return min(value, AIR)


def flow(settings: SimFibSettings, seed: int, beam: BeamName, t: float) -> float:
    """Return the share of the chosen current that flows to the specimen at `t`."""
    if pressure(settings, t) > VALVES_CLOSE:
        return 0.0
    return source(settings.faults, seed, t) if beam == "ion" else 1.0


def source(faults: Sequence[Scheduled], seed: int, t: float) -> float:
    """Return the ion current against the chosen one, as the column's meter shows it."""
    if at(faults, SourceDrop, t):
        return 0.0
    share = 1.0
    if differs := at(faults, CurrentReadbackDiffers, t):
        share *= differs.times
    if decays := at(faults, EmissionDecay, t):
        share *= math.exp(-(t - decays.at) / decays.falls_in)
    if flickers := at(faults, SourceFlicker, t):
        draws = generator(seed, "fib", "flicker", math.floor(t / FLICKERS_IN))
        share *= 1.0 + flickers.by * draws.uniform(-1, 1)
    return share


class Pointing:
    """Where the beams land against where they should."""

    def __init__(self, settings: SimFibSettings, seed: int) -> None:
        """Take the seed of what is fixed for each current."""
        self._settings = settings
        self._seed = seed

    def shift(
        self, beam: BeamName, current: float, angle: float, displaced: Vector, t: float
    ) -> tuple[float, float]:
        """Return by how much an image shows the specimen displaced, m (u, v).

        A pattern lands that much the other way.
        """
        x, y, z = (float(part) for part in displaced)
        u, v = seen(angle, x, y, z)
        if beam == "ion":
            spread = self._settings.beam_shift / math.sqrt(2)
            off_u, off_v = _aside(self._seed, round(current * 1e13))
            u, v = u - spread * off_u, v - spread * off_v
        for fault in self._settings.faults:
            if isinstance(fault, BeamShiftDrift) and beam == "ion" and fault.at < t:
                far = fault.rate * (min(t, fault.until) - fault.at)
                u, v = u - far * math.cos(fault.angle), v - far * math.sin(fault.angle)
        if beam == "electron" and (stale := at(self._settings.faults, StaleCoincidence, t)):
            u += stale.by
        if jump := at(self._settings.faults, ChargingJump, t):
            u, v = u + jump.by * math.cos(jump.angle), v + jump.by * math.sin(jump.angle)
        return u, v


@cache
def _aside(seed: int, aperture: int) -> tuple[float, float]:
    """Return by how much an aperture's beam lands aside, against how much is usual: (u, v)."""
    u, v = generator(seed, "fib", "beam shift", aperture).standard_normal(2)
    return float(u), float(v)
