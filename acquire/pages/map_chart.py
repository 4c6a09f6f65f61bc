"""One element's map as a picture with its scales, in numbers that a page template draws.

Coordinates are those of an SVG's viewBox. Nothing here makes markup.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.eds.map_data import MapData
from acquire.pages.charts import COLOURS, Bar, Tick, ruler_for, ticks
from protocols.eds import WatchedLine

WIDTH = 440.0
"""Of the drawing."""
LEFT, TOP, ACROSS = 1.0, 26.0, 360.0
"""Upper left corner of the map, and its width."""
SCALE, SCALE_WIDTH = 374.0, 14.0
"""Left side of the colour scale, and its width."""
MEAN_ABOVE, MEAN_HEIGHT, BELOW = 22.0, 84.0, 34.0
"""Of the plot of column means: room above it, its height, room below it."""
LOST = (150, 150, 150)
"""Colour of a pixel without data."""
BRIGHTEST = 99.5
"""Percentile of the pixels that is drawn lightest."""


@dataclass(frozen=True)
class ElementMap:
    """An element's net counts, pixel by pixel, and the mean of each column."""

    element: str
    line: str
    colour: str
    uri: str
    """The map as a picture of one pixel per pixel."""
    height: float
    """Of the map in the drawing."""
    bar: Bar
    bar_text: str
    scale_uri: str
    """The colour scale, from its lowest value at the left."""
    scale_ticks: tuple[Tick, ...]
    means: str
    """Mean net counts of each column as SVG points of a line with steps."""
    mean_ticks: tuple[Tick, ...]
    mean_top: float
    mean_bottom: float
    x_ticks: tuple[Tick, ...]
    unit: str
    total: float
    """Height of the drawing."""


def element_map(data: MapData, number: int, watch: WatchedLine) -> ElementMap | None:
    """Return the map of a watched element; None while there are no data.

    `number` is that of the element among those watched; it chooses the colour.
    """
    from acquire.pages.png import coloured_uri

    if not data.known.any():
        return None
    net = data.net[watch.element]
    frame = data.frame
    width = frame.columns * frame.pixel_width
    height = ACROSS * frame.rows * frame.pixel_height / width
    low, high = _range(net)
    colours = palette(COLOURS[number % len(COLOURS)])
    bar = max(ticks(0.0, width / 4, 3))
    ruler = ruler_for(width, bar)
    top = TOP + height + MEAN_ABOVE
    means = _Means(net, top)
    return ElementMap(
        element=watch.element,
        line=watch.xray_line.replace("_", " "),
        colour=COLOURS[number % len(COLOURS)],
        uri=coloured_uri(_shades(net, low, high), colours),
        height=round(height, 1),
        bar=Bar(LEFT + 12.0, round(bar / width * ACROSS, 1)),
        bar_text=f"{bar * ruler.per_metre:g} {ruler.unit}",
        scale_uri=coloured_uri(np.arange(255, 0, -1, dtype=np.uint8)[:, None], colours),
        scale_ticks=tuple(
            Tick(round(TOP + height * (high - value) / (high - low), 1), f"{value:g}")
            for value in ticks(low, high, 6)
        ),
        means=means.points(),
        mean_ticks=means.ticks(),
        mean_top=top,
        mean_bottom=top + MEAN_HEIGHT,
        x_ticks=tuple(
            Tick(round(LEFT + value / (width * ruler.per_metre) * ACROSS, 1), f"{value:g}")
            for value in ticks(0.0, width * ruler.per_metre, 6)
        ),
        unit=ruler.unit,
        total=top + MEAN_HEIGHT + BELOW,
    )


def palette(colour: str) -> npt.NDArray[np.uint8]:
    """Return 256 colours: `LOST`, then from black through `colour` (#rrggbb) to white."""
    middle = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    place = np.linspace(0.0, 1.0, 255)
    shades = [np.interp(place, (0.0, 0.6, 1.0), (0, part, 255)) for part in middle]
    return np.vstack([LOST, np.stack(shades, axis=1).round()]).astype(np.uint8)


def _range(net: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the net counts drawn black and white: none, and the most but for a few pixels."""
    return 0.0, max(float(np.nanpercentile(net, BRIGHTEST)), 1.0)


def _shades(net: npt.NDArray[np.float64], low: float, high: float) -> npt.NDArray[np.uint8]:
    """Return each pixel's place in the palette."""
    share = np.clip((net - low) / (high - low), 0.0, 1.0)
    shades = 1 + np.nan_to_num(share, nan=0.0) * 254
    return np.where(np.isnan(net), 0, shades.round()).astype(np.uint8)


class _Means:
    """The mean of each column and its scale."""

    def __init__(self, net: npt.NDArray[np.float64], top: float) -> None:
        known = ~np.isnan(net)
        total, number = np.where(known, net, 0.0).sum(axis=0), known.sum(axis=0)
        self.values = total / np.maximum(number, 1)
        self.known = number > 0
        self.bottom = top + MEAN_HEIGHT
        self.low = min(float(self.values.min()), 0.0)
        self.high = max(float(self.values.max()) * 1.08, self.low + 1.0)

    def y(self, value: float) -> float:
        return round(self.bottom - (value - self.low) / (self.high - self.low) * MEAN_HEIGHT, 1)

    def points(self) -> str:
        pitch = ACROSS / len(self.values)
        return " ".join(
            f"{LEFT + (column + side) * pitch:.1f},{self.y(value)}"
            for column, value in enumerate(self.values)
            if self.known[column]
            for side in (0, 1)
        )

    def ticks(self) -> tuple[Tick, ...]:
        return tuple(Tick(self.y(value), f"{value:g}") for value in ticks(self.low, self.high, 4))
