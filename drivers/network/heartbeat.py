"""The client's heartbeat: threads with sockets of their own, whatever the run is doing.

One thread beats, and hears what the server is at. It needs the interpreter, which a library that
compiles or loads may hold for seconds; so another one only gives back what the server sends it,
within zmq and without the interpreter. Both end with the process.
"""

from __future__ import annotations

import threading
from contextlib import suppress

import msgpack
import zmq

from drivers.clock import wall_seconds
from drivers.network.frames import VERSION
from drivers.network.handshake import Secured, secure
from drivers.network.ports import Place, harden

LARGEST = 4096
"""Bytes of a frame: a heartbeat has 64 at most, but the command with which CURVE begins counts as
one and has 257 and what the socket tells of itself (rfc.zeromq.org/spec/26)."""


class Heartbeat:
    """Tells the server that we live, and hears that it does."""

    def __init__(
        self,
        place: Place,
        secured: Secured | None,
        session: bytes,
        every: float,
    ) -> None:
        """Beat every `every` seconds from now on."""
        self.heard = 0.0
        """When the server last answered, wall seconds."""
        self.working = 0
        """Number of the request that it is at; 0 for none."""
        self.ended = False
        """True when it does not know our session any more."""
        self._session = session
        self._every = every
        self._stop = threading.Event()
        self._context = zmq.Context()
        self._threads = [
            threading.Thread(target=target, args=(socket,), name="heartbeat", daemon=True)
            for target, socket in (
                (self._beat, self._connected(place, secured, b"")),
                (_give_back, self._connected(place, secured, mirror_of(session))),
            )
        ]
        for thread in self._threads:
            thread.start()

    def _connected(self, place: Place, secured: Secured | None, name: bytes) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.DEALER)
        harden(socket, largest=LARGEST)
        if name:
            socket.routing_id = name
        if secured is not None:
            secure(socket, secured)
        socket.connect(place.heartbeats)
        return socket

    def _beat(self, socket: zmq.Socket[bytes]) -> None:
        beat = write_beat(self._session)
        due = 0.0
        with socket, suppress(zmq.ContextTerminated):
            while not self._stop.is_set():
                now = wall_seconds()
                if now >= due:
                    socket.send(beat)
                    due = now + self._every
                if socket.poll(min(50, int(1000 * (due - now)) + 1)):
                    self._hear(socket.recv())

    def _hear(self, message: bytes) -> None:
        try:
            session, known, working = msgpack.unpackb(message)
        except (ValueError, TypeError):
            return
        if session != self._session or type(working) is not int:
            return
        self.heard = wall_seconds()
        self.working = working
        self.ended = self.ended or known is False

    def stop(self) -> None:
        """Beat no more."""
        self._stop.set()
        self._context.term()
        for thread in self._threads:
            thread.join()


def _give_back(socket: zmq.Socket[bytes]) -> None:
    with socket, suppress(zmq.ContextTerminated):
        zmq.proxy(socket, socket)


def mirror_of(session: bytes) -> bytes:
    """Return the name under which the server reaches what gives back its messages."""
    return b"m" + session


def write_beat(session: bytes) -> bytes:
    """Return a heartbeat."""
    beat: bytes = msgpack.packb([VERSION, session])
    return beat


def read_beat(message: bytes) -> bytes | None:
    """Return the session whose heartbeat this is; None if it is none."""
    try:
        version, session = msgpack.unpackb(message)
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError):
        return None
    return session if version == VERSION and type(session) is bytes else None


def write_echo(session: bytes, *, known: bool, working: int) -> bytes:
    """Return the answer to a heartbeat: is the session known, and what is being done for it."""
    echo: bytes = msgpack.packb([session, known, working])
    return echo
