"""Where the pixels of a map lie in the frame of its survey image."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from acquire.eds.edge import Edge, line_from
from drivers.stem import Area, Image
from protocols.eds import EdgeStart, PointStart
from protocols.eds_map import EdsMap


@dataclass(frozen=True)
class MapFrame:
    """Pixels in columns along `angle` and rows at right angles to it, clockwise."""

    x0: float
    y0: float
    """The middle of the pixel in row 0 and column 0, m."""
    angle: float
    """Direction in which the columns are counted, rad clockwise from x."""
    pixel_width: float
    """m."""
    pixel_height: float
    """m."""
    columns: int
    rows: int
    edge: Edge | None = None
    """The edge that the map was drawn from, if it was."""

    def at(self, row: float, column: float) -> tuple[float, float]:
        """Return the middle (m) of a pixel, rows and columns counted from 0; halves are rims."""
        along, across = column * self.pixel_width, row * self.pixel_height
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return self.x0 + along * cos - across * sin, self.y0 + along * sin + across * cos

    def area(self, row: int, column: int) -> Area:
        """Return the rectangle of a pixel."""
        x, y = self.at(row, column)
        return Area(x, y, self.pixel_width, self.pixel_height, self.angle)

    def pixel_of(self, x: float, y: float) -> tuple[int, int]:
        """Return row and column of the pixel whose middle is nearest to a place (m)."""
        dx, dy = x - self.x0, y - self.y0
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        along, across = dx * cos + dy * sin, dy * cos - dx * sin
        return round(across / self.pixel_height), round(along / self.pixel_width)

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """The map's four corners (m), from the upper left of its first pixel along row 0."""
        top, bottom, left, right = -0.5, self.rows - 0.5, -0.5, self.columns - 0.5
        places = ((top, left), (top, right), (bottom, right), (bottom, left))
        return tuple(self.at(*place) for place in places)


def map_from(step: EdsMap, survey: Image) -> MapFrame:
    """Return where the map that `step` asks for lies in the survey image.

    Raises:
        NoEdgeError: an edge is asked for and the image shows none that can be trusted.
        InputError: the map leaves the image.
    """
    line = line_from(_left_of(step), step.width, 2, survey, strip=step.height)
    frame = MapFrame(
        line.x0,
        line.y0,
        line.angle,
        step.pixel_width,
        step.pixel_height,
        step.columns,
        step.rows,
        line.edge,
    )
    x0, y0 = frame.at(-(step.rows - 1) / 2, 0.5)
    return replace(frame, x0=x0, y0=y0)


def _left_of(step: EdsMap) -> EdgeStart | PointStart:
    """Return where the line through the middle of the map's height begins."""
    centre, half = step.centre, step.width / 2
    if isinstance(centre, EdgeStart):
        return centre.model_copy(update={"offset": centre.offset - half})
    x = centre.x - half * math.cos(centre.angle)
    y = centre.y - half * math.sin(centre.angle)
    return centre.model_copy(update={"x": x, "y": y})
