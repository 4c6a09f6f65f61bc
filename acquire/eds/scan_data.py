"""What a line scan has measured so far, read from its run's record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.record import Done, RunRecord, StepRecord
from drivers.lab import Identity
from drivers.stem import Area, Image, Spectrum, StemSetup
from protocols.eds import EdsLineScan

KIND = "eds_line_scan"


@dataclass(frozen=True)
class Positions:
    """Measured positions in the order of their distance; all arrays are one row per position."""

    distance: npt.NDArray[np.float64]
    """Along the line from its first point, m."""
    counts: npt.NDArray[np.unsignedinteger]
    """Shape (positions, channels); zeros where the data were lost."""
    live_time: npt.NDArray[np.float64]
    """s; 0 where the data were lost."""
    real_time: npt.NDArray[np.float64]
    """s of beam on the specimen."""
    electrons: npt.NDArray[np.float64]
    """By the instrument's own meter."""
    utc: tuple[str, ...]
    """When each ended; empty text where nothing was measured."""

    @property
    def lost(self) -> npt.NDArray[np.bool_]:
        """True where there are no data."""
        return self.live_time <= 0


@dataclass(frozen=True)
class ScanData:
    """A line scan as far as it has gone."""

    record: StepRecord
    step: EdsLineScan
    setup: StemSetup
    identity: Identity | None
    x0: float
    y0: float
    """The line's first point in the frame of the survey image, m."""
    angle: float
    """rad clockwise from x."""
    pitch: float
    """m."""
    main: Positions
    """The line: position i is `i * pitch` along it; one that is missing is a gap. What was exposed
    more than once is summed."""


def read_scan(record: RunRecord, step: StepRecord) -> ScanData | None:
    """Return what a step of the kind `KIND` has measured; None before its line is known."""
    setup = next(record.done(step.index, "stem.setup", StemSetup), None)
    line = record.decisions(step.index).get("line")
    if setup is None or line is None:
        return None
    channels = setup.result.energy_axis.channels
    identity = next(record.done(None, "stem.identity", Identity), None)
    pitch = float(line["pitch"])
    by_place: dict[int, list[Done]] = {}
    for done in record.done(step.index, "stem.spectrum", Spectrum):
        if done.result is None:  # skipped by the operator
            continue
        place = round(_distance(done, line["x0"], line["y0"], line["angle"]) / pitch)
        by_place.setdefault(place, []).append(done)
    return ScanData(
        record=step,
        step=_as_done(step, record.decisions(step.index)),
        setup=setup.result,
        identity=identity.result if identity else None,
        x0=line["x0"],
        y0=line["y0"],
        angle=line["angle"],
        pitch=pitch,
        main=_stacked(by_place, pitch, channels),
    )


def _as_done(step: StepRecord, decisions: Mapping[str, Any]) -> EdsLineScan:
    """Return the step as it was asked for, with the dwell that a damage limit left of it."""
    asked = EdsLineScan.model_validate(step.request)
    return asked.model_copy(update={"dwell": decisions.get("dwell", asked.dwell)})


def survey_of(record: RunRecord, step: StepRecord) -> Image | None:
    """Return the first image of a step, which a line is drawn in; None before it is taken."""
    first = next(record.done(step.index, "stem.image", Image), None)
    return first.result if first else None


def _distance(done: Done, x0: float, y0: float, angle: float) -> float:
    """Return how far along the line (m) the area of a spectrum lies."""
    area = Area(**done.arguments[0])
    return (area.x - x0) * math.cos(angle) + (area.y - y0) * math.sin(angle)


def _stacked(by_place: Mapping[int, Sequence[Done]], pitch: float, channels: int) -> Positions:
    """Return one row per place of the line up to the furthest one, the sum of its exposures."""
    rows = [by_place.get(place, ()) for place in range(max(by_place, default=-1) + 1)]
    counts = np.zeros((len(rows), channels), np.uint32)
    times = np.zeros((3, len(rows)))
    for index, exposures in enumerate(rows):
        for done in exposures:
            spectrum: Spectrum = done.result
            times[1:, index] += spectrum.real_time, spectrum.electrons
            if spectrum.counts.size and spectrum.live_time > 0:
                counts[index] += spectrum.counts.astype(np.uint32)
                times[0, index] += spectrum.live_time
    small = counts.max(initial=0) <= np.iinfo(np.uint16).max
    return Positions(
        distance=np.arange(len(rows), dtype=np.float64) * pitch,
        counts=counts.astype(np.uint16) if small else counts,
        live_time=times[0],
        real_time=times[1],
        electrons=times[2],
        utc=tuple(exposures[-1].utc if exposures else "" for exposures in rows),
    )
