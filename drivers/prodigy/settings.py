"""What the lab file says of a Prodigy and the devices behind it.

Prodigy's devices, commands and parameters have the names that its users gave them: compare each
with what Prodigy shows. Defaults for them are ours, to verify.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocols.core_levels import AL_KA_EV
from protocols.model import Written
from protocols.units import Amperes, ElectronVolts, Metres, Pascals, Radians, Seconds

UNITS: dict[str, float] = {
    "": 1.0,
    "s": 1.0,
    "ms": 1e-3,
    "min": 60.0,
    "h": 3600.0,
    "V": 1.0,
    "kV": 1e3,
    "eV": 1.0,
    "keV": 1e3,
    "A": 1.0,
    "mA": 1e-3,
    "uA": 1e-6,
    "nA": 1e-9,
    "m": 1.0,
    "mm": 1e-3,
    "um": 1e-6,
    "Pa": 1.0,
    "mbar": 100.0,
    "Torr": 101325 / 760,
}
"""What one unit of a device's parameter is in ours."""
Unit = Literal[
    "", "s", "ms", "min", "h", "V", "kV", "eV", "keV", "A", "mA", "uA", "nA", "m", "mm", "um", "Pa",
    "mbar", "Torr",
]  # fmt: skip


class DeviceParameter(Written):
    """A parameter of a device command."""

    name: str
    """As Prodigy shows it."""
    unit: Unit = ""
    """In which Prodigy takes it; it is compared with what Prodigy says."""


class LiveParameter(Written):
    """A value that Prodigy reads from a device now; protocol 1.22 and later."""

    device: str
    """As Prodigy shows it."""
    parameter: str
    """As Prodigy shows it."""
    unit: Unit = ""
    """In which Prodigy gives it; it is compared with what Prodigy says."""


class Switched(Written):
    """A device that is switched on and off by a Devices template of its own."""

    template: str
    """Prodigy's template; it must hold this command and no other."""
    template_group: str | None = None
    """In which group it is; protocol 1.21 and later."""
    command: str
    """Device and command, such as `XR 50 M.Operate`."""
    on: dict[str, float | str] = Field(default_factory=dict)
    """Its parameters for on."""
    off: dict[str, float | str] = Field(default_factory=dict)
    """Its parameters for off."""
    live: LiveParameter | None = None
    """By which it shows that it is on."""
    on_above: float = 0.0
    """The live value, in its own unit, above which it is on."""
    ready_after: Seconds = 10.0
    """Within which it is on; without a live value it is waited for."""


class GunSettings(Written):
    """The ion gun: a Devices template of its own."""

    template: str = "Sputter Gun"
    """Prodigy's template; it must hold the gun's command and no other."""
    template_group: str | None = None
    """In which group it is; protocol 1.21 and later."""
    command: str = "IQE 12/38.Operate"
    """Device and command."""
    energy: DeviceParameter = DeviceParameter(name="Energy", unit="eV")
    """Of the ions."""
    current: DeviceParameter | None = DeviceParameter(name="Current", unit="uA")
    """Of the ions; None for a gun that is set by its emission: see `measured_current`."""
    measured_current: Amperes | None = None
    """What the gun gives on the specimen with `fixed`, as measured with a Faraday cup; etches that
    ask for another are refused. Needed where `current` is None."""
    raster_width: DeviceParameter = DeviceParameter(name="Raster Width", unit="mm")
    raster_height: DeviceParameter = DeviceParameter(name="Raster Height", unit="mm")
    raster_max: Metres = 10e-3
    """Widest raster, either way; ours, to verify."""
    duration: DeviceParameter | None = DeviceParameter(name="Time", unit="s")
    """After which the gun ends by itself; None for one that goes on until it is stopped."""
    before: DeviceParameter | None = None
    """For which the gun settles with its beam off the specimen; None if it cannot: then that time
    is waited with the gun off."""
    fixed: dict[str, float | str] = Field(default_factory=dict)
    """Further parameters and their values, such as gas and emission."""
    emission: LiveParameter | None = LiveParameter(
        device="IQE 12/38", parameter="Emission", unit="uA"
    )
    """By which the gun shows that it is on."""
    on_above: Amperes = 10e-9
    """Emission above which ions may leave the gun."""
    timer: LiveParameter | None = None
    """A count of the seconds for which ions have removed material, which only grows: the etch
    seconds are its. Without it they are by our clock, and an etch that was cut off is asked
    about."""
    starts_within: Seconds = 30.0
    """How long the gun may take to come on."""
    ends_within: Seconds = 10.0
    """How long it may take to go off."""


