"""The interface of an XPS spectrometer with an ion gun.

Energies are binding energies in eV, as the analyser gives them without correction for charging.
Between actions the ion beam is off the specimen and the analyser's detector is safe.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from drivers.action import Remainder, Spend, action
from drivers.lab import Identity
from protocols.model import Written
from protocols.units import Amperes, ElectronVolts, Pascals, Seconds
from protocols.xps import ETCH_TIME, XRAY_TIME, Etch, Region


@dataclass(frozen=True)
class XpsSetup:
    """What does not change while a session runs: for metadata, planning and quantification."""

    photon_energy: float
    """eV."""
    anode: str
    """Such as Al Ka monochromated."""
    work_function: float
    """Of the analyser, eV."""
    pass_energies: tuple[float, ...]
    """Those that can be set, eV; empty if any."""
    smallest_step: float
    """eV."""
    spot_width: float
    """Of the area that is analysed, m."""
    spot_height: float
    """m."""
    take_off_angle: float
    """Between the surface normal and the analyser, rad."""
    source_angle: float
    """Between the X-rays and the analyser, rad."""
    transmission_exponent: float | None = None
    """Transmission goes as kinetic energy to this power; None where it is not known."""
    overhead: float = 0.0
    """Seconds between two regions, for planning."""


@dataclass(frozen=True)
class XpsStatus:
    """What the instrument says of itself now; NaN is 'does not know', None is 'has no such'."""

    pressure: float
    """Of the analysis chamber, Pa."""
    source_on: bool
    """X-rays reach the specimen."""
    ions_on: bool
    """Ions reach the specimen."""
    detector_on: bool
    """The detector's high voltage is up: ions now would harm it."""
    acquiring: bool
    """A region is being scanned."""
    neutraliser_on: bool | None = None
    gun_emission: float | None = None
    """Of the ion gun, A."""
    stage_x: float | None = None
    """m."""
    stage_y: float | None = None
    """m."""


@dataclass(frozen=True)
class SweepBlock:
    """Counts since the last block."""

    counts: npt.NDArray[Any]
    """Shape (channels,), unsigned integers; channels that were not scanned since are zero."""
    sweep: int
    """Which sweep it belongs to, from 0."""
    first: int
    """First channel that was scanned."""
    scanned: int
    """How many channels from there on were scanned."""


@dataclass(frozen=True)
class RegionSpectrum:
    """Counts of one region, all sweeps together."""

    counts: npt.NDArray[Any]
    """Shape (channels,), counts (not a rate)."""
    start: float
    """Binding energy of the first channel, eV: the highest."""
    step: float
    """By which the binding energy falls from channel to channel, eV."""
    dwell: float
    """Seconds on each channel in one sweep."""
    sweeps: int
    etch_time: float | None = None
    """Seconds of etching before it, where the data themselves say so (files)."""
    transmission: npt.NDArray[Any] | None = None
    """Of the analyser at each channel, relative; None where it is not known."""

    @property
    def binding_energies(self) -> npt.NDArray[np.float64]:
        """Binding energy of each channel, eV, shape (channels,), falling."""
        return self.start - self.step * np.arange(len(self.counts), dtype=np.float64)


@dataclass(frozen=True)
class EtchBlock:
    """How far an etch has come."""

    seconds: float
    """For which ions have removed material so far."""
    emission: float | None
    """Of the gun, A."""


@dataclass(frozen=True)
class Etched:
    """An etch that is over."""

    seconds: float
    """For which ions removed material, by the gun's own timer."""


class XpsLimits(Written):
    """Limits of the lab file that protect the instrument and the specimen."""

    pressure_max: Pascals = 1e-4
    """No X-rays and no ions above this pressure; with argon in the gun it is above the base."""
    measuring_pressure_max: Pascals = 5e-6
    """No spectra above this pressure: residual gas would cover what was etched."""
    ion_energy_max: ElectronVolts = 5000.0
    """Highest ion energy."""
    ion_current_max: Amperes = 10e-6
    """Largest ion current."""
    etch_max: Seconds = 3600.0
    """Longest single etch."""
    reading_age_max: Seconds = 5.0
    """A reading of the instrument's state older than this is no reading."""


