"""The client's connection to a served lab: one for all of its instruments that a run uses.

Every request has a number; where no answer comes it is sent again with the same number, and the
server answers a repeat from memory. Every wait has an end: a server that is silent for longer than
it would wait for us itself, or that is at one request for longer than the deadline, is a LinkError.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

import zmq

from drivers.clock import ServedClock, wait_a_moment, wall_seconds
from drivers.errors import InputError, LinkError, RunInUseError
from drivers.network.frames import (
    LARGEST_REPLY,
    LARGEST_REQUEST,
    MOST_FRAMES,
    TOKEN,
    Frames,
    GrammarError,
    OtherVersionError,
    Reply,
    Request,
    read_reply,
    write_request,
)
from drivers.network.handshake import Handshake, Secured, secure
from drivers.network.heartbeat import Heartbeat
from drivers.network.hello import Meeting, Who, greeting, meeting
from drivers.network.ports import Place, harden, receive, send

RESEND = 0.25
"""s without an answer after which a request is sent again; ours."""
CONNECT = 5.0
"""s within which a server answers the first time; ours."""
PATIENCE = 2.0
"""s of silence beyond the dead man's after which the link is given up; ours."""
AGAIN = 1.0
"""s for which a server is waited for that was silent before; ours."""


class Link:
    """A connection to a served lab, and its control once it is taken."""

    def __init__(
        self, place: Place, secured: Secured | None, *, who: Who, deadline: float = 300.0
    ) -> None:
        """Connect to `place`; nothing is sent yet.

        Args:
            place: where the lab is served.
            secured: with which keys; None for a plain connection.
            who: is told to others who want the lab.
            deadline: s that one request may take.
        """
        self.place = place
        self.secured = secured
        self.clock: ServedClock | None = None
        """Is told what the server's clock shows."""
        self.cut_off: dict[str, str] = {}
        """What the server closed of earlier controllers, in words by `role.method`."""
        self._who = who
        self._deadline = deadline
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        harden(self._socket, largest=LARGEST_REPLY)
        self._socket.rcvtimeo = int(RESEND * 1000)
        if secured is not None:
            secure(self._socket, secured)
        self._handshake = Handshake(self._socket)
        self._socket.connect(place.requests)
        self._lock = threading.RLock()
        self._session = b""
        self._number = 0
        self._silent = False
        self._heartbeat: Heartbeat | None = None
        self._met: Meeting | None = None
        self._users = 0
        self.closed = False
        """True once it is disconnected."""

    def use(self) -> None:
        """Count one more driver that uses this connection."""
        self._users += 1

    def leave(self) -> None:
        """Count one less; the last one closes it."""
        self._users -= 1
        if not self._users:
            self.close()

    # -- meeting and control ----------------------------------------------------------------

    def meet(self) -> Meeting:
        """Ask what is served; it takes no control.

        Raises:
            LinkError: nobody answers.
            InputError: the server refuses this computer.
        """
        with self._lock:
            return meeting(self._first("meet", []).body)

    def control(self) -> Meeting:
        """Take control of the lab, if it is not taken, and return what is served.

        Raises:
            LinkError: nobody answers.
            RunInUseError: somebody else controls it.
            InputError: the server refuses this computer.
        """
        with self._lock:
            if self._met is None or not self._session:
                self._hello()
            assert self._met is not None
            return self._met

    def _hello(self) -> None:
        """Greet the server; one that waits for a vanished controller is waited for.

        Raises:
            LinkError, RunInUseError, InputError: as `control`.
        """
        nonce = secrets.token_bytes(TOKEN)
        until = wall_seconds() + CONNECT
        while True:
            try:
                told = self._first("hello", greeting(nonce, self._who)).body
                break
            except _HeldError as held:
                if held.silent < 1.0 or wall_seconds() > until:
                    raise RunInUseError(f"{self.place.requests}: {held}") from None
                wait_a_moment(RESEND)
        met = meeting(told.get("met"))
        before, self._met = self._met, met
        if before is not None and before.roles != met.roles:
            raise LinkError(
                f"{self.place.requests} serves another lab now than when this run began; serve the "
                "first one again, then go on"
            )
        self._session, self.cut_off = told["session"], dict(told["cut_off"])
        self._number = 0
        self._heartbeat = Heartbeat(self.place, self.secured, self._session, met.dead_man / 6)

    def _first(self, verb: str, body: list[Any]) -> Reply:
        """Send what needs no session, until it is answered.

        Raises:
            LinkError: nobody answers within the time for connecting.
            InputError: the server refuses this computer.
        """
        number = secrets.randbits(61) + 1
        frames = write_request(Request(verb, b"", number, body))
        began = wall_seconds()
        patience = AGAIN if self._silent else CONNECT
        while wall_seconds() - began < patience:
            send(self._socket, frames)
            reply = self._receive(number, 0)
            refused = self._handshake.refused()
            if refused is not None:
                raise InputError(f"{self.place.requests}: {refused}")
            if reply is not None and reply.kind == "refused":
                self._turned_away(reply)
            if reply is not None and isinstance(reply.body, dict):
                self._silent = False
                return reply
        self._silent = True
        raise LinkError(
            f"{self.place.requests} does not answer: is `liftline serve` running there, is the "
            f"network up, does the firewall let ports {self.place.port} to {self.place.port + 2} "
            "through, and have both sides keys, or neither?"
        )

    def _turned_away(self, reply: Reply) -> None:
        """Raise what a refusal at the first meeting means; one that is stale means nothing."""
        code, text, more = reply.body
        if code == "held":
            raise _HeldError(text, float(more or 0.0))
        if code in ("version", "key"):
            raise InputError(f"{self.place.requests}: {text}")
        if code == "grammar":
            raise LinkError(f"{self.place.requests}: {text}")

    # -- requests ---------------------------------------------------------------------------

    def ask(self, verb: str, body: list[Any], arrays: Sequence[Any] = ()) -> Reply:
        """Have one request done, and return its answer: ok, block, end or error.

        Raises:
            LinkError: no answer, or control of the lab was lost; what ran is closed there.
            InputError: the request is too large.
        """
        with self._lock:
            if self.closed:
                raise LinkError(f"{self.place.requests}: disconnected; open the lab again")
            if not self._session:
                self._take_again()
            self._number += 1
            frames = write_request(Request(verb, self._session, self._number, body, arrays))
            if max(map(len, frames)) > LARGEST_REQUEST:
                raise InputError(
                    f"{verb} {body[:2]}: its arguments are larger than "
                    f"{LARGEST_REQUEST / 1e6:.0f} MB, which no instrument takes"
                )
            return self._answered(frames, self._number)

    def _take_again(self) -> None:
        try:
            self._hello()
        except (RunInUseError, InputError) as error:
            raise LinkError(f"control of the lab was lost and cannot be taken: {error}") from None

    def _answered(self, frames: Frames, number: int) -> Reply:
        """Send a request until it is answered.

        Raises:
            LinkError: it is not, or not in time.
        """
        began, silent, heard = wall_seconds(), 0.0, 0.0
        send(self._socket, frames)
        while True:
            reply = self._receive(number, number)
            if reply is None:
                heartbeat = self._heartbeat
                newest = 0.0 if heartbeat is None else heartbeat.heard
                # counted in waits, not by the clock: this process may itself have stood still
                silent, heard = (0.0 if newest > heard else silent + RESEND), newest
                self._still_there(began, silent)
                if heartbeat is None or heartbeat.working != number:
                    send(self._socket, frames)
                continue
            if reply.kind != "refused":
                return reply
            self._refused(reply)

    def _receive(self, number: int, other: int) -> Reply | None:
        """Return the answer with one of two numbers; None if it does not come for a moment.

        What is late, or outside the grammar, is dropped: the request is sent again.
        """
        for _ in range(64):
            try:
                head, *arrays = receive(self._socket, MOST_FRAMES)
                reply = read_reply([head.bytes, *(each.buffer for each in arrays)])
            except zmq.Again:
                return None
            except OtherVersionError as error:
                raise InputError(f"{self.place.requests}: {error}") from None
            except GrammarError:
                continue
            if self.clock is not None:
                self.clock.hear(reply.now)
            if reply.number == number or reply.number == other:
                self._silent = False
                return reply
        return None

    def _still_there(self, began: float, silent: float) -> None:
        """Give up on a server that ended our control, is silent, or is at it for too long.

        Raises:
            LinkError: it says which.
        """
        heartbeat = self._heartbeat
        assert self._met is not None
        if heartbeat is not None and heartbeat.ended:
            self._lost(
                "the server does not know this session any more: it was restarted, or it let go of "
                "us because it did not hear us in time"
            )
        allowed = AGAIN if self._silent else self._met.dead_man + PATIENCE
        if silent > allowed:
            self._silent = True
            raise LinkError(
                f"{self.place.requests} was silent for {allowed:.1f} s. Its own dead man's watch "
                "leaves the instrument safe; check the network, then go on"
            )
        if wall_seconds() - began > self._deadline:
            raise LinkError(
                f"{self.place.requests} lives but has not done a request for {self._deadline:g} s; "
                "look at the instrument, then go on"
            )

    def _refused(self, reply: Reply) -> NoReturn:
        """Raise what a refusal means.

        Raises:
            LinkError: it says so.
        """
        code, text, _ = reply.body
        if code == "session":
            self._lost(text)
        raise LinkError(f"{self.place.requests} refused the request: {text}")

    def _lost(self, why: str) -> NoReturn:
        self._session = b""
        self._stop_heartbeat()
        raise LinkError(
            f"{self.place.requests}: {why}. What ran there was closed; go on from there"
        )

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None

    def close(self) -> None:
        """Say goodbye, if we control the lab, and disconnect; may be repeated."""
        with self._lock:
            if self.closed:
                return
            try:
                if self._session and not self._silent:
                    self.ask("bye", [])
            except LinkError:
                pass  # it is let go of by the server's dead man's watch
            finally:
                self.closed = True
                self._session = b""
                self._stop_heartbeat()
                self._handshake.close()
                self._socket.close(0)
                self._context.term()


class _HeldError(Exception):
    """Somebody else controls the lab; `silent` is for how long (s) that one was not heard."""

    def __init__(self, text: str, silent: float) -> None:
        super().__init__(text)
        self.silent = silent
