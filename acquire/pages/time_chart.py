"""Values against the time of a run, as numbers that a page template draws.

Coordinates are those of an SVG's viewBox, 940 wide. Nothing here makes markup.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from acquire.pages.charts import COLOURS, DASHES, LEFT, RIGHT, Tick, ticks

TOP, BOTTOM = 34.0, 214.0
SHORTEST = 5.0
"""Seconds that an axis shows at least."""
MARGIN = 0.02
"""Of the time on both sides, so that the first and last value stand clear of the edge."""
LABELLED = 7.0
"""Width of a letter, for leaving out names that would not fit."""


@dataclass(frozen=True)
class Value:
    """One value with its interval."""

    time_s: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    """Values that are drawn alike."""

    name: str
    values: tuple[Value, ...]
    joined: bool = True
    """By a line; else, or where there is one alone, each is a point with its interval."""


@dataclass(frozen=True)
class Bound:
    """A level that the values are held against."""

    name: str
    value: float


@dataclass(frozen=True)
class Dot:
    """A value in the drawing."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """A series in the drawing, and its place in the legend."""

    name: str
    colour: str
    dash: str
    line: str
    """As the text of SVG's `points`; empty for points alone."""
    dots: tuple[Dot, ...]
    legend: float


@dataclass(frozen=True)
class Level:
    """A bound in the drawing."""

    y: float
    text: str
    x: float
    """Right end of its name; names stand beside each other, as levels may lie close."""


@dataclass(frozen=True)
class Stretch:
    """A stage along the axis; its name is empty where it would not fit."""

    x: float
    width: float
    name: str


@dataclass(frozen=True)
class TimeChart:
    """Values against time."""

    label: str
    curves: tuple[Curve, ...]
    levels: tuple[Level, ...]
    stretches: tuple[Stretch, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    unit: str
    """Of the axis of time."""
    top: float = TOP
    bottom: float = BOTTOM


def time_chart(
    label: str,
    series: Sequence[Series],
    *,
    bounds: Sequence[Bound] = (),
    stages: Sequence[tuple[str, float, float]] = (),
    logarithmic: bool = False,
) -> TimeChart | None:
    """Return the drawing; None where there is no value to draw.

    Args:
        label: what is drawn, with its unit.
        series: values in that unit.
        bounds: levels in that unit.
        stages: name, begin and end (s) of what was done meanwhile.
        logarithmic: the values' axis.
    """
    times = [v.time_s for each in series for v in each.values]
    if not times:
        return None
    begin, span = min(times), max(max(times) - min(times), SHORTEST)
    x = _Times(begin - MARGIN * span, (1 + 2 * MARGIN) * span)
    y = _Heights(_reach(series, bounds, logarithmic), logarithmic)
    return TimeChart(
        label,
        tuple(_curve(each, number, x, y) for number, each in enumerate(series)),
        tuple(
            Level(y.at(each.value), each.name, RIGHT - 4.0 - 110.0 * number)
            for number, each in enumerate(bounds)
        ),
        tuple(_stretches(stages, x)),
        x.ticks(),
        y.ticks(),
        x.unit,
    )


def _reach(series: Sequence[Series], bounds: Sequence[Bound], log: bool) -> tuple[float, float]:
    known = [v for each in series for v in each.values]
    levels = [each.value for each in bounds]
    low = min([v.low for v in known if not log or v.low > 0] + [v.value for v in known] + levels)
    high = max([v.high for v in known] + levels)
    if log:
        return low / 1.2, high * 1.2
    room = max(0.06 * (high - low), 1e-3 * abs(high), 1e-12)
    return low - room, high + room


class _Times:
    """From seconds since the run began to x; the axis counts from its own left end."""

    def __init__(self, begin: float, span: float) -> None:
        self.begin, self.span = begin, span
        units = (("h", 3600.0, 5400.0), ("min", 60.0, 120.0), ("s", 1.0, 0.0))
        self.unit, self.per = next((unit, per) for unit, per, above in units if span > above)

    def at(self, time_s: float) -> float:
        share = min(max((time_s - self.begin) / self.span, 0.0), 1.0)
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def ticks(self) -> tuple[Tick, ...]:
        low, high = self.begin / self.per, (self.begin + self.span) / self.per
        return tuple(Tick(self.at(each * self.per), f"{each:.9g}") for each in ticks(low, high, 10))


class _Heights:
    """From values to y."""

    def __init__(self, reach: tuple[float, float], log: bool) -> None:
        self.reach, self.log = reach, log

    def at(self, value: float) -> float:
        low, high = (math.log(each) if self.log else each for each in self.reach)
        if self.log:
            value = math.log(max(value, self.reach[0]))
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return round(BOTTOM - share * (BOTTOM - TOP), 1)

    def ticks(self) -> tuple[Tick, ...]:
        low, high = self.reach
        if not self.log:
            return tuple(Tick(self.at(each), f"{each:g}") for each in ticks(low, high, 6))
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        marks = (factor * 10.0**each for each in decades for factor in (1, 2, 5))
        return tuple(Tick(self.at(each), f"{each:g}") for each in marks if low <= each <= high)


def _curve(series: Series, number: int, x: _Times, y: _Heights) -> Curve:
    dots = tuple(
        Dot(x.at(v.time_s), y.at(v.value), y.at(v.low), y.at(v.high)) for v in series.values
    )
    return Curve(
        series.name,
        COLOURS[number % len(COLOURS)],
        DASHES[number % len(DASHES)],
        " ".join(f"{each.x},{each.y}" for each in dots) if series.joined else "",
        () if series.joined and len(dots) > 1 else dots,
        LEFT + 150.0 * number,
    )


def _stretches(stages: Sequence[tuple[str, float, float]], x: _Times) -> list[Stretch]:
    found = []
    for name, begun, ended in stages:
        if ended < x.begin or begun > x.begin + x.span:
            continue
        left, right = x.at(begun), x.at(ended)
        fits = right - left > LABELLED * len(name)
        found.append(Stretch(left, round(right - left, 1), name if fits else ""))
    return found
