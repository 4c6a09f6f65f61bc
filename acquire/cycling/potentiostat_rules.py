"""Interlocks of a potentiostat with a cell on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from acquire.gate import Rule, Situation


def off_before(now: Situation) -> str | None:
    """Refuse to begin while the cell is on already: somebody else cycles it."""
    if now.running or not (now.status.cell_on or now.status.running):
        return None
    return (
        "the cell is on though this run does nothing with it; another program cycles it: stop it "
        "there, then go on"
    )


def fresh(now: Situation) -> str | None:
    """Refuse figures that the device measured too long ago."""
    if now.status.age <= now.limits.reading_age_max:
        return None
    return f"the device's last sample is {now.status.age:.3g} s old; check the link"


def within_the_lab(now: Situation) -> str | None:
    """Refuse a hold that allows more than the lab does."""
    (order, *_) = now.arguments
    limits = now.limits
    if abs(order.current) > limits.current_max:
        return (
            f"{abs(order.current):.4g} A is above the lab's current_max of "
            f"{limits.current_max:.4g} A; lower it, or raise the limit in the lab file"
        )
    low, high = order.voltage_min, order.voltage_max
    if order.mode != "rest" and (low < limits.voltage_min or high > limits.voltage_max):
        return (
            f"the hold allows {low:g} to {high:g} V, the lab {limits.voltage_min:g} to "
            f"{limits.voltage_max:g} V; narrow the protocol's safety"
        )
    if order.mode == "rest" and math.isfinite(order.seconds_max):
        return None  # the cell is off in it
    if not order.seconds_max <= limits.hold_max or not math.isfinite(order.seconds_max):
        return (
            f"the hold may last {order.seconds_max:.4g} s, above the lab's hold_max of "
            f"{limits.hold_max:.4g} s; use a higher rate, or raise the limit"
        )
    return None


def voltage_within(now: Situation) -> str | None:
    """Stop a hold whose cell has left what it allows, whatever the device does about it."""
    (order, *_) = now.arguments
    if not now.running or order.mode == "rest" or not now.status.cell_on:
        return None
    if order.voltage_min <= now.status.voltage <= order.voltage_max:
        return None
    return (
        f"the cell is at {now.status.voltage:.4f} V, outside {order.voltage_min:g} to "
        f"{order.voltage_max:g} V; look at it before you go on"
    )


def not_overloaded(now: Situation) -> str | None:
    """Stop a hold that overloads its current range: what it counts is not the charge."""
    if not now.running or not now.status.overload:
        return None
    return "the device's current range is overloaded; use a larger one, or look for a short"


RULES: Mapping[str, Sequence[Rule]] = {
    "potentiostat.hold": (within_the_lab, fresh, off_before, voltage_within, not_overloaded),
}
