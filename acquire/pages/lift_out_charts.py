"""Thickness, brightness and temperature of a lift-out over its time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from acquire.fib.lift_out_data import LiftOutData, Seen
from acquire.pages.time_chart import time_chart
from acquire.pages.xy_chart import Bound, Series, Value, XyChart

SIGMAS = 1.96
"""Of the intervals that are drawn: 95 %."""
CELSIUS = 273.15
USUAL = 3
"""Images of the approach that say how bright the lamella is without contact."""


def thickness_chart(data: LiftOutData) -> XyChart | None:
    """Return the measured thickness with its 95 % intervals beside target and bounds."""
    values = tuple(
        Value(
            each.time_s,
            each.value * 1e9,
            (each.value - SIGMAS * each.sigma) * 1e9,
            (each.value + SIGMAS * each.sigma) * 1e9,
        )
        for each in data.thickness
        if each.value > 0
    )
    target = data.asked.target
    return time_chart(
        "thickness / nm",
        [Series("measured, with 95 % interval", values, joined=False)],
        bounds=(
            Bound(f"at most {target.at_most * 1e9:g}", target.at_most * 1e9),
            Bound(f"target {target.thickness * 1e9:g}", target.thickness * 1e9),
            Bound(f"at least {target.at_least * 1e9:g}", target.at_least * 1e9),
        ),
        stages=tuple(_stages(data)),
        logarithmic=True,
    )


def brightness_chart(data: LiftOutData, seen: Sequence[Seen]) -> XyChart | None:
    """Return the brightness of the lamella in the approach, beside what counts as contact."""
    if not seen:
        return None
    usual = float(np.mean([each.value for each in seen[:USUAL]]))
    values = tuple(Value(each.time_s, *(each.value / usual,) * 3) for each in seen)
    return time_chart(
        f"brightness of the lamella / mean of the first {USUAL} images",
        [Series("each image of the approach", values, joined=False)],
        bounds=(Bound("contact asked", data.asked.contact.brighter),),
        stages=tuple(_stages(data)),
    )


def temperature_chart(data: LiftOutData) -> XyChart | None:
    """Return the temperatures of stage, needle and shield, °C."""
    return time_chart(
        "temperature / °C",
        [
            Series(name, tuple(_temperatures(data, f"{name}_temperature")))
            for name in ("stage", "needle", "shield")
        ],
        bounds=(Bound("setpoint", data.asked.cold.stage - CELSIUS),),
        stages=tuple(_stages(data)),
    )


def _temperatures(data: LiftOutData, name: str) -> Iterator[Value]:
    for each in data.readings:
        kelvin = getattr(each.status, name)
        if math.isfinite(kelvin):
            yield Value(each.time_s, *(kelvin - CELSIUS,) * 3)


def _stages(data: LiftOutData) -> Iterator[tuple[str, float, float]]:
    for span in data.spans:
        if span.begun is not None:
            ended = span.ended if span.ended is not None else math.inf
            yield span.name.replace("_", " "), span.begun, ended
