"""Keeping a scan or map on the specimen while it drifts."""

from __future__ import annotations

import math

from acquire.eds.drift import Shift, measure_shift
from acquire.flags import Flag
from acquire.run import Run
from drivers.stem import Image, Stem
from protocols.eds import DriftCorrection

REFUSALS_IN_A_ROW = 3
"""Drift measurements refused one after the other before the run stops rather than go on blind."""


class FollowDrift:
    """Keeps the scan on the specimen by shifting it; refuses a doubtful shift rather than guess."""

    def __init__(self, settings: DriftCorrection | None, stem: Stem, run: Run) -> None:
        self.settings = settings
        self.stem = stem
        self.run = run
        self.reference: Image | None = None
        self.shift = (0.0, 0.0)
        self.refused = 0

    def follow(self, index: int) -> None:
        """Measure and correct the drift where the protocol says so."""
        if self.settings is None or index % self.settings.every:
            return
        image = self.run.do(self.stem.image, self.settings.image)
        if self.reference is None:
            self.reference = image
            return
        found = measure_shift(self.reference, image, largest=self.settings.largest_step)
        shift = self.run.decide("drift", found)
        if shift.refusal is not None:
            self._doubt(index, shift)
            return
        self.refused = 0
        self.shift = (self.shift[0] + shift.dx, self.shift[1] + shift.dy)
        self.run.do(self.stem.shift_scan, *self.shift)
        self._stay_near(index)

    def _stay_near(self, index: int) -> None:
        """Stop where the specimen has gone too far from where the survey image showed it."""
        assert self.settings is not None
        far, most = math.hypot(*self.shift), self.settings.largest_total
        if far > most:
            note = (
                f"the specimen has moved {far * 1e9:.3g} nm, beyond the {most * 1e9:.3g} nm "
                "allowed; let it settle, then begin a new run"
            )
            self.run.flag(Flag(kind="drift", of="specimen", index=index, note=note), "stop")

    def _doubt(self, index: int, shift: Shift) -> None:
        self.refused += 1
        stop = self.refused >= REFUSALS_IN_A_ROW
        note = f"drift not corrected: {shift.refusal}"
        flag = Flag(kind="drift", of="specimen", index=index, note=note)
        self.run.flag(flag, "stop" if stop else "note")
