"""A depth profile, or a few XPS spectra, recorded earlier: what the kinds of file share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.errors import RecordingError
from drivers.recorded_counts import counted
from drivers.xps import RegionSpectrum
from protocols.core_levels import core_level
from protocols.xps import SURVEY

Floats = npt.NDArray[np.float64]

_SURVEY = re.compile(r"^(survey|wide|overview|su1s)", re.IGNORECASE)
"""How files call a survey; `Su1s` is PHI's."""
_COMPACT = re.compile(r"^([A-Z][a-z]?)\s*([1-6][spdf])(\d)$")


def known_line(label: str) -> str | None:
    """Return a region's name as protocols write it; None if it is neither a level nor a survey.

    `C1s` is C 1s, `Sn3d5` is Sn 3d5/2.
    """
    label = label.strip()
    if _SURVEY.match(label):
        return SURVEY
    spin = _COMPACT.match(label)
    try:
        return core_level(f"{spin[1]} {spin[2]}{spin[3]}/2" if spin else label).name
    except ValueError:
        return None


def _shell(line: str) -> str:
    """Return a core level without its spin: a region may be named by one line of a pair."""
    return re.sub(r"\d/2$", "", line)


@dataclass(frozen=True)
class Found:
    """A region as a file has it."""

    label: str
    energies: Floats
    """Binding energies, eV, shape (channels,), in the file's order."""
    values: Floats
    """Shape (cycles, channels)."""
    cycles: Sequence[int]
    """Which cycle each row of `values` belongs to."""
    rate: bool | None
    """Whether the file says that the values are counts per second."""
    dwell: float | None
    """s."""
    sweeps: Sequence[int]
    """Of each row of `values`."""
    pass_energy: float | None = None
    """eV."""
    transmission: Floats | None = None
    """Shape (channels,)."""


@dataclass(frozen=True)
class RecordedRegion:
    """A region and its spectra."""

    line: str
    label: str
    """As the file calls it."""
    start: float
    """Highest binding energy, eV."""
    step: float
    """eV."""
    points: int
    dwell: float | None
    """Seconds on each channel in one sweep; None where neither file nor counts tell."""
    pass_energy: float | None
    """eV."""
    counts: Mapping[int, npt.NDArray[np.uint32]]
    """By cycle, all its sweeps together; a cycle may lack the region."""
    sweeps: Mapping[int, int]
    """By cycle."""
    transmission: Floats | None = None
    notes: tuple[str, ...] = ()
    """How values became counts, where there is something to say."""

    @property
    def stop(self) -> float:
        """Lowest binding energy, eV."""
        return self.start - self.step * (self.points - 1)

    def told(self) -> str:
        """Return name and range as a person reads them."""
        return f"{self.line} {self.start:g} to {self.stop:g} eV in steps of {self.step:g} eV"

    def cut(self, start: float, stop: float) -> RecordedRegion | None:
        """Return the channels between two binding energies, None where they are not all there."""
        first, last = (round((self.start - each) / self.step) for each in (start, stop))
        if not 0 <= first < last < self.points:
            return None
        part = slice(first, last + 1)
        return replace(
            self,
            start=tidy(self.start - first * self.step),
            points=last + 1 - first,
            counts={cycle: counts[part] for cycle, counts in self.counts.items()},
            transmission=None if self.transmission is None else self.transmission[part],
        )

    def spectrum(self, cycle: int, dwell: float, etch_time: float | None) -> RegionSpectrum:
        """Return the spectrum of a cycle in which the region was measured."""
        return RegionSpectrum(
            self.counts[cycle],
            self.start,
            self.step,
            dwell,
            self.sweeps[cycle],
            etch_time,
            self.transmission,
        )


@dataclass(frozen=True)
class XpsRecording:
    """What one file holds."""

    path: Path
    title: str
    instrument: str
    simulated: bool
    """A simulator had made it."""
    photon_energy: float
    """eV."""
    anode: str
    regions: Mapping[str, RecordedRegion]
    """By line."""
    cycles: int
    etch_times: tuple[float, ...] | None
    """Seconds of etching before each cycle; None where the file does not say."""
    work_function: float = 0.0
    """eV; 0 where it is not known."""
    spot: tuple[float, float] = (0.0, 0.0)
    """Width and height of the analysed area, m; 0 where it is not known."""
    take_off_angle: float = 0.0
    """rad."""
    notes: tuple[str, ...] = field(default=())
    """What the record should say of the recording as a whole."""

    def region(self, line: str) -> RecordedRegion | None:
        """Return the region of a line, also where file and protocol name one line of a pair."""
        if line in self.regions:
            return self.regions[line]
        alike = [each for name, each in self.regions.items() if _shell(name) == _shell(line)]
        return alike[0] if len(alike) == 1 else None

    def held(self) -> str:
        """Return which regions there are, as a person reads it."""
        return "; ".join(region.told() for region in self.regions.values())

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What the record should say of the recording and of its regions."""
        told = [f"{each.line}: {note}" for each in self.regions.values() for note in each.notes]
        return (*self.notes, *told)


def tidy(value: float) -> float:
    """Return an energy (eV) without the last digits that taking differences leaves behind."""
    return float(f"{value:.10g}")


def recorded_region(path: Path, found: Found) -> RecordedRegion:
    """Return a region with counts, from high to low binding energy.

    Raises:
        RecordingError: its energies are not even, or its values cannot be counts.
    """
    where = f"{path}: {found.label}"
    energies, values, transmission = found.energies, found.values, found.transmission
    if len(energies) < 2 or values.shape[1] != len(energies):
        raise RecordingError(f"{where} has {len(energies)} energies; a region has two or more")
    if energies[0] < energies[-1]:
        energies, values = energies[::-1], values[:, ::-1]
        transmission = None if transmission is None else transmission[::-1]
    step = float(energies[0] - energies[-1]) / (len(energies) - 1)
    if not np.allclose(np.diff(energies), -step, atol=0.02 * step, rtol=0):
        raise RecordingError(f"{where}: its energies are not evenly spaced; export it REGULAR")
    if not (np.isfinite(values) & (values >= 0)).all():
        raise RecordingError(
            f"{where} has negative values: a background was subtracted before; export the raw data"
        )
    if found.rate is not False:  # of a rate, what one sweep would have given
        values = values * np.array(found.sweeps)[:, np.newaxis]
    made = counted(np.ascontiguousarray(values), rate=found.rate, seconds=found.dwell)
    return RecordedRegion(
        known_line(found.label) or found.label,
        found.label,
        tidy(float(energies[0])),
        tidy(step),
        len(energies),
        made.seconds,
        found.pass_energy,
        dict(zip(found.cycles, made.counts, strict=True)),
        dict(zip(found.cycles, found.sweeps, strict=True)),
        transmission,
        () if made.note is None else (made.note,),
    )


def by_line(path: Path, found: Sequence[Found]) -> dict[str, RecordedRegion]:
    """Return the regions of a file by line.

    Raises:
        RecordingError: two regions have one name, or one cannot serve.
    """
    regions: dict[str, RecordedRegion] = {}
    for each in found:
        region = recorded_region(path, each)
        if region.line in regions:
            raise RecordingError(
                f"{path}: {regions[region.line].label!r} and {region.label!r} are both "
                f"{region.line}; keep one of them"
            )
        regions[region.line] = region
    if not regions:
        raise RecordingError(f"{path} holds no spectrum")
    return regions
