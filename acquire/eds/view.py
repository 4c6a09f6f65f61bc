"""A line scan as HyperSpy's `EDSTEMSpectrum`: the `.hspy` file that shows a run's data.

Written by RosettaSciIO alone: importing HyperSpy with exspy would cost the run 15 s of CPU.
What HyperSpy's metadata have no place for stands in `original_metadata.liftline`: for each position
its distance, live time, real time, electrons and date, and which positions were lost (their spectra
are zeros).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from acquire.eds.scan_data import Positions, ScanData, read_scan
from acquire.files import whole
from acquire.record import RunRecord, StepRecord

COMPRESSION = 1
"""gzip level: counts are mostly zeros, more effort gains little."""
CHUNK = 32
"""Positions in one chunk: a reader that loads lazily decompresses these together."""

Tree = dict[str, Any]


def line_scan_views(record: RunRecord, step: StepRecord) -> Iterator[Path]:
    """Write the pass of a line scan, and what was measured after it; yield the paths."""
    scan = read_scan(record, step)
    if scan is None:
        return
    stem = f"{step.index:02d}-{step.kind.replace('_', '-')}"
    for positions, suffix, refined in ((scan.main, "", False), (scan.refined, "-refined", True)):
        if len(positions.distance):
            path = record.folder / "data" / f"{stem}{suffix}.hspy"
            with whole(path) as part:
                write_hspy(part, scan, record.meta, refined=refined)
            yield path


def write_hspy(path: Path, scan: ScanData, meta: Mapping[str, str], *, refined: bool) -> None:
    """Write the pass of a scan, or its refined positions, as one `.hspy` file.

    Args:
        path: the file; overwritten.
        scan: what was measured; at least one position of what is written.
        meta: the run's facts, from `RunRecord.meta`.
        refined: the positions measured after the pass, whose axis is not uniform.
    """
    from rsciio.hspy import file_writer

    signal = signal_of(scan, meta, refined=refined)
    positions, channels = signal["data"].shape
    chunks = (min(CHUNK, positions), channels)
    file_writer(str(path), signal, chunks=chunks, compression_opts=COMPRESSION)


def signal_of(scan: ScanData, meta: Mapping[str, str], *, refined: bool) -> Tree:
    """Return the signal in the form that RosettaSciIO writes."""
    positions = scan.refined if refined else scan.main
    axis = _refined_axis(positions) if refined else _main_axis(scan)
    return {
        "data": positions.counts,
        "axes": [axis, _energy_axis(scan)],
        "metadata": _metadata(scan, positions, meta, refined),
        "original_metadata": {"liftline": _original(scan, positions, meta)},
        "attributes": {"_lazy": False, "ragged": False},
        "learning_results": {},
        "models": {},
        "package_info": {"package": "exspy", "package_version": version("exspy")},
        "tmp_parameters": {},
    }


def _tidy(value: float) -> float:
    """Return the value without the last digits that a change of unit leaves behind."""
    return float(f"{value:.12g}")


def _main_axis(scan: ScanData) -> Tree:
    return {
        "_type": "UniformDataAxis",
        "name": "position",
        "units": "nm",
        "navigate": True,
        "is_binned": False,
        "size": len(scan.main.distance),
        "scale": _tidy(scan.pitch * 1e9),
        "offset": 0.0,
    }


def _refined_axis(positions: Positions) -> Tree:
    return {
        "_type": "DataAxis",
        "name": "position",
        "units": "nm",
        "navigate": True,
        "is_binned": False,
        "axis": np.array([_tidy(distance * 1e9) for distance in positions.distance]),
    }


def _energy_axis(scan: ScanData) -> Tree:
    axis = scan.setup.energy_axis
    return {
        "_type": "UniformDataAxis",
        "name": "Energy",
        "units": "keV",
        "navigate": False,
        "is_binned": True,
        "size": axis.channels,
        "scale": _tidy(axis.scale / 1e3),
        "offset": _tidy(axis.offset / 1e3),
    }


def _metadata(scan: ScanData, positions: Positions, meta: Mapping[str, str], refined: bool) -> Tree:
    watched = sorted(scan.step.watch, key=lambda watch: watch.element)
    return {
        "General": _general(scan, positions, meta, refined),
        "Signal": {"signal_type": "EDS_TEM", "quantity": "X-rays (Counts)"},
        "Sample": {
            "elements": [watch.element for watch in watched],
            "xray_lines": [watch.xray_line for watch in watched],
        },
        "Acquisition_instrument": {"TEM": _microscope(scan, positions)},
        "_HyperSpy": {
            "Folding": {
                "unfolded": False,
                "signal_unfolded": False,
                "original_shape": None,
                "original_axes_manager": None,
            }
        },
    }


def provenance(scan: ScanData, meta: Mapping[str, str]) -> str:
    """Return where the counts come from, a key of `NOTES`."""
    recorded = scan.identity is not None and scan.identity.recorded
    simulated = scan.identity.simulated if scan.identity else meta.get("simulated") == "true"
    if recorded:
        return "RECORDED SIMULATION" if simulated else "RECORDED"
    return "SIMULATED" if simulated else "MEASURED"


NOTES = {
    "SIMULATED": "SIMULATED: these counts were computed by a simulator, no specimen was measured.",
    "RECORDED": "RECORDED: counts of an earlier recording, played again through liftline.",
    "RECORDED SIMULATION": "RECORDED SIMULATION: counts that a simulator had computed, played "
    "again through liftline; no specimen was measured.",
    "MEASURED": "Measured by liftline.",
}


def _general(scan: ScanData, positions: Positions, meta: Mapping[str, str], refined: bool) -> Tree:
    origin = provenance(scan, meta)
    title = scan.step.name or "EDS line scan"
    title += " refined" if refined else ""
    notes = f"{NOTES[origin]} Positions without data hold zeros; see original_metadata.liftline."
    began = next((utc for utc in positions.utc if utc), None)
    stamp = {}
    if began is not None:
        when = datetime.fromisoformat(began)
        stamp = {"date": when.date().isoformat(), "time": f"{when:%H:%M:%S}", "time_zone": "UTC"}
    suffix = "" if origin == "MEASURED" else f" ({origin})"
    return {"title": f"{title}{suffix}", "notes": notes, **stamp}


def _microscope(scan: ScanData, positions: Positions) -> Tree:
    setup, step, identity = scan.setup, scan.step, scan.identity
    measured = ~positions.lost
    live, real = (
        _tidy(times[measured].mean()) if measured.any() else 0.0
        for times in (positions.live_time, positions.real_time)
    )
    recorded = identity is not None and identity.recorded
    # The protocol's current and area never met the specimen of a recording.
    beam = {} if recorded else _beam(step.probe_current, step.exposed_area)
    return {
        "beam_energy": _tidy(setup.beam_energy / 1e3),
        **beam,
        "microscope": "" if identity is None else f"{identity.make} {identity.model}",
        "Detector": {
            "EDS": {
                "live_time": live,
                "real_time": real,
                "elevation_angle": _tidy(math.degrees(setup.elevation_angle)),
                "azimuth_angle": _tidy(math.degrees(setup.azimuth_angle)),
                "energy_resolution_MnKa": _tidy(setup.resolution),
            }
        },
        "Stage": {"tilt_alpha": 0.0},
    }


def _beam(current: float, area: float) -> Tree:
    return {"beam_current": _tidy(current * 1e9), "probe_area": _tidy(area * 1e18)}


def _original(scan: ScanData, positions: Positions, meta: Mapping[str, str]) -> Tree:
    identity = scan.identity
    origin = provenance(scan, meta)
    return {
        "made_by": f"liftline {meta.get('version', '')}".strip(),
        "origin": "SIMULATED" if "SIMUL" in origin else origin,  # of the counts, however often
        "replayed": origin.startswith("RECORDED"),
        "protocol": meta.get("name", ""),
        "step": scan.record.index,
        "seed": meta.get("seed", ""),
        "serial": "" if identity is None else identity.serial,
        "solid_angle_sr": scan.setup.solid_angle,
        "line": {
            "x0_m": scan.x0,
            "y0_m": scan.y0,
            "angle_rad": scan.angle,
            "pitch_m": scan.pitch,
            "strip_m": scan.step.strip,
        },
        "position_m": positions.distance,
        "live_time_s": positions.live_time,
        "real_time_s": positions.real_time,
        "electrons": positions.electrons,
        "ended_utc": np.array(positions.utc),
        "lost_positions": np.flatnonzero(positions.lost).tolist(),
    }
