"""The interface of a focused ion beam microscope with an electron column and a needle.

Frame: x along the lamella, y across it, z up out of the specimen's free surface, origin where both
beams meet. `t` of the stage is the angle between the surface's normal and the electron column, so
that the electron beam sees the surface straight on at t = 0 and the ion beam at t = column_angle.
Between actions both beams are blanked; imaging and milling name their current each time, and the
driver gives back the one it found.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy.typing as npt

from drivers.action import Remainder, Spend, action
from drivers.lab import Identity
from protocols.fib import BeamImage, Pattern
from protocols.lift_out import ELECTRON_DOSE, ION_CHARGE, ION_DOSE, NEEDLE_TRAVEL
from protocols.model import Written
from protocols.units import (
    ELEMENTARY_CHARGE,
    Amperes,
    Metres,
    Pascals,
    Radians,
    Seconds,
)

BeamName = Literal["electron", "ion"]
Purpose = Literal["trench", "undercut", "clean", "weld", "sever", "release", "thin", "polish"]
"""What a pattern is for; interlocks ask more of some than of others."""


@dataclass(frozen=True)
class StagePosition:
    """Where the stage is: m and rad, in the specimen's frame."""

    x: float
    y: float
    z: float
    r: float
    t: float
    """Between the surface's normal and the electron column."""


@dataclass(frozen=True)
class NeedlePosition:
    """Where the needle's tip is by its encoders, m, in the specimen's frame from the origin."""

    x: float
    y: float
    z: float

    def to(self, other: NeedlePosition) -> float:
        """Return the distance to another place, m."""
        return math.dist((self.x, self.y, self.z), (other.x, other.y, other.z))


@dataclass(frozen=True)
class BeamPicture:
    """An image of one of the beams."""

    pixels: npt.NDArray[Any]
    """Shape (rows, columns), unsigned integers, row 0 at the top."""
    pixel_size: float
    """m."""
    beam: BeamName
    angle: float
    """Between the surface's normal and the beam, rad: v = y cos(a) - z sin(a)."""
    charge: float
    """That landed in the field, C."""


@dataclass(frozen=True)
class Milling:
    """Patterns to mill, with the charge that they get together."""

    purpose: Purpose
    patterns: tuple[Pattern, ...]
    """In the ion image: origin in its middle, x right, y down. Done one after the other, each
    with its share of the charge by area."""
    current: float
    """A."""
    voltage: float
    """V."""
    charge: float
    """C, all together."""
    done: float = 0.0
    """C of it that earlier attempts have delivered."""
    around: tuple[float, float] = (0.0, 0.0)
    """u and v at which the lamella's middle was last seen in the ion image (m): what interlocks
    keep the patterns off is there."""

    @property
    def duration(self) -> float:
        """Seconds that are left."""
        return (self.charge - self.done) / self.current


@dataclass(frozen=True)
class MilledSlice:
    """Progress of a pattern since the last yield."""

    charge: float
    """C."""
    seconds: float


@dataclass(frozen=True)
class Milled:
    """What was milled."""

    charge: float
    """C, all attempts together."""
    seconds: float


@dataclass(frozen=True)
class Geometry:
    """Where the columns are."""

    column_angle: float = math.radians(52)
    """Between electron and ion column: 52 deg TFS, 55 TESCAN, 54 Zeiss [lit]."""

    def angle(self, beam: BeamName, tilt: float) -> float:
        """Return the angle between the surface's normal and a beam at a stage tilt, rad, signed."""
        return tilt if beam == "electron" else tilt - self.column_angle

    @property
    def milling_tilt(self) -> float:
        """Stage tilt at which the ion beam is normal to the surface."""
        return self.column_angle


def seen(angle: float, x: float, y: float, z: float) -> tuple[float, float]:
    """Return where a place of the frame (m) is in an image taken at `angle`: u, v (m)."""
    return x, y * math.cos(angle) - z * math.sin(angle)


@dataclass(frozen=True)
class FibSetup:
    """What does not change while a session runs."""

    ion_species: str | None
    """As the instrument reports it; None where it does not say."""
    geometry: Geometry
    ion_currents: tuple[float, ...]
    """A, those that can be chosen."""
    electron_currents: tuple[float, ...]
    ion_voltages: tuple[float, ...]
    """V."""
    electron_voltages: tuple[float, ...]
    largest_field: float
    """m."""
    ion_spot: Mapping[str, float]
    """Full width at half maximum (m) by current written in whole picoamperes, such as '100'."""
    electron_spot: float
    """m."""
    overhead: float
    """Seconds that an image or pattern takes beside its beam time, for planning."""
    stage_speed: float
    """m/s, for planning."""
    needle_park: NeedlePosition
    """Where `insert_needle` brings it."""


