"""The device itself: one channel with a cell on it, which goes on whether or not anybody looks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from drivers.potentiostat import HoldOrder, PotentiostatStatus, Samples
from simulators.cell.cell import Cell, CellState
from simulators.cell.cell_file import CellFile
from simulators.cell.cell_world import CellWorld, HoldRow
from simulators.cell.condition import Fate, NanSamples, Overloads, StaleSamples, Trips
from simulators.cell.course import Course, passed
from simulators.cell.forecast import OPEN, Outlet, course, mirrored
from simulators.cell.instrument import Instrument
from simulators.cell.settings import SimPotentiostatSettings


@dataclass(frozen=True)
class Running:
    """A hold under way."""

    row: HoldRow
    course: Course
    samples: Samples
    """All that it will have, if nobody stops it."""
    seconds: float
    """After which the device ends it."""
    ended_by: str
    tripped: str | None = None
    """Error by which the device ends it."""


class Channel:
    """One channel of a potentiostat, and the cell on it."""

    def __init__(self, world: CellWorld, file: CellFile, settings: SimPotentiostatSettings) -> None:
        """Take up what the world holds; a hold that was under way goes on."""
        self.world, self.settings = world, settings
        self.cell = Cell(file)
        self.fate = Fate(settings.faults, 5 * file.capacity / 3600.0)
        self.instrument = Instrument(settings, world.seed, self.fate)
        self._state, self._since, self._meter = self.cell.new(), 0.0, 0.0
        self.running: Running | None = None
        self.last = world.last()
        self.tripped: str | None = None
        if self.last is not None:
            self._go_on_from(self.last)
        self.catch_up()

    def _go_on_from(self, row: HoldRow) -> None:
        self._state, self._since, self._meter = row.before, row.began, row.meter
        if row.after is None:
            self.running = self.reckon(row)
        else:
            self._rest_from(row)

    def _rest_from(self, row: HoldRow) -> None:
        assert row.after is not None
        self._state = row.after
        self._since = row.began + (row.seconds or 0.0)
        self._meter = row.meter + abs(row.counted or 0.0)

    # -- holds ------------------------------------------------------------------------------

    def begin(self, order: HoldOrder) -> Running:
        """Begin a hold now."""
        t = self.world.now()
        self.tripped = None
        row = self.world.begin(order, t, self._at_rest(t), self._meter)
        self.running = self.reckon(row)
        return self.running

    def reckon(self, row: HoldRow) -> Running:
        """Return what becomes of a hold: the same whenever it is reckoned."""
        settings, instrument = self.settings, self.instrument
        backwards = instrument.reversed(row.began)
        sign = -1.0 if backwards else 1.0
        outlet = Outlet(
            instrument.scale(instrument.range_of(row.order)),
            sign * instrument.volts_off(row.began),
            settings.voltage_max,
            settings.shortest_interval,
            settings.ends_on_device,
        )
        told = mirrored(row.order) if backwards else row.order
        way = course(self.cell, row.before, told, row.began, self.fate, outlet)
        seconds, ended_by, tripped = way.seconds, str(way.ended_by), None
        for fault in self.fate.faults:
            if isinstance(fault, Trips) and row.began <= fault.at < row.began + seconds:
                seconds, ended_by, tripped = fault.at - row.began, "stopped", fault.error
        samples = instrument.samples(row.order, way, seconds, row.began, row.number)
        return Running(row, way, samples, seconds, ended_by, tripped)

    def catch_up(self) -> None:
        """End the hold that has come to its end by now."""
        now = self.running
        if now is not None and self.world.now() >= now.row.began + now.seconds - 1e-6:
            self.tripped = now.tripped
            self._end(now, now.seconds, now.ended_by, on_device=True)

    def collect(self) -> None:
        """Note that the host was told how the last hold ended."""
        assert self.last is not None
        self.last = replace(self.last, collected=True)
        self.world.collect(self.last.number)

    def stop(self, ended_by: str) -> None:
        """End the hold now, if there is one; the cell is off."""
        self.catch_up()
        now = self.running
        if now is not None:
            self._end(now, self.world.now() - now.row.began, ended_by, on_device=False)

    def _end(self, now: Running, seconds: float, ended_by: str, *, on_device: bool) -> None:
        volts, amperes = self._read(now, seconds)
        counted = now.course.counted(seconds)
        row = replace(
            now.row,
            seconds=seconds,
            ended_by=ended_by,
            counted=-counted if self.instrument.reversed(now.row.began) else counted,
            voltage=volts,
            current=amperes,
            on_device=on_device,
            after=now.course.state(seconds),
        )
        self.world.end(row)
        self.last, self.running = row, None
        self._rest_from(row)

    # -- what it shows ----------------------------------------------------------------------

    def meter(self) -> float:
        """Return the charge that the device has ever counted, either way, C."""
        now = self.running
        if now is None:
            return self._meter
        return self._meter + abs(now.course.counted(self.world.now() - now.row.began))

    def status(self) -> PotentiostatStatus:
        """Return what the device says of itself."""
        t, now = self.world.now(), self.running
        if now is not None:
            volts, amperes = self._read(now, t - now.row.began)
        else:
            volts, amperes = self._open_voltage(t), 0.0
        stale = [f for f in self.fate.faults if isinstance(f, StaleSamples) and f.active(t)]
        lost = any(isinstance(f, NanSamples) and f.active(t) for f in self.fate.faults)
        return PotentiostatStatus(
            cell_on=now is not None and now.row.order.mode != "rest",
            running=now is not None,
            voltage=math.nan if lost else volts,
            current=math.nan if lost else amperes,
            overload=now is not None
            and any(isinstance(f, Overloads) and f.active(t) for f in self.fate.faults),
            age=max((t - f.at for f in stale), default=0.0),
        )

    def _read(self, now: Running, seconds: float) -> tuple[float, float]:
        """Return volts and amperes as the device reads them `seconds` into a hold."""
        volts, amperes = now.course.seen(np.array([seconds]))
        sign = -1.0 if self.instrument.reversed(now.row.began) else 1.0
        off = self.instrument.volts_off(now.row.began)
        current = now.course.scale.measured(float(amperes[0]))
        return sign * float(volts[0]) + off, sign * current

    # -- at rest ----------------------------------------------------------------------------

    def _at_rest(self, t: float) -> CellState:
        condition, _ = self.fate.at(self._since)
        return passed(self.cell, self._state, 0.0, max(0.0, t - self._since), condition)

    def _open_voltage(self, t: float) -> float:
        condition, _ = self.fate.at(t)
        if condition.view == "open":
            volts = OPEN[0]
        elif condition.view == "shorted":
            volts = 0.0
        else:
            volts = float(self.cell.voltages(self._state, 0.0, max(0.0, t - self._since)))
        sign = -1.0 if self.instrument.reversed(t) else 1.0
        return sign * volts + self.instrument.volts_off(t)
