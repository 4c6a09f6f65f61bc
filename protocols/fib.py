"""What is asked of a focused ion beam microscope: images, patterns, places.

Frame: x along the lamella, y across it, z up out of the free surface; the origin is where both
beams meet the surface. An image has u to the right and v down: u = x, v = y cos(a) - z sin(a), with
a the angle between the surface's normal and the beam (`drivers.fib.Geometry`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocols.model import Written
from protocols.units import Amperes, Metres, Radians, Seconds

Direction = Literal["left_to_right", "right_to_left", "top_to_bottom", "bottom_to_top"]
"""Of a scan, as the image shows it."""


class BeamImage(Written):
    """How an image is taken with one of the two beams."""

    field: Annotated[Metres, Field(gt=0)]
    """Width and height of the square field of view."""
    pixels: Annotated[int, Field(ge=32, le=4096)] = 512
    """Pixels along each side."""
    dwell: Annotated[Seconds, Field(gt=0)] = 1e-6
    """Time on each pixel of each frame."""
    frames: Annotated[int, Field(ge=1, le=256)] = 1
    """Frames that are summed."""
    current: Annotated[Amperes, Field(gt=0)]
    """Probe current; one that the instrument has."""

    @property
    def duration(self) -> float:
        """Beam time in seconds."""
        return self.dwell * self.pixels**2 * self.frames

    @property
    def charge(self) -> float:
        """Charge that lands in the field, C."""
        return self.current * self.duration


class Rectangle(Written):
    """A rectangle that is scanned all over, again and again."""

    shape: Literal["rectangle"] = "rectangle"
    x: Metres
    """Of its centre, from the middle of the image to the right."""
    y: Metres
    """Of its centre, from the middle of the image down."""
    width: Annotated[Metres, Field(gt=0)]
    """Along x."""
    height: Annotated[Metres, Field(gt=0)]
    """Along y."""
    scan: Direction = "top_to_bottom"
    """Direction in which lines follow each other."""


class CleaningCrossSection(Written):
    """A rectangle milled line by line, each to the end, towards the face that is to be clean."""

    shape: Literal["cleaning_cross_section"] = "cleaning_cross_section"
    x: Metres
    """Of its centre, from the middle of the image to the right."""
    y: Metres
    """Of its centre, from the middle of the image down."""
    width: Annotated[Metres, Field(gt=0)]
    """Along x."""
    height: Annotated[Metres, Field(gt=0)]
    """Along y."""
    scan: Direction
    """Towards the face that is to be clean: the last line is the face."""


class Array(Written):
    """Like rectangles in a row, each milled once: for welding by redeposition."""

    shape: Literal["array"] = "array"
    x: Metres
    """Of the row's centre, from the middle of the image to the right."""
    y: Metres
    """Of the row's centre, from the middle of the image down."""
    count: Annotated[int, Field(ge=1, le=200)]
    """Rectangles in the row."""
    along: Literal["x", "y"]
    """Direction of the row."""
    pitch: Annotated[Metres, Field(gt=0)]
    """From one to the next."""
    width: Annotated[Metres, Field(gt=0)]
    """Of each, along x."""
    height: Annotated[Metres, Field(gt=0)]
    """Of each, along y."""
    passes: Annotated[int, Field(ge=1)] = 1
    """One pass fills the gap; more of them mill the bond away again."""
    scan: Direction
    """Away from the joint: the atoms leave towards where the scan comes from."""


Pattern = Annotated[Rectangle | CleaningCrossSection | Array, Field(discriminator="shape")]


def extent(pattern: Rectangle | CleaningCrossSection | Array) -> tuple[float, float, float, float]:
    """Return left, right, top and bottom of a pattern in the image, m."""
    width, height = pattern.width, pattern.height
    if isinstance(pattern, Array):
        along = (pattern.count - 1) * pattern.pitch
        width, height = (width + along, height) if pattern.along == "x" else (width, height + along)
    x, y = pattern.x, pattern.y
    return (x - width / 2, x + width / 2, y - height / 2, y + height / 2)


class StagePlace(Written):
    """A place of the stage that the operator has saved."""

    x: Metres
    y: Metres
    z: Metres = 0.0
    r: Radians = 0.0
