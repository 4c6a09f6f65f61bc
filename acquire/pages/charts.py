"""What the drawings of a line have in common: scales, ticks, running means; numbers only.

Coordinates are those of an SVG's viewBox. Nothing here makes markup.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.eds.scan_data import Positions

Floats = npt.NDArray[np.float64]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's palette, which people with colour-blindness can tell apart."""
DASHES = ("none", "9 4", "2.5 3", "12 3 2.5 3", "5 2.5", "18 4")
"""Of lines that must be told apart in print without colours."""
WIDTH, LEFT, RIGHT = 940.0, 62.0, 926.0
"""Of every drawing of a line, so that one stands above the other."""
RUNNING = 9
"""Positions in the running mean."""


@dataclass(frozen=True)
class Ruler:
    """The unit and the digits in which the distances of one line are written."""

    unit: str
    per_metre: float
    digits: int

    def number(self, metres: float) -> str:
        """Return a distance without its unit."""
        return f"{metres * self.per_metre + 0.0:.{self.digits}f}"

    def text(self, metres: float) -> str:
        """Return a distance with its unit."""
        return f"{self.number(metres)} {self.unit}"

    def span(self, low: float, high: float) -> str:
        """Return an interval with its unit."""
        return f"{self.number(low)} to {self.number(high)} {self.unit}"


def ruler_for(length: float, pitch: float) -> Ruler:
    """Return how to write distances along a line of `length` in steps of `pitch` (m)."""
    unit, per_metre = ("nm", 1e9) if length < 10e-6 else ("µm", 1e6)
    digits = max(0, math.ceil(-math.log10(pitch * per_metre) - 1e-9))
    return Ruler(unit, per_metre, min(digits, 3))


def told_rate(rate: float) -> str:
    """Return a rate (counts/s) with three significant digits."""
    return f"{float(f'{rate:.3g}'):.10g} counts/s"


@dataclass(frozen=True)
class Tick:
    """A mark on an axis and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Bar:
    """A span along the line."""

    at: float
    width: float


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers from `low` to `high`, at most about `most`, 1, 2 or 5 apart."""
    span = max(high - low, 1e-300)
    step = 10.0 ** math.floor(math.log10(span / most))
    for factor in (1.0, 2.0, 5.0, 10.0):
        if span / (step * factor) <= most:
            step *= factor
            break
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


@dataclass(frozen=True)
class Plot:
    """A plot's place in its drawing, and its scales: distance (m) to x, values to y."""

    length: float
    """Of the line, m."""
    low: float
    high: float
    """Values at the lower and the upper edge."""
    top: float
    bottom: float

    def x(self, distance: Any) -> Any:
        """Return where a distance, or an array of them, is drawn."""
        return LEFT + distance / self.length * (RIGHT - LEFT)

    def y(self, value: Any) -> Any:
        """Return where a value, or an array of them, is drawn."""
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def bar(self, low: float, high: float, least: float = 0.0) -> Bar:
        """Return the span from `low` to `high`, at least `least` (m) wide and within the plot."""
        grow = max(0.0, least - (high - low)) / 2
        left, right = max(LEFT, self.x(low - grow)), min(RIGHT, self.x(high + grow))
        return Bar(round(left, 1), round(max(right - left, 1.0), 1))

    def x_ticks(self, ruler: Ruler) -> tuple[Tick, ...]:
        """Return the marks along the line."""
        found = ticks(0.0, self.length * ruler.per_metre, 10)
        return tuple(
            Tick(round(self.x(value / ruler.per_metre), 1), f"{value:g}") for value in found
        )

    def y_ticks(self, most: int) -> tuple[Tick, ...]:
        """Return the marks of the values."""
        found = ticks(self.low, self.high, most)
        return tuple(Tick(round(self.y(value), 1), f"{value:.6g}") for value in found)

    def dots(self, distance: Floats, values: Floats) -> list[tuple[float, float]]:
        """Return where values at distances are drawn."""
        xs, ys = self.x(distance).round(1).tolist(), self.y(values).round(1).tolist()
        return list(zip(xs, ys, strict=True))

    def polylines(self, distance: Floats, values: Floats) -> tuple[str, ...]:
        """Return the runs of finite values as the text of SVG's `points`; a gap parts them."""
        xs, ys, known = self.x(distance), self.y(values), np.isfinite(values)
        cuts = np.flatnonzero(np.diff(known.astype(np.int8))) + 1
        runs = np.split(np.arange(len(xs)), cuts)
        return tuple(
            " ".join(f"{xs[i]:.1f},{ys[i]:.1f}" for i in run)
            for run in runs
            if len(run) and known[run[0]]
        )


def running_mean(counts: Floats, weight: Floats) -> Floats:
    """Return counts per weight over `RUNNING` positions around each; NaN where there is none.

    The ends have fewer neighbours; positions without weight (gaps) do not count.
    """
    kernel = np.ones(min(RUNNING, len(counts)))
    total, time = (np.convolve(values, kernel, "same") for values in (counts, weight))
    mean: Floats = np.divide(total, time, out=np.full(len(counts), np.nan), where=time > 0)
    mean[weight <= 0] = np.nan
    return mean


def usual_live_time(positions: Positions) -> float:
    """Return the median live time (s) of the positions that have data; 0 where none has."""
    known = positions.live_time[~positions.lost]
    return float(np.median(known)) if known.size else 0.0