@dataclass(frozen=True)
class FibStatus:
    """What the instrument says of itself now; NaN is 'does not know', which is a refusal."""

    chamber_pressure: float
    """Pa."""
    vented: bool
    """Vented, venting, or the door open."""
    stage: StagePosition
    stage_moving: bool
    stage_homed: bool
    needle: NeedlePosition
    """Where its encoders say it is; where it parks when it is out."""
    needle_inserted: bool
    needle_moving: bool
    electron_beam_on: bool
    """The column is on; blanked or not."""
    ion_beam_on: bool
    electrons_blanked: bool
    ions_blanked: bool
    ion_current: float
    """A, as measured by the column's own meter for the chosen current."""
    ion_current_set: float
    """A, as chosen."""
    gis_inserted: bool
    gis_open: bool
    milling: bool


class FibLimits(Written):
    """Limits of the lab file that protect the microscope and the specimen."""

    chamber_pressure_max: Pascals = 1e-3
    """No beam, move or needle above this pressure."""
    ion_current_max: Amperes = 15e-9
    """Largest ion current of a pattern."""
    imaging_current_max: Amperes = 10e-12
    """Largest ion current of an image while a specimen is on the stage."""
    stage_x_max: Metres = 55e-3
    """Largest |x| of a stage target."""
    stage_y_max: Metres = 55e-3
    stage_z_min: Metres = -5e-3
    stage_z_max: Metres = 8e-3
    tilt_min: Radians = math.radians(-10)
    tilt_max: Radians = math.radians(60)
    tilt_needs_z_below: Metres = 5e-3
    """Above this height the tilt stays within 15 deg: the pole piece is near."""
    needle_reach: Metres = 150e-6
    """Largest distance of a needle target from the origin along each axis."""
    needle_near: Metres = 5e-6
    """Within this distance of the lamella the needle goes in small steps."""
    needle_step_near: Metres = 0.5e-6
    needle_step_far: Metres = 30e-6
    needle_park_height: Metres = 40e-6
    """Height of the needle from which the stage may move under it, with a lamella on it; ours,
    to verify."""
    needle_height_error: Metres = 6e-6
    """Largest error of the needle's encoders in height: by them it goes no deeper than this and
    needle_below_surface together. Three times the usual error of an insertion; ours, to verify."""
    needle_below_surface: Metres = 0.5e-6
    """How far below the surface the tip may be; ours, to verify."""
    stage_step_with_needle: Metres = 3e-6
    """Largest stage move while the needle is in."""
    column_angle: Radians = math.radians(52)
    """Between the columns, for the interlocks of tilted patterns; as `FibSetup.geometry` has it."""
    pattern_margin: Metres = 100e-9
    """Least distance of a pattern from the zone that is kept, beside measured drift."""
    alignment_age_max: Seconds = 900.0
    """No pattern on the lamella begins longer after it was last seen in place; ours, to verify."""
    current_error_max: float = 0.15
    """Largest relative difference between the measured and the chosen ion current."""
    reading_age_max: Seconds = 2.0
    """A reading of the instrument's state older than this is no reading."""


def _ion_image_spends(settings: BeamImage) -> Sequence[Spend]:
    return (Spend(ION_DOSE, settings.charge / settings.field**2),)


def _ion_image_spent(charge: float, settings: BeamImage) -> Sequence[Spend]:
    return (Spend(ION_DOSE, charge / settings.field**2),)


def _electron_image_spends(settings: BeamImage) -> Sequence[Spend]:
    return _electron_image_spent(settings.charge, settings)


def _electron_image_spent(charge: float, settings: BeamImage) -> Sequence[Spend]:
    return (Spend(ELECTRON_DOSE, charge / ELEMENTARY_CHARGE / (settings.field**2 * 1e20)),)


def _mill_spends(job: Milling) -> Sequence[Spend]:
    return (Spend(ION_CHARGE, job.charge - job.done),)


def _mill_spent(charge: float, job: Milling) -> Sequence[Spend]:
    return (Spend(ION_CHARGE, charge),)


