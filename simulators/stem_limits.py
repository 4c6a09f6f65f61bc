"""What the simulated STEM refuses, before anything moves."""

from __future__ import annotations

import math

from drivers.errors import LimitError
from drivers.stem import StemLimits
from protocols.units import CURRENT, LENGTH, TIME

LARGEST_FIELD = 10e-6
"""m; ours."""
SHORTEST_DWELL, LONGEST_DWELL = 1e-6, 3600.0
"""Seconds; ours."""
LONGEST_ROW = 1.0
"""Seconds for one row of an image; ours."""
LARGEST_SHIFT = 1e-6
"""m; range of the scan's shift, ours."""
STAGE_RANGE = 1e-3
"""m from the origin, both ways; ours."""


class Range:
    """The instrument's range, with the limits of the lab file."""

    largest_field = LARGEST_FIELD

    def __init__(self, limits: StemLimits) -> None:
        """Keep the lab's limits."""
        self._limits = limits

    def check_current(self, current: float) -> None:
        """Refuse a probe current (A) that is none, or above the lab's limit."""
        most = self._limits.probe_current_max
        if not 0 < current <= most:
            raise LimitError(
                f"stem: a probe current of {CURRENT.suggest(current)} is outside 0 .. "
                f"{CURRENT.suggest(most)} (probe_current_max of the lab file); lower it"
            )

    def check_dwell(self, dwell: float) -> None:
        """Refuse a dwell (s) that the instrument's timer cannot keep."""
        if not SHORTEST_DWELL <= dwell <= LONGEST_DWELL:
            raise LimitError(
                f"stem: a dwell of {dwell:g} s is outside {TIME.suggest(SHORTEST_DWELL)} .. "
                f"{TIME.suggest(LONGEST_DWELL)}; choose another"
            )

    def check_row(self, seconds: float) -> None:
        """Refuse an image whose rows take longer (s) than the scan generator can keep."""
        if not seconds <= LONGEST_ROW:
            raise LimitError(
                f"stem: one row of the image takes {seconds:g} s, more than "
                f"{TIME.suggest(LONGEST_ROW)}; shorten the dwell or take fewer pixels"
            )

    def check_rectangle(
        self, x: float, y: float, along: float, across: float, angle: float
    ) -> None:
        """Refuse a rectangle (m, rad) that is none, or reaches outside the largest field."""
        turned = angle if math.isfinite(angle) else math.nan
        c, s, broad = abs(math.cos(turned)), abs(math.sin(turned)), max(across, along)
        wide, high = (along * c + broad * s) / 2, (along * s + broad * c) / 2
        half = LARGEST_FIELD / 2 * (1 + 1e-9)
        inside = abs(x) + wide <= half and abs(y) + high <= half
        if not (inside and along > 0 and across >= 0):
            raise LimitError(
                f"stem: a rectangle of {along:g} x {across:g} m at ({x:g}, {y:g}) m turned by "
                f"{angle:g} rad is not within the largest field of "
                f"{LENGTH.suggest(LARGEST_FIELD)}; move it or make it smaller"
            )

    def check_shift(self, dx: float, dy: float) -> None:
        """Refuse a shift of the scan (m) outside its range."""
        if not (abs(dx) <= LARGEST_SHIFT and abs(dy) <= LARGEST_SHIFT):
            raise LimitError(
                f"stem: a scan shift of ({dx:g}, {dy:g}) m is outside "
                f"±{LENGTH.suggest(LARGEST_SHIFT)}; move the stage instead"
            )

    def check_stage(self, x: float, y: float) -> None:
        """Refuse a place (m) outside the stage's range."""
        if not (abs(x) <= STAGE_RANGE and abs(y) <= STAGE_RANGE):
            raise LimitError(
                f"stem: the stage cannot go to ({x:g}, {y:g}) m; its range is "
                f"±{LENGTH.suggest(STAGE_RANGE)}"
            )
