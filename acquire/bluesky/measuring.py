"""Devices that measure: detectors that a plan triggers, and flyers that go on by themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from acquire.bluesky.devices import Device, Reading, Setting
from acquire.bluesky.flat import DataKey, flat
from acquire.bluesky.status import Status, begun, over
from acquire.session.instrument import Instrument
from drivers.errors import InputError, LiftlineError


class Asking(Device):
    """A device that asks an instrument for something, with settings that a plan may change."""

    def __init__(
        self, instrument: Instrument[Any], method: str, name: str | None, given: dict[str, Any]
    ) -> None:
        """Take the settings of the call `method` from its signature and from what is given."""
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


class Detector(Asking):
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

        return begun(take)

    def _taken(self) -> dict[str, Any]:
        if self._columns is None:
            raise LiftlineError(f"{self.name} has measured nothing so far: trigger it first")
        return self._columns

    def read(self) -> Reading:
        """Return what was measured last."""
        return self.reading(self._taken())

    def describe(self) -> dict[str, DataKey]:
        """Return the data keys of what was measured last; shapes are known from then on."""
        return self.described(self._taken())

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


class Flyer(Asking):
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

        self._status = begun(fly)
        return over()

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
        return {self.name: self.described(first)}

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
