"""From an order to its course: leg by leg, until one of the order's ends is reached."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from drivers.potentiostat import EndedBy, HoldOrder
from simulators.cell.cell import Cell, CellState
from simulators.cell.condition import Condition, Fate
from simulators.cell.course import Course, Leg, Scale, step_leg
from simulators.cell.held_voltage import voltage_leg

SLOPE_OVER = 1.0
"""s over which a device finds how fast the voltage changes; ours."""
OPEN = (0.3, 4e-3)
"""V and V/s of an open input; ours: a high impedance charged by its own bias current."""
_BY_HOST: frozenset[EndedBy] = frozenset(("voltage", "current", "slope"))
"""Ends that the host finds where the device does not."""

What = EndedBy | Literal["hold"]
"""What a voltage that is reached brings about: an end, or that it is held from there."""


@dataclass(frozen=True)
class Outlet:
    """What the device puts a cell through: how it reads, and how far it goes."""

    scale: Scale
    volts_off: float
    """V that it reads more than there are."""
    compliance: float
    """V that it goes to across open leads."""
    shortest: float
    """s; no hold is shorter."""
    ends_on_device: bool


def mirrored(order: HoldOrder) -> HoldOrder:
    """Return the order as the cell meets it when its leads are reversed."""

    def minus(volts: float | None) -> float | None:
        return None if volts is None else -volts

    return replace(
        order,
        current=-order.current if order.mode != "voltage" else order.current,
        voltage=minus(order.voltage),
        end_voltage=minus(order.end_voltage),
        voltage_min=-order.voltage_max,
        voltage_max=-order.voltage_min,
    )


def course(
    cell: Cell, state: CellState, order: HoldOrder, began: float, fate: Fate, outlet: Outlet
) -> Course:
    """Return all that becomes of a hold which begins at the world time `began` (s)."""
    return _Way(cell, order, began, fate, outlet).walk(state)


class _Way:
    """A course under construction."""

    def __init__(
        self, cell: Cell, order: HoldOrder, began: float, fate: Fate, outlet: Outlet
    ) -> None:
        self.cell, self.order, self.began, self.fate = cell, order, began, fate
        self.outlet, self.scale = outlet, outlet.scale
        self.legs: list[Leg] = []
        self.t = self.charge = 0.0
        self.crossing: tuple[float, EndedBy] | None = None
        self.holds = False
        """The held voltage of a CC-CV or CV is reached."""

    def walk(self, state: CellState) -> Course:
        ended: EndedBy | None = None
        while ended is None:
            condition, until = self.fate.at(self.began + self.t)
            longest, by = self._longest(until)
            if self.holds and condition.view == "cell":
                leg, ended = self._held(state, condition, longest, by)
            else:
                leg, ended = self._driven(state, condition, longest, by)
            self.legs.append(leg)
            self.t = leg.begin + leg.seconds
            self.charge += abs(self._counted(leg))
            state = leg.state(leg.seconds)
            if ended in _BY_HOST and not self.outlet.ends_on_device:
                self.crossing, ended = self.crossing or (self.t, ended), None
        return Course(tuple(self.legs), self.t, ended, self.scale, self.crossing)

    # -- legs -------------------------------------------------------------------------------

    def _driven(
        self, state: CellState, condition: Condition, longest: float, by: EndedBy | None
    ) -> tuple[Leg, EndedBy | None]:
        """Return a leg at rest or of a constant current, and what ends the hold after it."""
        current = self._true_current(state)
        state = self.cell.turned(state, current)
        leg = step_leg(self.cell, self.t, state, current, longest, condition, self._floats(current))
        events = self._events(leg, current, longest)
        if not events:
            return leg, by
        when, what = min(events)
        when = max(when, self.outlet.shortest if not self.t else 0.0)
        leg = replace(leg, seconds=min(when, longest))
        if what == "hold":
            self.holds = True
            return leg, None
        return leg, what

    def _held(
        self, state: CellState, condition: Condition, longest: float, by: EndedBy | None
    ) -> tuple[Leg, EndedBy | None]:
        volts = (self.order.voltage or 0.0) - self.outlet.volts_off
        end = None if self.crossing else self.order.end_current
        limit = abs(self.order.current)
        left = math.inf if self.order.end_charge is None else self.order.end_charge - self.charge
        leg, ended = voltage_leg(
            self.cell, self.t, state, volts, limit, longest, end, max(left, 1e-15), condition
        )
        return leg, by if ended == "time" else "current" if ended == "current" else "charge"

    # -- ends -------------------------------------------------------------------------------

    def _longest(self, until: float) -> tuple[float, EndedBy | None]:
        """Return how long the next leg can be, s, and what ends the hold then (None: nothing)."""
        order, current = self.order, abs(self.order.current)
        ends: list[tuple[float, EndedBy | None]] = [
            (until - self.began - self.t, None),
            (order.seconds_max - self.t, "limit"),
        ]
        if order.end_seconds is not None:
            ends.append((order.end_seconds - self.t, "time"))
        if order.end_charge is not None and current > 0 and order.mode != "rest" and not self.holds:
            ends.append(((order.end_charge - self.charge) / current, "charge"))
        longest, by = min(ends, key=lambda end: end[0])
        return max(longest, 0.0), by

    def _events(self, leg: Leg, current: float, longest: float) -> list[tuple[float, What]]:
        """Return when (s into the leg) the voltage reaches what the order names, and which."""
        order = self.order
        events: list[tuple[float, What]] = []
        found: list[tuple[float, bool, What]] = []
        off = self.outlet.volts_off
        if order.mode != "rest":
            found.append((order.voltage_max - off, True, "limit"))
            found.append((order.voltage_min - off, False, "limit"))
            upwards = current > 0
            if order.end_voltage is not None and self.crossing is None:
                found.append((order.end_voltage - off, upwards, "voltage"))
            if order.voltage is not None and not self.holds:
                found.append((order.voltage - off, upwards, "hold"))
        first = self._first_beyond(leg, current, [each[:2] for each in found], longest)
        if first is not None:
            events.append((first[0], found[first[1]][2]))
        if order.end_slope is not None and self.crossing is None:
            still = self._when_still(leg, longest, order.end_slope)
            if still is not None:
                events.append((still, "slope"))
        return events

    def _first_beyond(
        self, leg: Leg, current: float, levels: list[tuple[float, bool]], longest: float
    ) -> tuple[float, int] | None:
        if not levels:
            return None
        if leg.condition.view == "cell":
            stress = leg.condition.stress
            return self.cell.first_beyond(leg.states[0], current, levels, longest, stress)
        volts = float(leg.voltages(np.zeros(1))[0])
        beyond = [
            index
            for index, (level, upwards) in enumerate(levels)
            if (volts >= level if upwards else volts <= level)
        ]
        # the end that was asked for is told before the limit beyond it
        return (0.0, beyond[-1]) if beyond else None

    def _when_still(self, leg: Leg, longest: float, slope: float) -> float | None:
        """Return when the voltage first changes no faster than `slope` (V/s), s into the leg."""
        times = np.linspace(0.0, longest, max(2, min(2000, int(longest / SLOPE_OVER))))
        changes = np.abs(np.diff(leg.voltages(times)) / np.diff(times))
        still = np.flatnonzero(changes <= slope)
        return float(times[still[0] + 1]) if len(still) else None

    # -- the device -------------------------------------------------------------------------

    def _true_current(self, state: CellState) -> float:
        """Return the current that flows where the device drives one, A."""
        order = self.order
        if order.mode == "rest":
            return 0.0
        if order.mode == "voltage":
            there = float(self.cell.voltages(state, 0.0, 0.0))
            way = 1.0 if (order.voltage or 0.0) - self.outlet.volts_off >= there else -1.0
            return self.scale.true(way * abs(order.current))
        return self.scale.true(order.current)

    def _floats(self, current: float) -> tuple[float, float]:
        """Return the voltage across open leads, V, and how it drifts, V/s."""
        return OPEN if not current else (math.copysign(self.outlet.compliance, current), 0.0)

    def _counted(self, leg: Leg) -> float:
        return leg.charge(leg.seconds) * (1.0 + self.scale.gain) + self.scale.offset * leg.seconds
