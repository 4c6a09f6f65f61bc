"""The cell against closed forms and against fine integration."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from simulators.cell.cell import Cell, CellState, Stress
from simulators.cell.cell_file import cells, load_cell
from simulators.cell.condition import Condition, Fate
from simulators.cell.course import Scale
from simulators.cell.forecast import Outlet, course
from simulators.cell.held_voltage import voltage_leg
from tests.simulators.cell.cells import FIVE_C, order

THIN = load_cell("li-lipon-lnmo")
CELL = Cell(THIN)
SOUND = Fate((), FIVE_C)
EXACT = Outlet(Scale(), 0.0, 10.0, 0.1, ends_on_device=True)


def through(cell: Cell, state: CellState, current: float, outlet: Outlet = EXACT) -> CellState:
    done = course(cell, state, order(current), 0.0, SOUND, outlet)
    return done.state(done.seconds)


def settled(cell: Cell, current: float, outlet: Outlet = EXACT) -> CellState:
    state = cell.new()
    for sign in (1, -1, 1, -1):
        state = through(cell, state, sign * current, outlet)
    return state


def efficiency(cell: Cell, current: float, outlet: Outlet = EXACT) -> tuple[float, CellState]:
    """Return the counted efficiency of a cycle after a few others, and the state it ends in."""
    state = settled(cell, current, outlet)
    up = course(cell, state, order(current), 0.0, SOUND, outlet)
    down = course(cell, up.state(up.seconds), order(-current), 0.0, SOUND, outlet)
    counted = -down.counted(down.seconds) / up.counted(up.seconds)
    return counted, down.state(down.seconds)


def lossless(**changed: object) -> Cell:
    none = {"leak": 0.0, "side": 0.0, "side_first": 0.0, "side_floor": 0.0, "fade": 0.0}
    return Cell(THIN.model_copy(update={**none, **changed}))


@pytest.mark.parametrize("name", cells())
def test_the_open_circuit_curve_has_the_steps_of_lnmo(name: str) -> None:
    curve = Cell(load_cell(name)).curve
    assert curve.charge([3.5]) == pytest.approx(0.0, abs=1e-12)
    plateaus = np.diff(curve.charge([3.5, 4.35, 4.65, 4.73, 4.81]))
    assert 0.05 <= plateaus[0] <= 0.15
    assert plateaus[2] == pytest.approx(0.45, abs=0.03)
    assert plateaus[3] == pytest.approx(0.45, abs=0.03)
    volts = np.linspace(2.5, 5.2, 200)
    assert curve.voltage(curve.charge(volts)) == pytest.approx(volts, abs=1e-5)


def test_capacity_between_two_voltages_is_that_of_the_file() -> None:
    cell = lossless(hysteresis=0.0)
    slow = FIVE_C / 5000
    state = replace(cell.new(), path=1.0)
    up = course(cell, state, order(slow, end_voltage=5.1, seconds_max=1e8), 0.0, SOUND, EXACT)
    assert up.counted(up.seconds) == pytest.approx(THIN.capacity, rel=2e-4)


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e-5, 1e-5), st.floats(0.0, 400.0), st.floats(0.0, 400.0), st.floats(0.0, 1e-6))
def test_a_current_in_two_parts_is_the_current_in_one(
    current: float, first: float, second: float, short: float
) -> None:
    stress = Stress(short=short)
    start = replace(CELL.new(), charge=0.4 * THIN.capacity, cycle=3, modes=(1e-6, 0.0, 0.0, 0.0))
    parts = CELL.after(CELL.after(start, current, first, stress), current, second, stress)
    whole = CELL.after(start, current, first + second, stress)
    assert parts.charge == pytest.approx(whole.charge, rel=1e-12)
    assert parts.modes == pytest.approx(whole.modes, abs=1e-18)
    assert parts.path == pytest.approx(whole.path, abs=1e-12)
    inside = whole.passed - whole.leaked - whole.side
    assert whole.charge - start.charge == pytest.approx(inside, abs=1e-15)


@pytest.mark.parametrize("current", [FIVE_C, -FIVE_C, FIVE_C / 50])
def test_an_end_is_where_fine_integration_finds_it(current: float) -> None:
    start = settled(CELL, FIVE_C)
    if current < 0:
        start = through(CELL, start, FIVE_C)
    start = CELL.turned(start, current)
    done = course(CELL, start, order(current), 0.0, SOUND, EXACT)
    net = current - THIN.leak - CELL.side_current(start, current)
    numbers = np.arange(1, 5)
    taus = THIN.diffusion_time / (numbers * math.pi) ** 2
    way = math.copysign(1.0, current)
    pace = abs(current) / (THIN.hysteresis_share * CELL.capacity(start))

    def slopes(t: float, y: np.ndarray) -> np.ndarray:
        return np.concatenate([[net], (current - y[1:5]) / taus, [(way - y[5]) * pace]])

    def beyond(t: float, y: np.ndarray) -> float:
        there = replace(start, charge=y[0], modes=tuple(y[1:5]), path=y[5])
        return float(CELL.voltages(there, current, 0.0)) - (5.1 if current > 0 else 3.5)

    beyond.terminal = True  # type: ignore[attr-defined]
    y0 = np.array([start.charge, *start.modes, start.path])
    found = solve_ivp(
        slopes, (0.0, 2 * done.seconds), y0, events=beyond, rtol=1e-9, atol=1e-18, method="LSODA"
    )
    assert done.seconds == pytest.approx(found.t_events[0][0], abs=2e-3)
    end = done.state(done.seconds)
    assert float(CELL.voltages(end, current, 0.0)) == pytest.approx(
        5.1 if current > 0 else 3.5, abs=1e-6
    )


def test_the_side_reaction_takes_what_its_ledger_says() -> None:
    cell = lossless(side=0.026)
    found, state = efficiency(cell, FIVE_C)
    assert state.cycle == 3
    assert 1 - found == pytest.approx(0.026 / math.sqrt(3), abs=2e-6)


def test_a_leak_takes_twice_its_share_of_the_current() -> None:
    leak = 2e-10
    found, _ = efficiency(lossless(leak=leak), FIVE_C)
    assert 1 - found == pytest.approx(2 * leak / FIVE_C, rel=5e-3)


def test_a_false_zero_shifts_the_efficiency_by_twice_its_share_of_the_current() -> None:
    offset = 7.35e-10
    found, _ = efficiency(lossless(), FIVE_C, replace(EXACT, scale=Scale(0.0, offset)))
    # the device regulates what it reads: it charges with less, and discharges with more
    assert 1 - found == pytest.approx(2 * offset / FIVE_C, rel=5e-3)


def test_a_wrong_scale_leaves_the_efficiency_as_it_is() -> None:
    found, _ = efficiency(lossless(), FIVE_C, replace(EXACT, scale=Scale(2e-3, 0.0)))
    assert found == pytest.approx(1.0, abs=1e-7)


def test_fade_is_a_ledger_of_its_own() -> None:
    file = THIN.model_copy(update={"fade": 1.05e-5})
    assert file.capacity_in(10_001) / file.capacity_in(1) == pytest.approx(0.895, abs=1e-3)


def test_polarisation_is_that_of_the_reference() -> None:
    half = replace(CELL.new(), charge=0.6 * THIN.capacity)
    gaps = []
    for current in (FIVE_C / 50, FIVE_C):
        volts = []
        for signed in (current, -current):
            state = CELL.after(half, signed, 0.1 * THIN.capacity / current)
            start = replace(state, charge=half.charge)
            volts.append(float(CELL.voltages(start, signed, 0.0)))
        gaps.append(volts[0] - volts[1])
    assert 0.010 <= gaps[0] <= 0.020
    assert 0.050 <= gaps[1] <= 0.150


def test_a_held_voltage_does_not_depend_on_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    start = through(CELL, settled(CELL, FIVE_C), FIVE_C)
    charges, ends = [], []
    for growth in (1.04, 1.02):
        monkeypatch.setattr("simulators.cell.held_voltage.GROWTH", growth)
        leg, ended = voltage_leg(
            CELL, 0.0, start, 5.1, FIVE_C, 3600.0, FIVE_C / 100, math.inf, Condition()
        )
        assert ended == "current"
        charges.append(leg.charge(leg.seconds))
        ends.append(leg.seconds)
    assert charges[0] == pytest.approx(charges[1], rel=1e-3)
    assert ends[0] == pytest.approx(ends[1], rel=2e-2)
