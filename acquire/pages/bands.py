"""What stands under a plot of all elements: onsets and plateaus with their intervals, width, dose.

Under, so that no interval hides a curve. Numbers that a page template draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from acquire.eds.scan_data import Positions
from acquire.pages.charts import COLOURS, LEFT, RIGHT, Bar, Plot, Ruler
from acquire.pages.findings import Finding, Place
from acquire.pages.width import told_width

ROW, DOSE_HEIGHT = 15.0, 22.0
"""Heights of a row, and of the area that shows the electrons."""
UNEVEN = 1.05
"""Ratio of electrons between positions from which on they are drawn."""


@dataclass(frozen=True)
class Band:
    """A row under the plot: where an element's onset and plateau are, with their intervals."""

    name: str
    colour: str
    y: float
    onset: Bar | None = None
    plateau: Bar | None = None
    onset_at: float | None = None
    plateau_at: float | None = None


@dataclass(frozen=True)
class WidthBand:
    """The interphase as a bar under the bands, and its words."""

    bar: Bar
    text: str
    text_x: float
    before: bool
    """True where the words stand to the left of the bar."""
    y: float


@dataclass(frozen=True)
class DoseBand:
    """Where the electrons went, as an area under the bands; of a scan that was not uniform."""

    area: str
    """SVG points."""
    y: float
    text: str


@dataclass(frozen=True)
class Bands:
    """All that stands between the plot and the axis of distance."""

    places: tuple[Band, ...]
    width: WidthBand | None
    dose: DoseBand | None
    axis: float
    """Where the axis is drawn."""


def bands_of(
    plot: Plot,
    shown: Sequence[tuple[int, Finding]],
    result: Mapping[str, Any],
    positions: Positions,
    ruler: Ruler,
) -> Bands:
    """Return the bands under a plot.

    Args:
        plot: what they stand under.
        shown: what was found of each element, with the number that chooses its colour.
        result: of the step.
        positions: by their distance.
        ruler: how distances are written.
    """
    places = tuple(_places(plot, shown))
    under = plot.bottom + ROW * len(places)
    found = [each for _, each in shown]
    width = _width_band(plot, found, result.get("width", {}), ruler, under + ROW)
    under += ROW if width else 0.0
    dose = _dose_band(plot, positions, under + 9)
    under += DOSE_HEIGHT + 6 if dose else 0.0
    return Bands(places, width, dose, under + (8.0 if under > plot.bottom else 0.0))


def _places(plot: Plot, shown: Sequence[tuple[int, Finding]]) -> list[Band]:
    bands: list[Band] = []
    for number, each in shown:
        plateau = each.plateau or Place()
        if each.onset.position is None and plateau.position is None:
            continue
        bands.append(
            Band(
                name=each.element,
                colour=COLOURS[number % len(COLOURS)],
                y=plot.bottom + ROW * (len(bands) + 0.5) + 3,
                onset=_bar(plot, each.onset),
                plateau=_bar(plot, plateau),
                onset_at=_at(plot, each.onset),
                plateau_at=_at(plot, plateau),
            )
        )
    return bands


def _bar(plot: Plot, place: Place) -> Bar | None:
    return None if place.interval is None else plot.bar(*place.interval)


def _at(plot: Plot, place: Place) -> float | None:
    return None if place.position is None else round(float(plot.x(place.position)), 1)


def _width_band(
    plot: Plot, found: Sequence[Finding], width: Mapping[str, Any], ruler: Ruler, y: float
) -> WidthBand | None:
    """Return the bar from the earliest onset to the latest plateau, as the width says."""
    named = {each.element: each for each in found}
    first, last = named.get(width.get("from", "")), named.get(width.get("to", ""))
    if width.get("value_m") is None or first is None or last is None or last.plateau is None:
        return None
    if first.onset.position is None or last.plateau.position is None:
        return None
    bar = plot.bar(first.onset.position, last.plateau.position)
    before = bar.at - LEFT > RIGHT - bar.at - bar.width
    edge = bar.at - 6 if before else bar.at + bar.width + 6
    return WidthBand(bar, told_width(width, ruler), round(edge, 1), before, y)


def _dose_band(plot: Plot, positions: Positions, top: float) -> DoseBand | None:
    """Return the electrons of each position; None where all have as many."""
    known = positions.electrons > 0
    if not known.any() or positions.electrons.max() < UNEVEN * positions.electrons[known].min():
        return None
    most = float(positions.electrons.max())
    foot = top + DOSE_HEIGHT
    heights = foot - positions.electrons / most * DOSE_HEIGHT
    half = float(np.median(np.diff(positions.distance))) / 2 if len(heights) > 1 else 0.0
    corners = [(LEFT, foot)]
    for distance, y in zip(positions.distance.tolist(), heights.tolist(), strict=True):
        step = plot.bar(distance - half, distance + half)
        corners += [(step.at, y), (step.at + step.width, y)]
    corners.append((corners[-1][0], foot))
    area = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return DoseBand(area, foot, f"electrons, up to {most:.2g} at one position")
