"""Source, flood gun, ion gun and gauge of a simulated Prodigy: device commands and live values.

Names are those that the driver's settings have by default, or that a rehearsal's lab file gives.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from drivers.prodigy.grammar import Bare, Value, Values, bare
from drivers.prodigy.settings import UNITS
from protocols.xps import Etch
from simulators.prodigy.bench import Bench
from simulators.prodigy.commands import RefuseError

SOURCE, FLOOD, GUN, ANALYSER, GAUGE = (
    "XR 50 M",
    "FG 22",
    "IQE 12/38",
    "Analyzer 1D",
    "Vacuum Gauge",
)
"""Device names."""
OPERATE = "Operate"
SOURCE_TEMPLATE, FLOOD_TEMPLATE, GUN_TEMPLATE = "X-ray Source", "Flood Gun", "Sputter Gun"
ANODE_VOLTS, FLOOD_EMISSION, GUN_EMISSION = 15e3, 20e-6, 10e-6
"""V, A, A: what devices that are on show; ours."""
UNTIMED = 3600.0
"""Seconds after which a gun without a time of its own is off; ours."""


@dataclass
class Setting:
    """A parameter of a device command."""

    value: float | str
    unit: str = ""
    choices: tuple[str, ...] = ()

    def info(self) -> Values:
        """Return its information as it is replied."""
        kind = "string" if self.choices else "double"
        told: dict[str, Value] = {
            "Type": Bare("DeviceParameter"),
            "ValueType": Bare(kind),
            "Unit": self.unit,
        }
        return told | ({"Values": self.choices} if self.choices else {})

    def told(self, name: str) -> Values:
        """Return its value as it is replied."""
        value = self.value if isinstance(self.value, str) else bare(self.value)
        return {"Name": name, "Value": value}

    def put(self, name: str, value: Value) -> None:
        """Set it."""
        if self.choices:
            if value not in self.choices or isinstance(value, Bare):
                raise RefuseError(107, f"{name}: {value!r} is none of {', '.join(self.choices)}.")
            self.value = str(value)
        elif not isinstance(value, Bare) or not isinstance(value, str):
            raise RefuseError(106, f"{name} is a number.")
        else:
            self.value = float(value)


def _switch(value: str) -> dict[str, Setting]:
    return {"State": Setting(value, choices=("ON", "OFF"))}


def _gun(*, timed: bool) -> dict[str, Setting]:
    time = {"Time": Setting(60.0, "s")} if timed else {}
    return {
        "Energy": Setting(500.0, "eV"),
        "Current": Setting(1.0, "uA"),
        "Raster Width": Setting(2.0, "mm"),
        "Raster Height": Setting(2.0, "mm"),
        "Delay": Setting(0.0, "s"),
        **time,
    }


Parameters = dict[str, Setting]


@dataclass
class Peripherals:
    """The devices beside the analyser."""

    bench: Bench
    unresponsive: Callable[[], set[str]]
    """Devices that answer no more."""
    timed: bool = True
    """The gun has a time of its own; one that has none runs until SetSafeState."""
    experiment: dict[str, Parameters] = field(default_factory=dict)
    """Device commands of the remote experiment."""
    item: str = ""
    """Device command of the Devices item; empty if there is none."""
    item_parameters: Parameters = field(default_factory=dict)
    _last: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.experiment = {f"{SOURCE}.{OPERATE}": _switch("ON")}

    def create(self, template: str) -> Values:
        """Load a template as the Devices item."""
        known: dict[str, tuple[str, Parameters]] = {
            SOURCE_TEMPLATE: (SOURCE, _switch("OFF")),
            FLOOD_TEMPLATE: (FLOOD, _switch("OFF")),
            GUN_TEMPLATE: (GUN, _gun(timed=self.timed)),
        }
        if template not in known:
            raise RefuseError(219, f"Failed to load template '{template}'.")
        device, self.item_parameters = known[template]
        self.item = f"{device}.{OPERATE}"
        return {"DeviceCommands": (self.item,)}

    def of_item(self, command: str) -> Parameters:
        """Return the parameters of the Devices item."""
        if not self.item or command != self.item:
            raise RefuseError(219, f"No direct device command '{command}'.")
        return self.item_parameters

    def of_experiment(self, command: str) -> Parameters:
        """Return the parameters of a command of the remote experiment."""
        if command not in self.experiment:
            raise RefuseError(218, f"Unknown device command '{command}'.")
        return self.experiment[command]

    def before_scan(self) -> Generator[None, None, None]:
        """Do what the remote experiment does before it scans."""
        on = self.experiment[f"{SOURCE}.{OPERATE}"]["State"].value == "ON"
        if self.bench.xps.status().source_on != on:
            yield from self.bench.xps.set_source(on)

    def execute(self) -> Generator[Any, None, Any]:
        """Return what the Devices item does."""
        device = self.item.partition(f".{OPERATE}")[0]
        if device == GUN:
            return self._etch()
        on = self.item_parameters["State"].value == "ON"
        if device == SOURCE:
            return self.bench.xps.set_source(on)
        return self._flood(on)

    def _flood(self, on: bool) -> Generator[None, None, None]:
        self.bench.xps.set_neutraliser(on)
        yield

    def _etch(self) -> Generator[Any, None, Any]:
        values = {
            name: float(each.value) * UNITS[each.unit]
            for name, each in self.item_parameters.items()
        }
        try:
            etch = Etch(
                energy=values["Energy"],
                current=values["Current"],
                raster_width=values["Raster Width"],
                raster_height=values["Raster Height"],
                duration=values.get("Time", UNTIMED),
                before=values["Delay"],
            )
        except ValidationError as error:
            raise RefuseError(219, f"Failed to operate: {error.errors()[0]['msg']}") from None
        return self.bench.xps.etch(etch)

    def names(self) -> dict[str, dict[str, str]]:
        """Return the units of the live parameters by device and name."""
        energies = {"Kinetic Energy (Target)": "eV", "Pass Energy (Target)": "eV"}
        return {
            ANALYSER: {**energies, "Detector Voltage (Target)": "V", "Count Rate": "cps"},
            SOURCE: {"Anode Voltage": "V"},
            FLOOD: {"Emission": "uA"},
            GUN: {"Emission": "uA", "Etch Time": "s"},
            GAUGE: {"Pressure": "mbar"},
        }

    def unit(self, device: str, parameter: str) -> str:
        """Return a live parameter's unit."""
        known = self.names()
        if device not in known:
            raise RefuseError(220, f"Unknown device '{device}'.")
        if parameter not in known[device]:
            raise RefuseError(206, f"Unknown parameter '{parameter}' of '{device}'.")
        return known[device][parameter]

    def live(self, device: str, parameter: str, detector_volts: float, offline: bool) -> Values:
        """Return a live value; a device that does not answer gives its last one."""
        unit = self.unit(device, parameter)
        place, connectivity = (device, parameter), "Online"
        if device == ANALYSER and offline:
            connectivity = "Offline"
        if device in self.unresponsive():
            connectivity = "Unresponsive"
        if connectivity == "Online":
            shown = _shown(self.bench, device, parameter, detector_volts)
            self._last[place] = shown / UNITS.get(unit, 1.0)
        value = bare(round(self._last.get(place, 0.0), 12))
        return {"Connectivity": Bare(connectivity), "Value": value}


def _shown(bench: Bench, device: str, parameter: str, detector_volts: float) -> float:
    """Return what a device shows, SI."""
    if device == GUN and parameter == "Etch Time":
        return bench.etch_seconds()
    if device == ANALYSER:
        return detector_volts if parameter.startswith("Detector") else 0.0
    status = bench.status()
    if device == GAUGE:
        return status.pressure
    if device == SOURCE:
        return ANODE_VOLTS if status.source_on else 0.0
    if device == FLOOD:
        return FLOOD_EMISSION if status.neutraliser_on else 0.0
    return (status.gun_emission or GUN_EMISSION) if status.ions_on else 0.0
