"""What the lab file says of a MethodSCRIPT device."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocols.model import Written
from protocols.units import Seconds, Volts


class MethodScriptSettings(Written):
    """Settings of the driver."""

    serial: str | None = None
    """The device's serial number; another device on the port is refused. Ports change their names,
    so give it wherever there are two devices."""
    baud: Annotated[int, Field(gt=0)] | None = None
    """Of a serial port; left out, 921600 as EmStat4 and Nexus have it. Pico: 230400."""
    flow_control: Literal["none", "xon/xoff", "rts/cts"] = "none"
    """Of a serial port. EmStat4 and Nexus have rts/cts, Pico xon/xoff [read]."""
    mains: Literal[50, 60] = 50
    """Hz of the mains, whose hum is averaged away."""
    shortest_interval: Annotated[Seconds, Field(gt=0)] = 0.02
    """Between two looks of the device at the cell; one period of 50 Hz. Ours, to verify."""
    looks: Annotated[int, Field(ge=100)] = 20_000
    """How often the device looks at the cell in the longest time that a hold may take: by so much
    of that time it may end a hold too late. Ours."""
    heartbeat: Annotated[Seconds, Field(gt=0, le=2)] = 1.0
    """The device sends a sample at least this often; those not asked for are not kept. Ours."""
    slope_over: Annotated[Seconds, Field(gt=0)] = 10.0
    """Over which the device finds how fast the voltage changes. Ours."""
    reply_time: Annotated[Seconds, Field(gt=0)] = 2.0
    """Within which the device must answer. Ours, to verify."""
    current_offset: Annotated[float, Field(ge=0)] = 1e-3
    """Standard uncertainty of the current's zero, in parts of the range [lit]."""
    current_gain: Annotated[float, Field(ge=0)] = 2e-3
    """Standard uncertainty of the current's scale; ours, to verify."""
    voltage_offset: Annotated[Volts, Field(ge=0)] = 1e-3
    """Standard uncertainty of the voltage; ours, to verify."""
    time_jitter: Annotated[Seconds, Field(ge=0)] = 1e-3
    """Standard uncertainty of a sample's time; ours, to verify."""
    rehearsal_speed: Annotated[float, Field(gt=0)] = 1.0
    """How much faster than real time the simulated device runs (its --speed); refused with a real
    one."""
