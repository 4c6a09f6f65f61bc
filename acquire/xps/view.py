"""A depth profile as HyperSpy's `XPSSpectrum`: one `.hspy` file for each region.

A region's file has a row for each cycle in which it was measured. `original_metadata.liftline` says
of each row its etch time, sweeps and date, and the transmission where it is known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquire.files import whole
from acquire.hspy import Tree, general, of_the_run, provenance, tidy, tree, write_signal
from acquire.record import RunRecord, StepRecord
from acquire.xps.profile_data import Floats, ProfileData, RegionStack, read_profile
from protocols.core_levels import core_level
from protocols.xps import SURVEY, Region


def profile_views(record: RunRecord, step: StepRecord) -> Iterator[Path]:
    """Write each region that was measured; yield the paths."""
    data = read_profile(record, step)
    if data is None:
        return
    stem = f"{step.index:02d}-{step.kind.replace('_', '-')}"
    for line in data.regions:
        path = record.folder / "data" / f"{stem}-{re.sub('[^A-Za-z0-9]+', '-', line)}.hspy"
        with whole(path) as part:
            write_signal(part, signal_of(data, line, record.meta))
        yield path


def signal_of(data: ProfileData, line: str, meta: Mapping[str, str]) -> Tree:
    """Return a region in the form that RosettaSciIO writes."""
    stack = data.regions[line]
    rows = np.flatnonzero(stack.sweeps)
    times = data.etch_times[rows]
    origin = provenance(data.identity, meta)
    title = f"{line}, {data.step.name or 'depth profile'}"
    note = "Counts of all sweeps of a cycle together; see original_metadata.liftline."
    began = next((str(utc) for utc in data.utc if utc), None)
    metadata = {
        "General": general(title, origin, note, began),
        "Signal": {"signal_type": "XPS", "quantity": "Electrons (Counts)"},
        "Sample": {"elements": _elements(data, line), "core_levels": [line]},
        "Acquisition_instrument": {"XPS": _spectrometer(data, line)},
    }
    original = {
        **of_the_run(data.record.index, data.identity, meta),
        "line": line,
        "cycle": rows,
        "etch_time_s": times,
        "sweeps": stack.sweeps[rows],
        "ended_utc": data.utc[rows],
    }
    if stack.transmission is not None:
        original["transmission"] = stack.transmission
    axes = [_etch_axis(times, rows), _energy_axis(stack)]
    return tree(stack.counts[rows], axes, metadata, original, ("acquire", version("liftline")))


def _elements(data: ProfileData, line: str) -> list[str]:
    lines = [region.line for region in data.step.regions] if line == SURVEY else [line]
    return sorted({core_level(each).element for each in lines})


def _spectrometer(data: ProfileData, line: str) -> Tree:
    """Return energies in eV, times in s, angles in degrees, lengths in mm."""
    setup, identity, stack = data.setup, data.identity, data.regions[line]
    known: Tree = {
        "photon_energy": setup.photon_energy,
        "anode": setup.anode,
        "work_function": setup.work_function,
        "pass_energy": _region(data, line).pass_energy,
        "dwell_time": stack.dwell,
        "spot_width": tidy(setup.spot_width * 1e3),
        "spot_height": tidy(setup.spot_height * 1e3),
        "take_off_angle": tidy(math.degrees(setup.take_off_angle)),
        "source_angle": tidy(math.degrees(setup.source_angle)),
        "instrument": "" if identity is None else f"{identity.make} {identity.model}",
    }
    recorded = identity is not None and identity.recorded
    # The protocol's ions never met the specimen of a recording.
    return known if recorded else {**known, "Ion_gun": _ion_gun(data)}


def _ion_gun(data: ProfileData) -> Tree:
    etch = data.step.etch
    return {
        "ion": etch.ion,
        "energy": etch.energy,
        "current": tidy(etch.current * 1e6),
        "raster_width": tidy(etch.raster_width * 1e3),
        "raster_height": tidy(etch.raster_height * 1e3),
    }


def _region(data: ProfileData, line: str) -> Region:
    return next(region for region in data.step.all_regions if region.line == line)


def _etch_axis(times: Floats, rows: npt.NDArray[np.intp]) -> Tree:
    """Return the axis of etch time, uniform if the etches were alike.

    HyperSpy needs values that grow; where an etch was skipped, the cycles are the axis.
    """
    common = {"name": "Etch time", "units": "s", "navigate": True, "is_binned": False}
    steps = np.diff(times)
    if not (steps > 0).all():
        common |= {"name": "Cycle", "units": ""}
        return {"_type": "DataAxis", **common, "axis": rows.astype(np.float64)}
    if np.allclose(steps, steps[:1], rtol=1e-6):
        return {
            "_type": "UniformDataAxis",
            **common,
            "size": len(times),
            "scale": tidy(float(steps.mean())) if len(steps) else 1.0,
            "offset": tidy(float(times[0])),
        }
    return {"_type": "DataAxis", **common, "axis": times}


def _energy_axis(stack: RegionStack) -> Tree:
    return {
        "_type": "UniformDataAxis",
        "name": "Binding energy",
        "units": "eV",
        "navigate": False,
        "is_binned": False,
        "size": stack.counts.shape[1],
        "scale": -tidy(stack.step),
        "offset": tidy(stack.start),
    }
