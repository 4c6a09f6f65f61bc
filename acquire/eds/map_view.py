"""A map as files: HyperSpy's `EDSTEMSpectrum`, and each element's net counts as an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from acquire.eds.hspy import Spectra, even_axis, signal
from acquire.eds.map_data import MapData, read_map
from acquire.files import whole
from acquire.hspy import Tree, provenance, write_signal
from acquire.pictures import write_ome_tiff
from acquire.record import RunRecord, StepRecord


def map_views(record: RunRecord, step: StepRecord) -> Iterator[Path]:
    """Write a map's spectra, and each element's net counts; yield the paths."""
    data = read_map(record, step)
    if data is None or not data.asked.any():
        return
    stem = record.folder / "data" / f"{step.index:02d}-{step.kind.replace('_', '-')}"
    path = stem.with_name(f"{stem.name}.hspy")
    with whole(path) as part:
        write_signal(part, signal_of(data, record.meta))
    yield path
    origin = provenance(data.identity, record.meta)
    for element, net in data.net.items():
        path = stem.with_name(f"{stem.name}-{element}.ome.tif")
        name = f"net counts of {element}{'' if origin == 'MEASURED' else f' ({origin})'}"
        size = (data.frame.pixel_width, data.frame.pixel_height)
        with whole(path) as part:
            write_ome_tiff(part, name, net.astype(np.float32), size)
        yield path


def signal_of(data: MapData, meta: Mapping[str, str]) -> Tree:
    """Return the spectra in the form that RosettaSciIO writes."""
    step, frame = data.step, data.frame
    spectra = Spectra(
        title=step.name or "EDS map",
        step=data.record.index,
        watch=step.watch,
        setup=data.setup,
        identity=data.identity,
        probe_current=step.probe_current,
        exposed_area=step.exposed_area,
        counts=data.counts,
        live_time=data.live_time,
        real_time=data.real_time,
        electrons=data.electrons,
        utc=data.utc,
    )
    axes = [
        even_axis("y", frame.rows, frame.pixel_height),
        even_axis("x", frame.columns, frame.pixel_width),
    ]
    place = {"x0_m": frame.x0, "y0_m": frame.y0, "angle_rad": frame.angle}
    return signal(spectra, axes, {"map": place}, meta)
