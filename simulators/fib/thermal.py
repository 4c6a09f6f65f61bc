"""Temperatures of a cold stage, its needle and its shield, and the liquid nitrogen that they use.

Each body goes exponentially to where it is drawn: T = Tf + (T0 - Tf) exp(-t / tau), tau 17 min for
the stage. Source: reference fib-and-tem.md 5.4 [calc] from the published 90 min.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from simulators.faults import Scheduled
from simulators.fib.faults import HeaterRunaway, IceGrowth, Ln2Dry, NeedleWarm

ROOM, COLD = 295.15, 88.15
"""K; -185 degC as published."""
Body = Literal["stage", "needle", "shield"]
TAU: dict[Body, float] = {"stage": 17 * 60.0, "needle": 25 * 60.0, "shield": 10 * 60.0}
"""s; the stage's [calc], the others ours, to verify."""
SHIELD = 81.15
"""K; -192 degC: the coldest. Ours."""
NEEDLE_ABOVE = 2.0
"""K above the stage's setpoint at which the needle ends; ours."""
LITRES = 1e-3
FLOW, HOLD_FLOW = 3.3 * LITRES / 3600, 1.2 * LITRES / 3600
"""m³/s while it cools and afterwards: about 5 L in 90 min [seed]; the second ours."""
COOLING, CALMS = 5400.0, 1200.0
"""s with the flow for cooling, and in which it then falls by 63 %; ours."""
DEWAR = 25 * LITRES
"""m³; ours."""
ICE_FLUX = 40e-9 / 3600
"""m/s of ice unshielded at 1e-5 Pa of water. Source: reference 5.4 [calc]."""
SHIELDED = 0.1
"""Of the ice behind a cold shield; reference 5.4: 2 to 20 nm/h [lit]."""
FREEZES, SHIELD_WORKS = 150.0, 130.0
"""K: below the first water stays; below the second the shield catches it. Ours."""


@dataclass(frozen=True)
class Cooling:
    """From when on which setpoint holds."""

    t: float
    setpoint: float


@dataclass(frozen=True)
class Thermal:
    """What the temperatures depend on."""

    coolings: tuple[Cooling, ...] = ()
    start_cold: bool = False
    faults: tuple[Scheduled, ...] = ()

    def cool(self, t: float, setpoint: float) -> Thermal:
        """Return it with another setpoint (K) from the world time `t` (s) on."""
        return replace(self, coolings=(*self.coolings, Cooling(t, setpoint)))

    def setpoint(self, t: float) -> float:
        """Return the setpoint (K) at `t`; room temperature while none was given."""
        given = [cooling.setpoint for cooling in self.coolings if cooling.t <= t]
        return given[-1] if given else (COLD if self.start_cold else ROOM)

    def temperature(self, body: Body, t: float) -> float:
        """Return the temperature (K) of a body at the world time `t` (s)."""
        return _temperature(self, body, t)

    def slope(self, t: float) -> float:
        """Return how fast the stage's temperature changed in the last 5 minutes, K/s."""
        begin = max(0.0, t - 300.0)
        if t <= begin:
            return 0.0
        return (self.temperature("stage", t) - self.temperature("stage", begin)) / (t - begin)

    def used(self, t: float) -> float:
        """Return the nitrogen used by `t`, m³; never more than the dewar held."""
        begin = self._flows_from()
        if begin is None or t <= begin:
            return 0.0
        for fault in self.faults:
            if isinstance(fault, Ln2Dry):
                t = min(t, max(begin, fault.at))
        fast = 0.0 if self.start_cold else min(t - begin, COOLING)
        rest = t - begin - fast
        calming = (
            0.0 if self.start_cold else (FLOW - HOLD_FLOW) * CALMS * -math.expm1(-rest / CALMS)
        )
        return min(DEWAR, FLOW * fast + HOLD_FLOW * rest + calming)

    def hold(self, t: float) -> float:
        """Return for how long (s) the nitrogen lasts at the present use."""
        if self._dry(t):
            return 0.0
        flow = (self.used(t) - self.used(max(0.0, t - 60.0))) / 60.0
        return (DEWAR - self.used(t)) / max(flow, HOLD_FLOW)

    def ice_rate(self, t: float, pressure: float) -> float:
        """Return how fast ice grows (m/s) on the specimen at a chamber pressure (Pa).

        A tenth of the pressure is taken as water; ours.
        """
        if self.temperature("stage", t) > FREEZES:
            return 0.0
        shielded = SHIELDED if self.temperature("shield", t) < SHIELD_WORKS else 1.0
        times = math.prod(f.times for f in self.faults if isinstance(f, IceGrowth) and f.active(t))
        return ICE_FLUX * shielded * times * (0.1 * pressure / 1e-5)

    def _flows_from(self) -> float | None:
        if self.start_cold:
            return 0.0
        return self.coolings[0].t if self.coolings else None

    def _dry(self, t: float) -> bool:
        return self.used(t) >= DEWAR or any(
            isinstance(fault, Ln2Dry) and fault.active(t) for fault in self.faults
        )

    def drawn_to(self, body: Body, t: float) -> float:
        """Return the temperature (K) that a body goes to at `t`."""
        for fault in self.faults:
            if fault.active(t) and (
                (body == "stage" and isinstance(fault, HeaterRunaway))
                or (body == "needle" and isinstance(fault, NeedleWarm))
            ):
                return fault.to
        setpoint = self.setpoint(t)
        if self._dry(t) or setpoint >= ROOM:
            return ROOM
        return {"stage": setpoint, "needle": setpoint + NEEDLE_ABOVE, "shield": SHIELD}[body]


@lru_cache(maxsize=4096)
def _temperature(thermal: Thermal, body: Body, t: float) -> float:
    value = thermal.drawn_to(body, 0.0) if thermal.start_cold else ROOM
    for begin, end in _stretches(thermal, t):
        goal = thermal.drawn_to(body, begin)
        value = goal + (value - goal) * math.exp(-(end - begin) / TAU[body])
    return value


def _stretches(thermal: Thermal, t: float) -> Iterator[tuple[float, float]]:
    """Give the stretches of time before `t` in which nothing that draws a body changes."""
    times = {0.0, t, *(cooling.t for cooling in thermal.coolings)}
    times |= {when for f in _warming(thermal.faults) for when in (f.at, f.until)}
    empty = _empty_at(thermal)
    times.add(empty)
    ordered = sorted(when for when in times if 0.0 <= when <= t)
    yield from pairwise(ordered)


def _warming(faults: Sequence[Scheduled]) -> list[Scheduled]:
    return [f for f in faults if isinstance(f, (Ln2Dry, HeaterRunaway, NeedleWarm))]


@lru_cache(maxsize=64)
def _empty_at(thermal: Thermal) -> float:
    """Return the world time (s) at which the dewar is empty."""
    begin = thermal._flows_from()
    if begin is None:
        return math.inf
    if thermal.start_cold:
        return begin + DEWAR / HOLD_FLOW
    late = FLOW * COOLING + (FLOW - HOLD_FLOW) * CALMS
    return begin + COOLING + (DEWAR - late) / HOLD_FLOW