def _acquire_spends(region: Region, sweeps: int) -> Sequence[Spend]:
    return (Spend(XRAY_TIME, region.points * region.dwell * sweeps),)


def _acquire_spent(seconds: float, region: Region, sweeps: int) -> Sequence[Spend]:
    return (Spend(XRAY_TIME, seconds),)


def _etch_spends(etch: Etch) -> Sequence[Spend]:
    return (Spend(ETCH_TIME, etch.duration),)


def _etch_spent(seconds: float, etch: Etch) -> Sequence[Spend]:
    return (Spend(ETCH_TIME, seconds),)


def _etch_rest(arguments: tuple[Any, ...], seconds: float) -> tuple[Any, ...] | None:
    (etch,) = arguments
    left = etch.duration - seconds
    return (etch.model_copy(update={"duration": left}),) if left > 1e-3 else None


def _etch_whole(
    arguments: tuple[Any, ...], kept: Sequence[EtchBlock], rest: Etched | None, seconds: float
) -> Etched:
    return Etched(seconds + (rest.seconds if rest is not None else 0.0))


def joined(parts: Sequence[RegionSpectrum]) -> RegionSpectrum:
    """Return one region measured several times as one spectrum: counts and sweeps add up."""
    counts = np.sum([part.counts.astype(np.float64) for part in parts], axis=0)
    whole = np.asarray(counts, parts[0].counts.dtype) if len(parts) > 1 else parts[0].counts
    return replace(parts[0], counts=whole, sweeps=sum(part.sweeps for part in parts))


@runtime_checkable
class Xps(Protocol):
    """An XPS spectrometer with an ion gun."""

    def identity(self) -> Identity:
        """Return which instrument this is."""
        ...

    def setup(self) -> XpsSetup:
        """Return energies, geometry and what the analyser can be set to."""
        ...

    def status(self) -> XpsStatus:
        """Return vacuum, source, gun and detector as they are now."""
        ...

    def xray_seconds(self) -> float | None:
        """Return for how long regions have been scanned under the X-rays; only grows.

        None where the instrument keeps no such count.
        """
        ...

    def etch_seconds(self) -> float | None:
        """Return for how long ions have ever removed material, by the gun's own timer.

        It only grows, across restarts too; None where the gun keeps none: a cut-off etch is then
        put to the operator.
        """
        ...

    def safe(self) -> None:
        """Ions off the specimen, detector voltage down. May be repeated."""
        ...

    @action(on_interrupt="repeat", setting=True)
    def set_source(self, on: bool) -> Generator[None, None, None]:
        """Switch the X-rays on, which takes as long as the source needs, or off.

        Raises:
            ReadbackError: it does not come on.
        """
        ...

    @action(on_interrupt="repeat", setting=True)
    def set_neutraliser(self, on: bool) -> None:
        """Switch the charge neutraliser on or off."""
        ...

    @action(on_interrupt="repeat")
    def move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        """Bring the place (x, y) of the specimen, m, under the analysed spot.

        Raises:
            LimitError: outside the stage's range; nothing has moved.
            ReadbackError: the stage is not where it was sent.
        """
        ...

    # not irreversible: a region of which nobody knows how much was scanned is measured again, and
    # what was reserved for it stays spent
    @action(
        spends=_acquire_spends,
        spent=_acquire_spent,
        meter="xray_seconds",
        on_interrupt="repeat",
    )
    def acquire(self, region: Region, sweeps: int) -> Generator[SweepBlock, None, RegionSpectrum]:
        """Scan a region `sweeps` times (`region.sweeps` is not looked at).

        Yields:
            What was counted since the last yield, at least once a second.

        Raises:
            LimitError: the region is outside what the analyser can do; nothing was exposed.
            ReadbackError: the analyser would scan something else than asked.
        """
        ...

    @action(
        irreversible=True,
        spends=_etch_spends,
        spent=_etch_spent,
        meter="etch_seconds",
        on_interrupt="remaining",
        remainder=Remainder(_etch_rest, _etch_whole),
    )
    def etch(self, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        """Etch for `etch.duration` seconds, with the gun's settling before and after.

        Closing it takes the ions off the specimen at once.

        Raises:
            LimitError: energy, current or raster is outside what the gun can do.
            InstrumentFaultError: the gun tripped; what was done is on its timer.
        """
        ...
