"""Settings of the simulated FIB, its needle and its cold stage: one world, one set of settings."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from protocols.fib import StagePlace
from protocols.lift_out import Lamella, StageName
from protocols.model import Written
from protocols.units import Metres, MetresPerSecond, Pascals, Radians, Seconds
from simulators.fib.faults import FibFault

WORST: dict[str, float] = {
    "contrast": 0.5,
    "detector_efficiency": 0.5,
    "drift_scale": 3.0,
    "vibration": 20e-9,
}
"""Worst-case contrast, noise and drift. Vibration of 10 to 50 nm is published for gas flow [lit];
drift after a move and while it settles three times the nominal; the rest ours, to verify."""


class SimFibSettings(Written):
    """Settings of the simulated FIB. What is left out and hidden is drawn from the seed."""

    specimen: str = "li-lipon-stem"
    """A specimen of the library by its name, or a specimen file."""
    interface: int | str = 1
    """The layer, by name or by index from 0, whose upper face the lamella is for."""
    prepared: StageName | None = None
    """Begin with the specimen as it ideally is before that stage; left out, untouched."""
    lamella: Lamella = Lamella()
    """As it was cut, for `prepared`."""
    start_cold: bool = False
    """Begin with the stage, needle and shield cold."""
    site: StagePlace = StagePlace(x=0.0, y=0.0)
    """Place of the stage at which the specimen's site is under the beams."""
    grid: StagePlace = StagePlace(x=3e-3, y=0.0)
    """Place of the stage at which the grid's post is."""
    ion_species: str = "gallium"
    """Of the source, as the instrument reports it."""
    column_angle: Annotated[Radians, Field(gt=0, lt=math.pi / 2)] = math.radians(52)
    """Between the columns: 52 deg TFS, 55 TESCAN, 54 Zeiss [lit]."""
    contrast: Annotated[float, Field(gt=0, le=2)] = 1.0
    """Of materials in images, against the usual."""
    detector_efficiency: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of the secondary electrons that are counted: less of it is more noise."""
    drift_scale: Annotated[float, Field(ge=0)] = 1.0
    """Times the nominal drift of stage and needle."""
    drift_rate: Annotated[MetresPerSecond, Field(ge=0)] = 2e-9 / 60
    """Of the settled stage; ours, to verify."""
    creep: Annotated[Metres, Field(ge=0)] = 80e-9
    """How far the specimen goes on after a stage move (rms), decaying over 2 to 5 min [lit]."""
    vibration: Annotated[Metres, Field(ge=0)] = 5e-9
    """Root mean square; 10 to 50 nm is published for gas flow [lit]."""
    backlash: Annotated[Metres, Field(ge=0)] = 0.3e-6
    """Root mean square by which a stage move misses what its encoders read; ours."""
    far_backlash: Annotated[Metres, Field(ge=0)] = 1e-6
    """The same of a move of more than 100 um; ours."""
    eucentric_error: Annotated[Metres, Field(ge=0)] = 1e-6
    """Distance of the site from the tilt axis, which displaces it when the stage tilts; ours."""
    beam_shift: Annotated[Metres, Field(ge=0)] = 60e-9
    """Displacement of the ion beam between currents (rms), fixed for each current; ours."""
    needle_error: Annotated[float, Field(ge=0, le=0.5)] = 0.01
    """Relative error of the needle's encoders along each axis, and their rotation (rad); ours."""
    needle_backlash: Annotated[Metres, Field(ge=0)] = 50e-9
    needle_drift: Annotated[MetresPerSecond, Field(ge=0)] = 5e-9 / 60
    """Ours, to verify."""
    needle_park_error: Annotated[Metres, Field(ge=0)] = 1.5e-6
    """Root mean square along each axis by which an insertion misses the park place; ours."""
    chamber_pressure: Annotated[Pascals, Field(gt=0)] = 1e-4
    """Of the cold chamber; ours."""
    kept: Annotated[Metres, Field(gt=0)] = 5e-6
    """Length of the zone of which the truth notes when it is milled where it should not be."""
    faults: tuple[FibFault, ...] = ()
    """What goes wrong, and when."""
    down_time: Annotated[Seconds, Field(ge=0)] = 0.0
    """World time that passes between two openings of the same world."""
