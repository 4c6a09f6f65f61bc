"""The interface of a scanning transmission electron microscope with an EDS detector.

Positions are metres in the frame of the image: the origin is its centre, x to the right, y down.
Between actions the beam is blanked.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from drivers.action import Remainder, Spend, action
from drivers.lab import Identity
from protocols.eds import DOSE, ImageSettings
from protocols.model import Written
from protocols.units import (
    ELEMENTARY_CHARGE,
    Amperes,
    Kelvin,
    Pascals,
    Seconds,
    electrons_per_square_angstrom,
)


@dataclass(frozen=True)
class Area:
    """A rectangle over which the probe is rastered.

    `along` is its extent in the direction `angle` (rad, clockwise from x), `across` at right angles
    to it; zero across is one probe position `along` wide both ways.
    """

    x: float
    y: float
    along: float
    across: float
    angle: float

    @property
    def square_metres(self) -> float:
        """The area over which electrons are spread, m²."""
        return self.along * max(self.across, self.along)

    @property
    def place(self) -> tuple[float, float, float, float, float]:
        """The rectangle as a budget keeps it."""
        return (self.x, self.y, self.along, max(self.across, self.along), self.angle)


@dataclass(frozen=True)
class Image:
    """A dark-field image: counts or intensity, shape (rows, columns), row 0 at the top."""

    pixels: npt.NDArray[Any]
    pixel_size: float
    """Metres."""
    x: float
    y: float
    """Where the image's centre is in the frame, metres."""
    dose: float
    """What it cost, e/Å²."""


@dataclass(frozen=True)
class SpectrumBlock:
    """X-ray counts since the last block."""

    counts: npt.NDArray[Any]
    """Counts per channel, shape (channels,), unsigned integers."""
    live_time: float
    """Seconds in which the detector could count."""
    real_time: float
    """Seconds of beam on the specimen."""


@dataclass(frozen=True)
class Spectrum:
    """An EDS spectrum of one position."""

    counts: npt.NDArray[Any]
    """Counts per channel, shape (channels,)."""
    live_time: float
    """Seconds in which the detector could count; less than asked for where data were lost."""
    real_time: float
    """Seconds of beam on the specimen for these counts."""
    electrons: float
    """Electrons that the position received by the instrument's own meter, lost data included."""


@dataclass(frozen=True)
class EnergyAxis:
    """Energy of channel i is `offset + i * scale`, eV, at the channel's centre."""

    offset: float
    scale: float
    channels: int


@dataclass(frozen=True)
class StemSetup:
    """What does not change while a session runs: for metadata, planning and calibration."""

    beam_energy: float
    """eV."""
    energy_axis: EnergyAxis
    resolution: float
    """Full width at half maximum of the detector at Mn Ka, eV."""
    elevation_angle: float
    """Of the EDS detector above the specimen plane, rad."""
    azimuth_angle: float
    """rad."""
    solid_angle: float | None
    """sr, where known."""
    probe_size: float
    """Diameter of the probe, m; a recording has its pixel size here."""
    largest_field: float
    """Widest square field of view, m."""
    overhead: float = 0.0
    """Seconds between two exposures, for planning."""


@dataclass(frozen=True)
class StemStatus:
    """What the instrument says of itself now; NaN or None is 'does not know'."""

    column_pressure: float
    """Pa."""
    valve_open: bool
    """The valve between gun and column."""
    holder_temperature: float
    """K."""
    beam_blanked: bool
    stage_x: float
    """m."""
    stage_y: float
    """m."""
    shift_x: float = 0.0
    """Of the scan, as `shift_scan` set it, m."""
    shift_y: float = 0.0
    """m."""


class StemLimits(Written):
    """Limits of the lab file that protect the microscope and the specimen."""

    probe_current_max: Amperes = 1e-9
    """Largest probe current that a protocol may ask for."""
    column_pressure_max: Pascals = 1e-4
    """No beam above this pressure."""
    holder_temperature_max: Kelvin = 108.15
    """No beam above this holder temperature (-165 degC); a room-temperature lab sets its own."""
    reading_age_max: Seconds = 2.0
    """A reading of the instrument's state older than this is no reading."""


def _spectrum_spends(area: Area, probe_current: float, dwell: float) -> Sequence[Spend]:
    dose = electrons_per_square_angstrom(probe_current, dwell, area.square_metres)
    return (Spend(DOSE, dose, area.place),)


