"""What a simulated Prodigy does with each request: the protocol without its sockets."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from drivers.errors import DriverError
from drivers.prodigy.codec import UNKNOWN_ID as NOBODY
from drivers.prodigy.codec import Done, Garbage, Refused, Request, word
from drivers.prodigy.grammar import Bare, Value, Values, bare
from drivers.xps import Xps
from protocols.errors import LiftlineError
from simulators.prodigy.analyser import LENS_MODES, SCAN_RANGES, Analyser
from simulators.prodigy.bench import Bench, BenchClock
from simulators.prodigy.commands import COMMANDS, RefuseError, check_arguments
from simulators.prodigy.faults import Faults
from simulators.prodigy.peripherals import GUN, Peripherals, Setting

SERVER_NAME = "SpecsLab Prodigy 4.120 simulated by liftline"
ANALYSER_NAME = "simulated Phoibos 1D"
SAFE_AFTER_SINCE = (1, 7)
"""Protocol version from which Start can leave the detector's voltage up."""
NOTHING: Values = {}


class Desk:
    """One Prodigy. Not for two threads at once: the server sees to that."""

    def __init__(
        self,
        xps: Xps,
        clock: BenchClock,
        *,
        version: tuple[int, int] = (1, 22),
        faults: Faults | None = None,
        only_its_commands: bool = False,
        timed_gun: bool = True,
    ) -> None:
        """Stand in front of a spectrometer.

        Args:
            xps: the spectrometer.
            clock: that which it was opened with.
            version: of the protocol, whose behaviour it has.
            faults: what goes wrong.
            only_its_commands: commands newer than `version` are unknown (101), as with a real one.
            timed_gun: the ion gun has a time of its own.
        """
        self.faults = faults or Faults()
        self.version = version
        self.bench = Bench(xps, clock)
        self.analyser = Analyser(self.bench, self.faults, version)
        self.devices = Peripherals(self.bench, lambda: self.faults.unresponsive, timed=timed_gun)
        self.harmed = 0
        """How often ions were let on while the detector's voltage was up."""
        self.connected = False
        self._only_its = only_its_commands

    def answer(self, request: Request | Garbage) -> Done | Refused:
        """Do what a request asks, and return the reply."""
        if isinstance(request, Garbage):
            if request.id == NOBODY:
                return Refused(NOBODY, 4, f"Malformed message: {request.why}")
            return Refused(request.id, 103, f"Invalid argument sequence: {request.why}")
        try:
            return Done(request.id, self._do(request.command, request.arguments))
        except RefuseError as refused:
            text = refused.text.encode("ascii", "replace").decode()
            return Refused(request.id, refused.code, text)

    def _do(self, command: str, arguments: Values) -> Values:
        if command not in COMMANDS or self._too_new(command):
            raise RefuseError(101, f"Unknown command '{command}'.")
        if command == "Connect":
            return self._connect()
        if not self.connected:
            raise RefuseError(3, "Client is not connected.")
        check_arguments(command, arguments)
        if command == self.faults.broken:
            raise RefuseError(102, "Unknown error.")
        for prefix in ("DefineSpectrum", "CheckSpectrum"):
            if command.startswith(prefix):
                return self._spectrum(prefix, command.removeprefix(prefix), arguments)
        reply = HANDLERS[command](self, arguments)
        return NOTHING if reply is None else reply

    def _too_new(self, command: str) -> bool:
        return self._only_its and COMMANDS[command].since > self.version

    def _connect(self) -> Values:
        if self.connected:
            raise RefuseError(2, "Another client is already connected.")
        self.connected = True
        version = ".".join(map(str, self.version))
        return {"ServerName": SERVER_NAME, "ProtocolVersion": Bare(version)}

    def disconnect(self) -> None:
        """Let the client go, or lose it: devices safe, spectrum lost."""
        if self.connected:
            self.connected = False
            self._make_safe()
            self.analyser.forget()

    def _spectrum(self, prefix: str, mode: str, arguments: Values) -> Values:
        if prefix == "CheckSpectrum":
            return self.analyser.check(mode, arguments)
        self.analyser.define(mode, arguments)
        return NOTHING

    def start(self, arguments: Values) -> None:
        """Start a scan."""
        if arguments and self.version < SAFE_AFTER_SINCE:
            raise RefuseError(105, "Start: unknown argument SetSafeStateAfter.")
        self.analyser.start(self.devices.before_scan(), safe_after=_truth(arguments))

    def status(self, arguments: Values) -> Values:
        """Tell the scan's state."""
        return self.analyser.status()

    def data(self, arguments: Values) -> Values:
        """Tell counts."""
        first, last = (_index(arguments, name) for name in ("FromIndex", "ToIndex"))
        return self.analyser.data(first, last)

    def analyser_value(self, arguments: Values) -> Values:
        """Tell an analyser parameter's value for the next scan."""
        name = word(arguments, "ParameterName")
        value = self.analyser.parameter(name).value
        return {"Name": name, "Value": value if isinstance(value, str) else bare(value)}

    def directly(self, arguments: Values) -> None:
        """Set voltages without a scan: nothing here shows them."""
        self._must_rest()
        if word(arguments, "LensMode") not in LENS_MODES:
            raise RefuseError(217, "Unknown lens mode.")
        if word(arguments, "Polarity") not in ("negative", "positive"):
            raise RefuseError(107 if self.version >= (1, 22) else 106, "Polarity.")
        for name in set(arguments) - {"LensMode", "ScanRange", "Polarity"}:
            if name not in ("Kinetic Energy", "Pass Energy"):
                self.analyser.parameter(name)

    def spectrum_parameter(self, arguments: Values) -> Values:
        """Tell what a spectrum's parameter may be."""
        name = word(arguments, "ParameterName")
        known = {"LensMode": LENS_MODES, "ScanRange": SCAN_RANGES}
        if name not in known:
            raise RefuseError(205, f"Failed to fetch info of '{name}'.")
        return {"ValueType": Bare("string"), "Unit": "", "Values": known[name]}

    def data_info(self, arguments: Values) -> Values:
        """Tell the ranges of a spectrum's data."""
        name = word(arguments, "ParameterName")
        if name not in ("OrdinateRange", "AbscissaRange"):
            raise RefuseError(205, f"Failed to fetch info of '{name}'.")
        edges: dict[str, Value] = {"Min": bare(-0.5), "Max": bare(0.5)}
        return {"ValueType": Bare("double"), "Unit": "mm", **edges}

    def disconnect_analyser(self, arguments: Values) -> None:
        """Let go of the analyser."""
        if self.analyser.scanning or self.faults.disconnect_analyser_fails:
            raise RefuseError(213, "Failed to disconnect analyzer.")

    def safe_state(self, arguments: Values) -> None:
        """Bring all devices into their safe states."""
        if self.faults.safe_state_fails:
            raise RefuseError(215, "Failed to switch devices into a safe state.")
        self._make_safe()

    def _make_safe(self) -> None:
        if self.analyser.scanning:
            self.analyser.abort()
        try:
            self.bench.safe()
            for _ in self.bench.xps.set_source(False):
                pass
            self.bench.xps.set_neutraliser(False)
        except DriverError as error:
            raise RefuseError(215, f"Failed to switch devices into a safe state: {error}") from None
        self.analyser.detector_up = False

    def _must_rest(self) -> None:
        if self.analyser.scanning:
            raise RefuseError(214, "Trying to interfere with a running acquisition.")

    def create(self, arguments: Values) -> Values:
        """Load a Devices template."""
        self._must_rest()
        if self.bench.busy:
            raise RefuseError(219, "The Devices item is running.")
        return self.devices.create(word(arguments, "Template"))

    def item_info(self, arguments: Values) -> Values:
        """Tell what the Devices item is."""
        command = word(arguments, "DeviceCommand")
        device = command.partition(".")[0]
        names = tuple(self.devices.of_item(command))
        return {"Type": device, "Name": device, "ParameterNames": names}

    def set_item(self, arguments: Values) -> None:
        """Set a parameter of the Devices item."""
        if self.bench.busy:
            raise RefuseError(219, "The Devices item is running.")
        _setting(self.devices.of_item, arguments).put(
            word(arguments, "ParameterName"), arguments["Value"]
        )

    def execute(self, arguments: Values) -> None:
        """Run the Devices item."""
        self._must_rest()
        if self.bench.busy or not self.devices.item:
            raise RefuseError(219, "Nothing to run, or the Devices item is running.")
        try:
            steps = self.devices.execute()
        except LiftlineError as error:
            raise RefuseError(219, f"Failed to operate: {error}") from None
        if self.devices.item.startswith(GUN) and self.analyser.volts > 0:
            self.harmed += 1
        self.bench.run(self._then_safe(steps, _truth(arguments)), lambda block: None)

    def _then_safe(
        self, steps: Generator[Any, None, Any], safe_after: bool
    ) -> Generator[Any, None, None]:
        yield from steps
        if safe_after and not self.devices.item.startswith(GUN):
            yield from self.bench.xps.set_source(False)

    def set_device(self, arguments: Values) -> None:
        """Set a parameter of a command of the remote experiment, for the next scan."""
        self._must_rest()
        _setting(self.devices.of_experiment, arguments).put(
            word(arguments, "ParameterName"), arguments["Value"]
        )

    def device_info(self, arguments: Values) -> Values:
        """Tell what a device is."""
        device = word(arguments, "Device")
        known = self.devices.names()
        if device not in known:
            raise RefuseError(220, f"Unknown device '{device}'.")
        names = tuple(known[device])
        return {"Type": device, "VisibleName": device, "LiveParameterNames": names}

    def live_info(self, arguments: Values) -> Values:
        """Tell a live parameter's unit."""
        unit = self.devices.unit(word(arguments, "Device"), word(arguments, "Parameter"))
        return {"ValueType": Bare("double"), "Unit": unit}

    def live(self, arguments: Values) -> Values:
        """Tell a live value."""
        device, parameter = word(arguments, "Device"), word(arguments, "Parameter")
        offline = self.faults.analyser_offline
        return self.devices.live(device, parameter, self.analyser.volts, offline)


