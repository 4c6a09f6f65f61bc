"""What a map has measured so far, read from its run's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from acquire.eds.map_frame import MapFrame
from acquire.eds.net_counts import NetCounts
from acquire.record import RunRecord, StepRecord
from drivers.codec import unpack
from drivers.lab import Identity
from drivers.stem import Area, Spectrum, StemSetup
from protocols.eds_map import EdsMap

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MapData:
    """A map as far as it has gone; arrays have shape (rows, columns), of all that were asked for.

    What is not measured yet, or was lost, has zero live time.
    """

    record: StepRecord
    step: EdsMap
    setup: StemSetup
    identity: Identity | None
    frame: MapFrame
    counts: npt.NDArray[np.unsignedinteger]
    """Shape (rows, columns, channels)."""
    live_time: Floats
    """s."""
    real_time: Floats
    """s of beam on the specimen; 0 where nothing was exposed."""
    electrons: Floats
    """By the instrument's own meter."""
    utc: npt.NDArray[np.str_]
    """When each pixel ended; empty text where nothing was measured."""

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """True where there are data."""
        return self.live_time > 0

    @property
    def asked(self) -> npt.NDArray[np.bool_]:
        """True where a pixel was exposed, with or without data."""
        return np.asarray(self.utc != "")

    @cached_property
    def net(self) -> Mapping[str, Floats]:
        """Net counts of each element at each pixel; NaN where there are no data."""
        known = self.known
        spectra = self.counts[known]
        weights = NetCounts(self.setup, self.step.watch, spectra.sum(axis=0, dtype=np.float64))
        found = {}
        for element, (net, _) in weights.of(spectra).items():
            found[element] = np.full(known.shape, np.nan)
            found[element][known] = net
        return found


def read_map(record: RunRecord, step: StepRecord) -> MapData | None:
    """Return what a step of the kind `eds_map` has measured; None before its place is known."""
    setup = next(record.done(step.index, "stem.setup", StemSetup), None)
    place = record.decisions(step.index).get("map")
    if setup is None or place is None:
        return None
    frame: MapFrame = unpack(MapFrame, place, ())
    identity = next(record.done(None, "stem.identity", Identity), None)
    shape = (frame.rows, frame.columns)
    counts = np.zeros((*shape, setup.result.energy_axis.channels), np.uint16)
    live, real, electrons = (np.zeros(shape) for _ in range(3))
    utc = np.full(shape, "", "<U32")
    for done in record.done(step.index, "stem.spectrum", Spectrum):
        if done.result is None:  # skipped by the operator
            continue
        area = Area(**done.arguments[0])
        pixel = frame.pixel_of(area.x, area.y)
        spectrum: Spectrum = done.result
        real[pixel], electrons[pixel], utc[pixel] = spectrum.real_time, spectrum.electrons, done.utc
        if spectrum.counts.size and spectrum.live_time > 0:
            if spectrum.counts.max() > np.iinfo(counts.dtype).max:
                counts = counts.astype(np.uint32)
            counts[pixel] = spectrum.counts
            live[pixel] = spectrum.live_time
    return MapData(
        record=step,
        step=EdsMap.model_validate(step.request),
        setup=setup.result,
        identity=identity.result if identity else None,
        frame=frame,
        counts=counts,
        live_time=live,
        real_time=real,
        electrons=electrons,
        utc=utc,
    )
