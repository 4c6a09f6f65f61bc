"""The keeper: answers heartbeats and feeds viewers, from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import zmq

from drivers.clock import wall_seconds
from drivers.network.door import Door
from drivers.network.frames import Frames
from drivers.network.heartbeat import LARGEST, mirror_of, read_beat, write_beat, write_echo
from drivers.network.ports import Place, harden
from drivers.network.server import Server
from drivers.network.view import (
    ALIVE_EVERY,
    EVERY,
    PICTURE_AGAIN,
    PICTURE_EVERY,
    View,
    write_picture,
    write_sight,
)

ROUND = 50
"""ms between two looks, at most."""
WAITING = 4
"""Messages that wait for a viewer; further ones are dropped for that viewer."""
IO_THREAD = 2
"""Mask of the thread of zmq that moves the keeper's bytes; the first one moves requests."""


class Keeper:
    """Marks when the controller was last heard, and publishes what is seen."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        place: Place,
        server: Server,
        view: View,
        door: Door | None,
        say: Callable[[str], None],
    ) -> None:
        """Bind the two ports of `place` that are the keeper's."""
        self._context, self._place = context, place
        self._server, self._view, self._door, self._say = server, view, door, say
        self._authorised = None if door is None else door.known()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._sight = b""
        self._asked = self._sent = self._pictured = self._new_picture = 0.0
        self._picture: object = None
        self._beats = self._bound(zmq.ROUTER, place.heartbeats)
        try:
            self._views = self._bound(zmq.PUB, place.views)
        except BaseException:
            self._beats.close(0)
            raise

    def _bound(self, kind: int, address: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        try:
            harden(socket, largest=LARGEST)
            socket.setsockopt(zmq.AFFINITY, IO_THREAD)
            if kind == zmq.ROUTER:
                socket.router_handover = True  # a mirror that connects again keeps its name
            socket.sndhwm = WAITING if kind == zmq.PUB else 100
            if self._door is not None:
                self._door.lock(socket)
            socket.bind(address)
        except BaseException:
            socket.close(0)
            raise
        return socket

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and let go of the ports."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._beats.close(0)
        self._views.close(0)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._answer_beats()
                self._ask_the_mirror(wall_seconds())
                self._publish(wall_seconds())
                self._shut_out()
            except Exception as error:  # it must go on, whatever a viewer or a stranger sends
                self._say(f"keeper: {type(error).__name__}: {error}")
                self._stop.wait(0.1)

    def _answer_beats(self) -> None:
        if not self._beats.poll(ROUND):
            self._server.watched = wall_seconds()
            return
        for _ in range(1000):
            try:
                parts = self._beats.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                self._server.watched = wall_seconds()
                return
            token = read_beat(parts[1]) if len(parts) == 2 else None
            if token is None:
                continue
            session = self._server.session
            known = session is not None and session.token == token
            if session is not None and known:
                session.heard = wall_seconds()
            if parts[0] == mirror_of(token):
                continue
            working = session.working if session is not None and known else 0
            self._beats.send_multipart([parts[0], write_echo(token, known=known, working=working)])

    def _ask_the_mirror(self, now: float) -> None:
        """Have the controller's computer give a beat back, which needs no interpreter there."""
        session = self._server.session
        if session is not None and now - self._asked >= self._server.dead_man / 6:
            self._asked = now
            self._beats.send_multipart([mirror_of(session.token), write_beat(session.token)])

    def _publish(self, now: float) -> None:
        if now - self._sent < EVERY:
            return
        sight = write_sight(self._view)
        if sight != self._sight or now - self._sent >= ALIVE_EVERY:
            self._sight, self._sent = sight, now
            self._views.send_multipart([b"sight", sight])
        picture = self._view.picture
        if picture is None:
            return
        new = picture is not self._picture and now - self._new_picture >= PICTURE_EVERY
        if new or now - self._pictured >= PICTURE_AGAIN:
            self._picture, self._pictured = picture, now
            self._new_picture = now if new else self._new_picture
            frames: Frames = [b"picture", *write_picture(*picture)]
            self._views.send_multipart(frames, copy=False)

    def _shut_out(self) -> None:
        """Have all viewers knock again when the keys that are authorised change."""
        if self._door is None:
            return
        known = self._door.known()
        if known != self._authorised:
            self._authorised = known
            self._views.close(0)
            self._views = self._bound(zmq.PUB, self._place.views)
