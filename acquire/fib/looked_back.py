"""Thickness and brightness over a lift-out, read off its images again as the procedure did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from acquire.fib.lift_out_data import LiftOutData, Shot
from acquire.fib.strip import lamella_strip
from drivers.fib import BeamPicture

MEASURED, APPROACHED = "lamella", "touches"
"""What the procedure decides right after an image that it measures the lamella in, and after one
of the approach."""
ENDS = 1e-6
"""Left out at each end of the lamella, where the needle may be in the image (m)."""


@dataclass(frozen=True)
class Seen:
    """A figure that was read off an image."""

    time_s: float
    value: float
    sigma: float = 0.0
    """Standard error."""


@dataclass
class LookedBack:
    """What is read off the images as they come."""

    data: LiftOutData
    thickness: list[Seen] = field(default_factory=list)
    """At the interface, m."""
    brightness: list[Seen] = field(default_factory=list)
    """Of the lamella's top, counts; one for each step of the approach."""

    def see(self, shot: Shot) -> None:
        """Take the next image."""
        if shot.picture.beam != "ion":
            return
        said = self.data.after(shot.entry)
        if MEASURED in said:
            self._measure(shot)
        elif APPROACHED in said:
            self._watch(shot)

    def _measure(self, shot: Shot) -> None:
        asked = self.data.asked
        strip = lamella_strip(
            shot.picture,
            kept=asked.lamella.kept,
            depth=asked.lamella.depth,
            interface=asked.interface,
        )
        found = strip.at_interface
        if found.known:
            self.thickness.append(Seen(shot.time_s, found.value, found.sigma))

    def _watch(self, shot: Shot) -> None:
        place = self._place(shot.entry)
        level = None if place is None else _mean(shot.picture, *place)
        if level is not None:
            self.brightness.append(Seen(shot.time_s, level))

    def _place(self, entry: int) -> tuple[float, float, float, float] | None:
        """Return left, right, top and bottom of the lamella as it was last seen before an entry."""
        before: Mapping[str, Any] = {e.name: e.value for e in self.data.decided if e.entry < entry}
        middle, half = before.get("lamella at"), before.get("half thickness")
        if not isinstance(middle, list) or half is None:
            return None
        u, v = middle
        reach = self.data.asked.lamella.length / 2 - ENDS
        return (u - reach, u + reach, v - half, v + half)


def _mean(picture: BeamPicture, *box: float) -> float | None:
    """Return the mean of the pixels between left, right, top and bottom (m from the middle)."""
    rows, columns = picture.pixels.shape
    left, right, top, bottom = (round(each / picture.pixel_size) for each in box)
    down = slice(max(rows // 2 + top, 0), max(rows // 2 + bottom, 0))
    across = slice(max(columns // 2 + left, 0), max(columns // 2 + right, 0))
    part = picture.pixels[down, across]
    return float(np.mean(part)) if part.size else None
