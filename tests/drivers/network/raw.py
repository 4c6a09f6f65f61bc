"""A client that sends what it likes to a served lab."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import zmq

from drivers.network.frames import Reply, Request, read_reply, write_request
from drivers.network.hello import greeting, myself
from drivers.network.ports import Place


class Raw:
    """Sends and receives frames."""

    def __init__(self, context: zmq.Context[Any], place: Place) -> None:
        self._socket = context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.connect(place.requests)
        self.session = b""
        self.number = 0

    def send(self, *frames: Any) -> None:
        self._socket.send_multipart(frames)

    def hear(self, seconds: float = 5.0) -> Reply | None:
        """Return the next reply; None if none comes."""
        if not self._socket.poll(int(seconds * 1000)):
            return None
        return read_reply(self._socket.recv_multipart())

    def ask(self, verb: str, *body: Any, number: int | None = None) -> Reply:
        """Ask with the next number, or the one given, and return the answer."""
        self.number = self.number + 1 if number is None else number
        self.send(*write_request(Request(verb, self.session, self.number, list(body))))
        reply = self.hear()
        assert reply is not None
        return reply

    def control(self, nonce: bytes | None = None) -> Reply:
        """Take control."""
        reply = self.ask("hello", *greeting(nonce or os.urandom(16), myself("a test")))
        if reply.kind == "ok":
            self.session, self.number = reply.body["session"], 0
        return reply


@contextmanager
def raw(place: Place) -> Iterator[Raw]:
    """Connect to a served lab."""
    context = zmq.Context()
    try:
        yield Raw(context, place)
    finally:
        context.destroy(0)
