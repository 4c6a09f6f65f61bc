"""Values against time, cycle or charge, as numbers that a page template draws.

Coordinates are those of an SVG's viewBox, 940 wide. Nothing here makes markup.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from acquire.pages.charts import COLOURS, DASHES, LEFT, RIGHT, Tick, ticks

TOP, BOTTOM = 34.0, 214.0
MARGIN = 0.02
"""Of the axis on both sides, so that the first and last value stand clear of the edge."""
DENSE = 60
"""Points of a series from which on they are drawn small."""
LABELLED = 7.0
"""Width of a letter, for leaving out names that would not fit."""


@dataclass(frozen=True)
class Value:
    """One value with its interval."""

    x: float
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
    colour: int | None = None
    """Number of its colour and dashes; None for its own. Of those with one name the first alone
    stands in the legend."""
    hollow: bool = False
    """Its points are rings."""


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
    radius: float
    hollow: bool
    legend: float | None
    """Where its name stands; None where the same name stands there already."""


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


class Axis(Protocol):
    """The axis along which values are drawn."""

    low: float
    """Value at its left end."""
    high: float
    label: str
    """What it shows, with its unit."""

    def at(self, x: float) -> float:
        """Return where a value is drawn."""
        ...

    def ticks(self) -> tuple[Tick, ...]:
        """Return the marks."""
        ...


class Along:
    """An axis of plain numbers."""

    def __init__(self, label: str, low: float, high: float, *, whole: bool = False) -> None:
        """Show `low` to `high`, with a margin; `whole` marks whole numbers only."""
        room = MARGIN * (high - low)
        self.label, self.low, self.high, self._whole = label, low - room, high + room, whole

    def at(self, x: float) -> float:
        """Return where a value is drawn; one outside stands at the edge."""
        return _across(x, self.low, self.high)

    def ticks(self) -> tuple[Tick, ...]:
        """Return the marks."""
        found = ticks(self.low, self.high, 10)
        kept = (each for each in found if not self._whole or abs(each - round(each)) < 1e-9)
        return tuple(Tick(self.at(each), f"{each:.9g}") for each in kept)


class Times:
    """An axis of seconds since the run began, in the unit that their span asks for."""

    def __init__(self, low: float, high: float) -> None:
        """Show `low` to `high` (s)."""
        self.low, self.high = low, high
        units = (("h", 3600.0, 5400.0), ("min", 60.0, 120.0), ("s", 1.0, 0.0))
        unit, self._per = next((unit, per) for unit, per, above in units if high - low > above)
        self.label = f"time since the run began / {unit}"

    def at(self, x: float) -> float:
        """Return where a time (s) is drawn; one outside stands at the edge."""
        return _across(x, self.low, self.high)

    def ticks(self) -> tuple[Tick, ...]:
        """Return the marks."""
        found = ticks(self.low / self._per, self.high / self._per, 10)
        return tuple(Tick(self.at(each * self._per), f"{each:.9g}") for each in found)


def _across(x: float, low: float, high: float) -> float:
    share = min(max((x - low) / (high - low), 0.0), 1.0)
    return round(LEFT + share * (RIGHT - LEFT), 1)


@dataclass(frozen=True)
class XyChart:
    """Values along an axis."""

    label: str
    curves: tuple[Curve, ...]
    levels: tuple[Level, ...]
    stretches: tuple[Stretch, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_label: str
    top: float
    bottom: float


def xy_chart(
    label: str,
    series: Sequence[Series],
    axis: Axis,
    *,
    reach: tuple[float, float] | None = None,
    bounds: Sequence[Bound] = (),
    stages: Sequence[tuple[str, float, float]] = (),
    logarithmic: bool = False,
    bottom: float = BOTTOM,
) -> XyChart | None:
    """Return the drawing; None where there is no value to draw.

    Args:
        label: what is drawn, with its unit.
        series: values in that unit.
        axis: along which they are drawn.
        reach: lowest and highest value that is shown; left out, all are.
        bounds: levels in that unit.
        stages: name, begin and end, along the axis, of what was done meanwhile.
        logarithmic: the values' axis.
        bottom: where the axis is drawn.
    """
    if not any(each.values for each in series):
        return None
    y = _Heights(reach or _reach(series, bounds, logarithmic), logarithmic, bottom)
    return XyChart(
        label,
        tuple(_curves(series, axis, y)),
        tuple(
            Level(y.at(each.value), each.name, RIGHT - 4.0 - 110.0 * number)
            for number, each in enumerate(bounds)
        ),
        tuple(_stretches(stages, axis)),
        axis.ticks(),
        y.ticks(),
        axis.label,
        TOP,
        bottom,
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


class _Heights:
    """From values to y."""

    def __init__(self, reach: tuple[float, float], log: bool, bottom: float) -> None:
        self.reach, self.log, self.bottom = reach, log, bottom

    def at(self, value: float) -> float:
        low, high = (math.log(each) if self.log else each for each in self.reach)
        if self.log:
            value = math.log(max(value, self.reach[0]))
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return round(self.bottom - share * (self.bottom - TOP), 1)

    def ticks(self) -> tuple[Tick, ...]:
        low, high = self.reach
        if not self.log:
            return tuple(Tick(self.at(each), f"{each:g}") for each in ticks(low, high, 6))
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        marks = (factor * 10.0**each for each in decades for factor in (1, 2, 5))
        return tuple(Tick(self.at(each), f"{each:g}") for each in marks if low <= each <= high)


def _curves(series: Sequence[Series], x: Axis, y: _Heights) -> Iterator[Curve]:
    named: list[str] = []
    for number, each in enumerate(series):
        legend = None
        if each.name not in named:
            legend = LEFT + 150.0 * len(named)
            named.append(each.name)
        chosen = number if each.colour is None else each.colour
        dots = tuple(Dot(x.at(v.x), y.at(v.value), y.at(v.low), y.at(v.high)) for v in each.values)
        yield Curve(
            each.name,
            COLOURS[chosen % len(COLOURS)],
            DASHES[chosen % len(DASHES)] if each.joined else "none",
            " ".join(f"{dot.x},{dot.y}" for dot in dots) if each.joined else "",
            () if each.joined and len(dots) > 1 else dots,
            3.2 if len(dots) < DENSE or each.hollow else 1.7,
            each.hollow,
            legend,
        )


def _stretches(stages: Sequence[tuple[str, float, float]], x: Axis) -> list[Stretch]:
    found = []
    for name, begun, ended in stages:
        if ended < x.low or begun > x.high:
            continue
        left, right = x.at(begun), x.at(ended)
        fits = right - left > LABELLED * len(name)
        found.append(Stretch(left, round(right - left, 1), name if fits else ""))
    return found
