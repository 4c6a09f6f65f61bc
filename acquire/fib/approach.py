"""The brightness of the lamella while the needle comes nearer, read off the images again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from acquire.fib.lift_out_data import LiftOutData, Seen, Shot
from drivers.fib import BeamPicture

APPROACHED = "touches"
"""What the procedure decides right after an image of the approach."""
ENDS = 1e-6
"""Left out at each end of the lamella, where the needle may be in the image (m)."""


@dataclass
class Approach:
    """The images of the approach as they come."""

    data: LiftOutData
    brightness: list[Seen] = field(default_factory=list)
    """Of the lamella's top, counts; one for each image of the approach."""

    def see(self, shot: Shot) -> None:
        """Take the next image of the lift-out."""
        if shot.picture.beam != "ion" or self.data.after(shot.entry) != APPROACHED:
            return
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
