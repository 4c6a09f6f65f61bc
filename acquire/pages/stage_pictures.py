"""The images of a lift-out that a page shows: few of each stage, and those around each weld."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from acquire.fib.lift_out_data import LiftOutData, Shot
from acquire.pages.png import small_uri
from acquire.pages.survey_chart import Survey, scaled
from protocols.units import CURRENT, LENGTH

LARGEST = 256
"""Pixels along the side of an image in the page: four a stage stay within a few MB."""
NEAR = 3e-6
"""Shown around a joint, to each side (m)."""
GAMMA = 0.6
"""So that a specimen shows beside a needle that is brighter than all of it."""
FONT = 0.07
"""Height of the words in a small picture per its width."""
WELD = "weld"
"""Purpose of patterns that redeposit."""


@dataclass(frozen=True)
class StagePicture:
    """An image with what it shows."""

    survey: Survey
    caption: str


@dataclass
class Ends:
    """The first and the newest image of a stage with one beam."""

    first: Shot
    last: Shot


@dataclass
class Pair:
    """The ion images of a joint before and after it was filled; None where none was taken."""

    first: int
    """Entry of the first patterns between them."""
    last: int
    """Entry of the last ones."""
    at: tuple[float, float]
    """Where they are in the image, m from its middle."""
    before: Shot | None = None
    after: Shot | None = None

    def see(self, shot: Shot) -> None:
        """Take the next image."""
        if shot.picture.beam != "ion":
            return
        if shot.entry < self.first:
            self.before = shot
        elif shot.entry > self.last and self.after is None:
            self.after = shot if self.before is None or shot.like(self.before) else None


class Chosen:
    """The images that are shown; all others are let go as they come."""

    def __init__(self, data: LiftOutData) -> None:
        """Nothing is seen yet."""
        self._data = data
        self._ends: dict[tuple[str, str], Ends] = {}
        self.pairs = tuple(_pairs(data))
        """Around each joint that was filled, oldest first."""

    def see(self, shot: Shot) -> None:
        """Take the next image."""
        for pair in self.pairs:
            pair.see(shot)
        span = self._data.span_at(shot.entry)
        if span is not None:
            key = (span.name, shot.picture.beam)
            self._ends.setdefault(key, Ends(shot, shot)).last = shot

    def of_stage(self, name: str) -> list[Shot]:
        """Return at most four images of a stage in the order in which they were taken."""
        ends = [ends for (stage, _), ends in self._ends.items() if stage == name]
        found = {shot.entry: shot for end in ends for shot in (end.first, end.last)}
        return [found[entry] for entry in sorted(found)]


def _pairs(data: LiftOutData) -> Iterator[Pair]:
    """Yield a pair for each joint: its patterns follow one decision of their charge."""
    planned = [each.entry for each in data.decided if each.name == "charge"]
    joints: dict[int, Pair] = {}
    for mill in data.mills:
        if mill.purpose == WELD:
            of = max((entry for entry in planned if entry < mill.entry), default=0)
            joints.setdefault(of, Pair(mill.entry, mill.entry, mill.at)).last = mill.entry
    yield from joints.values()


def drawn(shot: Shot, at: tuple[float, float] | None = None) -> StagePicture:
    """Return an image as the page shows it: all of it, or what is near `at` (m from its middle)."""
    pixels, size = shot.picture.pixels, shot.picture.pixel_size
    if at is not None:
        pixels = _near(pixels, round(at[0] / size), round(at[1] / size), round(NEAR / size))
    rows, columns = pixels.shape
    picture = scaled(rows, columns, size, small_uri(pixels, LARGEST, GAMMA), FONT)
    part = "" if at is None else f"part of {columns * size * 1e6:.2g} µm, "
    return StagePicture(picture, f"{part}{caption(shot)}")


def _near(pixels: npt.NDArray[Any], right: int, down: int, reach: int) -> npt.NDArray[Any]:
    """Return a square of 2 `reach` around a place, moved so that it lies within the image."""
    parts = []
    for count, off in zip(pixels.shape, (down, right), strict=True):
        begin = min(max(count // 2 + off - reach, 0), max(count - 2 * reach, 0))
        parts.append(slice(begin, begin + 2 * reach))
    return pixels[parts[0], parts[1]]


def caption(shot: Shot) -> str:
    """Return which image it is: beam, field, current, angle and time."""
    angle = round(math.degrees(shot.picture.angle))
    side = "seen straight on" if angle == 0 else f"at {angle}°"
    wide = LENGTH.suggest(float(f"{shot.field:.3g}")).replace("um", "µm")
    current = CURRENT.suggest(float(f"{shot.current:.3g}"))
    return f"{shot.picture.beam}s {current}, field {wide}, {side}, {told_time(shot.time_s)}"


def told_time(seconds: float) -> str:
    """Return a time since the run began as hours and minutes."""
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h"
