"""From what a protocol writes to what a potentiostat is told: amperes, ranges, limits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from drivers.errors import InputError
from drivers.potentiostat import HoldOrder, PotentiostatSetup
from protocols.cycling import (
    ConstantVoltage,
    CurrentThenVoltage,
    Cycling,
    End,
    Hold,
    Pulse,
    Rest,
    Size,
)

REST_LONGEST = 1.05
"""By which the device's own limit of a rest is longer than the rest."""
CV_SECONDS = 3600.0
"""That a held voltage is expected to take where nothing says; ours."""


class Orders:
    """Resolves the holds of one step for one device."""

    def __init__(self, step: Cycling, setup: PotentiostatSetup) -> None:
        """Choose the current range: one for all currents that differ less than a decade."""
        self.step = step
        self.setup = setup

    def order(self, move: Hold, last_charge: float | None = None) -> HoldOrder:
        """Return the hold as the device is told it.

        Args:
            move: of the protocol's schedule; no loop.
            last_charge: C that the last charge of the cell took, where one is known.
        """
        record = move.record or self.step.record
        safety = self.step.safety
        common = HoldOrder(
            "rest",
            every=max(record.every, self.setup.shortest_interval),
            voltage_change=record.voltage_change,
            current_change=record.current_change,
            voltage_min=safety.voltage_min,
            voltage_max=safety.voltage_max,
            on_resume=move.on_resume,
        )
        if isinstance(move, Rest):
            longest = move.duration * REST_LONGEST + 1.0
            return replace(
                common, end_seconds=move.duration, end_slope=move.slope, seconds_max=longest
            )
        return self._driven(move, common, last_charge)

    def _driven(self, move: Hold, common: HoldOrder, last_charge: float | None) -> HoldOrder:
        """Return a hold in which current flows."""
        amount = self.amount(move)
        common = replace(common, **_ends(self.step, move))
        most = self.step.safety.charge_factor * max(self.step.nominal.capacity, last_charge or 0.0)
        common = replace(
            common,
            seconds_max=longest_seconds(self.step, move),
            end_charge=min(common.end_charge or math.inf, most),
            current_range=self.range_for(amount),
        )
        if isinstance(move, ConstantVoltage):
            return replace(common, mode="voltage", voltage=move.voltage, current=amount)
        signed = amount if _charges(move) else -amount
        if isinstance(move, CurrentThenVoltage):
            return replace(
                common, mode="current then voltage", voltage=move.voltage, current=signed
            )
        if isinstance(move, Pulse):
            return replace(common, mode="current", current=signed, end_seconds=move.duration)
        return replace(common, mode="current", current=signed)

    def amount(self, move: Hold) -> float:
        """Return the largest current of a hold, A."""
        if isinstance(move, Size):
            return self.step.amperes(move)
        return self.step.safety.current_max

    def range_for(self, amount: float) -> float:
        """Return the smallest range that holds a current, A.

        Raises:
            InputError: the device has none.
        """
        for each in self.setup.current_ranges:
            if amount <= each * (1 + 1e-9):
                return each
        raise InputError(
            f"{amount:.4g} A is above the device's largest range of "
            f"{self.setup.current_ranges[-1]:.4g} A; lower it, or use another device"
        )


def longest_seconds(step: Cycling, move: Hold) -> float:
    """Return after how long the device itself ends a hold with a current."""
    longest = step.safety.time_factor * expected_seconds(step, move)
    until: tuple[End, ...] = getattr(move, "until", ())
    return max([longest, *(end.time for end in until if end.time is not None)])


def expected_seconds(step: Cycling, move: Hold) -> float:
    """Return how long a hold with a current takes if the cell has its nominal capacity."""
    if isinstance(move, Pulse):
        return move.duration
    held = CV_SECONDS if isinstance(move, (ConstantVoltage, CurrentThenVoltage)) else 0.0
    return held + (step.nominal.capacity / step.amperes(move) if isinstance(move, Size) else 0.0)


def _charges(move: Hold) -> bool:
    return str(getattr(move, "do", "")).startswith("charge")


def _ends(step: Cycling, move: Hold) -> dict[str, Any]:
    """Return the ends of a hold as an order names them; of two alike the one that comes first."""
    sooner = min if _charges(move) else max
    found: dict[str, Any] = {}
    for end in getattr(move, "until", ()):
        current = None if end.current is None else step.amperes(end.current)
        for name, value, first in (
            ("end_voltage", end.voltage, sooner),
            ("end_current", current, max),
            ("end_seconds", end.time, min),
            ("end_charge", end.charge, min),
            ("end_slope", end.slope, max),
        ):
            if value is not None:
                found[name] = first(value, found.get(name, value))
    return found


def refusals(step: Cycling, setup: PotentiostatSetup) -> Iterator[str]:
    """Yield why this device cannot do the step; nothing has been connected."""
    safety = step.safety
    if safety.voltage_min < setup.voltage_min or safety.voltage_max > setup.voltage_max:
        yield (
            f"safety allows {safety.voltage_min:g} to {safety.voltage_max:g} V, the device can do "
            f"{setup.voltage_min:g} to {setup.voltage_max:g} V; use another device, or narrow it"
        )
    largest, orders = setup.current_ranges[-1], Orders(step, setup)
    for move in step.moves():
        amount = 0.0 if isinstance(move, Rest) else orders.amount(move)
        if amount > largest * (1 + 1e-9):
            yield (
                f"{move.name or move.do}: {amount:.4g} A is above the device's largest range of "
                f"{largest:.4g} A; lower it, or use another device"
            )