def _mill_rest(arguments: tuple[Any, ...], charge: float) -> tuple[Any, ...] | None:
    (job,) = arguments
    done = job.done + charge
    return (replace(job, done=done),) if job.charge - done > 1e-6 * job.charge else None


def _mill_whole(
    arguments: tuple[Any, ...], kept: Sequence[MilledSlice], rest: Milled | None, charge: float
) -> Milled:
    (job,) = arguments
    charge = charge or sum(part.charge for part in kept)  # no meter: what was told as it came
    seconds = charge / job.current + (rest.seconds if rest is not None else 0.0)
    return Milled(rest.charge if rest is not None else job.done + charge, seconds)


def _needle_spends(to: NeedlePosition, way: float) -> Sequence[Spend]:
    return (Spend(NEEDLE_TRAVEL, way),)


@runtime_checkable
class Fib(Protocol):
    """A FIB-SEM with a needle. Between actions both beams are blanked."""

    def identity(self) -> Identity:
        """Return which instrument this is."""
        ...

    def setup(self) -> FibSetup:
        """Return columns, currents and geometry."""
        ...

    def status(self) -> FibStatus:
        """Return vacuum, stage, needle, beams and gas as they are now; costs no dose."""
        ...

    def ion_charge(self) -> float | None:
        """Return the charge (C) of ions that have left the column unblanked; only grows.

        None where the instrument keeps no such meter.
        """
        ...

    def electron_charge(self) -> float | None:
        """Return the charge (C) of electrons likewise."""
        ...

    def safe(self) -> None:
        """Blank both beams, stop milling, close gas; the needle and stage stop where they are.

        May be repeated, and is called on every way out. It never retracts the needle: there may
        be a lamella on it.
        """
        ...

    @action(
        irreversible=True,
        spends=_ion_image_spends,
        spent=_ion_image_spent,
        meter="ion_charge",
        on_interrupt="repeat",
    )
    def ion_image(self, settings: BeamImage) -> Generator[None, None, BeamPicture]:
        """Take an image with the ion beam; it mills a little.

        Raises:
            LimitError: field or current is not one of the instrument's.
        """
        ...

    @action(
        irreversible=True,
        spends=_electron_image_spends,
        spent=_electron_image_spent,
        meter="electron_charge",
        on_interrupt="repeat",
    )
    def electron_image(self, settings: BeamImage) -> Generator[None, None, BeamPicture]:
        """Take an image with the electron beam.

        Raises:
            LimitError: field or current is not one of the instrument's.
        """
        ...

    @action(
        irreversible=True,
        spends=_mill_spends,
        spent=_mill_spent,
        meter="ion_charge",
        on_interrupt="remaining",
        remainder=Remainder(_mill_rest, _mill_whole),
    )
    def mill(self, job: Milling) -> Generator[MilledSlice, None, Milled]:
        """Mill patterns with the ion beam.

        Yields:
            What was delivered since the last yield, at least once a second of wall time.

        Raises:
            LimitError: a pattern outside the field, a current that the instrument lacks.
            ReadbackError: the current is not the one chosen, or the charge falls short.
        """
        ...

    @action(on_interrupt="repeat")
    def move_stage(self, to: StagePosition) -> Generator[None, None, StagePosition]:
        """Move the stage and return where it is: tilt flat, then rotate, then the rest.

        Raises:
            LimitError: NaN, or outside the stage's range; nothing has moved.
            ReadbackError: it is not where it was sent.
        """
        ...

    @action(on_interrupt="repeat")
    def insert_needle(self) -> Generator[None, None, NeedlePosition]:
        """Bring the needle to its park position over the specimen."""
        ...

    @action(on_interrupt="repeat")
    def retract_needle(self) -> Generator[None, None, None]:
        """Take the needle out of the chamber's middle; never with a lamella on it."""
        ...

    @action(spends=_needle_spends, on_interrupt="repeat")
    def move_needle(self, to: NeedlePosition, way: float) -> Generator[None, None, NeedlePosition]:
        """Move the needle in a straight line and return where its encoders say it is.

        Args:
            to: where to.
            way: the length of the move (m), for the budget of travel.

        Raises:
            LimitError: NaN, or out of reach; nothing has moved.
            ReadbackError: it is not where it was sent, or met resistance.
        """
        ...

    @action(on_interrupt="repeat")
    def insert_gis(self) -> None:
        """Insert the gas injector; refused while the specimen is cold."""
        ...

    @action(on_interrupt="repeat")
    def retract_gis(self) -> None:
        """Retract the gas injector."""
        ...
