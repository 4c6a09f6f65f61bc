"""The bytes to and from a device: a serial port, or `socket://host:port` for one on TCP.

pyserial's own time-outs begin again with every byte (pyserial #487), so nothing here relies on
them: the port never blocks, and deadlines are the caller's.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import Any, Protocol

from drivers.clock import wait_a_moment, wall_seconds
from drivers.errors import LinkError
from drivers.methodscript.settings import MethodScriptSettings

BAUD = 921600
AT_ONCE = 2**16
"""Bytes taken at once."""
LOOK_EVERY = 2e-3
"""Wall seconds between two looks at the port."""
WRITE_WITHIN = 5.0
"""Wall seconds within which the port must take what is sent."""


class Wire(Protocol):
    """A connection. Both methods raise OSError where it is broken."""

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        ...

    def receive(self, timeout: float) -> bytes:
        """Return what has come; empty if nothing came within `timeout` wall seconds."""
        ...

    def close(self) -> None:
        """Let go; may be repeated."""
        ...


class Port:
    """A port of pyserial."""

    def __init__(self, address: str, settings: MethodScriptSettings) -> None:
        """Open it, for nobody else.

        Raises:
            LinkError: there is no such port, or another program holds it.
        """
        import serial

        flow = settings.flow_control
        try:
            self._port: Any = serial.serial_for_url(
                address,
                baudrate=settings.baud or BAUD,
                xonxoff=flow == "xon/xoff",
                rtscts=flow == "rts/cts",
                timeout=0,
                write_timeout=WRITE_WITHIN,
                exclusive=True,
                do_not_open=True,
            )
            for name in ("reset_input_buffer", "_reset_input_buffer"):
                # as it opens, pyserial throws away what has come: a device tells it only once
                setattr(self._port, name, lambda: None)
            self._port.open()
        except (OSError, ValueError) as error:
            raise LinkError(_why(address, error)) from None

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self._port.write(data)

    def receive(self, timeout: float) -> bytes:
        """Return what has come; empty if nothing came within `timeout` wall seconds."""
        until = wall_seconds() + timeout
        while True:
            data: bytes = self._port.read(AT_ONCE)
            left = until - wall_seconds()
            if data or left <= 0:
                return data
            wait_a_moment(min(LOOK_EVERY, left))

    def close(self) -> None:
        """Let go; may be repeated."""
        # pyserial 3.5 does not close the socket of a broken connection
        left = getattr(self._port, "_socket", None)
        with suppress(OSError):
            self._port.close()
        if left is not None:
            left.close()


def _why(address: str, error: Exception) -> str:
    """Return why a port cannot be opened, and what to do."""
    from serial.tools.list_ports import comports

    number = getattr(error, "errno", None)
    if number in (errno.EBUSY, errno.EACCES, errno.EAGAIN) or "lock" in str(error):
        return (
            f"methodscript: {address} is held by another program, or you may not use it ({error}); "
            "close PSTrace and other runs, or join the group of the serial ports"
        )
    there = ", ".join(port.device for port in comports()) or "none"
    return (
        f"methodscript: {address} cannot be opened ({error}); ports here: {there}. Connect the "
        "device, or correct the address in the lab file"
    )
