"""Charge, capacity and coulombic efficiency of cycles, each with its uncertainty.

Charges are those that the device integrated to the moment at which the current stopped; sampling
plays no part in them. What remains is the current's zero: an offset adds to a charge and takes from
a discharge, so that it shifts the efficiency by 2 d / I; the scale cancels where both have one
range. Source: reference `potentiostat-and-cells.md`, sections 1 and 7 [calc].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.potentiostat import Held, HoldOrder, PotentiostatSetup


@dataclass(frozen=True)
class HalfCycle:
    """One hold, or several of one direction, of a cycle."""

    charge: float
    """C, amount."""
    seconds: float
    current_range: float
    """A."""
    late: float
    """C that may be missed or counted too much at the end: 0 where the device itself ended it."""


@dataclass(frozen=True)
class Cycle:
    """One cycle of the cell."""

    number: int
    """From 1."""
    charged: float
    """C."""
    discharged: float
    """C."""
    efficiency: float | None
    """Discharge over charge; None where one of them is missing."""
    uncertainty: float | None
    """Standard uncertainty of the efficiency."""
    rate: float
    """Of the discharge, nominal capacities per hour; 0 where there was none."""
    interrupted: bool = False
    """Cut off and gone on with: left out of statistics."""
    resistance: float | None = None
    """Ohm: mean voltage of the charge less that of the discharge, over both currents."""
    ohmic: float | None = None
    """Ohm: the step of the voltage over that of the current, as pulses begin; None without any."""


def half_cycle(order: HoldOrder, held: Held, setup: PotentiostatSetup) -> HalfCycle:
    """Return what a hold passed."""
    late = 0.0 if held.on_device else abs(order.current) * setup.time_jitter
    return HalfCycle(abs(held.charge), held.seconds, order.current_range, late)


def together(parts: list[HalfCycle]) -> HalfCycle | None:
    """Return holds of one direction as one; None where there are none."""
    if not parts:
        return None
    return HalfCycle(
        math.fsum(part.charge for part in parts),
        math.fsum(part.seconds for part in parts),
        max(part.current_range for part in parts),
        math.hypot(*(part.late for part in parts)),
    )


def efficiency(
    charged: HalfCycle | None, discharged: HalfCycle | None, setup: PotentiostatSetup
) -> tuple[float | None, float | None]:
    """Return the efficiency and its standard uncertainty; None where a half is missing."""
    if charged is None or discharged is None or charged.charge <= 0:
        return None, None
    value = discharged.charge / charged.charge
    offsets = [half.current_range * setup.current_offset for half in (charged, discharged)]
    zero = offsets[0] * charged.seconds * value + offsets[1] * discharged.seconds
    if charged.current_range != discharged.current_range:
        zero = math.hypot(zero, setup.current_gain * math.sqrt(2) * discharged.charge)
    relative = math.hypot(zero, charged.late * value, discharged.late) / charged.charge
    return value, relative


def whole_cycle(
    number: int,
    halves: tuple[Sequence[HalfCycle], Sequence[HalfCycle]],
    capacity: float,
    setup: PotentiostatSetup,
    *,
    interrupted: bool,
    resistance: float | None,
    ohmic: float | None = None,
) -> Cycle:
    """Return a cycle from its holds.

    Args:
        number: from 1.
        halves: its charges and its discharges.
        capacity: nominal, C; of the rate.
        setup: of the device that counted.
        interrupted: one of them was cut off and gone on with.
        resistance: ohm, where it is known.
        ohmic: ohm, where it is known.
    """
    charged, discharged = (together(list(each)) for each in halves)
    value, uncertainty = efficiency(charged, discharged, setup)
    hours = discharged.seconds / 3600.0 if discharged else 0.0
    passed = discharged.charge if discharged else 0.0
    return Cycle(
        number,
        charged.charge if charged else 0.0,
        passed,
        value,
        uncertainty,
        passed / capacity / hours if hours else 0.0,
        interrupted,
        resistance,
        ohmic,
    )
