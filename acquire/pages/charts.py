"""Where a line profile's parts are drawn, as numbers that a page template draws.

All coordinates here are those of an SVG's viewBox. Nothing here makes markup.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.eds.scan_data import Positions, ScanData
from acquire.eds.windows import window_of
from drivers.errors import InputError
from protocols.eds import Watch

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's palette, which people with colour-blindness can tell apart."""
WIDTH, HEIGHT = 940.0, 216.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 926.0, 40.0, 176.0
"""The plot within the viewBox of a profile."""
ROOM = 160.0
"""What the words beside a mark need."""
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


@dataclass(frozen=True)
class Tick:
    """A mark on an axis and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Mark:
    """A vertical line in a profile, and its words."""

    at: float
    kind: str
    """onset or raised."""
    text: str
    """Empty where the other mark says it."""
    before: bool
    """True where the words stand to the left of the line."""


@dataclass(frozen=True)
class Bar:
    """A span along the line."""

    at: float
    width: float


@dataclass(frozen=True)
class Profile:
    """One element's counts along the line."""

    element: str
    line: str
    colour: str
    problem: str
    """Why there is nothing to draw; empty where there is."""
    dots: tuple[tuple[float, float], ...] = ()
    rings: tuple[tuple[float, float], ...] = ()
    """Positions measured after the pass."""
    means: tuple[str, ...] = ()
    """Running means as SVG points; a gap parts them."""
    gaps: tuple[Bar, ...] = ()
    interval: Bar | None = None
    marks: tuple[Mark, ...] = ()
    x_ticks: tuple[Tick, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    unit: str = "nm"


@dataclass(frozen=True)
class Onset:
    """What is known of an element's appearance, distances in m; None for what is not."""

    position: float | None = None
    interval: tuple[float, float] | None = None
    raised: float | None = None
    kind: str = "onset"


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


def running_mean(
    counts: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return counts per weight over `RUNNING` positions around each; NaN where there is none.

    The ends have fewer neighbours; positions without weight (gaps) do not count.
    """
    kernel = np.ones(min(RUNNING, len(counts)))
    total, time = (np.convolve(values, kernel, "same") for values in (counts, weight))
    mean: npt.NDArray[np.float64] = np.divide(
        total, time, out=np.full(len(counts), np.nan), where=time > 0
    )
    mean[weight <= 0] = np.nan
    return mean


def in_order(scan: ScanData) -> tuple[Positions, npt.NDArray[np.bool_]]:
    """Return all positions by their distance, and which of them were measured after the pass."""
    parts = (scan.main, scan.refined)
    distance = np.concatenate([part.distance for part in parts])
    order = np.argsort(distance, kind="stable")
    after = np.arange(len(distance)) >= len(scan.main.distance)
    utc = [*scan.main.utc, *scan.refined.utc]
    joined = Positions(
        distance=distance[order],
        counts=np.concatenate([part.counts for part in parts])[order],
        live_time=np.concatenate([part.live_time for part in parts])[order],
        real_time=np.concatenate([part.real_time for part in parts])[order],
        electrons=np.concatenate([part.electrons for part in parts])[order],
        utc=tuple(utc[index] for index in order),
    )
    return joined, after[order]


def usual_live_time(positions: Positions) -> float:
    """Return the median live time (s) of the positions that have data; 0 where none has."""
    known = positions.live_time[~positions.lost]
    return float(np.median(known)) if known.size else 0.0


def profile(scan: ScanData, number: int, watch: Watch, onset: Onset) -> Profile:
    """Return the profile of a watched element, counts scaled to the usual live time.

    Args:
        scan: the line scan so far.
        number: of the element among those watched; it chooses the colour.
        watch: the element and its line.
        onset: what to mark.
    """
    named = (watch.element, watch.xray_line.replace("_", " "), COLOURS[number % len(COLOURS)])
    positions, after = in_order(scan)
    usual = usual_live_time(positions)
    if not usual:
        return Profile(*named, problem="no data yet")
    try:
        window = window_of(watch, scan.setup).counted
    except InputError as error:
        return Profile(*named, problem=str(error))
    counts = positions.counts[:, window].sum(axis=1).astype(np.float64)
    known = ~positions.lost
    weight = np.where(known, positions.live_time / usual, 0.0)
    scaled = np.divide(counts, weight, out=np.zeros(len(counts)), where=known)
    axes = _Axes(scan, max(float(scaled.max(initial=0.0)), 1.0))
    ruler = axes.ruler
    xs = axes.x(positions.distance)
    dots = list(zip(xs.round(1).tolist(), axes.y(scaled).round(1).tolist(), strict=True))
    mean = running_mean(counts, weight)
    return Profile(
        *named,
        problem="",
        dots=tuple(d for d, k, a in zip(dots, known, after, strict=True) if k and not a),
        rings=tuple(d for d, k, a in zip(dots, known, after, strict=True) if k and a),
        means=tuple(_polylines(xs, axes.y(mean), np.isfinite(mean))),
        gaps=tuple(axes.bar(d, d, scan.pitch) for d in positions.distance[~known].tolist()),
        interval=None if onset.interval is None else axes.bar(*onset.interval),
        marks=_marks(axes, onset, ruler),
        x_ticks=axes.x_ticks(),
        y_ticks=axes.y_ticks(),
        unit=ruler.unit,
    )


class _Axes:
    """The scales of one profile."""

    def __init__(self, scan: ScanData, largest: float) -> None:
        self.length = scan.step.length
        self.largest = largest * 1.08
        self.ruler = ruler_for(self.length, scan.pitch)

    def x(self, distance: Any) -> Any:
        return LEFT + distance / self.length * (RIGHT - LEFT)

    def y(self, counts: Any) -> Any:
        return BOTTOM - counts / self.largest * (BOTTOM - TOP)

    def bar(self, low: float, high: float, least: float = 0.0) -> Bar:
        """Return the span from `low` to `high`, at least `least` (m) wide and within the plot."""
        grow = max(0.0, least - (high - low)) / 2
        left, right = max(LEFT, self.x(low - grow)), min(RIGHT, self.x(high + grow))
        return Bar(round(left, 1), round(max(right - left, 1.0), 1))

    def x_ticks(self) -> tuple[Tick, ...]:
        scale = self.ruler.per_metre
        found = ticks(0.0, self.length * scale, 10)
        return tuple(Tick(round(self.x(value / scale), 1), f"{value:g}") for value in found)

    def y_ticks(self) -> tuple[Tick, ...]:
        found = ticks(0.0, self.largest, 5)
        return tuple(Tick(round(self.y(value), 1), f"{value:g}") for value in found)


def _polylines(
    xs: npt.NDArray[np.float64], ys: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]
) -> list[str]:
    """Return the runs of known points as the text of SVG's `points`."""
    cuts = np.flatnonzero(np.diff(known.astype(np.int8))) + 1
    runs = np.split(np.arange(len(xs)), cuts)
    return [
        " ".join(f"{xs[i]:.1f},{ys[i]:.1f}" for i in run)
        for run in runs
        if len(run) and known[run[0]]
    ]


def _marks(axes: _Axes, onset: Onset, ruler: Ruler) -> tuple[Mark, ...]:
    """Return the lines at the onset and where the flag was raised.

    The onset's words stand before it, the flag's behind it; where one has no room, the other's
    say both.
    """
    places = (("onset", "onset", onset.position), ("raised", "flag raised at", onset.raised))
    found = [
        (kind, axes.x(at), f"{words} {ruler.text(at)}")
        for kind, words, at in places
        if at is not None
    ]
    if not found:
        return ()
    both = "; ".join(text for _, _, text in found)
    texts = [text for _, _, text in found]
    before = [kind == "onset" for kind, _, _ in found]
    if found[0][1] - LEFT < ROOM:
        texts, before = ["" for _ in found[1:]] + [both], [False for _ in found]
    elif RIGHT - found[-1][1] < ROOM:
        texts, before = [both] + ["" for _ in found[1:]], [True for _ in found]
    return tuple(
        Mark(round(x, 1), kind, text, left)
        for (kind, x, _), text, left in zip(found, texts, before, strict=True)
    )
