"""Devices behind Prodigy: live values, and the one Devices item that is run outside a scan."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from functools import partial
from typing import Protocol

from drivers.action import result_of
from drivers.clock import Clock
from drivers.errors import InstrumentFaultError, LimitError, ReadbackError
from drivers.prodigy.codec import number, word, words
from drivers.prodigy.grammar import NUMBER, Bare, GrammarError, Value, Values, bare
from drivers.prodigy.refusals import ITEM_FAILED, UNKNOWN_COMMAND, RefusalError
from drivers.prodigy.session import Session
from drivers.prodigy.settings import UNITS, LiveParameter, Switched
from protocols.errors import InputError

SAME = 1e-6
"""Relative difference of a value that was set and read back: what writing it may round."""
ITEM_ENDS = 2.0
"""Seconds within which an item that did its work has ended; ours."""
READS = 3
"""How often a value that rests is read, for two that agree."""


class Item(Protocol):
    """What the settings say of a Devices template."""

    @property
    def template(self) -> str:
        """Name in Prodigy."""
        ...

    @property
    def template_group(self) -> str | None:
        """Group in which it is."""
        ...

    @property
    def command(self) -> str:
        """The one command in it."""
        ...


class Devices:
    """Live values and the Devices item."""

    def __init__(self, session: Session, clock: Clock, safe_time: float) -> None:
        """`safe_time`: wall seconds that SetSafeState may take."""
        self._session = session
        self._clock = clock
        self._safe_time = safe_time
        self._units: set[LiveParameter] = set()

    def live(self, parameter: LiveParameter) -> float:
        """Return a live value, SI.

        Raises:
            InstrumentFaultError: the device is not online: Prodigy then gives an old value.
            ReadbackError: it is in another unit than the settings say.
            InputError: this Prodigy has no live values.
        """
        self._check_unit(parameter)
        where = {"Device": parameter.device, "Parameter": parameter.parameter}
        connectivity, value = self._session.ask("GetLiveParameterValue", where, _live)
        if connectivity != "Online":
            raise InstrumentFaultError(
                f"prodigy: {parameter.device} is {connectivity}: its {parameter.parameter} is an "
                f"old value, and no reading; look at the device and its cable"
            )
        return value * UNITS[parameter.unit]

    def steady(self, parameter: LiveParameter) -> float:
        """Return a live value that rests, SI: two readings agree.

        Raises:
            ReadbackError: no two of three do.
        """
        read: list[float] = []
        for _ in range(READS):
            read.append(self.live(parameter))
            if read[-1] in read[:-1]:
                return read[-1]
        raise ReadbackError(
            f"prodigy: {parameter.device}: {parameter.parameter} reads {read} one after the other "
            f"where it should rest; look whether something still runs"
        )

    def _check_unit(self, parameter: LiveParameter) -> None:
        if parameter in self._units:
            return
        where = {"Device": parameter.device, "Parameter": parameter.parameter}
        try:
            said = self._session.ask("GetLiveParameterInfo", where, lambda v: word(v, "Unit"))
        except RefusalError as error:
            if error.code == UNKNOWN_COMMAND:
                raise InputError(NO_LIVE) from None
            raise
        _same_unit(f"{parameter.device}: {parameter.parameter}", said, parameter.unit)
        self._units.add(parameter)

    def prepare(self, item: Item, values: Mapping[str, float | str]) -> None:
        """Load a Devices template, set its parameters and read each back; nothing runs.

        Raises:
            LimitError: the template does not hold this command alone, or Prodigy has no such.
            ReadbackError: a parameter is not what it was set to.
        """
        self.create(item)
        for name, value in values.items():
            self._set(item, name, value)

    def create(self, item: Item) -> None:
        """Load a Devices template, which replaces the one before.

        Raises:
            LimitError: it does not hold this command alone, or Prodigy is too old.
        """
        arguments: dict[str, Value] = {"Template": item.template}
        if item.template_group is not None:
            arguments["TemplateGroup"] = item.template_group
        commands = self._created(arguments)
        if set(commands) != {item.command}:
            raise LimitError(
                f"prodigy: the template {item.template!r} holds {', '.join(commands) or 'nothing'}"
                f"; running it runs all of that: save one in Prodigy that holds {item.command!r} "
                f"alone, or correct the names in the lab file"
            )

    def _created(self, arguments: Mapping[str, Value]) -> tuple[str, ...]:
        """Load a Devices item; one whose device has just come on may still be ending."""
        until = self._clock.now() + ITEM_ENDS
        while True:
            try:
                return self._session.ask(
                    "CreateDirectDeviceCommand", arguments, lambda v: words(v, "DeviceCommands")
                )
            except RefusalError as error:
                if error.code == UNKNOWN_COMMAND:
                    raise LimitError(NO_DIRECT) from None
                if error.code != ITEM_FAILED or self._clock.now() > until:
                    raise
            self._clock.sleep(0.2)

    def check_unit(self, item: Item, name: str, unit: str) -> None:
        """Compare the unit in which the settings have a parameter with Prodigy's.

        Raises:
            ReadbackError: they differ.
        """
        where: dict[str, Value] = {"DeviceCommand": item.command, "ParameterName": name}
        said = self._session.ask("GetDirectDeviceParameterInfo", where, lambda v: word(v, "Unit"))
        _same_unit(f"{item.command}: {name}", said, unit)

    def _set(self, item: Item, name: str, value: float | str) -> None:
        where: dict[str, Value] = {"DeviceCommand": item.command, "ParameterName": name}
        written = value if isinstance(value, str) else bare(value)
        self._session.ask("SetDirectDeviceParameterValue", {**where, "Value": written})
        read = self._session.ask(
            "GetDirectDeviceParameterValue", where, partial(_named, wanted=name)
        )
        if not _agrees(read, value):
            raise ReadbackError(
                f"prodigy: {item.command}: {name} was set to {value}, and is {read}; look at the "
                f"device in Prodigy, and at what it allows"
            )

    def execute(self, *, safe_after: bool) -> None:
        """Run the Devices item that was prepared; the reply comes when it has begun.

        Raises:
            UnansweredError: whether it runs is not known.
        """
        arguments: dict[str, Value] = {"SetSafeStateAfter": "true" if safe_after else "false"}
        self._session.ask_once("ExecuteDirectDeviceCommand", arguments)

    def set_safe_state(self) -> bool:
        """Do as `setting_safe_state`, without a pause to look around."""
        return result_of(self.setting_safe_state())

    def setting_safe_state(self) -> Generator[None, None, bool]:
        """Have Prodigy bring all devices into their safe states, and wait for it.

        Returns:
            False where Prodigy is too old to be told to: it then runs no device outside a scan, and
            always ramps the detector's voltage down after one.

        Raises:
            RefusalError: one of them is not safe within a minute.
        """
        try:
            yield from self._session.asking("SetSafeState", patience=self._safe_time)
        except RefusalError as error:
            if error.code == UNKNOWN_COMMAND:
                return False
            raise
        return True

    def switch(self, item: Switched, on: bool) -> Generator[None, None, bool]:
        """Switch a device on or off, wait until it is, and return what it shows.

        Raises:
            ReadbackError: it is not on, or off, within its time.
        """
        self.prepare(item, item.on if on else item.off)
        self.execute(safe_after=False)
        clock = self._clock
        until = clock.now() + item.ready_after
        while clock.now() < until:
            if item.live is not None and self.shows(item) == on:
                return on
            clock.sleep(min(0.5, until - clock.now()))
            yield
        if item.live is None or self.shows(item) == on:
            return on
        raise ReadbackError(
            f"prodigy: {item.command} is not {'on' if on else 'off'} after {item.ready_after:g} s; "
            f"look at the device in Prodigy"
        )

    def shows(self, item: Switched) -> bool:
        """True if a device's live value says that it is on."""
        assert item.live is not None
        return self.live(item.live) / UNITS[item.live.unit] > item.on_above


