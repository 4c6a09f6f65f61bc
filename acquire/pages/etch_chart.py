"""Values against etch time, as numbers that a page template draws.

Coordinates are those of an SVG's viewBox, 940 wide. Nothing here makes markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.pages.charts import COLOURS, DASHES, LEFT, RIGHT, Tick, ticks

TOP, BOTTOM = 46.0, 236.0
ROOM = 0.04
"""Of the axis beyond the last cycle, and above the highest value."""
LEGEND = 108.0
"""Width of a name in the legend."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Dot:
    """A value with its standard error."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class EtchCurve:
    """One line's values."""

    line: str
    colour: str
    dash: str
    points: str
    dots: tuple[Dot, ...]
    legend: float


@dataclass(frozen=True)
class Boundary:
    """An onset or another change in the drawing, with its interval."""

    x: float
    left: float
    right: float
    colour: str
    kind: str


@dataclass(frozen=True)
class EtchChart:
    """Values against etch time."""

    label: str
    curves: tuple[EtchCurve, ...]
    boundaries: tuple[Boundary, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    top: float = TOP
    bottom: float = BOTTOM


def etch_chart(
    label: str,
    etch_times: Floats,
    values: Mapping[str, tuple[Floats, Floats]],
    found: Sequence[Mapping[str, object]] = (),
) -> EtchChart | None:
    """Return the drawing; None where there is nothing to draw.

    Args:
        label: what is drawn, with its unit.
        etch_times: s, shape (cycles,).
        values: by line, values and standard errors, shape (cycles,); NaN where there is none.
        found: boundaries as the result gives them.
    """
    highs = [(value + error)[np.isfinite(value)] for value, error in values.values()]
    known = np.concatenate(highs) if highs else np.zeros(0)
    if not known.size:
        return None
    most = max(float(known.max()), 1e-12) * (1 + ROOM)
    end = max(float(etch_times[-1]), 1.0) * (1 + ROOM)
    scale = _Scale(end, most)
    colours = {line: COLOURS[number % len(COLOURS)] for number, line in enumerate(values)}
    return EtchChart(
        label,
        tuple(
            _curve(line, number, etch_times, *pair, scale)
            for number, (line, pair) in enumerate(values.items())
        ),
        tuple(
            scale.boundary(each, colours[str(each["of"])])
            for each in found
            if _drawn(each, colours)
        ),
        tuple(Tick(scale.x(each), f"{each:g}") for each in ticks(0.0, end, 12)),
        tuple(Tick(scale.y(each), f"{each:g}") for each in ticks(0.0, most, 6)),
    )


def _drawn(found: Mapping[str, object], colours: Mapping[str, str]) -> bool:
    return found["of"] in colours and found.get("etch_time_s") is not None


class _Scale:
    """From etch seconds and values to places."""

    def __init__(self, end: float, most: float) -> None:
        self.end, self.most = end, most

    def x(self, seconds: float) -> float:
        share = min(max(seconds / self.end, 0.0), 1.0)
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def y(self, value: float) -> float:
        share = min(max(value / self.most, 0.0), 1.0)
        return round(BOTTOM - share * (BOTTOM - TOP), 1)

    def boundary(self, found: Mapping[str, object], colour: str) -> Boundary:
        at = _number(found["etch_time_s"])
        interval = found.get("interval_etch_s")
        low, high = interval if isinstance(interval, (list, tuple)) else (at, at)
        return Boundary(
            self.x(at), self.x(_number(low)), self.x(_number(high)), colour, str(found["kind"])
        )


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _curve(
    line: str, number: int, times: Floats, values: Floats, errors: Floats, scale: _Scale
) -> EtchCurve:
    dots = tuple(
        Dot(scale.x(t), scale.y(v), scale.y(v - e), scale.y(v + e))
        for t, v, e in zip(times.tolist(), values.tolist(), errors.tolist(), strict=True)
        if np.isfinite(v)
    )
    return EtchCurve(
        line,
        COLOURS[number % len(COLOURS)],
        DASHES[number % len(DASHES)],
        " ".join(f"{dot.x},{dot.y}" for dot in dots),
        dots,
        LEFT + LEGEND * number,
    )
