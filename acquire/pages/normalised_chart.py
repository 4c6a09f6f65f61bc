"""All watched elements along the line in one plot, each normalised to its plateau.

As Figure 1G of Cheng et al., Joule 4(11), 2020. Numbers that a page template draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from acquire.eds.scan_data import Positions, ScanData
from acquire.pages.bands import Bands, bands_of
from acquire.pages.charts import (
    COLOURS,
    DASHES,
    LEFT,
    RIGHT,
    RUNNING,
    Bar,
    Floats,
    Plot,
    Tick,
    ruler_for,
    running_mean,
    told_rate,
)
from acquire.pages.findings import Finding
from acquire.pages.net_profile import net_profiles
from acquire.pages.zones import Zone

COLUMNS = 2
"""Of the legend."""
LEGEND_ROW, HEIGHT = 18.0, 250.0
"""Heights of a row of the legend and of the plot itself."""
LOWEST, HIGHEST = -0.6, 2.0
"""Between these the scale ends, whatever single positions scatter to."""
SEEN = 3.29
"""Standard errors that one position's net counts must have to be seen, with 5 % missed and 5 %
false. Source: Currie, Anal. Chem. 40, 586 (1968)."""


@dataclass(frozen=True)
class Curve:
    """One element's normalised net counts."""

    element: str
    colour: str
    dash: str
    legend: str
    x: float
    y: float
    """Where its legend begins."""
    dots: tuple[tuple[float, float], ...]
    means: tuple[str, ...]
    ramp: str
    """SVG points of the rise from onset to plateau, as the result has it; empty without both."""


@dataclass(frozen=True)
class NormalisedChart:
    """The plot of all elements."""

    curves: tuple[Curve, ...]
    bands: Bands
    zones: tuple[tuple[str, Bar], ...]
    """Where the summed spectra come from: letter and place."""
    gaps: tuple[Bar, ...]
    outside: int
    """Positions whose values lie beyond the scale."""
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    unit: str
    top: float
    bottom: float


def normalised_chart(
    scan: ScanData,
    found: Sequence[Finding],
    result: Mapping[str, Any],
    zones: Sequence[Zone] = (),
) -> NormalisedChart | None:
    """Return the plot of all elements that have data; None where none has."""
    positions = scan.main
    if positions.lost.all():
        return None
    net = net_profiles(scan, positions)
    shown = [(number, each) for number, each in enumerate(found) if each.element in net]
    if not shown:
        return None
    ruler = ruler_for(scan.step.length, scan.pitch)
    top = 8 + LEGEND_ROW * -(-len(shown) // COLUMNS) + 20
    values, words = {}, {}
    for _, each in shown:
        counts, errors = net[each.element]
        limit = result.get("detection_limits", {}).get(each.element, {}).get("net_counts_per_s")
        level, said = _level(counts, positions, each, limit or _limit(errors, positions))
        values[each.element] = _Values(counts, positions, level)
        words[each.element] = f"{each.line}: 1 is {told_rate(level)}, {said}"
    plot = Plot(scan.step.length, *_ends(list(values.values())), top, top + HEIGHT)
    curves = tuple(
        _curve(plot, place, number, each, values[each.element], words[each.element])
        for place, (number, each) in enumerate(shown)
    )
    bands = bands_of(plot, shown, result, positions, ruler)
    lost = positions.distance[positions.lost].tolist()
    return NormalisedChart(
        curves=curves,
        bands=bands,
        zones=tuple((z.letter, plot.bar(z.first, z.last, scan.pitch)) for z in zones),
        gaps=tuple(plot.bar(d, d, scan.pitch) for d in lost),
        outside=sum(each.outside(plot) for each in values.values()),
        x_ticks=plot.x_ticks(ruler),
        y_ticks=plot.y_ticks(6),
        unit=ruler.unit,
        top=plot.top,
        bottom=plot.bottom,
    )


class _Values:
    """One element's normalised rates, NaN in gaps."""

    def __init__(self, net: Floats, positions: Positions, level: float) -> None:
        self.distance = positions.distance
        weight = positions.live_time * level
        self.single = np.divide(net, weight, out=np.full(len(net), np.nan), where=weight > 0)
        self.mean = running_mean(net, weight)

    def level_before(self, distance: float) -> float:
        """Return the mean before `distance` (m); 0 where nothing was measured."""
        known = self.single[(self.distance < distance) & np.isfinite(self.single)]
        return float(known.mean()) if known.size else 0.0

    def outside(self, plot: Plot) -> int:
        """Return how many positions the plot does not show."""
        return int(((self.single < plot.low) | (self.single > plot.high)).sum())


def _level(net: Floats, positions: Positions, found: Finding, limit: float) -> tuple[float, str]:
    """Return the rate that is drawn as 1 (counts/s), and what it is."""
    plateau = found.plateau.position if found.plateau else None
    if plateau is not None:
        beyond = (positions.distance >= plateau) & ~positions.lost
        level = float(net[beyond].sum() / max(positions.live_time[beyond].sum(), 1e-300))
        if beyond.sum() >= RUNNING and level > 0:
            return level, "its mean beyond the plateau"
    mean = running_mean(net, positions.live_time)
    largest = float(np.nanmax(mean))
    nowhere = found.onset.position is None and not found.present
    if nowhere and limit > largest:  # noise alone is not drawn large
        return limit, "its detection limit"
    if largest > 0:
        return largest, "its largest running mean"
    return 1.0, "as nothing was counted"


def _limit(errors: Floats, positions: Positions) -> float:
    """Return the net rate (counts/s) that one usual position must give to be seen."""
    known = ~positions.lost
    return SEEN * float(np.median(errors[known])) / float(np.median(positions.live_time[known]))


def _ends(values: Sequence[_Values]) -> tuple[float, float]:
    """Return the ends of the scale: all running means, and all but a few single positions."""
    single = np.concatenate([each.single[np.isfinite(each.single)] for each in values])
    means = np.concatenate([each.mean[np.isfinite(each.mean)] for each in values])
    low, high = np.percentile(single, [1, 99])
    low = min(max(float(low), LOWEST), float(means.min()), 0.0)
    high = max(min(float(high), HIGHEST), float(means.max()), 1.0)
    return low - 0.03 * (high - low), high + 0.05 * (high - low)


def _curve(
    plot: Plot, place: int, number: int, found: Finding, values: _Values, words: str
) -> Curve:
    inside = (values.single >= plot.low) & (values.single <= plot.high)  # False for NaN
    return Curve(
        element=found.element,
        colour=COLOURS[number % len(COLOURS)],
        dash=DASHES[number % len(DASHES)],
        legend=words,
        x=LEFT + place % COLUMNS * (RIGHT - LEFT) / COLUMNS,
        y=16 + place // COLUMNS * LEGEND_ROW,
        dots=tuple(plot.dots(values.distance[inside], values.single[inside])),
        means=plot.polylines(values.distance, values.mean),
        ramp=_ramp(plot, found, values),
    )


def _ramp(plot: Plot, found: Finding, values: _Values) -> str:
    onset, plateau = found.onset.position, found.plateau.position if found.plateau else None
    if onset is None or plateau is None:
        return ""
    base, middle = values.level_before(onset), found.onset.midpoint
    places = [(0.0, base), (onset, base), (plateau, 1.0), (plot.length, 1.0)]
    if middle is not None and onset < middle < plateau:
        places.insert(2, (middle, (base + 1) / 2))
    return " ".join(f"{plot.x(d):.1f},{plot.y(v):.1f}" for d, v in places)
