"""Spectra summed over a few positions each, side by side with their lines named.

As Figure S6 of Cheng et al., Joule 4(11), 2020. The scale of counts is a square root, on which
counting noise has the same height everywhere and a weak line stands beside a strong one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acquire.eds.background import channel_energies
from acquire.eds.scan_data import Positions, ScanData
from acquire.eds.windows import channels_between
from acquire.pages.charts import LEFT, RIGHT, Floats, Ruler, Tick, ticks
from acquire.pages.zones import Zone
from protocols.xray_lines import LINE_ENERGIES_EV

LOW_RANGE = (150.0, 750.0)
"""eV: C, N and O."""
ASIDE = 165.0
"""eV shown beyond the outermost lines of the other range; at least `ASIDE_SHARE` of its span."""
ASIDE_SHARE = 0.12
ALWAYS_NAMED = ("C", "N", "O")
"""Beside the watched elements, in the low range."""
FEWEST = 5
"""Channels that make a panel."""
ROW, TOP, BETWEEN = 92.0, 56.0, 30.0
"""Height of a spectrum, what is above the first, and between two."""
APART = 64.0
"""Between two panels."""
TICK_ROOM = 17.0
"""Between two marks of the counts."""
LABEL_ROOM = 46.0
"""What a line's name needs; where it has not, it stands a row higher."""


@dataclass(frozen=True)
class LineName:
    """A line's place in a panel, and its name."""

    x: float
    y: float
    text: str
    watched: bool


@dataclass(frozen=True)
class Panel:
    """One range of energies, all spectra under each other."""

    left: float
    right: float
    lines: tuple[LineName, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[tuple[Tick, ...], ...]
    """Of each spectrum."""
    areas: tuple[str, ...]
    """Of each spectrum, SVG points around the area under it."""


@dataclass(frozen=True)
class Row:
    """One summed spectrum."""

    letter: str
    title: str
    top: float
    bottom: float


@dataclass(frozen=True)
class SpectraChart:
    """Summed spectra: one row each, one column a range."""

    rows: tuple[Row, ...]
    panels: tuple[Panel, ...]
    bottom: float


def spectra_chart(scan: ScanData, zones: Sequence[Zone], ruler: Ruler) -> SpectraChart | None:
    """Return the sums of the zones; None where there is nothing to show."""
    ranges = _ranges(scan)
    if not zones or not ranges:
        return None
    rows = []
    for number, zone in enumerate(zones):
        top = TOP + number * (ROW + BETWEEN)
        title = f"{zone.words}: {len(zone.rows)} positions, {ruler.span(zone.first, zone.last)}"
        rows.append(Row(zone.letter, title, top, top + ROW))
    summed = [_rates(scan.main, zone) for zone in zones]
    width = (RIGHT - LEFT - APART * (len(ranges) - 1)) / len(ranges)
    panels = tuple(
        _Panel(scan, low, high, LEFT + place * (width + APART), width).drawn(rows, summed)
        for place, (low, high) in enumerate(ranges)
    )
    return SpectraChart(tuple(rows), panels, rows[-1].bottom)


def _rates(positions: Positions, zone: Zone) -> Floats:
    """Return counts per second of live time and channel."""
    total = positions.counts[zone.rows].sum(axis=0, dtype=np.int64)
    rates: Floats = total / float(positions.live_time[zone.rows].sum())
    return rates


def _ranges(scan: ScanData) -> list[tuple[float, float]]:
    """Return the ranges of energies (eV) that are shown and that the detector has."""
    ranges = [LOW_RANGE]
    lines = [
        energy
        for watch in scan.step.watch
        if watch.energy > LOW_RANGE[1]
        for name, energy in LINE_ENERGIES_EV[watch.element].items()
        if energy == watch.energy or name == watch.xray_line.split("_")[1][0] + "b"
    ]
    if lines:
        aside = max(ASIDE, ASIDE_SHARE * (max(lines) - min(lines)))
        ranges.append((min(lines) - aside, max(lines) + aside))
    axis = scan.setup.energy_axis
    parts = [(low, high, channels_between(axis, low, high)) for low, high in ranges]
    return [(low, high) for low, high, part in parts if part.stop - part.start >= FEWEST]


class _Panel:
    """The scales of one range of energies."""

    def __init__(self, scan: ScanData, low: float, high: float, left: float, width: float) -> None:
        self.axis = scan.setup.energy_axis
        self.watched = [watch.element for watch in scan.step.watch]
        self.low, self.high = low, high
        self.left, self.width = left, width
        self.channels = channels_between(self.axis, low, high)

    def x(self, energy: float) -> float:
        return self.left + (energy - self.low) / (self.high - self.low) * self.width

    def drawn(self, rows: Sequence[Row], summed: Sequence[Floats]) -> Panel:
        """Return the panel; all its spectra have one scale."""
        largest = max(float(rates[self.channels].max(initial=0.0)) for rates in summed) or 1.0
        span = ticks(self.low / 1e3, self.high / 1e3, 7)
        return Panel(
            left=round(self.left, 1),
            right=round(self.left + self.width, 1),
            lines=tuple(self._lines()),
            x_ticks=tuple(Tick(round(self.x(v * 1e3), 1), f"{v:.4g}") for v in span),
            y_ticks=tuple(_root_ticks(row, largest) for row in rows),
            areas=tuple(
                self._area(row, rates, largest) for row, rates in zip(rows, summed, strict=True)
            ),
        )

    def _area(self, row: Row, rates: Floats, largest: float) -> str:
        """Return the steps of a spectrum, from channel to channel, and back along its foot."""
        centres = channel_energies(self.axis)[self.channels]
        half = self.axis.scale / 2
        heights = np.sqrt(rates[self.channels] / largest)
        corners = [(self.x(centres[0] - half), row.bottom)]
        for centre, height in zip(centres.tolist(), heights.tolist(), strict=True):
            y = row.bottom - height * (row.bottom - row.top)
            corners += [(self.x(centre - half), y), (self.x(centre + half), y)]
        corners.append((self.x(centres[-1] + half), row.bottom))
        edge = self.left + self.width
        return " ".join(f"{min(max(x, self.left), edge):.1f},{y:.1f}" for x, y in corners)

    def _lines(self) -> list[LineName]:
        """Return the lines within the range, those of the watched elements and of C, N and O."""
        elements = dict.fromkeys([*self.watched, *ALWAYS_NAMED])
        found = sorted(
            (energy, f"{element} {name}", element in self.watched)
            for element in elements
            for name, energy in LINE_ENERGIES_EV[element].items()
            if self.low < energy < self.high
        )
        names: list[LineName] = []
        for energy, text, watched in found:
            x = round(self.x(energy), 1)
            crowded = bool(names) and x - names[-1].x < LABEL_ROOM and names[-1].y > 20
            names.append(LineName(x, 16.0 if crowded else 30.0, text, watched))
        return names


def _root_ticks(row: Row, largest: float) -> tuple[Tick, ...]:
    """Return marks 0, 1, 2, 5, 10 ... that stand far enough apart on a square-root scale."""
    height = row.bottom - row.top
    marks = [Tick(row.bottom, "0")]
    power = math.floor(math.log10(largest))
    for value in [m * 10.0**p for p in range(power - 3, power + 1) for m in (1, 2, 5)]:
        y = row.bottom - math.sqrt(value / largest) * height
        if value <= largest and marks[-1].at - y >= TICK_ROOM:
            marks.append(Tick(round(y, 1), f"{value:g}"))
    return tuple(marks)