NO_LIVE = (
    "prodigy: this Prodigy has no live values, which came with protocol 1.22. Write gauge: null "
    "with pressure_by_hand, detector: null, and emission: null under gun; name no live under "
    "source and flood_gun"
)
NO_DIRECT = (
    "prodigy: this Prodigy has no direct device commands, which came with protocol 1.18; nothing "
    "was done. Update Prodigy, or run the gun by hand with the driver watch-folder"
)


def _live(values: Values) -> tuple[str, float]:
    connectivity = word(values, "Connectivity")
    if connectivity not in ("Online", "Offline", "Unresponsive"):
        raise GrammarError(f"Connectivity is {connectivity!r}")
    return connectivity, number(values, "Value") if connectivity == "Online" else 0.0


def _named(values: Values, wanted: str) -> str:
    """Return the value of a named parameter.

    The documents say `<ParameterName>:<value>`; what comes is `Name:"..." Value:...`.
    """
    if wanted in values:
        return _as_written(values, wanted)
    if word(values, "Name") != wanted:
        raise GrammarError(f"the value of {word(values, 'Name')!r}, not of {wanted!r}")
    return _as_written(values, "Value")


def _as_written(values: Values, key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise GrammarError(f"no {key}")
    return value


def _agrees(read: str, value: float | str) -> bool:
    if isinstance(value, str):
        return read == value
    if not isinstance(read, Bare) or not NUMBER.fullmatch(read):
        return False
    return abs(float(read) - value) <= SAME * max(abs(value), 1e-12)


def _same_unit(what: str, said: str, unit: str) -> None:
    if said != unit:
        raise ReadbackError(
            f"prodigy: {what} is in {said or 'no unit'!r}, and the lab file says {unit!r}; correct "
            f"the lab file"
        )
