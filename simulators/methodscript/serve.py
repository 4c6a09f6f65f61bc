"""The device's plug: a TCP port everywhere, a pseudo-terminal where there is one."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from drivers.clock import wait_a_moment
from simulators.methodscript.device import SimDevice

LOOK_EVERY = 0.02
"""Wall seconds between two looks."""
AT_ONCE = 65536


class TcpPlug:
    """A TCP port for one host at a time; a context manager."""

    def __init__(self, device: SimDevice, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen; port 0 takes any that is free."""
        self._device = device
        self._listener = socket.create_server((host, port))
        self._listener.settimeout(LOOK_EVERY)
        self.address = "socket://{}:{}".format(*self._listener.getsockname()[:2])
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="methodscript-tcp", daemon=True)
        self._thread.start()

    def __enter__(self) -> TcpPlug:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and let the host go."""
        self._ending.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._ending.is_set():
            try:
                host, _ = self._listener.accept()
            except TimeoutError:
                continue
            with host:
                if not self._device.unplugged():
                    host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._talk(host)

    def _talk(self, host: socket.socket) -> None:
        host.settimeout(LOOK_EVERY)
        gone = threading.Event()
        sender = threading.Thread(
            target=send_all, args=(self._device, host.send, gone), daemon=True
        )
        sender.start()
        try:
            while not (gone.is_set() or self._ending.is_set() or self._device.unplugged()):
                try:
                    data = host.recv(AT_ONCE)
                except TimeoutError:
                    continue
                if not data:
                    break
                self._device.hear(data)
        except OSError:
            pass  # the host is gone
        finally:
            gone.set()
            sender.join()


def send_all(device: SimDevice, send: Callable[[bytes], int], gone: threading.Event) -> None:
    """Send what the device says until the host is gone; what could not be sent is kept.

    `send` returns how many bytes it took.
    """
    while not gone.is_set():
        data = device.fetch(LOOK_EVERY)
        while data and not gone.is_set():
            trickle = device.faults.trickle
            try:
                data = data[send(data[:1] if trickle else data) :]
            except (TimeoutError, BlockingIOError):
                wait_a_moment(LOOK_EVERY / 4)
            except OSError:
                gone.set()
            wait_a_moment(trickle)
        device.give_back(data)


class TerminalPlug:
    """A pseudo-terminal; POSIX only. A context manager."""

    def __init__(self, device: SimDevice) -> None:
        """Make one; `address` is its name."""
        import pty
        import tty

        self._device = device
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.address = os.ttyname(self._theirs)
        self._gone = threading.Event()
        self._threads = [
            threading.Thread(target=self._hear, name="methodscript-hears", daemon=True),
            threading.Thread(target=send_all, args=(device, self._write, self._gone), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> TerminalPlug:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the plug out."""
        self._gone.set()
        for thread in self._threads:
            thread.join()
        for end in (self._theirs, self._ours):
            with suppress(OSError):
                os.close(end)

    def _write(self, data: bytes) -> int:
        return os.write(self._ours, data)

    def _hear(self) -> None:
        import select

        while not self._gone.is_set():
            ready, _, _ = select.select([self._ours], [], [], LOOK_EVERY)
            if ready:
                with suppress(OSError):
                    self._device.hear(os.read(self._ours, AT_ONCE))
