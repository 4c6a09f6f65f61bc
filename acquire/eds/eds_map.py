"""The EDS map: survey image, rectangle, pixel by pixel and row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

from acquire.eds.follow_drift import FollowDrift
from acquire.eds.map_frame import map_from
from acquire.eds.net_counts import NetCounts
from acquire.eds.windows import window_of
from acquire.run import Run
from drivers.stem import Spectrum, Stem, StemSetup
from protocols.eds import DOSE
from protocols.eds_map import EdsMap


def eds_map(step: EdsMap, stem: Stem, run: Run) -> dict[str, Any]:
    """Map the rectangle and return its result as `show --json` gives it."""
    setup = run.do(stem.setup)
    for watched in step.watch:
        window_of(watched, setup)  # refuses a line that the detector cannot see
    survey = run.do(stem.image, step.survey)
    frame = run.decide("map", map_from(step, survey))
    drift = FollowDrift(step.drift, stem, run)
    total = MapTotal(step, setup)
    for row in range(frame.rows):
        drift.follow(row)
        for column in range(frame.columns):
            area = frame.area(row, column)
            total.add(run.do(stem.spectrum, area, step.probe_current, step.dwell))
        done = (row + 1) * frame.columns
        run.progress(done, frame.rows * frame.columns, f"row {row + 1} of {frame.rows}")
    return {**total.result(), DOSE: run.spent(DOSE)}


class MapTotal:
    """Adds up the spectra of a map."""

    def __init__(self, step: EdsMap, setup: StemSetup) -> None:
        """Begin with nothing counted."""
        self._step = step
        self._setup = setup
        self._counts = np.zeros(setup.energy_axis.channels)
        self._live_time = 0.0
        self._measured = 0
        self._lost = 0

    def add(self, spectrum: Spectrum) -> None:
        """Take a pixel's spectrum; one without counts or live time is lost."""
        if spectrum.live_time <= 0 or spectrum.counts.size == 0:
            self._lost += 1
            return
        self._counts += spectrum.counts
        self._live_time += spectrum.live_time
        self._measured += 1

    def result(self) -> dict[str, Any]:
        """Return each element's net counts of the whole map, and what a pixel can show."""
        return {
            "pixels": [self._step.rows, self._step.columns],
            "points": self._measured + self._lost,
            "points_lost": self._lost,
            **(self._elements() if self._measured else {}),
        }

    def _elements(self) -> dict[str, Any]:
        counts = NetCounts(self._setup, self._step.watch, self._counts)
        net, limits = {}, {}
        for element, (found, error) in counts.of(self._counts[None]).items():
            value = float(found[0])
            net[element] = {
                "value": value,
                "standard_error": float(error[0]),
                "per_s": value / self._live_time,
            }
            without = counts.without(element, self._counts) / self._measured
            limit = counts.detection_limit(element, without)
            per_s = limit / (self._live_time / self._measured)
            limits[element] = {"net_counts": limit, "net_counts_per_s": per_s}
        return {"net_counts": net, "detection_limits": limits}
