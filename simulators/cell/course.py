"""The course of one hold: all that happens in it until the device ends it, reckoned beforehand.

A device goes on by itself, so its hold is decided when it begins: by the order, the cell, and what
will happen to the cell. Where somebody stops it, the course is cut there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from drivers.potentiostat import EndedBy
from simulators.cell.cell import Cell, CellState
from simulators.cell.condition import Condition

Floats = npt.NDArray[np.float64]
FLOATS = 0.5
"""V; open leads drift no further than this from where they were; ours."""
DRAINS = 1.0
"""s in which a hard short takes 63 % of a cell's charge; ours."""


@dataclass(frozen=True)
class Scale:
    """How the device's ampere meter reads: measured = true (1 + gain) + offset."""

    gain: float = 0.0
    offset: float = 0.0
    """A."""

    def measured(self, true: float) -> float:
        """Return what is read of a current, A."""
        return true * (1.0 + self.gain) + self.offset

    def true(self, measured: float) -> float:
        """Return the current that is read as `measured`, A."""
        return (measured - self.offset) / (1.0 + self.gain)


@dataclass(frozen=True)
class Leg:
    """A part of a hold in which the current is constant, or changes from step to step."""

    cell: Cell
    begin: float
    """s since the hold began."""
    condition: Condition
    starts: Floats
    """s since the leg began: of each step."""
    currents: Floats
    """A of each step, true."""
    states: tuple[CellState, ...]
    """Of the cell at each step's beginning."""
    seconds: float
    held: float | None = None
    """V, where a voltage is held."""
    floats: float = 0.0
    """V across open leads as the leg begins."""
    drifts: float = 0.0
    """V/s of it."""

    def state(self, t: float) -> CellState:
        """Return the cell's state `t` seconds into the leg."""
        index = max(0, int(np.searchsorted(self.starts, t, side="right")) - 1)
        begins, amperes = self.states[index], float(self.currents[index])
        return passed(self.cell, begins, amperes, t - float(self.starts[index]), self.condition)

    def voltages(self, times: Floats) -> Floats:
        """Return the voltage at `times` (s into the leg), V."""
        if self.held is not None:
            return np.full_like(times, self.held)
        amperes = float(self.currents[0])
        if self.condition.view == "open":
            return self.floats + FLOATS * np.tanh(times * self.drifts / FLOATS)
        if self.condition.view == "shorted":
            return np.full_like(times, amperes * self.condition.contact)
        return self.cell.voltages(self.states[0], amperes, times, self.condition.stress)

    def amperes(self, times: Floats) -> Floats:
        """Return the true current at `times` (s into the leg), A."""
        if self.held is None:
            return np.full_like(times, self.currents[0])
        middles = self.starts + np.diff([*self.starts, self.seconds]) / 2
        found: Floats = np.interp(times, middles, self.currents)
        return found

    def charge(self, t: float) -> float:
        """Return the true charge that the terminals have passed after `t` seconds, C."""
        lasted = np.clip(t - self.starts, 0.0, np.diff([*self.starts, math.inf]))
        return float(lasted @ self.currents)


@dataclass(frozen=True)
class Course:
    """A hold from its beginning to the end that the device itself makes."""

    legs: tuple[Leg, ...]
    seconds: float
    ended_by: EndedBy
    scale: Scale
    crossing: tuple[float, EndedBy] | None = None
    """When the host's own end was reached, s, and which; None where the device finds all ends."""

    @cached_property
    def _begins(self) -> list[float]:
        return [leg.begin for leg in self.legs]

    def _leg(self, t: float) -> Leg:
        index = int(np.searchsorted(self._begins, t, side="right")) - 1
        return self.legs[max(0, index)]

    def state(self, t: float) -> CellState:
        """Return the cell's state `t` seconds into the hold."""
        leg = self._leg(t)
        return leg.state(t - leg.begin)

    def counted(self, t: float) -> float:
        """Return the charge that the device has counted after `t` seconds, C."""
        total = 0.0
        for leg in self.legs:
            lasts = min(t - leg.begin, leg.seconds)
            if lasts > 0:
                total += leg.charge(lasts) * (1.0 + self.scale.gain) + self.scale.offset * lasts
        return total

    def seen(self, times: Floats) -> tuple[Floats, Floats]:
        """Return true volts and amperes at `times`, ascending s into the hold."""
        volts, amperes = np.zeros_like(times), np.zeros_like(times)
        edges = np.searchsorted(times, [*self._begins[1:], math.inf], side="left")
        first = 0
        for leg, last in zip(self.legs, edges.tolist(), strict=True):
            inside = times[first:last] - leg.begin
            volts[first:last] = leg.voltages(inside)
            amperes[first:last] = leg.amperes(inside)
            first = last
        return volts, amperes


def passed(
    cell: Cell, state: CellState, current: float, seconds: float, condition: Condition
) -> CellState:
    """Return the state after a true current at the terminals, whatever the cell's condition."""
    if condition.view == "cell":
        return cell.after(state, current, seconds, condition.stress)
    at_rest = cell.after(state, 0.0, seconds, condition.stress)
    if condition.view == "open":
        return at_rest
    drained = max(0.0, at_rest.charge) * -math.expm1(-seconds / DRAINS)
    through = current * seconds
    return replace(
        at_rest,
        charge=at_rest.charge - drained,
        lithium=at_rest.lithium - drained,
        leaked=at_rest.leaked + drained + through,
        passed=at_rest.passed + through,
        throughput=at_rest.throughput + abs(through),
    )


def step_leg(
    cell: Cell,
    begin: float,
    state: CellState,
    current: float,
    seconds: float,
    condition: Condition,
    floats: tuple[float, float] = (0.0, 0.0),
) -> Leg:
    """Return a leg of one constant current; open leads float at so many V and V/s."""
    flows = 0.0 if condition.view == "open" else current
    steps = np.array([0.0]), np.array([flows])
    return Leg(cell, begin, condition, *steps, (state,), seconds, None, *floats)
