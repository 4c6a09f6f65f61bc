"""A dose series as HyperSpy's `EDSTEMSpectrum`, its navigation axis the dose on the area."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from acquire.eds.hspy import Spectra, signal
from acquire.files import whole
from acquire.hspy import Tree, tidy, write_signal
from acquire.record import Done, RunRecord, StepRecord
from drivers.lab import Identity
from drivers.stem import Image, Spectrum, StemSetup
from protocols.beam_damage import BeamDamage


def damage_views(record: RunRecord, step: StepRecord) -> Iterator[Path]:
    """Write the spectra of a dose series and yield the file's path."""
    setup = next(record.done(step.index, "stem.setup", StemSetup), None)
    survey = next(record.done(step.index, "stem.image", Image), None)
    done = [each for each in record.done(step.index, "stem.spectrum", Spectrum) if each.result]
    if setup is None or survey is None or not done:
        return
    asked = BeamDamage.model_validate(step.request)
    identity = next(record.done(None, "stem.identity", Identity), None)
    spectra = _spectra(asked, step, setup.result, identity.result if identity else None, done)
    area = record.decisions(step.index)["area"]
    where = {"area": {f"{name}_{'rad' if name == 'angle' else 'm'}": area[name] for name in area}}
    axis = _dose_axis(spectra, float(survey.result.dose))
    path = record.folder / "data" / f"{step.index:02d}-{step.kind.replace('_', '-')}.hspy"
    with whole(path) as part:
        write_signal(part, signal(spectra, [axis], where, record.meta))
    yield path


def _spectra(
    asked: BeamDamage,
    step: StepRecord,
    setup: StemSetup,
    identity: Identity | None,
    done: Sequence[Done],
) -> Spectra:
    results: list[Spectrum] = [each.result for each in done]
    counts = np.zeros((len(done), setup.energy_axis.channels), np.uint32)
    for row, spectrum in zip(counts, results, strict=True):
        if spectrum.counts.size and spectrum.live_time > 0:
            row[:] = spectrum.counts
    return Spectra(
        title=asked.name or "dose series",
        step=step.index,
        watch=asked.watch,
        setup=setup,
        identity=identity,
        probe_current=asked.probe_current,
        exposed_area=asked.exposed_area,
        counts=counts,
        live_time=np.array([each.live_time for each in results]),
        real_time=np.array([each.real_time for each in results]),
        electrons=np.array([each.electrons for each in results]),
        utc=np.array([each.utc for each in done]),
    )


def _dose_axis(spectra: Spectra, before: float) -> Tree:
    """Return the axis of the dose in the middle of each exposure, `before` that of the survey."""
    during = spectra.electrons / (spectra.exposed_area * 1e20)
    middle = before + np.cumsum(during) - during / 2
    return {
        "_type": "DataAxis",
        "name": "dose",
        "units": "e/Å²",
        "navigate": True,
        "is_binned": False,
        "axis": np.array([tidy(each) for each in middle]),
    }
