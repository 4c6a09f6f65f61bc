"""The report's part of a cell: profiles, capacity and efficiency, what was resolved, its limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from acquire.cycling.cycling_data import CyclingData, read_cycling
from acquire.cycling.plan import cycles_of
from acquire.cycling.rates import by_rate
from acquire.cycling.result import result_so_far
from acquire.cycling.told import (
    told_capacities,
    told_charge,
    told_current,
    told_efficiency,
    told_nominal,
    told_resistance,
)
from acquire.pages.cycling_charts import (
    capacity_chart,
    close_chart,
    efficiency_chart,
    profile_chart,
)
from acquire.pages.step_page import StepPage, state_of, title_of
from acquire.pages.xy_chart import XyChart
from acquire.record import RunRecord, StepRecord
from protocols.cycling import CHARGE, Cycling
from protocols.units import TIME


@dataclass(frozen=True)
class RateRow:
    """What the cycles of one rate gave, in words."""

    rate: str
    cycles: int
    capacity: str
    efficiency: str


@dataclass(frozen=True)
class CellFlag:
    """A flag of this cell, in words."""

    kind: str
    cycle: str
    note: str


@dataclass(frozen=True)
class CyclingPage(StepPage):
    """A cell."""

    template: str = "cycling.html"
    rates: tuple[RateRow, ...] = ()
    flags: tuple[CellFlag, ...] = ()
    profiles: XyChart | None = None
    capacity: XyChart | None = None
    efficiency: XyChart | None = None
    close: XyChart | None = None
    interrupted: str = ""
    """Numbers of the cycles that were cut off."""
    resolved: tuple[str, ...] = ()
    """What 1C was, in amperes, and what it would be by the other figures of the source."""


def cycling_page(record: RunRecord, step: StepRecord, view: Mapping[str, Any]) -> CyclingPage:
    """Return the page of a cell, also while it goes on."""
    asked = Cycling.model_validate(step.request)
    data = read_cycling(record, step)
    if data is None:
        return CyclingPage(step.index, title_of(step), step.kind, state_of(step))
    result = step.result or result_so_far(data)
    return CyclingPage(
        step.index,
        title_of(step),
        step.kind,
        state_of(step),
        facts=tuple(_facts(asked, data, result, view)),
        rates=tuple(_rates(result)),
        flags=tuple(_flags(step.index, view)),
        profiles=profile_chart(data, result["cycles"]),
        capacity=capacity_chart(result),
        efficiency=efficiency_chart(result),
        close=close_chart(result),
        interrupted=", ".join(str(number) for number in result["interrupted"]),
        resolved=tuple(told_nominal(result)),
    )


def _rates(result: Mapping[str, Any]) -> Iterator[RateRow]:
    for name, places in by_rate(result["rate_per_h"]).items():
        capacity = told_capacities(result, places)
        told = told_efficiency(result, places).removeprefix("efficiency ")
        yield RateRow(name, len(places), capacity, told)


def _flags(index: int, view: Mapping[str, Any]) -> Iterator[CellFlag]:
    for flag in view["flags"]:
        if flag["step"] == index:
            yield CellFlag(flag["kind"], f"{flag.get('cycle', 0):.0f}", flag["note"])


def _facts(
    asked: Cycling, data: CyclingData, result: Mapping[str, Any], view: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    safety, setup = asked.safety, data.setup
    planned = cycles_of(asked.schedule)
    yield "cycles", f"{result['cycles']} of {planned}"
    spent = view["budgets"].get(CHARGE, {}).get("spent")
    if spent:
        yield "charge passed, either way", told_charge(spent)
    if result["pre_flight_resistance_ohm"] is not None:
        resistance = told_resistance(result["pre_flight_resistance_ohm"])
        yield "resistance before the first current", resistance
    recorded = data.identity is not None and data.identity.recorded
    yield (
        "limits of the protocol" if recorded else "limits",
        f"{safety.voltage_min:g} to {safety.voltage_max:g} V, {told_current(safety.current_max)}, "
        f"{safety.charge_factor:g} times the charge and {safety.time_factor:g} times the time "
        f"that a hold should take{'' if recorded else '; the device ends a hold there by itself'}",
    )
    ranges = sorted({hold.order.current_range for hold in data.holds if hold.order.current_range})
    yield "current ranges", ", ".join(told_current(each) for each in ranges) or "-"
    ends = "the device" if setup.ends_on_device else "the host, between two samples"
    yield "holds are ended by", ends
    yield (
        "errors, assumed" if recorded else "errors, as the device states them",
        f"zero of the current {setup.current_offset:.2g} of the range, scale "
        f"{setup.current_gain:.2g}; {setup.voltage_offset * 1e3:.2g} mV; "
        f"{TIME.suggest(setup.time_jitter)}",
    )
    samples = sum(len(hold.voltage) for hold in data.holds)
    yield "samples", f"{samples} in {len(data.holds)} holds; data/*.bdf.csv has them"
