"""Settings of the simulated potentiostat: its cell, its errors, its faults."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from protocols.model import Written
from protocols.units import Amperes, Seconds, Volts
from simulators.cell.condition import CellFault


class SimPotentiostatSettings(Written):
    """Settings of the simulated potentiostat and the cell on it."""

    cell: str = "li-lipon-lnmo"
    """A cell of the library by its name, or a cell file."""
    current_ranges: Annotated[tuple[Amperes, ...], Field(min_length=1)] = (
        1e-7,
        1e-6,
        1e-5,
        1e-4,
        1e-3,
        1e-2,
    )
    """Full scale, smallest first; decades as such devices have them [lit]."""
    voltage_min: Volts = -10.0
    """The device goes no lower; SP-200 class [lit]."""
    voltage_max: Volts = 10.0
    """The device goes no higher; SP-200 class [lit]."""
    shortest_interval: Annotated[Seconds, Field(gt=0)] = 0.1
    """Between two samples; ours."""
    current_offset: Annotated[float, Field(ge=0)] = 2e-5
    """Standard deviation of the current's zero from range to range, in parts of the range. Ours, to
    verify: as after a zeroing; 1e-3 without one [lit]."""
    current_gain: Annotated[float, Field(ge=0)] = 5e-4
    """Standard deviation of the current's scale, relative; ours, to verify."""
    voltage_offset: Annotated[Volts, Field(ge=0)] = 0.5e-3
    """Standard deviation of the voltage's zero; ours, to verify."""
    current_noise: Annotated[float, Field(ge=0)] = 2e-5
    """Standard deviation of one sample's current, in parts of the range; ours."""
    voltage_noise: Annotated[Volts, Field(ge=0)] = 1e-4
    """Standard deviation of one sample's voltage; ours."""
    current_step: Annotated[float, Field(ge=0)] = 4e-5
    """Of the current's converter, in parts of the range [lit]."""
    voltage_step: Annotated[Volts, Field(ge=0)] = 1e-4
    """Of the voltage's converter: 16 to 18 bits over 6 to 10 V, 75 to 300 uV [lit]."""
    time_jitter: Annotated[Seconds, Field(ge=0)] = 1e-3
    """Standard deviation of a sample's time; 1 to 50 ms where a host polls [lit]."""
    ends_on_device: bool = True
    """The device ends a hold at its voltage by itself; False: the host does, between two polls."""
    poll: Annotated[Seconds, Field(gt=0)] = 1.0
    """Between two looks of the host, where it ends the holds."""
    buffer: Annotated[int, Field(ge=0)] = 4000
    """Samples that the device keeps for a host that is away; what is older is lost to it."""
    block: Annotated[Seconds, Field(gt=0)] = 1800.0
    """Longest block of samples on a clock that jumps."""
    faults: tuple[CellFault, ...] = ()
    """What goes wrong with cell and device, and when."""
    down_time: Annotated[Seconds, Field(ge=0)] = 0.0
    """World time that passes between two openings of the same world."""
