"""The bytes to and from Prodigy: a small seam, so that tests can put a bad line in between."""

from __future__ import annotations

import socket
from typing import Protocol

PORT = 7010
"""Of Prodigy's remote control server. Source: Remote In 1.22, section 1.2."""
AT_ONCE = 2**20
"""Bytes taken from the socket at once."""


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


class TcpWire:
    """A TCP connection."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        """Connect within `timeout` wall seconds, or raise OSError."""
        self._timeout = timeout
        self._socket = socket.create_connection((host, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self._socket.settimeout(self._timeout)
        self._socket.sendall(data)

    def receive(self, timeout: float) -> bytes:
        """Return what has come; empty if nothing came within `timeout` wall seconds."""
        self._socket.settimeout(max(timeout, 1e-3))
        try:
            data = self._socket.recv(AT_ONCE)
        except TimeoutError:
            return b""
        if not data:
            raise ConnectionResetError("the other side has closed the connection")
        return data

    def close(self) -> None:
        """Let go; may be repeated."""
        self._socket.close()


def host_and_port(address: str) -> tuple[str, int]:
    """Return host and port of an address like `192.168.0.5` or `xps-pc:7010`.

    Raises:
        ValueError: it is none.
    """
    host, colon, port = address.rpartition(":")
    if not colon:
        host, port = address, str(PORT)
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{address!r} is no address; write it like 192.168.0.5:{PORT}")
    return host, int(port)
