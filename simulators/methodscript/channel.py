"""The electrochemical part of the device: its modes and ranges, and the cell on its leads.

Times are seconds of the device's clock. The cell goes on at rest when nothing is done with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.methodscript.devices import Device
from drivers.potentiostat import OVERLOAD
from simulators.cell.cell import Cell, CellState
from simulators.cell.cell_file import CellFile
from simulators.cell.condition import CellFault, Fate
from simulators.cell.course import Leg, Scale, step_leg
from simulators.cell.held_voltage import voltage_leg
from simulators.cell.instrument import Instrument
from simulators.cell.settings import SimPotentiostatSettings
from simulators.draws import generator
from simulators.methodscript.trouble import ScriptError

Floats = npt.NDArray[np.float64]
GALVANOSTAT = 6
MODES = (0, 2, 3, 4, 5, GALVANOSTAT)
HELD_AHEAD = 600.0
"""s of a held voltage that are reckoned at once."""
OPEN = (0.3, 4e-3)
"""V and V/s of open leads, as the other simulated potentiostat has them; ours."""


class Channel:
    """One channel and the cell on it."""

    def __init__(
        self,
        device: Device,
        file: CellFile,
        *,
        seed: int = 0,
        errors: SimPotentiostatSettings | None = None,
        faults: Sequence[CellFault] = (),
        world: Path | None = None,
    ) -> None:
        """Put a cell on the leads; `world` is a file in which its state is kept."""
        import scipy.optimize  # noqa: F401  # takes seconds, and a device does not pause for it

        self.device, self._seed, self._world = device, seed, world
        self.cell = Cell(file)
        self._fate = Fate(faults, 5 * file.capacity / 3600.0)
        errors = errors or SimPotentiostatSettings()
        self._errors = errors
        self._instrument = Instrument(errors, seed, self._fate)
        self._draws = generator(seed, "methodscript", "noise")
        self._time, self._state = self._read_world()
        self.mode, self.cell_on = 0, False
        self.range_index, self.full = self._range(0.0)
        self._current, self._volts = 0.0, 0.0
        self._legs: list[Leg] = []
        self.stuck_on = False
        """A fault: the switch of the cell does not open."""

    # -- what scripts set -------------------------------------------------------------------

    def set_mode(self, t: float, mode: int) -> None:
        """Choose the potentiostat's mode."""
        if mode not in MODES:
            raise ScriptError(0x0021)
        if mode == GALVANOSTAT and not self.device.driven:
            raise ScriptError(0x001B)
        self._change(t)
        self.mode = mode

    def set_range(self, t: float, amperes: float) -> None:
        """Choose the smallest range that holds a current."""
        self._change(t)
        self.range_index, self.full = self._range(abs(amperes))

    def switch(self, t: float, on: bool) -> None:
        """Switch the cell on or off."""
        if on and self.mode == 0:
            raise ScriptError(0x0023)
        self._change(t)
        self.cell_on = on or (self.cell_on and self.stuck_on)

    def drive(self, t: float, amperes: float) -> None:
        """Set the current that is driven."""
        if self.mode != GALVANOSTAT:
            raise ScriptError(0x0023)
        if abs(amperes) > self.full * 1.05:
            raise ScriptError(0x4003)
        self._change(t)
        self._current = amperes

    def hold(self, t: float, volts: float) -> None:
        """Set the voltage that is held."""
        if self.mode in (0, GALVANOSTAT):
            raise ScriptError(0x0023)
        if not self.device.voltage_min <= volts <= self.device.voltage_max:
            raise ScriptError(0x000F)
        self._change(t)
        self._volts = volts

    # -- what it measures -------------------------------------------------------------------

    def measured(self, begin: float, times: Floats) -> tuple[Floats, Floats, list[int]]:
        """Return volts, amperes and status at `times` (s, ascending) after `begin`.

        What the device sees if nothing is changed until then.

        Raises:
            ScriptError: the voltage cannot be held; the device protects itself.
        """
        volts, amperes = np.zeros_like(times), np.zeros_like(times)
        done = 0
        while done < len(times):
            leg = self._leg_at(begin + float(times[done]))
            held = self.cell_on and self.mode != GALVANOSTAT
            if held and leg.condition.view == "shorted":
                raise ScriptError(0x0032)
            last = int(np.searchsorted(times + begin, leg.begin + leg.seconds, side="right"))
            last = max(last, done + 1)
            inside = np.clip(times[done:last] + begin - leg.begin, 0.0, leg.seconds)
            volts[done:last], amperes[done:last] = leg.voltages(inside), leg.amperes(inside)
            done = last
        return self._as_read(begin, volts, amperes)

    def state(self, t: float) -> CellState:
        """Return the cell's true state at `t`."""
        leg = self._leg_at(t)
        return leg.state(max(0.0, t - leg.begin))

    def settle(self, t: float) -> None:
        """Keep the cell's state in its file."""
        self._change(t)
        if self._world is not None:
            part = self._world.with_suffix(".part")
            told = {"time": self._time, "state": asdict(self._state)}
            part.write_text(json.dumps(told))
            part.replace(self._world)

    # -- parts ------------------------------------------------------------------------------

    def _read_world(self) -> tuple[float, CellState]:
        if self._world is None or not self._world.exists():
            return 0.0, self.cell.new()
        told = json.loads(self._world.read_text())
        state = {**told["state"], "modes": tuple(told["state"]["modes"])}
        return float(told["time"]), CellState(**state)

    @property
    def begun(self) -> float:
        """The time at which the cell's file was last written, s."""
        return self._time

    def _range(self, amperes: float) -> tuple[int, float]:
        ranges = self.device.driven if self.device.driven else self.device.ranges
        fitting = [(full, index) for index, full in ranges.items() if full >= amperes * 0.999]
        if not fitting:
            raise ScriptError(0x4206)
        full, index = min(fitting)
        return index, full

    def _change(self, t: float) -> None:
        """Bring the cell to `t`, before something is changed there."""
        if t > self._time:
            self._state, self._time = self.state(t), t
        self._legs = []

    def _scale(self) -> Scale:
        return self._instrument.scale(self.full)

    def _leg_at(self, t: float) -> Leg:
        """Return the leg that holds the time `t`, if nothing is changed until then."""
        for leg in self._legs:
            if t <= leg.begin + leg.seconds:
                return leg
        begin, state = (self._time, self._state)
        if self._legs:
            last = self._legs[-1]
            begin, state = last.begin + last.seconds, last.state(last.seconds)
        self._legs.append(self._leg(begin, state))
        return self._leg_at(t)

    def _leg(self, begin: float, state: CellState) -> Leg:
        condition, until = self._fate.at(begin)
        longest = max(until - begin, 1e-6)
        held = self.cell_on and self.mode != GALVANOSTAT
        if held and condition.view == "cell":
            volts = self._volts - self._instrument.volts_off(begin)
            most = self._scale().true(self.full)
            longest = min(longest, HELD_AHEAD)
            return voltage_leg(
                self.cell, begin, state, volts, most, longest, None, math.inf, condition
            )[0]
        current = self._scale().true(self._current) if self.cell_on and not held else 0.0
        if held and condition.view == "shorted":
            current = self._scale().true(self.full)
        floats = (math.copysign(self.device.voltage_max, current), 0.0) if current else OPEN
        turned = self.cell.turned(state, current)
        return step_leg(self.cell, begin, turned, current, longest, condition, floats)

    def _as_read(
        self, begin: float, volts: Floats, amperes: Floats
    ) -> tuple[Floats, Floats, list[int]]:
        errors, scale = self._errors, self._scale()
        noise = self._draws.standard_normal((2, len(volts)))
        volts = volts + self._instrument.volts_off(begin) + errors.voltage_noise * noise[0]
        read = (
            amperes * (1 + scale.gain) + scale.offset + errors.current_noise * self.full * noise[1]
        )
        if not self.cell_on:
            read = np.zeros_like(read)
        status = np.where(np.abs(read) >= self.full * 0.999, OVERLOAD, 0)
        beyond = np.abs(volts) >= self.device.voltage_max
        return volts, read, np.where(beyond, status | OVERLOAD, status).tolist()
