"""Cycling one cell: look at it first, then hold after hold, cycle by cycle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from acquire.cycling.coulometry import Cycle, HalfCycle, half_cycle, together, whole_cycle
from acquire.cycling.cycle_watch import CycleWatch
from acquire.cycling.hold_watch import HoldWatch
from acquire.cycling.orders import Orders, refusals
from acquire.cycling.plan import cycles_of
from acquire.cycling.pre_flight import pre_flight
from acquire.cycling.rates import told_rate
from acquire.cycling.result import cycling_result
from acquire.cycling.told import told_charge
from acquire.run import Run
from drivers.errors import LimitError
from drivers.potentiostat import Held, HoldOrder, Potentiostat, PotentiostatSetup
from protocols.cycling import Cycling, CyclingFlags, Hold, Loop, Pulse, Rest

TOLD = 20
"""Lines, about, in which a cell's cycles are told where there is no bar."""


def cycling(step: Cycling, potentiostat: Potentiostat, run: Run) -> dict[str, Any]:
    """Cycle the cell and return the result as `show --json` gives it.

    Raises:
        LimitError: the device cannot do it; the cell was not connected.
    """
    setup = run.do(potentiostat.setup)
    cannot = list(refusals(step, setup))
    if cannot:
        raise LimitError("; ".join(cannot))
    resistance = pre_flight(step, potentiostat, setup, run)
    cell = _Cell(step, potentiostat, setup, run)
    cell.do(step.schedule)
    return cycling_result(step, cell.cycles, resistance)


class _Cell:
    """A cell under way."""

    def __init__(
        self, step: Cycling, potentiostat: Potentiostat, setup: PotentiostatSetup, run: Run
    ) -> None:
        self.step = step
        self.potentiostat = potentiostat
        self.setup = setup
        self.run = run
        self.orders = Orders(step, setup)
        self.watch = CycleWatch()
        self.cycles: list[Cycle] = []
        self.planned = cycles_of(step.schedule)
        self.last_charge: float | None = None
        self.halves: dict[bool, list[HalfCycle]] = {}
        """Of the cycle under way: charges under True, discharges under False."""
        self.cut_off = False
        """Something of the cycle under way was cut off and gone on with."""
        self.volts: dict[bool, float] = {}
        """Mean voltage of its last charge and discharge, V."""
        self.before: tuple[float, float] | None = None
        """Volts and amperes at the end of the last hold."""
        self.jumps: list[tuple[float, float]] = []
        """Volts and amperes by which the cycle's pulses began otherwise than what was before them
        ended. Where a charge ends and a discharge begins the voltage also falls off the steep end
        of the curve: that step is no resistance."""

    def do(self, moves: Sequence[Any]) -> None:
        """Do holds and loops in order."""
        for move in moves:
            if isinstance(move, Loop):
                self.loop(move)
            elif isinstance(move, Pulse):
                self.hold(move)
                self.hold(Rest(duration=move.rest, record=move.record))
            else:
                self.hold(move)

    def loop(self, loop: Loop) -> None:
        """Do a loop until its count or its condition ends it."""
        for _ in range(loop.times):
            if loop.counts_as_cycle:
                self.halves, self.cut_off, self.volts = {True: [], False: []}, False, {}
                self.jumps = []
            self.do(loop.steps)
            if loop.counts_as_cycle:
                self.end_cycle()
            ends = loop.stop is not None and self.watch.below(
                loop.stop.efficiency_below, loop.stop.cycles
            )
            if loop.stop is not None and self.run.decide("loop ended", ends):
                break

    def hold(self, move: Hold) -> Held:
        """Do one hold, watched while it goes on."""
        order = self.orders.order(move, self.last_charge)
        watch = HoldWatch(order, self.step, len(self.cycles))
        held = self.run.watching(watch).do(self.potentiostat.hold, order)
        self.cut_off = self.cut_off or self.run.was_cut_off()
        if order.mode != "rest":
            self.note(order, held, watch)
            self.note_volts(move, held, watch)
        self.before = (held.voltage, held.current if order.mode != "rest" else 0.0)
        return held

    def note(self, order: HoldOrder, held: Held, watch: HoldWatch) -> None:
        """Add a hold to its cycle, and flag how it ended if that tells of a fault."""
        charges = held.charge > 0
        if self.halves:
            self.halves[charges].append(half_cycle(order, held, self.setup))
        if charges:
            self.last_charge = abs(held.charge)
        for flag, policy in watch.ended(held):
            self.run.flag(flag, policy)
        if watch.stops:
            self.run.stop_once(f"the {watch.stops} of the cell stops the run, as the protocol says")

    def note_volts(self, move: Hold, held: Held, watch: HoldWatch) -> None:
        """Take what a hold tells of the cell's resistance."""
        if isinstance(move, Pulse):
            if watch.first is not None and self.before is not None:
                volts, amperes = np.subtract(watch.first, self.before).tolist()
                self.jumps.append((volts, amperes))
        elif (mean := watch.mean_voltage()) is not None:
            self.volts[held.charge > 0] = mean

    def end_cycle(self) -> None:
        """Reckon the cycle, flag what it tells, and say so."""
        cycle = whole_cycle(
            len(self.cycles) + 1,
            (self.halves[True], self.halves[False]),
            self.step.nominal.capacity,
            self.setup,
            interrupted=self.cut_off,
            resistance=self.polarisation(),
            ohmic=self.ohmic(),
        )
        self.cycles.append(cycle)
        flags = _policies(self.step.flags)
        for flag in self.watch.update(cycle):
            self.run.flag(flag, flags.get(flag.kind, "note"))
        self.halves = {}
        rate = f", {told_rate(cycle.rate)}" if cycle.rate else ""
        told = "" if cycle.efficiency is None else f", efficiency {cycle.efficiency:.2%}"
        text = f"{told_charge(cycle.discharged)}{rate}{told}"
        self.run.progress(cycle.number, self.planned, text)
        if cycle.number % max(1, self.planned // TOLD) == 0 or cycle.number == self.planned:
            self.run.tell(f"cycle {cycle.number} of {self.planned}: {text}")

    def polarisation(self) -> float | None:
        """Return the difference of the mean voltages over the sum of the mean currents, ohm."""
        halves = together(self.halves[True]), together(self.halves[False])
        if None in halves or len(self.volts) < 2:
            return None
        currents = math.fsum(half.charge / half.seconds for half in halves if half is not None)
        return (self.volts[True] - self.volts[False]) / currents

    def ohmic(self) -> float | None:
        """Return the steps of the voltage over those of the current as its pulses began, ohm."""
        amperes = math.fsum(abs(step) for _, step in self.jumps)
        if not amperes:
            return None
        return math.fsum(math.copysign(1, step) * volts for volts, step in self.jumps) / amperes


def _policies(flags: CyclingFlags) -> Mapping[str, Any]:
    return {
        "efficiency": flags.efficiency,
        "fade": flags.fade,
        "resistance": flags.resistance,
    }