def _spectrum_spent(
    electrons: float, area: Area, probe_current: float, dwell: float
) -> Sequence[Spend]:
    return (Spend(DOSE, electrons / (area.square_metres * 1e20), area.place),)


def _image_spends(settings: ImageSettings, x: float, y: float) -> Sequence[Spend]:
    place = (x, y, settings.field, settings.field, 0.0)
    return (Spend(DOSE, settings.dose, place),)


def _image_spent(electrons: float, settings: ImageSettings, x: float, y: float) -> Sequence[Spend]:
    place = (x, y, settings.field, settings.field, 0.0)
    return (Spend(DOSE, electrons / (settings.field**2 * 1e20), place),)


def _spectrum_rest(arguments: tuple[Any, ...], electrons: float) -> tuple[Any, ...] | None:
    area, probe_current, dwell = arguments
    left = dwell - electrons * ELEMENTARY_CHARGE / probe_current
    return (area, probe_current, left) if left > dwell * 1e-3 else None


def _spectrum_whole(
    arguments: tuple[Any, ...],
    kept: Sequence[SpectrumBlock],
    rest: Spectrum | None,
    electrons: float,
) -> Spectrum:
    parts: list[SpectrumBlock | Spectrum] = [*kept, *([rest] if rest is not None else [])]
    counts = np.sum([part.counts.astype(np.uint32) for part in parts], axis=0) if parts else None
    return Spectrum(
        counts=np.zeros(0, np.uint32) if counts is None else counts.astype(np.uint32),
        live_time=math.fsum(part.live_time for part in parts),
        real_time=math.fsum(part.real_time for part in parts),
        electrons=electrons + (rest.electrons if rest is not None else 0.0),
    )


@runtime_checkable
class Stem(Protocol):
    """A STEM with an EDS detector. Between actions the beam is blanked."""

    def identity(self) -> Identity:
        """Return which instrument this is."""
        ...

    def setup(self) -> StemSetup:
        """Return energies, geometry and calibration."""
        ...

    def status(self) -> StemStatus:
        """Return vacuum, valve, holder and stage as they are now; costs no dose."""
        ...

    def electrons(self) -> float | None:
        """Return the electrons that have reached the specimen by the instrument's own meter.

        It only grows, across restarts too; None where the instrument keeps none.
        """
        ...

    def safe(self) -> None:
        """Blank the beam. May be repeated, and is called on every way out."""
        ...

    @action(
        irreversible=True,
        spends=_image_spends,
        spent=_image_spent,
        meter="electrons",
        on_interrupt="repeat",
    )
    def image(
        self, settings: ImageSettings, x: float = 0.0, y: float = 0.0
    ) -> Generator[None, None, Image]:
        """Take a dark-field image centred on (x, y).

        Raises:
            LimitError: field, current or place is outside the instrument's range.
        """
        ...

    @action(
        irreversible=True,
        spends=_spectrum_spends,
        spent=_spectrum_spent,
        meter="electrons",
        on_interrupt="remaining",
        remainder=Remainder(_spectrum_rest, _spectrum_whole),
    )
    def spectrum(
        self, area: Area, probe_current: float, dwell: float
    ) -> Generator[SpectrumBlock, None, Spectrum]:
        """Count X-rays while the probe is rastered over `area` for `dwell` seconds.

        The dwell is real time, so that the dose is as asked; the detector's live time is shorter by
        its dead time.

        Yields:
            The counts since the last yield, at least once a second.

        Raises:
            LimitError: area, current or dwell is outside the instrument's range.
        """
        ...

    @action(on_interrupt="repeat", setting=True)
    def shift_scan(self, dx: float, dy: float) -> None:
        """Shift the scan by (dx, dy) metres from its zero, so that the frame follows the specimen.

        It is absolute, stays over restarts of this computer, and moves no stage.

        Raises:
            LimitError: outside the range of the scan's shift.
        """
        ...

    @action(on_interrupt="repeat")
    def move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        """Bring the place (x, y) of the specimen under the image's centre; the beam is blanked.

        Raises:
            LimitError: outside the stage's range; nothing has moved.
            ReadbackError: the stage is not where it was sent.
        """
        ...
