"""A voltage that is held: the current that it takes, step by step, each step exact.

Within a step the current is constant, so that charge is conserved exactly; each step's current is
that which brings the cell to the voltage at the step's end. Steps grow with time.
"""

from __future__ import annotations

import numpy as np

from simulators.cell.cell import Cell, CellState
from simulators.cell.condition import Condition
from simulators.cell.course import Leg

FIRST_STEP, GROWTH, LONGEST_STEP = 0.02, 1.04, 60.0
"""s, ratio of two steps, and s; ours: half the growth moves a charge by 5e-4, its end by 1 %."""


def current_for(
    cell: Cell, state: CellState, volts: float, seconds: float, limit: float, condition: Condition
) -> float:
    """Return the current (A) within `limit` that brings the cell to `volts` in `seconds`."""
    from scipy.optimize import brentq

    def beyond(current: float) -> float:
        return float(cell.voltages(state, current, seconds, condition.stress)) - volts

    if beyond(limit) <= 0:
        return limit
    if beyond(-limit) >= 0:
        return -limit
    return float(brentq(beyond, -limit, limit, xtol=1e-7 * limit))


def voltage_leg(
    cell: Cell,
    begin: float,
    state: CellState,
    volts: float,
    limit: float,
    longest: float,
    end_current: float | None,
    charge_left: float,
    condition: Condition,
) -> tuple[Leg, str]:
    """Return a leg in which `volts` is held, and what ended it: current, charge or time."""
    starts, currents, states = [], [], []
    t, step, passed, ended = 0.0, FIRST_STEP, 0.0, "time"
    while True:
        dt = min(step, longest - t)
        current = current_for(cell, state, volts, dt, limit, condition)
        if end_current is not None and abs(current) < end_current:
            dt, ended = _when_at(cell, state, volts, dt, limit, end_current, condition), "current"
            current = current_for(cell, state, volts, dt, limit, condition)
        if passed + abs(current) * dt >= charge_left:
            dt, ended = (charge_left - passed) / abs(current), "charge"
        starts.append(t)
        currents.append(current)
        states.append(state)
        t, passed = t + dt, passed + abs(current) * dt
        state = cell.after(state, current, dt, condition.stress)
        if ended != "time" or t >= longest - 1e-9:
            break
        step = min(step * GROWTH, LONGEST_STEP)
    steps = np.array(starts), np.array(currents)
    return Leg(cell, begin, condition, *steps, tuple(states), t, volts), ended


def _when_at(
    cell: Cell,
    state: CellState,
    volts: float,
    dt: float,
    limit: float,
    amount: float,
    condition: Condition,
) -> float:
    """Return after how much of a step, s, the current has fallen to `amount`."""
    from scipy.optimize import brentq

    def above(seconds: float) -> float:
        return abs(current_for(cell, state, volts, seconds, limit, condition)) - amount

    shortest = 1e-3 * dt
    if above(shortest) <= 0:
        return shortest
    return float(brentq(above, shortest, dt, xtol=1e-4 * dt))
