"""Simulated MethodSCRIPT devices for tests, served in this process, hurried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from drivers.clock import ScaledClock
from drivers.lab import OpenRequest
from drivers.methodscript import DRIVER, MethodScriptPotentiostat
from drivers.methodscript.devices import DEVICES
from drivers.methodscript.session import Session
from drivers.methodscript.settings import MethodScriptSettings
from drivers.methodscript.wire import Port, Wire
from drivers.potentiostat import PotentiostatLimits
from simulators.cell.cell_file import load_cell
from simulators.methodscript.channel import Channel
from simulators.methodscript.device import SimDevice
from simulators.methodscript.serve import TcpPlug, TerminalPlug
from simulators.methodscript.trouble import DeviceFaults

SPEED = 500.0
LOOKS = 4000
"""Of the device in a hold: fewer than by default, for the sake of time."""
PATIENT = 6.0
"""Wall seconds for an answer: the machine may be busy."""


@dataclass
class Bench:
    """A device that is served."""

    device: SimDevice
    address: str
    speed: float
    plug: TcpPlug | TerminalPlug

    @property
    def channel(self) -> Channel:
        return self.device.channel

    def settings(self, **changed: Any) -> MethodScriptSettings:
        given = {"rehearsal_speed": self.speed, "reply_time": PATIENT, "looks": LOOKS, **changed}
        return MethodScriptSettings.model_validate(given)

    def open(self, **changed: Any) -> MethodScriptPotentiostat:
        """Open the driver on it, as a lab does."""
        request = OpenRequest(
            "potentiostat",
            self.address,
            self.settings(**changed),
            PotentiostatLimits(),
            ScaledClock(1.0),
            0,
            None,
            lambda name, text: None,
        )
        opened = DRIVER.open(request)
        assert isinstance(opened, MethodScriptPotentiostat)
        return opened

    def open_through(self, around: Callable[[Wire], Wire]) -> MethodScriptPotentiostat:
        """Open the driver on it with something in the wire."""
        settings = self.settings(reply_time=2.0)
        port = partial(Port, self.address, settings)
        return MethodScriptPotentiostat(Session(lambda: around(port()), 2.0), settings)

    def passed(self) -> float:
        """Return the charge that has really passed the cell's terminals, C."""
        return self.channel.state(self.device.now()).passed


@contextmanager
def served(
    *,
    speed: float = SPEED,
    terminal: bool = False,
    code: str = "es4_hr",
    seed: int = 1,
    faults: DeviceFaults | None = None,
    **changed: Any,
) -> Iterator[Bench]:
    """Serve a device for as long as the context lasts."""
    channel = Channel(DEVICES[code], load_cell("li-lipon-lnmo"), seed=seed)
    with SimDevice(channel, ScaledClock(speed), code=code, faults=faults, **changed) as device:
        plug = TerminalPlug(device) if terminal else TcpPlug(device)
        with plug:
            yield Bench(device, plug.address, speed, plug)
