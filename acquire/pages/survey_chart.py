"""Where a scan line lies in its survey image, as numbers that a page template draws.

Coordinates are pixels of the image, from its upper left corner. Nothing here makes markup.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from acquire.eds.scan_data import ScanData
from acquire.pages.charts import COLOURS, Bar, ruler_for, ticks
from acquire.pages.findings import Finding
from drivers.stem import Image

LEAST = 8
"""Rows and columns that an image has at least to be shown."""


@dataclass(frozen=True)
class Label:
    """Words at a place of the survey image."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Across:
    """A line across the strip where a flag has its place."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: str
    label: Label


@dataclass(frozen=True)
class Drawn:
    """The scan line in the frame of the survey image's pixels."""

    strip: str
    """Corners of the strip as SVG points."""
    x1: float
    y1: float
    x2: float
    y2: float
    arrow: str
    """Corners of the arrow head."""
    start: Label
    end: Label
    onsets: tuple[Across, ...]


@dataclass(frozen=True)
class Survey:
    """An image to scale, with a scale bar and, where there is one, the scan line."""

    columns: int
    rows: int
    uri: str
    bar: Bar
    bar_y: float
    bar_text: str
    drawn: Drawn | None = None
    font: float = 0.0
    """Height of the words in pixels of the image."""
    outline: str = ""
    """Corners of a rectangle that was mapped, as SVG points."""


def survey(
    image: Image | None, scan: ScanData | None, found: Sequence[Finding] = ()
) -> Survey | None:
    """Return the image with its scale and the line that was scanned in it.

    None where there is no image yet, or none to look at: a recorded line is one row of pixels.
    """
    if image is None or min(image.pixels.shape) < LEAST:
        return None
    from acquire.pages.png import data_uri

    rows, columns = image.pixels.shape
    shown = scaled(rows, columns, image.pixel_size, data_uri(image.pixels))
    return replace(shown, drawn=None if scan is None else _drawn(image, scan, found))


def scaled(rows: int, columns: int, pixel_size: float, uri: str, font: float = 0.034) -> Survey:
    """Return a picture with a scale bar; `font` is the height of its words per width."""
    width = columns * pixel_size
    bar = max(v for v in ticks(0.0, width / 4, 3) or [width / 4])
    unit, per_metre = ("µm", 1e6) if bar >= 0.999e-6 else ("nm", 1e9)
    margin = columns * 0.04
    return Survey(
        columns=columns,
        rows=rows,
        uri=uri,
        bar=Bar(margin, bar / pixel_size),
        bar_y=rows - margin,
        bar_text=f"{bar * per_metre:g} {unit}",
        font=columns * font,
    )


def outlined(image: Image | None, corners: Sequence[tuple[float, float]]) -> Survey | None:
    """Return the image with its scale and a rectangle, corners (m) in the frame of the image."""
    shown = survey(image, None)
    if shown is None or image is None:
        return None
    pixel = image.pixel_size
    places = (
        ((x - image.x) / pixel + shown.columns / 2, (y - image.y) / pixel + shown.rows / 2)
        for x, y in corners
    )
    return replace(shown, outline=" ".join(f"{x:.1f},{y:.1f}" for x, y in places))


def _drawn(image: Image, scan: ScanData, found: Sequence[Finding]) -> Drawn:
    ruler = ruler_for(scan.step.length, scan.pitch)
    frame = _Frame(image, scan)
    length, half = scan.step.length, max(scan.step.strip, scan.pitch) / 2
    reach = 0.02 * image.pixels.shape[1] * image.pixel_size
    corners = [(0.0, -half), (length, -half), (length, half), (0.0, half)]
    arrow = [(length, 0.0), (length - reach, -reach / 2), (length - reach, reach / 2)]
    start, end = frame.at(0.0), frame.at(length)
    crossed = []
    for number, each in enumerate(found):
        onset = each.onset.position
        if onset is None:
            continue
        one, other = frame.at(onset, -half), frame.at(onset, half)
        side = half + reach * (1.0 if number % 2 == 0 else 2.6)
        label = frame.label(onset, -side, f"{each.element} {ruler.text(onset)}")
        crossed.append(Across(*one, *other, COLOURS[number % len(COLOURS)], label))
    return Drawn(
        strip=frame.points(corners),
        x1=start[0],
        y1=start[1],
        x2=end[0],
        y2=end[1],
        arrow=frame.points(arrow),
        start=frame.label(-1.8 * reach, 0.0, "0"),
        end=frame.label(length + 4.0 * reach, 0.0, ruler.text(length)),
        onsets=tuple(crossed),
    )


class _Frame:
    """From distances along and across the line (m) to pixels of the survey image."""

    def __init__(self, image: Image, scan: ScanData) -> None:
        self.image = image
        self.scan = scan

    def at(self, along: float, across: float = 0.0) -> tuple[float, float]:
        cos, sin = math.cos(self.scan.angle), math.sin(self.scan.angle)
        x = self.scan.x0 + along * cos - across * sin - self.image.x
        y = self.scan.y0 + along * sin + across * cos - self.image.y
        rows, columns = self.image.pixels.shape
        pixel = self.image.pixel_size
        return round(x / pixel + columns / 2, 1), round(y / pixel + rows / 2, 1)

    def points(self, corners: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.at(*corner) for corner in corners))

    def label(self, along: float, across: float, text: str) -> Label:
        """Return words at a place, moved so that they stay within the image."""
        rows, columns = self.image.pixels.shape
        x, y = self.at(along, across)
        return Label(
            min(max(x, 0.1 * columns), 0.9 * columns), min(max(y, 0.05 * rows), 0.95 * rows), text
        )
