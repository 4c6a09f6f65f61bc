"""A cold stage that no program can read: the operator reads it and writes a small file.

    stage: -185 degC        # what the cold stage's controller shows
    needle: -160 degC
    shield: -190 degC       # of the anti-contaminator
    ln2_hold: 3 h           # for how long the nitrogen lasts
    slope: 0 K/min          # of the stage; may be left out once two readings were confirmed

Saving the file confirms it: the time of a reading is when the file was saved (`touch` confirms the
same figures again). An old reading is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from drivers.clock import Clock
from drivers.cryo import Cryo, CryoLimits, CryoStatus
from drivers.errors import DriverError, LimitError
from drivers.lab import DriverSpec, Identity, OpenRequest
from protocols.errors import InputError
from protocols.model import Written
from protocols.units import CubicMetres, Kelvin, KelvinPerSecond, Seconds
from protocols.written import read_written

COLDEST, WARMEST = 77.0, 330.0
"""K; liquid nitrogen boils at 77.4 K, and nobody heats a lamella."""
APART = 60.0
"""Seconds; two readings closer than this give no slope: a display shows 0.1 K; ours, to verify."""
AHEAD = 60.0
"""Seconds by which the file's time may be ahead of this computer's."""
EXAMPLE = "stage: -185 degC\nneedle: -160 degC\nshield: -190 degC\nln2_hold: 3 h\nslope: 0 K/min"

Temperature = Annotated[Kelvin, Field(ge=COLDEST, le=WARMEST)]


class OperatorCryoSettings(Written):
    """Settings of a cold stage that the operator reads."""

    confirmation_age_max: Annotated[Seconds, Field(gt=0)] = 1800.0
    """A reading confirmed longer ago than this is none; ours, to verify."""


class CryoReading(Written):
    """What the operator reads off the cold stage's controller."""

    stage: Temperature
    needle: Temperature
    shield: Temperature
    """Of the anti-contaminator."""
    ln2_hold: Annotated[Seconds, Field(ge=0)]
    """For how long the liquid nitrogen lasts."""
    slope: KelvinPerSecond | None = None
    """Of the stage's temperature; left out, from this reading and the one before."""
    ln2_used: Annotated[CubicMetres, Field(ge=0)] = 0.0
    """Liquid nitrogen used so far, where it is measured."""
    refilling: bool = False


@dataclass(frozen=True)
class Confirmed:
    """A reading, and when it was saved (s, Unix time)."""

    reading: CryoReading
    at: float


class OperatorCryo(Cryo):
    """A cold stage that is read by eye and set by hand."""

    def __init__(self, file: Path, age_max: float, clock: Clock) -> None:
        """Read `file`; a reading older than `age_max` seconds is none.

        Raises:
            InputError: the file is missing or wrong.
        """
        self._file = file
        self._age_max = age_max
        self._clock = clock
        self._before: Confirmed | None = None
        self._last = self._read()
        self._setpoint: float | None = None

    def identity(self) -> Identity:
        """Return that it is the operator who reads it."""
        return Identity("operator", "cold stage read by eye", self._file.name, simulated=False)

    def status(self) -> CryoStatus:
        """Return what the operator confirmed last.

        Raises:
            DriverError: that is too long ago, the file is wrong, or no slope is known.
        """
        try:
            self._take(self._read())
        except InputError as error:
            raise DriverError(f"cryo: {error}; correct the file and save it") from error
        self._check_age()
        reading = self._last.reading
        setpoint = reading.stage if self._setpoint is None else self._setpoint
        return CryoStatus(
            stage_temperature=reading.stage,
            stage_slope=self._slope(),
            needle_temperature=reading.needle,
            shield_temperature=reading.shield,
            setpoint=setpoint,
            ln2_hold=max(0.0, reading.ln2_hold - self._age()),
            ln2_used=reading.ln2_used,
            refilling=reading.refilling,
        )

    def safe(self) -> None:
        """Do nothing: it stays as cold as the operator keeps it."""

    def close(self) -> None:
        """Do nothing."""

    def cool(self, setpoint: float) -> None:
        """Take note of the setpoint; it is the operator who sets it.

        Raises:
            LimitError: no stage cooled by nitrogen can reach it.
        """
        if not COLDEST <= setpoint <= WARMEST:
            raise LimitError(
                f"a setpoint of {setpoint:.4g} K is outside {COLDEST:g} to {WARMEST:g} K"
            )
        self._setpoint = setpoint

    def _read(self) -> Confirmed:
        try:
            at = self._file.stat().st_mtime
        except OSError as error:
            raise InputError(
                f"{self._file}: {error.strerror}; write into it what the cold stage shows:\n"
                f"{EXAMPLE}"
            ) from error
        return Confirmed(read_written(self._file).validate(TypeAdapter(CryoReading)), at)

    def _take(self, now: Confirmed) -> None:
        """Keep the reading before, unless the two are too close to give a slope."""
        if now.at - self._last.at >= APART:
            self._before = self._last
        self._last = now

    def _slope(self) -> float:
        """Return the stage's slope (K/s): as written, or from two readings that are recent."""
        reading, before = self._last.reading, self._before
        if reading.slope is not None:
            return reading.slope
        if before is None or self._last.at - before.at > self._age_max:
            raise DriverError(
                f"cryo: one reading gives no slope of the stage's temperature; look at the "
                f"controller and add to {self._file}, for example: slope: 0 K/min"
            )
        return (reading.stage - before.reading.stage) / (self._last.at - before.at)

    def _age(self) -> float:
        """Return for how long (s) the last reading has been confirmed."""
        return self._clock.utc().timestamp() - self._last.at

    def _check_age(self) -> None:
        age = self._age()
        at = datetime.fromtimestamp(self._last.at, UTC)
        if age < -AHEAD:
            raise DriverError(
                f"cryo: {self._file} was saved at {at:%H:%M:%S} UTC, which is yet to come; set "
                f"this computer's clock, or keep the file on it"
            )
        if age > self._age_max:
            raise DriverError(
                f"cryo: the temperatures were confirmed {age / 60:.0f} min ago, longer than the "
                f"{self._age_max / 60:.0f} min for which they count; look at the cold stage, "
                f"correct {self._file} and save it"
            )


def _open(request: OpenRequest) -> OperatorCryo:
    if not request.address:
        raise InputError(
            "operator-cryo: which file? Write address: cold-stage.yaml, and into that file what "
            f"the cold stage shows:\n{EXAMPLE}"
        )
    settings: OperatorCryoSettings = request.settings
    return OperatorCryo(Path(request.address), settings.confirmation_age_max, request.clock)


DRIVER = DriverSpec(
    role="cryo",
    summary="a cold stage without a link: the operator writes what it shows into a file",
    settings=OperatorCryoSettings,
    limits=CryoLimits,
    open=_open,
)
