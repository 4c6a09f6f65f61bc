"""Cycling one cell: look at it first, then hold after hold, cycle by cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acquire.cycling.coulometry import Cycle, HalfCycle, efficiency, half_cycle, together
from acquire.cycling.cycle_watch import CycleWatch
from acquire.cycling.hold_watch import HoldWatch
from acquire.cycling.orders import Orders, refusals
from acquire.cycling.plan import cycles_of
from acquire.cycling.pre_flight import pre_flight
from acquire.run import Run
from drivers.errors import LimitError
from drivers.potentiostat import Held, HoldOrder, Potentiostat, PotentiostatSetup
from protocols.cycling import Cycling, CyclingFlags, Hold, Loop, Pulse, Rest


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
    return cell.result(resistance)


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
        self.watch = CycleWatch(step)
        self.cycles: list[Cycle] = []
        self.planned = cycles_of(step.schedule)
        self.last_charge: float | None = None
        self.halves: dict[bool, list[HalfCycle]] = {}
        """Of the cycle under way: charges under True, discharges under False."""
        self.cut_off = False
        """Something of the cycle under way was cut off and gone on with."""
        self.volts: dict[bool, float] = {}
        """Mean voltage of its last charge and discharge, V."""

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
        return held

    def note(self, order: HoldOrder, held: Held, watch: HoldWatch) -> None:
        """Add a hold to its cycle, and flag how it ended if that tells of a fault."""
        charges = held.charge > 0
        if self.halves:
            self.halves[charges].append(half_cycle(order, held, self.setup))
        if charges:
            self.last_charge = abs(held.charge)
        mean = watch.mean_voltage()
        if mean is not None:
            self.volts[charges] = mean
        for flag, policy in watch.ended(held):
            self.run.flag(flag, policy)
        if watch.stops:
            self.run.stop_once("a flag of the cell stops the run, as the protocol says")

    def end_cycle(self) -> None:
        """Reckon the cycle, flag what it tells, and say so."""
        charged, discharged = (together(self.halves[each]) for each in (True, False))
        value, uncertainty = efficiency(charged, discharged, self.setup)
        hours = discharged.seconds / 3600.0 if discharged else 0.0
        passed = discharged.charge if discharged else 0.0
        cycle = Cycle(
            number=len(self.cycles) + 1,
            charged=charged.charge if charged else 0.0,
            discharged=passed,
            efficiency=value,
            uncertainty=uncertainty,
            rate=passed / self.step.nominal.capacity / hours if hours else 0.0,
            interrupted=self.cut_off,
            resistance=self.polarisation(charged, discharged),
        )
        self.cycles.append(cycle)
        flags = _policies(self.step.flags)
        for flag in self.watch.update(cycle):
            self.run.flag(flag, flags.get(flag.kind, "note"))
        self.halves = {}
        told = "" if value is None else f", efficiency {value:.2%}"
        self.run.progress(cycle.number, self.planned, f"{passed:.4g} C{told}")

    def polarisation(self, charged: HalfCycle | None, discharged: HalfCycle | None) -> float | None:
        """Return the difference of the mean voltages over the sum of the mean currents, ohm."""
        if charged is None or discharged is None or len(self.volts) < 2:
            return None
        currents = charged.charge / charged.seconds + discharged.charge / discharged.seconds
        return (self.volts[True] - self.volts[False]) / currents

    def result(self, resistance: float | None) -> dict[str, Any]:
        """Return capacities, efficiencies and what was resolved."""
        return {
            "cycles": len(self.cycles),
            "capacity_coulomb": [_digits(each.discharged) for each in self.cycles],
            "charged_coulomb": [_digits(each.charged) for each in self.cycles],
            "efficiency": [_digits(each.efficiency) for each in self.cycles],
            "efficiency_uncertainty": [_digits(each.uncertainty) for each in self.cycles],
            "resistance_ohm": [_digits(each.resistance) for each in self.cycles],
            "rate_per_h": [_digits(each.rate) for each in self.cycles],
            "interrupted": [each.number for each in self.cycles if each.interrupted],
            "resolved_current_A": resolved(self.step),
            "nominal": [each.model_dump() for each in (self.step.nominal, *self.step.also)],
            "pre_flight_resistance_ohm": resistance,
        }


def _digits(value: float | None) -> float | None:
    """Return a figure without the digits that the order of a sum changes."""
    return None if value is None else float(f"{value:.10g}")


def resolved(step: Cycling) -> dict[str, float]:
    """Return the current of each kind of hold in A, as the protocol writes it."""
    found = {}
    for move in step.moves():
        if hasattr(move, "rate"):
            written = f"{move.rate:g} C" if move.rate is not None else "as written"
            found[f"{move.do} {written}"] = step.amperes(move)
    return found


def _policies(flags: CyclingFlags) -> Mapping[str, Any]:
    return {
        "efficiency": flags.efficiency,
        "fade": flags.fade,
        "resistance": flags.resistance,
    }
