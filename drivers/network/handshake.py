"""Keys on sockets, and what becomes of a connection before anything is said over it."""

from __future__ import annotations

from dataclasses import dataclass

import zmq
from zmq.utils.monitor import parse_monitor_message

from drivers.network.keys import Key

_REFUSED = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: (
        "this computer's key is not authorised there. On the instrument's computer say: liftline "
        "keys authorise NAME, with the key that `liftline keys list` shows here"
    ),
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: (
        "the two sides do not agree on encryption: one has keys and the other has none, or "
        "server_key in the lab file is not the server's; `liftline keys list` there shows it"
    ),
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: (
        "the connection was refused: server_key in the lab file is not the server's, or one side "
        "has keys and the other has none; `liftline keys list` there shows it"
    ),
}


@dataclass(frozen=True)
class Secured:
    """The keys of a connection, for who connects."""

    key: Key
    server: str
    """Public key of the server."""


def secure(socket: zmq.Socket[bytes], secured: Secured) -> None:
    """Have a socket connect with keys."""
    socket.curve_publickey = secured.key.public.encode()
    socket.curve_secretkey = secured.key.secret.encode()
    socket.curve_serverkey = secured.server.encode()


class Handshake:
    """Watches whether the connections of a socket are refused."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        """Watch from now on."""
        self._socket = socket
        events = zmq.EVENT_HANDSHAKE_SUCCEEDED
        for event in _REFUSED:
            events |= event
        self.monitor: zmq.Socket[bytes] = socket.get_monitor_socket(events)

    def refused(self) -> str | None:
        """Return why the newest connection was refused; None if none was, or it came about."""
        told = None
        for event, _ in self.events():
            told = _REFUSED.get(event)
        return told

    def events(self) -> list[tuple[zmq.Event, str]]:
        """Return what happened since the last look: event and the address of the other side."""
        found = []
        while self.monitor.poll(0):
            message = parse_monitor_message(self.monitor.recv_multipart())
            found.append(
                (zmq.Event(message["event"]), message["endpoint"].decode(errors="replace"))
            )
        return found

    def close(self) -> None:
        """Watch no more."""
        self._socket.disable_monitor()
        self.monitor.close(0)
