"""The images of a lift-out that a page shows: few of each stage, and those around each weld."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from acquire.fib.lift_out_data import LiftOutData, Shot
from acquire.pages.png import small_uri
from acquire.pages.survey_chart import Survey, scaled
from protocols.units import CURRENT, LENGTH

LARGEST = 256
"""Pixels along the side of an image in the page: four a stage stay within a few MB."""
FONT = 0.07
"""Height of the words in a small picture per its width."""
WELD = "weld"
"""Purpose of patterns that redeposit."""


@dataclass(frozen=True)
class StagePicture:
    """An image with what it shows."""

    survey: Survey
    caption: str


@dataclass(frozen=True)
class Pair:
    """The images of a joint before and after it was filled; None where none was taken."""

    mill: int
    """Entry of the patterns between them."""
    before: Shot | None
    after: Shot | None


@dataclass
class _Ends:
    """The first and the newest image of a stage with one beam."""

    first: Shot
    last: Shot


@dataclass
class _Weld:
    mill: int
    beyond: int
    """Entry of what is milled next, after which an image tells no more of this weld."""
    before: Shot | None = None
    after: Shot | None = None

    def see(self, shot: Shot) -> None:
        if shot.picture.beam != "ion":
            return
        if shot.entry < self.mill:
            self.before = shot
        elif shot.entry < self.beyond and (
            self.after is None or self.before is None or shot.like(self.before)
        ):
            self.after = shot


@dataclass
class Chosen:
    """The images that are shown."""

    stages: dict[tuple[str, str], _Ends] = field(default_factory=dict)
    """By stage and beam."""
    welds: list[_Weld] = field(default_factory=list)

    def of_stage(self, name: str) -> list[Shot]:
        """Return at most four images of a stage in the order in which they were taken."""
        ends = [
            self.stages[key] for key in ((name, "ion"), (name, "electron")) if key in self.stages
        ]
        found = {shot.entry: shot for end in ends for shot in (end.first, end.last)}
        return [found[entry] for entry in sorted(found)]

    def pairs(self) -> list[Pair]:
        """Return the images around each weld, oldest first."""
        return [Pair(each.mill, each.before, each.after) for each in self.welds]


def chosen(data: LiftOutData, taken: Iterable[Shot]) -> Chosen:
    """Return the images to show; all others are let go as they come."""
    found = Chosen()
    for number, mill in enumerate(data.mills):
        if mill.purpose == WELD:
            later = data.mills[number + 1 : number + 2]
            found.welds.append(_Weld(mill.entry, later[0].entry if later else 1 << 62))
    for shot in taken:
        span = data.span_at(shot.entry)
        if span is not None:
            ends = found.stages.setdefault((span.name, shot.picture.beam), _Ends(shot, shot))
            ends.last = shot
        for weld in found.welds:
            weld.see(shot)
    return found


def drawn(shot: Shot) -> StagePicture:
    """Return an image as the page shows it."""
    rows, columns = shot.picture.pixels.shape
    uri = small_uri(shot.picture.pixels, LARGEST)
    picture = scaled(rows, columns, shot.picture.pixel_size, uri, FONT)
    return StagePicture(picture, caption(shot))


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
