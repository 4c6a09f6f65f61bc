"""Settings of the simulated STEM."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from protocols.model import Written
from protocols.units import (
    Kelvin,
    Metres,
    MetresPerSecond,
    Pascals,
    Radians,
    Seconds,
    Steradians,
)
from simulators.damage import Damage
from simulators.eds_tables import Detector
from simulators.faults import Fault


class SimStemSettings(Written):
    """Settings of the simulated STEM. What is left out and hidden is drawn from the seed."""

    specimen: str = "li-lipon-stem"
    """A specimen of the library by its name, or a specimen file."""
    thickness: Annotated[Metres, Field(gt=0)] = 100e-9
    """Of the lamella; the published one was thinner than 120 nm."""
    wedge: Annotated[float, Field(ge=-0.9, le=5)] = 0.0
    """Relative change of the thickness over `wedge_length` towards greater depth, 0.2 for 20 %;
    `thickness` is that at the layer named by `interface`. Never below a fifth or above five times
    that."""
    wedge_length: Annotated[Metres, Field(gt=0)] = 350e-9
    """The length that `wedge` is said of; that of the published line."""
    interface: int | str = 1
    """The layer, by name or by index from 0, whose upper face is near the field's centre."""
    interface_offset: Metres | None = None
    """How far that face is from the field's centre; left out, drawn within 60 nm."""
    interface_tilt: Radians | None = None
    """Direction in which depth grows, clockwise from the image's x axis; left out, drawn within
    10 degrees."""
    detector: Detector = "windowless"
    """windowless, or polymer for one with a polymer window and a grid."""
    solid_angle: Annotated[Steradians, Field(gt=0)] = 0.95
    """Of the EDS detector. That of a JEM-2800F is not known to us: to verify."""
    elevation: Annotated[Radians, Field(gt=0, lt=math.pi / 2)] = math.radians(22)
    """Take-off angle of the EDS detector."""
    azimuth: Radians = 0.0
    """Azimuth of the EDS detector."""
    dead_time: Annotated[Seconds, Field(ge=0)] = 5e-6
    """Time for which the detector is busy with each X-ray; ours, to verify."""
    noise_rate: Annotated[float, Field(ge=0)] = 200.0
    """Counts per second in the noise peak at zero energy, beam or not; ours, to verify."""
    stray_copper: Annotated[Metres, Field(ge=0)] = 0.2e-9
    """Copper of grid and holder that stray electrons excite, as the thickness of a film under the
    beam; ours, to verify."""
    carbon: Annotated[Metres, Field(ge=0)] = 0.5e-9
    """Carbon on the specimen before any exposure, both faces together; ours, to verify."""
    contamination: Annotated[Metres, Field(ge=0)] = 0.02e-9
    """Carbon that 1,000 e/Å² make grow where they arrive; cold and clean, ours, to verify."""
    damage: Damage = Damage()
    """What the beam takes away, element by element."""
    probe_size: Annotated[Metres, Field(gt=0)] = 1e-9
    """Full width at half maximum of the probe; ours, to verify."""
    texture: Annotated[float, Field(ge=0, le=0.3)] = 0.08
    """Root mean square of the diffraction contrast of grains in the dark-field image; ours."""
    drift_rate: Annotated[MetresPerSecond, Field(ge=0)] = 1.5e-9 / 60
    """Drift after settling; 1.5 nm/min is nominal for a side-entry cryo holder, to verify."""
    drift_direction: Radians | None = None
    """Direction of that drift, clockwise from the image's x axis; left out, drawn."""
    creep: Annotated[Metres, Field(ge=0)] = 15e-9
    """How far the specimen goes on moving after a stage move; [lit], to verify."""
    settling_time: Annotated[Seconds, Field(gt=0)] = 100.0
    """Time in which it has done 63 % of that: it decays within 2 to 5 min [lit], to verify."""
    stage_error: Annotated[Metres, Field(ge=0)] = 20e-9
    """Root mean square by which a stage move misses what its encoders read; ours."""
    holder_temperature: Kelvin = 103.15
    """Of the holder: -170 degC as published."""
    hold_time: Annotated[Seconds, Field(gt=0)] = 3 * 3600.0
    """For which a dewar of liquid nitrogen lasts: 2 to 4 h [lit], to verify; full at first."""
    warming_time: Annotated[Seconds, Field(gt=0)] = 17 * 60.0
    """In which the holder does 63 % of its way to room temperature afterwards; ours, as a stage
    cools [calc], to verify."""
    column_pressure: Annotated[Pascals, Field(gt=0)] = 1e-5
    """Of the column; ours."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong, and when."""
    down_time: Annotated[Seconds, Field(ge=0)] = 0.0
    """World time that passes between two openings of the same world."""
