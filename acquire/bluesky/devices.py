"""Instruments of a session as devices of Bluesky, by its structural protocols.

What a plan does goes through the session: its gate, its budgets, its record. An action runs in a
thread of its own and its status tells when it is over; the session does one after the other.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from acquire.bluesky.flat import DataKey, data_key, dimension_of, flat
from acquire.session.given import si
from acquire.session.instruments import Instrument
from drivers.errors import InputError, LiftlineError

Reading = dict[str, dict[str, Any]]


class Status:
    """Whether something that was begun is over, and how it ended."""

    def __init__(self) -> None:
        """It has begun."""
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Status], None]] = []
        self._lock = threading.Lock()

    def finish(self, error: BaseException | None = None) -> None:
        """Say that it is over."""
        with self._lock:
            self._error = error
            self._over.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def add_callback(self, callback: Callable[[Status], None]) -> None:
        """Call `callback` with this status when it is over; at once if it is."""
        with self._lock:
            if not self._over.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def exception(self, timeout: float | None = 0.0) -> BaseException | None:
        """Return what went wrong, waiting for the end.

        Raises:
            TimeoutError: it is not over within `timeout` seconds of real time.
        """
        if not self._over.wait(timeout):
            raise TimeoutError(f"not over within {timeout} s")
        return self._error

    @property
    def done(self) -> bool:
        """True when it is over."""
        return self._over.is_set()

    @property
    def success(self) -> bool:
        """True when it is over and nothing went wrong."""
        return self.done and self._error is None


def _begun(work: Callable[[], None]) -> Status:
    """Return the status of `work`, which goes on in a thread of its own."""
    status = Status()

    def go() -> None:
        try:
            work()
        except BaseException as error:  # all of it is the status's to tell
            status.finish(error)
        else:
            status.finish()

    threading.Thread(target=go, daemon=True).start()
    return status


def _over() -> Status:
    status = Status()
    status.finish()
    return status


class _Device:
    """What all have in common: a name, no parent, and a stop that leaves the instrument safe."""

    parent = None

    def __init__(self, instrument: Instrument[Any], name: str) -> None:
        self.instrument = instrument
        self.name = name

    def stop(self, success: bool = False) -> None:
        """End what goes on, safe; what was done of it is in the record."""
        self.instrument.stop("Bluesky")

    def _reading(self, columns: dict[str, Any]) -> Reading:
        stamp = self.instrument.utc().timestamp()
        return {key: {"value": value, "timestamp": stamp} for key, value in columns.items()}

    def _described(self, columns: dict[str, Any]) -> dict[str, DataKey]:
        source = f"liftline:{self.instrument.role}"
        return {key: data_key(key, value, source) for key, value in columns.items()}


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
        return _over()

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


class Monitor(_Device):
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
        return self._reading(self._columns())

    def describe(self) -> dict[str, DataKey]:
        """Return the data keys of a reading taken now."""
        return self._described(self._columns())


class Axis(_Device):
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

        return _begun(move)

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
        return self._reading({self.name: self.position})

    def describe(self) -> dict[str, DataKey]:
        """Return its data key."""
        return self._described({self.name: 0.0})

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


class _Asking(_Device):
    """A device that asks an instrument for something, with settings that a plan may change."""

    def __init__(
        self, instrument: Instrument[Any], method: str, name: str | None, given: dict[str, Any]
    ) -> None:
        super().__init__(instrument, name or f"{instrument.role}_{method}")
        self.method = method
        self.settings: dict[str, Setting] = {}
        for word, parameter in inspect.signature(getattr(instrument, method)).parameters.items():
            value = given.pop(word, parameter.default)
            if value is parameter.empty:
                raise InputError(f"{self.name} needs {word}=...: {instrument.role}.{method} has it")
            if value is not None:
                self.settings[word] = Setting(f"{self.name}_{word}", value)
        if given:
            raise InputError(f"{self.name}: {instrument.role}.{method} takes no {', '.join(given)}")

    def __getattr__(self, name: str) -> Setting:
        """Return a setting by its name, such as `spectrum.x`: a plan can move it."""
        settings: dict[str, Setting] = self.__dict__.get("settings", {})
        if name not in settings:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        return settings[name]

    def asked(self) -> dict[str, Any]:
        """Return what is asked for now, by argument."""
        return {word: setting.value for word, setting in self.settings.items()}

    def _do(self) -> Any:
        return getattr(self.instrument, self.method)(**self.asked())


class Detector(_Asking):
    """A call that measures: an image, a spectrum, a region, a hold.

    `Detector(lab.stem, "image", field="2 um")`; each event holds the result and what was asked for.
    """

    def __init__(
        self, instrument: Instrument[Any], method: str, *, name: str | None = None, **given: Any
    ) -> None:
        """Measure by the call `method` with what is given; settings left out are its defaults.

        Raises:
            InputError: the call needs something that is not given, or does not know what is.
        """
        super().__init__(instrument, method, name, given)
        self._columns: dict[str, Any] | None = None

    def trigger(self) -> Status:
        """Measure."""

        def take() -> None:
            asked = {f"{self.name}_asked_{word}": value for word, value in self.asked().items()}
            self._columns = {**flat(self._do(), self.name), **asked}

        return _begun(take)

    def _taken(self) -> dict[str, Any]:
        if self._columns is None:
            raise LiftlineError(f"{self.name} has measured nothing so far: trigger it first")
        return self._columns

    def read(self) -> Reading:
        """Return what was measured last."""
        return self._reading(self._taken())

    def describe(self) -> dict[str, DataKey]:
        """Return the data keys of what was measured last; shapes are known from then on."""
        return self._described(self._taken())

    @property
    def hints(self) -> dict[str, Any]:
        """What to plot: the figures, not the arrays."""
        columns = {} if self._columns is None else self._columns
        fields = [
            key
            for key, value in columns.items()
            if isinstance(value, float) and not key.startswith(f"{self.name}_asked_")
        ]
        return {"fields": fields}


class Flyer(_Asking):
    """A call that goes on by itself, such as a hold; its samples are collected at the end."""

    def __init__(
        self, instrument: Instrument[Any], method: str, *, name: str | None = None, **given: Any
    ) -> None:
        """Do the call `method` with what is given, as for `Detector`."""
        super().__init__(instrument, method, name, given)
        self._status: Status | None = None
        self._began = 0.0
        self._blocks: list[Any] = []

    def kickoff(self) -> Status:
        """Begin; over when it has begun."""
        self._began = self.instrument.utc().timestamp()

        def fly() -> None:
            try:
                self._do()
            finally:
                self._blocks = list(self.instrument.readings)

        self._status = _begun(fly)
        return _over()

    def complete(self) -> Status:
        """Return the status that is over when it has ended by itself."""
        if self._status is None:
            raise LiftlineError(f"{self.name} was not kicked off")
        return self._status

    def _rows(self) -> Iterator[dict[str, Any]]:
        for block in self._blocks:
            yield from rows(flat(block, self.name))

    def describe_collect(self) -> dict[str, dict[str, DataKey]]:
        """Return the data keys of one sample."""
        first = next(self._rows(), {})
        return {self.name: self._described(first)}

    def collect(self) -> Iterator[dict[str, Any]]:
        """Yield an event for each sample."""
        for row in self._rows():
            time = self._began + float(row.get(f"{self.name}_seconds", 0.0))
            yield {"data": row, "timestamps": dict.fromkeys(row, time), "time": time}


def rows(columns: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the samples of a block whose arrays are columns; else the block itself."""
    arrays = [value for value in columns.values() if isinstance(value, np.ndarray)]
    if not arrays or {each.shape for each in arrays} != {(len(arrays[0]),)}:
        yield columns
        return
    for number in range(len(arrays[0])):
        yield {
            key: value[number].item() if isinstance(value, np.ndarray) else value
            for key, value in columns.items()
        }
