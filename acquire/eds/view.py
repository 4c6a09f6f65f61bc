"""A line scan as HyperSpy's `EDSTEMSpectrum`: the `.hspy` file that shows a run's data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from acquire.eds.hspy import Spectra, even_axis, signal
from acquire.eds.scan_data import ScanData, read_scan
from acquire.files import whole
from acquire.hspy import Tree, write_signal
from acquire.record import RunRecord, StepRecord


def line_scan_views(record: RunRecord, step: StepRecord) -> Iterator[Path]:
    """Write what a line scan has measured; yield the path."""
    scan = read_scan(record, step)
    if scan is None or not len(scan.main.distance):
        return
    path = record.folder / "data" / f"{step.index:02d}-{step.kind.replace('_', '-')}.hspy"
    with whole(path) as part:
        write_hspy(part, scan, record.meta)
    yield path


def write_hspy(path: Path, scan: ScanData, meta: Mapping[str, str]) -> None:
    """Write a scan as one `.hspy` file.

    Args:
        path: the file; overwritten.
        scan: what was measured; at least one position.
        meta: the run's facts, from `RunRecord.meta`.
    """
    write_signal(path, signal_of(scan, meta))


def signal_of(scan: ScanData, meta: Mapping[str, str]) -> Tree:
    """Return the signal in the form that RosettaSciIO writes."""
    step = scan.step
    positions = scan.main
    axis = even_axis("position", len(positions.distance), scan.pitch)
    spectra = Spectra(
        title=step.name or "EDS line scan",
        step=scan.record.index,
        watch=step.watch,
        setup=scan.setup,
        identity=scan.identity,
        probe_current=step.probe_current,
        exposed_area=step.exposed_area,
        counts=positions.counts,
        live_time=positions.live_time,
        real_time=positions.real_time,
        electrons=positions.electrons,
        utc=np.array(positions.utc),
    )
    line = {
        "x0_m": scan.x0,
        "y0_m": scan.y0,
        "angle_rad": scan.angle,
        "pitch_m": scan.pitch,
        "strip_m": step.strip,
    }
    return signal(spectra, [axis], {"line": line, "position_m": positions.distance}, meta)
