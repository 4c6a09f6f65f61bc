"""What a depth profile has measured so far, read from its run's journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from acquire.record import Done, RunRecord, StepRecord
from drivers.lab import Identity
from drivers.xps import Etched, RegionSpectrum, XpsSetup
from protocols.xps import DepthProfile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RegionStack:
    """One region, cycle by cycle. A cycle that lacks it has zeros and no sweeps."""

    counts: npt.NDArray[np.uint32]
    """Shape (cycles, channels), all sweeps of a cycle together."""
    start: float
    """Binding energy of the first channel, eV: the highest."""
    step: float
    """By which the binding energy falls from channel to channel, eV."""
    dwell: float
    """Seconds on each channel in one sweep."""
    sweeps: npt.NDArray[np.int64]
    """Shape (cycles,)."""
    transmission: Floats | None
    """Of the analyser at each channel, relative; None where it is not known."""

    @property
    def energies(self) -> Floats:
        """Binding energy of each channel, eV, shape (channels,), falling."""
        return self.start - self.step * np.arange(self.counts.shape[1], dtype=np.float64)

    def spectrum(self, cycle: int) -> RegionSpectrum | None:
        """Return what a cycle gave; None where it lacks the region."""
        if not self.sweeps[cycle]:
            return None
        sweeps = int(self.sweeps[cycle])
        counts = self.counts[cycle]
        return RegionSpectrum(counts, self.start, self.step, self.dwell, sweeps)


@dataclass(frozen=True)
class ProfileData:
    """A depth profile; arrays have one entry for each cycle that has begun."""

    record: StepRecord
    step: DepthProfile
    setup: XpsSetup
    identity: Identity | None
    etch_times: Floats
    """Seconds of etching before each cycle."""
    utc: npt.NDArray[np.str_]
    """When the last region of each cycle ended."""
    regions: Mapping[str, RegionStack]
    """By line, `survey` among them; those that were measured at all."""

    def spectra(self, cycle: int) -> dict[str, RegionSpectrum]:
        """Return the regions of a cycle by line, the survey left out."""
        lines = [region.line for region in self.step.regions]
        found = {line: self.regions[line].spectrum(cycle) for line in lines if line in self.regions}
        return {line: spectrum for line, spectrum in found.items() if spectrum is not None}


@dataclass
class _Cycle:
    """What was measured between two etches."""

    etch_time: float
    utc: str = ""
    parts: dict[str, list[RegionSpectrum]] = field(default_factory=dict)


def read_profile(record: RunRecord, step: StepRecord) -> ProfileData | None:
    """Return what a depth profile has measured; None before its first region."""
    setup = next(record.done(step.index, "xps.setup", XpsSetup), None)
    if setup is None:
        return None
    scans = list(record.done(step.index, "xps.acquire", RegionSpectrum))
    etches = list(record.done(step.index, "xps.etch", Etched))
    cycles = [cycle for cycle in _cycles(scans, etches) if cycle.parts]
    if not cycles:
        return None
    identity = next(record.done(None, "xps.identity", Identity), None)
    lines = dict.fromkeys(line for cycle in cycles for line in cycle.parts)
    return ProfileData(
        record=step,
        step=DepthProfile.model_validate(step.request),
        setup=setup.result,
        identity=identity.result if identity else None,
        etch_times=np.array([cycle.etch_time for cycle in cycles]),
        utc=np.array([cycle.utc for cycle in cycles]),
        regions={line: _stack(line, cycles) for line in lines},
    )


def _cycles(scans: Iterable[Done], etches: Iterable[Done]) -> list[_Cycle]:
    """Return the regions between the etches, in the order in which all was done."""
    cycles = [_Cycle(0.0)]
    for done in sorted([*scans, *etches], key=lambda each: each.entry):
        if done.result is None:  # skipped by the operator
            continue
        if isinstance(done.result, Etched):
            cycles.append(_Cycle(cycles[-1].etch_time + done.result.seconds))
            continue
        spectrum: RegionSpectrum = done.result
        cycles[-1].parts.setdefault(str(done.arguments[0]["line"]), []).append(spectrum)
        cycles[-1].utc = done.utc
        if spectrum.etch_time is not None:
            cycles[-1].etch_time = spectrum.etch_time
    return cycles


def _stack(line: str, cycles: Iterable[_Cycle]) -> RegionStack:
    held = [cycle.parts.get(line, []) for cycle in cycles]
    first = next(parts[0] for parts in held if parts)
    counts = np.zeros((len(held), len(first.counts)), np.uint32)
    for row, parts in zip(counts, held, strict=True):
        for part in parts:
            row += part.counts.astype(np.uint32)
    return RegionStack(
        counts=counts,
        start=first.start,
        step=first.step,
        dwell=first.dwell,
        sweeps=np.array([sum(part.sweeps for part in parts) for parts in held], np.int64),
        transmission=first.transmission,
    )
