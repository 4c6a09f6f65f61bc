"""Who is let in: keys are looked up at each handshake, and refusals are told in the log."""

from __future__ import annotations

from collections.abc import Callable

import zmq
from zmq.auth.thread import ThreadAuthenticator

from drivers.clock import wall_seconds
from drivers.network.handshake import Handshake
from drivers.network.keys import Key, Keyring

DOMAIN = "liftline"
TOLD_AGAIN = 60.0
"""s after which the same refusal is told again."""
LOOK_EVERY = 1.0
"""s between two looks whether a key was revoked."""
_TOLD = {
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "it speaks another protocol, or has no or another key",
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "it broke off; perhaps it has no key or a wrong one",
}


class Door:
    """Lets in who has an authorised key."""

    def __init__(self, key: Key, keyring: Keyring, say: Callable[[str], None]) -> None:
        """Serve with `key`; `keyring` tells who is authorised, at the moment of asking."""
        self._key = key
        self._keyring = keyring
        self._say = say
        self._told: dict[str, float] = {}
        self._looked = 0.0

    def guard(self, context: zmq.Context[zmq.Socket[bytes]]) -> ThreadAuthenticator:
        """Begin to look at the keys of all who connect in this context."""
        guard = ThreadAuthenticator(context)
        guard.start()
        guard.configure_curve_callback(domain=DOMAIN, credentials_provider=self)
        return guard

    def lock(self, socket: zmq.Socket[bytes]) -> None:
        """Have a socket that is not bound yet take only who has a key."""
        socket.curve_server = True
        socket.curve_publickey = self._key.public.encode()
        socket.curve_secretkey = self._key.secret.encode()
        socket.zap_domain = DOMAIN.encode()

    def callback(self, domain: str, key: bytes) -> bool:
        """Return True for a key that is authorised now; `zmq.auth` asks at each handshake."""
        public = key.decode(errors="replace")
        if self.authorised(public):
            return True
        self._tell(f"refused the key {public}: it is not authorised (it may have been revoked)")
        return False

    def authorised(self, public: str) -> bool:
        """Return True for a public key that is authorised now."""
        return public in self._keyring.authorised()

    def known(self) -> frozenset[str]:
        """Return the public keys that are authorised now."""
        return frozenset(self._keyring.authorised())

    def watch(self, handshake: Handshake) -> None:
        """Tell of the connections that did not come about."""
        for event, endpoint in handshake.events():
            if event in _TOLD:
                self._tell(f"refused a connection at {endpoint}: {_TOLD[event]}")

    def may_have_changed(self) -> bool:
        """Return True once in a while: time to look whether a key was revoked."""
        now = wall_seconds()
        if now - self._looked < LOOK_EVERY:
            return False
        self._looked = now
        return True

    def _tell(self, text: str) -> None:
        now = wall_seconds()
        if now - self._told.get(text, -TOLD_AGAIN) < TOLD_AGAIN:
            return
        if len(self._told) > 1000:
            self._told.clear()
        self._told[text] = now
        self._say(text)
