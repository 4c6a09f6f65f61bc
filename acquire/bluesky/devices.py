"""Instruments of a session as devices of Bluesky, by its structural protocols.

What a plan does goes through the session: its gate, its budgets, its record. An action runs in a
thread of its own and its status tells when it is over; the session does one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from acquire.bluesky.flat import DataKey, data_key, dimension_of, flat
from acquire.bluesky.status import Status, begun, over
from acquire.session.given import si
from acquire.session.instrument import Instrument

Reading = dict[str, dict[str, Any]]


class Device:
    """One device, by its name; its stop leaves the instrument safe."""

    parent = None

    def __init__(self, instrument: Instrument[Any], name: str) -> None:
        """Stand for `instrument` of a session, or for a part of it."""
        self.instrument = instrument
        self.name = name

    def reading(self, columns: dict[str, Any]) -> Reading:
        """Return columns as Bluesky reads them, with the lab's date and time."""
        stamp = self.instrument.utc().timestamp()
        return {key: {"value": value, "timestamp": stamp} for key, value in columns.items()}

    def described(self, columns: dict[str, Any]) -> dict[str, DataKey]:
        """Return the data keys of columns."""
        source = f"liftline:{self.instrument.role}"
        return {key: data_key(key, value, source) for key, value in columns.items()}

    def read_configuration(self) -> Reading:
        """Return nothing: what may change from event to event stands in the events."""
        return {}

    def describe_configuration(self) -> dict[str, DataKey]:
        """Return nothing."""
        return {}

    def stop(self, success: bool = False) -> None:
        """End what goes on, safe; what was done of it is in the record."""
        self.instrument.stop("Bluesky")


class Setting:
    """One field of what a detector is asked for; it moves nothing by itself."""

    parent = None

    def __init__(self, name: str, value: Any) -> None:
        """Begin with `value`: SI, or text with its unit."""
        self.name = name
        self.value = self._si(value)

    def _si(self, value: Any) -> Any:
        dimension = dimension_of(self.name)
        if dimension is None or isinstance(value, bool):
            return value
        return si(self.name, value, dimension)

    def set(self, value: Any) -> Status:
        """Ask for `value` from now on."""
        self.value = self._si(value.item() if isinstance(value, np.generic) else value)
        return over()

    def locate(self) -> dict[str, Any]:
        """Return what is asked for."""
        return {"setpoint": self.value, "readback": self.value}

    @property
    def position(self) -> Any:
        """What is asked for."""
        return self.value

    def read(self) -> Reading:
        """Return what is asked for."""
        from drivers.clock import RealClock

        return {self.name: {"value": self.value, "timestamp": RealClock().utc().timestamp()}}

    def describe(self) -> dict[str, DataKey]:
        """Return its data key."""
        return {self.name: data_key(self.name, self.value, "liftline:asked for")}

    def read_configuration(self) -> Reading:
        """Return nothing."""
        return {}

    def describe_configuration(self) -> dict[str, DataKey]:
        """Return nothing."""
        return {}

    @property
    def hints(self) -> dict[str, Any]:
        """What to plot against."""
        return {"fields": [self.name]}


class Monitor(Device):
    """A plain reading of an instrument, such as its status: vacuum, temperatures, places."""

    def __init__(
        self, instrument: Instrument[Any], method: str = "status", *, name: str | None = None
    ) -> None:
        """Read by the call `method`, which takes nothing."""
        super().__init__(instrument, name or f"{instrument.role}_{method}")
        self._method = method

    def _columns(self) -> dict[str, Any]:
        return flat(self.instrument.do(self._method), self.name)

    def read(self) -> Reading:
        """Return a reading taken now."""
        return self.reading(self._columns())

    def describe(self) -> dict[str, DataKey]:
        """Return the data keys of a reading taken now."""
        return self.described(self._columns())


class Axis(Device):
    """One number of an instrument that can be set, and read back in its status."""

    def __init__(
        self,
        instrument: Instrument[Any],
        method: str,
        argument: str,
        *,
        readback: str,
        beside: dict[str, str] | None = None,
        name: str | None = None,
    ) -> None:
        """Set by the call `method`.

        Args:
            instrument: of a session.
            method: the call, such as move_stage.
            argument: of the call that is set.
            readback: field of the status that tells where it is, such as stage_x or stage.x.
            beside: other arguments of the call that stay, by the field that tells where they are.
            name: of the device; left out, role and field.
        """
        super().__init__(instrument, name or f"{instrument.role}_{readback.replace('.', '_')}")
        self._method, self._argument = method, argument
        self._readback, self._beside = readback, beside or {}
        self._asked: float | None = None

    def set(self, value: float | str) -> Status:
        """Move there: SI, or text with its unit."""
        self._asked = to = self._si(value)

        def move() -> None:
            status = self.instrument.do("status")
            stay = {name: _field(status, where) for name, where in self._beside.items()}
            getattr(self.instrument, self._method)(**{self._argument: to, **stay})

        return begun(move)

    def _si(self, value: float | str) -> float:
        dimension = dimension_of(self._argument)
        return float(value) if dimension is None else si(self.name, value, dimension)

    @property
    def position(self) -> float:
        """Where it is, by the instrument's status."""
        return float(_field(self.instrument.do("status"), self._readback))

    def locate(self) -> dict[str, Any]:
        """Return where it is, and where it was asked to be."""
        here = self.position
        return {"setpoint": here if self._asked is None else self._asked, "readback": here}

    def read(self) -> Reading:
        """Return where it is."""
        return self.reading({self.name: self.position})

    def describe(self) -> dict[str, DataKey]:
        """Return its data key."""
        return self.described({self.name: 0.0})

    @property
    def hints(self) -> dict[str, Any]:
        """What to plot against."""
        return {"fields": [self.name]}


def _field(status: Any, path: str) -> Any:
    for part in path.split("."):
        status = getattr(status, part)
    return status


_PLANE = {"x": "stage_x", "y": "stage_y"}
_AXES: dict[str, list[dict[str, Any]]] = {
    "stem": [
        {
            "method": "move_stage",
            "argument": "x",
            "readback": "stage_x",
            "beside": {"y": _PLANE["y"]},
        },
        {
            "method": "move_stage",
            "argument": "y",
            "readback": "stage_y",
            "beside": {"x": _PLANE["x"]},
        },
        {
            "method": "shift_scan",
            "argument": "dx",
            "readback": "shift_x",
            "beside": {"dy": "shift_y"},
        },
        {
            "method": "shift_scan",
            "argument": "dy",
            "readback": "shift_y",
            "beside": {"dx": "shift_x"},
        },
    ],
    "fib": [
        {"method": "move_stage", "argument": axis, "readback": f"stage.{axis}"} for axis in "xyzrt"
    ],
    "cryo": [{"method": "cool", "argument": "setpoint", "readback": "setpoint"}],
    "xps": [
        {
            "method": "move_stage",
            "argument": "x",
            "readback": "stage_x",
            "beside": {"y": _PLANE["y"]},
        },
        {
            "method": "move_stage",
            "argument": "y",
            "readback": "stage_y",
            "beside": {"x": _PLANE["x"]},
        },
    ],
}


def axes(instrument: Instrument[Any]) -> dict[str, Axis]:
    """Return what can be set on an instrument, by the name of the device."""
    found = [Axis(instrument, **given) for given in _AXES.get(instrument.role, ())]
    return {axis.name: axis for axis in found}
