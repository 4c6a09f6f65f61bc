"""A simulated SPECS Prodigy on a TCP port, for one client.

With the connection, wanted or not, the devices go into their safe states and the spectrum is lost.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress

from drivers.clock import wait_a_moment
from drivers.prodigy.codec import Done, Garbage, Refused, Request, Requests
from simulators.prodigy.commands import RefuseError
from simulators.prodigy.desk import Desk

LOOK_EVERY = 0.2
"""Wall seconds between two looks whether the server is to end."""


class ProdigyServer:
    """Serves one Prodigy; a context manager."""

    def __init__(self, desk: Desk, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen; port 0 takes any that is free."""
        self.desk = desk
        self._lock = threading.Lock()
        self._client: socket.socket | None = None
        self._ending = threading.Event()
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = True

        self._server = Server((host, port), Handler)
        self.address = "{}:{}".format(*self._server.server_address[:2])
        """Host and port, as a lab file names it."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="prodigy", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> ProdigyServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, let the client go and make the instrument safe."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with suppress(RefuseError):
            self.desk.disconnect()

    def operator_pauses(self) -> None:
        """Do what the operator does at Prodigy's own screen."""
        with self._lock:
            self.desk.analyser.pause(True)

    def operator_aborts(self) -> None:
        """Do what the operator does at Prodigy's own screen."""
        with self._lock:
            self.desk.analyser.abort()

    def drop_link(self) -> None:
        """Break the connection."""
        client = self._client
        if client is not None:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _serve(self, client: socket.socket) -> None:
        requests, mine = Requests(), False
        client.settimeout(LOOK_EVERY)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while not self._ending.is_set():
                try:
                    data = client.recv(2**16)
                except TimeoutError:
                    continue
                if not data:
                    break
                for request in requests.feed(data):
                    mine = self._reply(client, request, mine)
        except OSError:
            pass  # the client is gone
        finally:
            if mine:
                self._lose()

    def _reply(self, client: socket.socket, request: Request | Garbage, mine: bool) -> bool:
        """Answer one request; return whether the client is the one that is connected."""
        command = request.command if isinstance(request, Request) else ""
        with self._lock:
            reply: Done | Refused
            if not mine and command not in ("", "Connect"):
                reply = Refused(request.id, 3, "Client is not connected.")
            else:
                reply = self.desk.answer(request)
            if command == "Connect" and not isinstance(reply, Refused):
                mine, self._client = True, client
            if mine and not self.desk.connected:
                mine, self._client = False, None
        if self.desk.faults.late:
            wait_a_moment(self.desk.faults.late)
        client.sendall(reply.written())
        return mine

    def _lose(self) -> None:
        with self._lock, suppress(RefuseError):
            self._client = None
            self.desk.disconnect()
