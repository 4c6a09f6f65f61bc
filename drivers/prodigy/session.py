"""One client's session with Prodigy: a request, its reply, and what is done when that is garbled.

A reading is asked for again, under another id, when its reply is late, garbled or of another count;
what starts something is never sent twice. When nothing helps the connection is dropped: Prodigy
then brings the devices into their safe states by itself. The next call connects again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from typing import TypeVar

from drivers.action import result_of
from drivers.clock import wait_a_moment, wall_seconds
from drivers.errors import LinkError
from drivers.prodigy.codec import (
    UNKNOWN_ID,
    Done,
    Garbage,
    More,
    Refused,
    Replies,
    Reply,
    Request,
    word,
)
from drivers.prodigy.grammar import GrammarError, Value, Values
from drivers.prodigy.refusals import (
    ASKED_WRONGLY,
    NOT_CONNECTED,
    NOT_READABLE,
    OTHER_CLIENT,
    RefusalError,
    UnansweredError,
)
from drivers.prodigy.wire import Wire

T = TypeVar("T")

TRIES = 4
"""How often a reading is asked for."""
LOOK_EVERY = 0.5
"""Wall seconds between two yields while a reply is awaited."""
MORE_LINES = 0.05
"""Wall seconds in which further lines of an error come."""
FORGETS_AFTER = 0.2
"""Wall seconds that Prodigy gets to see that an earlier connection is closed; ours."""
LOST_SESSION = (
    "prodigy: the connection was lost; Prodigy brings the devices into their safe states by "
    "itself. Look at its screen, check the network, then go on"
)


class _GarbledError(Exception):
    """No reply that can be used."""


class _LateError(_GarbledError):
    """No reply yet."""


class _OtherClientError(LinkError):
    """Prodigy serves another client, or this one no more."""


class Session:
    """Requests and replies over a connection that is made when first needed."""

    def __init__(self, connect: Callable[[], Wire], reply_time: float) -> None:
        """`connect` opens a wire; `reply_time`: wall seconds within which a reply must come."""
        self._connect = connect
        self._reply_time = reply_time
        self._wire: Wire | None = None
        self._replies = Replies()
        self._waiting: list[Reply] = []
        self._last = 0
        self.server = ""
        """Its name, such as SpecsLab Prodigy 4.120."""
        self.version = (0, 0)
        """Of the protocol; 1.22 is (1, 22)."""
        self.connections = 0
        """How often a connection was made: with each, the devices' states must be asked anew."""

    def ask(
        self,
        command: str,
        arguments: Mapping[str, Value] | None = None,
        take: Callable[[Values], T] = dict,  # type: ignore[assignment]
        *,
        patience: float = 0.0,
    ) -> T:
        """Send a request that may be repeated, and return what `take` makes of the reply.

        Args:
            command: the command's name.
            arguments: its arguments.
            take: reads the values; a GrammarError from it makes the reply none.
            patience: wall seconds by which the reply may be later than usual.

        Raises:
            RefusalError: Prodigy refuses it.
            LinkError: no reply can be had; the connection was dropped.
        """
        return result_of(self.asking(command, arguments, take, patience=patience))

    def asking(
        self,
        command: str,
        arguments: Mapping[str, Value] | None = None,
        take: Callable[[Values], T] = dict,  # type: ignore[assignment]
        *,
        patience: float = 0.0,
    ) -> Generator[None, None, T]:
        """Do as `ask`, and yield now and then while the reply is awaited."""
        again = True
        why = ""
        for _ in range(TRIES):
            self.open()
            try:
                return take((yield from self._exchanging(command, arguments or {}, patience)))
            except (_GarbledError, GrammarError) as error:
                why = str(error)
            except RefusalError as error:
                if error.code not in ASKED_WRONGLY or not again:
                    raise
                again = False
        self.drop()
        raise LinkError(f"prodigy: {command}: {TRIES} tries, and no reply to use ({why})")

    def ask_once(self, command: str, arguments: Mapping[str, Value] | None = None) -> None:
        """Send what must not be sent twice.

        Raises:
            RefusalError: Prodigy refuses it.
            UnansweredError: whether it was done is not known; the connection is kept.
            LinkError: the connection is lost.
        """
        self.open()
        try:
            self._exchange(command, arguments or {}, 0.0)
        except _GarbledError as error:
            raise UnansweredError(f"prodigy: {command}: no reply to use ({error})") from None

    def open(self) -> None:
        """Connect, where there is no connection.

        Raises:
            LinkError: there is no server, or another client has it.
        """
        if self._wire is not None:
            return
        try:
            self._wire = self._connect()
        except OSError as error:
            raise LinkError(
                f"prodigy: no connection ({error}); start Prodigy, enable remote connections in "
                f"its Remote Control view, and check the address in the lab file"
            ) from None
        self._replies, self._waiting = Replies(), []
        try:
            self._greet()
        except BaseException:
            self.drop()
            raise

    def _greet(self) -> None:
        for last in (*[False] * (TRIES - 1), True):
            try:
                values = self._exchange("Connect", {}, 0.0)
                self.server = word(values, "ServerName")
                self.version = _version(word(values, "ProtocolVersion"))
                self.connections += 1
                return
            except (_GarbledError, GrammarError) as error:
                if last:
                    raise LinkError(
                        f"prodigy: Connect: no reply to use ({error}); is this Prodigy's port?"
                    ) from None
            except _OtherClientError:
                if last or not self.connections:
                    raise
                wait_a_moment(FORGETS_AFTER)  # it may not have seen yet that we are gone
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Connect anew: on the same connection a second Connect is refused."""
        self.drop()
        self._replies, self._waiting = Replies(), []
        try:
            self._wire = self._connect()
        except OSError as error:
            raise LinkError(f"prodigy: no connection ({error}); check the network") from None

    def drop(self) -> None:
        """Let go of the connection; Prodigy then makes its devices safe. May be repeated."""
        wire, self._wire = self._wire, None
        if wire is not None:
            with suppress(OSError):
                wire.close()

    def close(self) -> None:
        """Disconnect in good order; may be repeated."""
        if self._wire is not None:
            with suppress(_GarbledError, LinkError, RefusalError):
                self._exchange("Disconnect", {}, 0.0)
            self.drop()

    def _exchange(self, command: str, arguments: Mapping[str, Value], patience: float) -> Values:
        return result_of(self._exchanging(command, arguments, patience))

    def _exchanging(
        self, command: str, arguments: Mapping[str, Value], patience: float
    ) -> Generator[None, None, Values]:
        request = Request(self._next_id(), command, arguments)
        assert self._wire is not None
        try:
            self._wire.send(request.written())
            reply = yield from self._awaiting(
                request.id, wall_seconds() + self._reply_time + patience
            )
            if isinstance(reply, Refused):
                raise self._refusal(command, reply)
        except OSError as error:
            self.drop()
            raise LinkError(f"{LOST_SESSION} ({command}: {error})") from None
        return reply.values

    def _awaiting(self, id_: str, until: float) -> Generator[None, None, Done | Refused]:
        while True:
            try:
                return self._await(id_, min(until, wall_seconds() + LOOK_EVERY))
            except _LateError:
                if wall_seconds() >= until:
                    raise
            yield

    def _next_id(self) -> str:
        self._last = self._last % 0xFFFE + 1  # FFFF is what a request that cannot be read gets
        return f"{self._last:04X}"

    def _await(self, id_: str, until: float) -> Done | Refused:
        """Return the reply with that id; one with another id is late or doubled, and dropped."""
        while True:
            while self._waiting:
                reply = self._waiting.pop(0)
                if isinstance(reply, Garbage):
                    raise _GarbledError(reply.why)
                if isinstance(reply, More):
                    continue
                if reply.id == id_:
                    return reply
                if reply.id == UNKNOWN_ID and isinstance(reply, Refused):
                    raise _GarbledError("the request was not understood")
            self._receive(until)

    def _receive(self, until: float) -> None:
        assert self._wire is not None
        left = until - wall_seconds()
        if left <= 0:
            raise _LateError("none came in time")
        self._waiting += self._replies.feed(self._wire.receive(left))

    def _refusal(self, command: str, reply: Refused) -> LinkError | RefusalError:
        text = reply.text if reply.code in NOT_READABLE else self._whole_text(reply)
        error = RefusalError(command, reply.code, text)
        if reply.code in (OTHER_CLIENT, NOT_CONNECTED):
            self.drop()
            return _OtherClientError(str(error))
        return error

    def _whole_text(self, reply: Refused) -> str:
        """Return an error's text with the lines that follow it."""
        until, text = wall_seconds() + MORE_LINES, [reply.text]
        while True:
            while self._waiting and isinstance(self._waiting[0], More):
                text.append(self._waiting.pop(0).text)  # type: ignore[union-attr]
            try:
                if self._waiting:
                    break
                self._receive(until)
            except _GarbledError:
                break
        return "\n".join(text)


def _version(text: str) -> tuple[int, int]:
    major, dot, minor = text.partition(".")
    if not (major.isdigit() and dot and minor.isdigit()):
        raise GrammarError(f"ProtocolVersion {text!r} is no version")
    return int(major), int(minor)