def _truth(arguments: Values) -> bool:
    text = arguments.get("SetSafeStateAfter", "true")
    if text not in ("true", "false"):
        raise RefuseError(107, "SetSafeStateAfter is neither true nor false.")
    return text == "true"


def _index(arguments: Values, name: str) -> int:
    text = word(arguments, name)
    if not text.lstrip("-").isdigit():
        raise RefuseError(106, f"{name} is no integer.")
    return int(text)


def _setting(of: Callable[[str], dict[str, Setting]], arguments: Values) -> Setting:
    parameters, name = of(word(arguments, "DeviceCommand")), word(arguments, "ParameterName")
    if name not in parameters:
        raise RefuseError(206, f"Unknown parameter '{name}'.")
    return parameters[name]


def _told(of: Callable[[str], dict[str, Setting]], arguments: Values) -> Values:
    return _setting(of, arguments).told(word(arguments, "ParameterName"))


Handler = Callable[[Desk, Values], Values | None]

HANDLERS: dict[str, Handler] = {
    "Disconnect": lambda desk, a: desk.disconnect(),
    "ValidateSpectrum": lambda desk, a: desk.analyser.validate(),
    "Start": Desk.start,
    "Pause": lambda desk, a: desk.analyser.pause(True),
    "Resume": lambda desk, a: desk.analyser.pause(False),
    "Abort": lambda desk, a: desk.analyser.abort(),
    "GetAcquisitionStatus": Desk.status,
    "GetAcquisitionData": Desk.data,
    "ClearSpectrum": lambda desk, a: desk.analyser.clear(),
    "GetAllAnalyzerParameterNames": lambda desk, a: {
        "ParameterNames": tuple(desk.analyser.parameters)
    },
    "GetAnalyzerParameterInfo": lambda desk, a: desk.analyser.parameter(
        word(a, "ParameterName")
    ).info(),
    "GetAnalyzerVisibleName": lambda desk, a: {"AnalyzerVisibleName": ANALYSER_NAME},
    "GetAnalyzerParameterValue": Desk.analyser_value,
    "SetAnalyzerParameterValue": lambda desk, a: desk.analyser.set_parameter(
        word(a, "ParameterName"), a["Value"]
    ),
    "SetAnalyzerParameterValueDirectly": Desk.directly,
    "ValidateAnalyzerParameterValueDirectly": Desk.directly,
    "GetSpectrumParameterInfo": Desk.spectrum_parameter,
    "GetSpectrumDataInfo": Desk.data_info,
    "GetAllDeviceCommands": lambda desk, a: {"DeviceCommands": tuple(desk.devices.experiment)},
    "GetAllDeviceParameterNames": lambda desk, a: {
        "ParameterNames": tuple(desk.devices.of_experiment(word(a, "DeviceCommand")))
    },
    "GetDeviceParameterInfo": lambda desk, a: _setting(desk.devices.of_experiment, a).info(),
    "GetDeviceParameterValue": lambda desk, a: _told(desk.devices.of_experiment, a),
    "SetDeviceParameterValue": Desk.set_device,
    "DisconnectAnalyzer": Desk.disconnect_analyser,
    "SetSafeState": Desk.safe_state,
    "CreateDirectDeviceCommand": Desk.create,
    "GetDirectDeviceCommandInfo": Desk.item_info,
    "GetDirectDeviceParameterInfo": lambda desk, a: _setting(desk.devices.of_item, a).info(),
    "GetDirectDeviceParameterValue": lambda desk, a: _told(desk.devices.of_item, a),
    "SetDirectDeviceParameterValue": Desk.set_item,
    "ExecuteDirectDeviceCommand": Desk.execute,
    "GetAllDevices": lambda desk, a: {"Devices": tuple(desk.devices.names())},
    "GetDeviceInfo": Desk.device_info,
    "GetLiveParameterInfo": Desk.live_info,
    "GetLiveParameterValue": Desk.live,
}