class ProdigySettings(Written):
    """Settings of the driver."""

    photon_energy: ElectronVolts = AL_KA_EV
    anode: str = "Al Ka monochromated"
    work_function: ElectronVolts = 4.4
    """Of the analyser: binding energy = photon energy - kinetic energy - this. Ours, to verify: as
    the analyser was calibrated."""
    lens_mode: str = "MediumArea"
    """As Prodigy shows it; to verify."""
    scan_range: str = "1.5kV"
    """As Prodigy shows it; to verify."""
    pass_energies: tuple[Annotated[ElectronVolts, Field(gt=0)], ...] = ()
    """Those to be used; empty for any that Prodigy takes."""
    smallest_step: Annotated[ElectronVolts, Field(gt=0)] = 0.01
    """Ours, to verify."""
    dwell_min: Annotated[Seconds, Field(gt=0)] = 1e-3
    """Ours, to verify."""
    dwell_max: Annotated[Seconds, Field(gt=0)] = 60.0
    data: Literal["counts", "counts_per_second"] = "counts"
    """What Prodigy gives for each channel."""
    spot_width: Metres = 300e-6
    spot_height: Metres = 700e-6
    take_off_angle: Radians = 0.0
    source_angle: Radians = 0.955
    """Between X-rays and analyser; 54.7 deg, the magic angle: ours, to verify."""
    transmission_exponent: float | None = None
    """Of the kinetic energy, where it is known."""
    overhead: Seconds = 5.0
    """Between two regions, for planning; ours, to verify."""
    source: Switched | None = None
    """The X-rays, where they are switched by a template of their own. None: the remote experiment
    has them on while it scans, as a Prodigy experiment with a source command does. They are then
    taken to be on: a trip shows only where Prodigy itself ends the scan for it."""
    flood_gun: Switched | None = None
    gun: GunSettings | None = GunSettings()
    """The ion gun; None for an instrument without."""
    gauge: LiveParameter | None = LiveParameter(
        device="Vacuum Gauge", parameter="Pressure", unit="mbar"
    )
    """Pressure of the analysis chamber."""
    pressure_by_hand: Pascals | None = None
    """What the operator has read and vouches for, where Prodigy cannot read a gauge."""
    detector: LiveParameter | None = LiveParameter(
        device="Analyzer 1D", parameter="Detector Voltage (Target)", unit="V"
    )
    """The detector's high voltage; None where it cannot be read: then SetSafeState is called before
    every etch, and the source comes on again after it."""
    detector_safe_below: float = 100.0
    """Volts; ours, to verify."""
    detector_ramp: Annotated[Seconds, Field(ge=0)] = 60.0
    """Within which it comes down by itself after a scan; only then is SetSafeState called. Ours, to
    verify."""
    reply_time: Annotated[Seconds, Field(gt=0)] = 10.0
    """Within which a reply must come; normally it does within 1 s. Source: Remote In; 10 s is
    what the EPICS driver waits."""
    safe_time: Annotated[Seconds, Field(gt=0)] = 75.0
    """For SetSafeState, which waits for up to a minute."""
    first_read: Annotated[Seconds, Field(ge=0)] = 5.0
    """Points are read this long after they were reported, or a dwell if that is shorter: Prodigy
    reports points before they can be read. Source: the EPICS driver."""
    poll: Annotated[Seconds, Field(gt=0, le=1)] = 0.4
    """Between two looks at what runs."""
    stall: Annotated[Seconds, Field(gt=0)] = 60.0
    """A scan that makes no headway for that long, and ten dwells, is given up."""
    pause_max: Annotated[Seconds, Field(gt=0)] = 1800.0
    """How long the operator may pause a scan at Prodigy."""
    values_at_once: Annotated[int, Field(ge=1)] = 1_000_000
    """Most values asked for in one request. Source: the EPICS driver."""
    rehearsal_speed: Annotated[float, Field(gt=0)] = 1.0
    """How much faster than real time the simulated server runs (its --speed); refused with a real
    Prodigy."""
