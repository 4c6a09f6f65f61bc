"""Where a served lab is reached: three neighbouring ports of one address, and how sockets are set.

The first port takes the controller's requests, the next one answers heartbeats, so that a driver
that is at work does not keep them waiting, and the third one feeds viewers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import zmq

from drivers.errors import InputError

HEARTBEATS, VIEWS = 1, 2
"""Ports after the first."""


@dataclass(frozen=True)
class Place:
    """An address, `tcp://host:port`."""

    host: str
    port: int

    @property
    def requests(self) -> str:
        """Where requests go."""
        return f"tcp://{self.host}:{self.port}"

    @property
    def heartbeats(self) -> str:
        """Where heartbeats are answered."""
        return f"tcp://{self.host}:{self.port + HEARTBEATS}"

    @property
    def views(self) -> str:
        """Where viewers listen."""
        return f"tcp://{self.host}:{self.port + VIEWS}"

    @property
    def is_loopback(self) -> bool:
        """True where only this computer reaches it."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


def place_of(address: str | None) -> Place:
    """Return the place that an address names.

    Raises:
        InputError: it names none.
    """
    found = re.fullmatch(r"tcp://([^:/\s]+|\[[0-9a-fA-F:]+\]|\*):(\d{1,5})", address or "")
    if found is None or not 1 <= int(found[2]) <= 65535 - VIEWS:
        raise InputError(
            f"{address or 'nothing'} is not the address of a served lab; write it like "
            "tcp://192.168.0.5:5555 (the two ports after it are used too)"
        )
    return Place("127.0.0.1" if found[1] == "localhost" else found[1], int(found[2]))


def send(socket: zmq.Socket[bytes], frames: Sequence[Any]) -> None:
    """Send a message; its last frames are arrays, which are not copied."""
    last = len(frames) - 1
    for number, frame in enumerate(frames):
        more = zmq.SNDMORE if number < last else 0
        socket.send(frame, more, copy=type(frame) is bytes)


def receive(socket: zmq.Socket[bytes], most: int) -> list[Any]:
    """Return the frames of the next message, where they came to lie; no more than `most` + 1.

    Raises:
        zmq.Again: none comes in time.
    """
    frame = socket.recv(copy=False)
    frames = [frame]
    while frame.more:
        frame = socket.recv(copy=False)
        if len(frames) <= most:
            frames.append(frame)
    return frames


def harden(socket: zmq.Socket[bytes], *, largest: int, ipv6: bool = False) -> None:
    """Set a socket so that it neither hangs at its end nor takes more than `largest` in a frame."""
    socket.linger = 0
    socket.setsockopt(zmq.MAXMSGSIZE, largest)
    socket.setsockopt(zmq.HEARTBEAT_IVL, 1000)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3000)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 5000)
    socket.setsockopt(zmq.IPV6, ipv6)
