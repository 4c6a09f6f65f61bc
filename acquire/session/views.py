"""The files that show what was measured by hand: EDS and XPS spectra for HyperSpy, holds as CSV.

Images stand in data/images already. Each file is named by the number of its action.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from acquire.eds.hspy import Spectra, even_axis, signal
from acquire.files import whole, write_whole
from acquire.hspy import Tree, general, of_the_run, provenance, tidy, tree, write_signal
from acquire.record import Done, RunRecord, StepRecord
from drivers.lab import Identity
from drivers.potentiostat import Samples
from drivers.stem import Area, Spectrum, StemSetup
from drivers.xps import RegionSpectrum
from protocols.core_levels import core_level
from protocols.xps import SURVEY, Region


def views(record: RunRecord, step: StepRecord) -> Iterator[Path]:
    """Write what a session has measured in one of its steps; yield the paths."""
    setup = next(record.done(None, "stem.setup", StemSetup), None)
    yield from _signals(
        record,
        step,
        record.done(step.index, "stem.spectrum", Spectrum),
        lambda done, identity: _eds(record, done, identity, setup.result if setup else None),
    )
    yield from _signals(
        record,
        step,
        record.done(step.index, "xps.acquire", RegionSpectrum),
        lambda done, identity: _xps(record, done, identity),
    )
    yield from _holds(record, step)


def _signals(
    record: RunRecord,
    step: StepRecord,
    all_done: Iterator[Done],
    signal_of: Callable[[Done, Identity | None], Tree],
) -> Iterator[Path]:
    for done in all_done:
        if done.result is None or not len(done.result.counts):
            continue
        identity = _identity(record, done.name)
        path = _path(record, step, done, "hspy")
        with whole(path) as part:
            write_signal(part, signal_of(done, identity))
        yield path


def _path(record: RunRecord, step: StepRecord, done: Done, ending: str) -> Path:
    name = done.name.replace(".", "-")
    return record.folder / "data" / f"{step.index:02d}-{done.entry:06d}-{name}.{ending}"


def _identity(record: RunRecord, name: str) -> Identity | None:
    role = name.split(".", 1)[0]
    found = next(record.done(None, f"{role}.identity", Identity), None)
    return None if found is None else found.result


def _eds(record: RunRecord, done: Done, identity: Identity | None, setup: StemSetup | None) -> Tree:
    assert setup is not None  # a session reads it when it connects
    asked, current, _ = done.arguments
    area, spectrum = Area(**asked), done.result
    spectra = Spectra(
        title=f"EDS spectrum, action {done.entry}",
        step=done.step or 0,
        watch=(),
        setup=setup,
        identity=identity,
        probe_current=current,
        exposed_area=area.square_metres,
        counts=spectrum.counts[None, :],
        live_time=np.array([spectrum.live_time]),
        real_time=np.array([spectrum.real_time]),
        electrons=np.array([spectrum.electrons]),
        utc=np.array([done.utc]),
    )
    where = {
        "area": {f"{name}_{'rad' if name == 'angle' else 'm'}": v for name, v in asked.items()}
    }
    return signal(spectra, [even_axis("position", 1, area.along)], where, record.meta)


def _xps(record: RunRecord, done: Done, identity: Identity | None) -> Tree:
    region, spectrum = Region.model_validate(done.arguments[0]), done.result
    elements = [] if region.line == SURVEY else [core_level(region.line).element]
    metadata = {
        "General": general(
            f"{region.line}, action {done.entry}", provenance(identity, record.meta), "", done.utc
        ),
        "Signal": {"signal_type": "XPS", "quantity": "Electrons (Counts)"},
        "Sample": {"elements": elements, "core_levels": [region.line]},
        "Acquisition_instrument": {
            "XPS": {"pass_energy": region.pass_energy, "dwell_time": spectrum.dwell}
        },
    }
    original = {
        **of_the_run(done.step or 0, identity, record.meta),
        "line": region.line,
        "sweeps": spectrum.sweeps,
        "ended_utc": done.utc,
    }
    axes = [_one("Action", done.entry), _energies(spectrum)]
    counts = spectrum.counts[None, :]
    return tree(counts, axes, metadata, original, ("acquire", version("liftline")))


def _one(name: str, value: float) -> Tree:
    common = {"name": name, "units": "", "navigate": True, "is_binned": False}
    return {"_type": "UniformDataAxis", **common, "size": 1, "scale": 1.0, "offset": float(value)}


def _energies(spectrum: RegionSpectrum) -> Tree:
    return {
        "_type": "UniformDataAxis",
        "name": "Binding energy",
        "units": "eV",
        "navigate": False,
        "is_binned": False,
        "size": len(spectrum.counts),
        "scale": -tidy(spectrum.step),
        "offset": tidy(spectrum.start),
    }


def _holds(record: RunRecord, step: StepRecord) -> Iterator[Path]:
    """Write the samples of each hold as a table; its header carries the units."""
    for tried in record.readings(step.index, "potentiostat.hold", Samples):
        blocks = [block for _, held in tried.attempts for block in held]
        if not blocks:
            continue
        done = Done(tried.entry, "potentiostat.hold", tried.arguments, None, 0.0, "", None)
        path = _path(record, step, done, "csv")
        write_whole(path, "".join(_rows(blocks)))
        yield path


def _rows(blocks: list[Any]) -> Iterator[str]:
    yield "seconds_s,voltage_V,current_A,status\n"
    for block in blocks:
        for row in zip(block.seconds, block.voltage, block.current, block.status, strict=True):
            yield "{:.4f},{:.6f},{:.8g},{:d}\n".format(*row)
