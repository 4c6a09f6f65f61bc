"""What a served lab knows and does, apart from sockets: one controller and its requests.

One request is done at a time, in the thread that calls `answer`. The last reply is kept, so that a
repeat of its request is answered from memory and nothing is done twice; an older request is stale
and gets no answer.
"""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from drivers.clock import RealClock, told_time, wall_seconds
from drivers.errors import DriverError, LiftlineError
from drivers.network.cut_off import CutOffs
from drivers.network.frames import (
    LARGEST_REPLY,
    TOKEN,
    Frames,
    GrammarError,
    OtherVersionError,
    Reply,
    Request,
    read_request,
    write_reply,
)
from drivers.network.hello import Facts, Who, facts_of, who_of
from drivers.network.interface import Interface
from drivers.network.view import View
from drivers.network.work import RefusedError, Work
from drivers.open_lab import OpenLab

LONGEST_TICK = 1.0
"""s that a driver may take between two yields on a real clock (its contract)."""
KEEPER_LATE = 1.0
"""s for which heartbeats may lie unread while a driver lets no other thread work; ours."""
ENDED_KEPT = 64
"""Sessions that ended and are remembered, so that what comes late is told from what is new."""


@dataclass
class Session:
    """One controller, from its hello to its goodbye."""

    token: bytes
    nonce: bytes
    key: str
    """Its public key; empty on a plain connection."""
    who: Who
    since: datetime
    heard: float
    """When it was last heard, wall seconds; the keeper of the heartbeats writes it too."""
    done: int = 0
    """Number of its newest finished request."""
    reply: Frames = field(default_factory=list)
    """The answer to it."""
    working: int = 0
    """Number of the request that is being done; 0 for none."""


class Server:
    """A served lab."""

    def __init__(
        self,
        opened: OpenLab,
        interfaces: Mapping[str, Interface],
        view: View,
        cut_offs: CutOffs,
        *,
        kept: Mapping[str, str],
        dead_man: float,
        authorised: Callable[[str], bool],
        say: Callable[[str], None],
    ) -> None:
        """Serve the drivers of `opened`.

        Args:
            opened: the lab.
            interfaces: of its instruments, by role.
            view: is told what goes on.
            cut_offs: what was closed of earlier controllers.
            kept: files that the drivers keep beside a run.
            dead_man: s without a sign of a controller after which it is let go.
            authorised: whether a public key may use the lab now; connections outlast a revocation.
            say: writes a line into the log.
        """
        self._authorised = authorised
        self._clock = opened.clock
        self._work = Work(opened, interfaces, view, cut_offs, say)
        self._facts: Facts = facts_of(opened, interfaces, kept, dead_man)
        self._view = view
        self._cut_offs = cut_offs
        self.dead_man = dead_man
        self._say = say
        self._ended: dict[bytes, str] = {}
        self.session: Session | None = None
        self.watched = 0.0
        """When the keeper had last read all heartbeats, wall seconds; it writes it."""

    # -- requests ---------------------------------------------------------------------------

    def answer(self, key: Callable[[], str], frames: Sequence[Any]) -> Frames | None:
        """Do what a message asks and return the answer; None where it deserves none.

        Args:
            key: gives the public key of who sent it; empty on a plain connection.
            frames: the message.
        """
        number = 0
        try:
            request = read_request(frames)
            number = request.number
            if request.verb in ("meet", "hello"):
                return write_reply(self._unknown(key(), request))
            return self._in_session(request)
        except RefusedError as refused:
            return self._refused(number, refused.code, refused.text, refused.more)
        except GrammarError as error:
            code = "version" if isinstance(error, OtherVersionError) else "grammar"
            return self._refused(number, code, str(error))

    def _unknown(self, key: str, request: Request) -> Reply:
        """Answer who has no session yet; a connection outlasts the revocation of its key."""
        if key and not self._authorised(key):
            self._say(f"refused the key {key}: it was revoked")
            raise RefusedError("key", "this computer's key was revoked")
        return self._meet(request) if request.verb == "meet" else self._hello(key, request)

    def _refused(self, number: int, code: str, text: str, more: Any = None) -> Frames:
        return write_reply(Reply(number, "refused", [code, text, more], self._clock.now()))

    def _in_session(self, request: Request) -> Frames | None:
        session = self.session
        if session is None or request.session != session.token:
            why = self._ended.get(request.session, "this server does not know it: it was restarted")
            raise RefusedError("session", f"the control of this lab has ended: {why}")
        if request.number <= session.done:
            session.heard = wall_seconds()
            return session.reply if request.number == session.done else None
        if request.verb == "bye":
            return write_reply(self._bye(session, request))
        session.working = request.number
        try:
            reply = self._done(request)
        finally:
            session.working = 0
        session.heard = wall_seconds()
        session.done, session.reply = request.number, reply
        return reply

    def _done(self, request: Request) -> Frames:
        """Do a request of the controller; whatever goes wrong is its answer."""
        try:
            frames = write_reply(self._work.do(request))
            if len(frames) > 1 and sum(map(len, frames)) > LARGEST_REPLY:
                raise DriverError(f"the answer is larger than {LARGEST_REPLY / 1e6:.0f} MB")
        except LiftlineError as error:
            body = [type(error).__name__, str(error)]
            return write_reply(Reply(request.number, "error", body, self._clock.now()))
        except RefusedError as refused:
            return self._refused(request.number, refused.code, refused.text)
        except Exception as error:
            return self._defect(request, error)
        return frames

    def _defect(self, request: Request, error: Exception) -> Frames:
        """Leave all safe after an error that no driver raises on purpose, and tell it."""
        what = f"{request.verb} {request.body!r:.200}"
        self._say(f"a defect at {what}: {''.join(traceback.format_exception(error))}")
        self._work.safe()
        text = f"a defect on the instrument's computer: {type(error).__name__}: {error}"
        body = ["DriverError", f"{text}. It is safe; its log tells more"]
        return write_reply(Reply(request.number, "error", body, self._clock.now()))

    # -- controllers ------------------------------------------------------------------------

    def _meet(self, request: Request) -> Reply:
        time = told_time(self._clock)
        told = {**self._facts, "time": [time.now, time.utc.isoformat(), time.rate]}
        return Reply(request.number, "ok", told, self._clock.now())

    def _hello(self, key: str, request: Request) -> Reply:
        nonce, who = who_of(request.body)
        now, session = wall_seconds(), self.session
        if nonce in self._ended:
            raise RefusedError("late", "this greeting came late; its session has ended")
        if session is not None and session.nonce != nonce:
            silent = now - session.heard
            raise RefusedError("held", self._holder(session, silent), silent)
        if session is None:
            since = RealClock().utc()
            session = Session(secrets.token_bytes(TOKEN), nonce, key, who, since, now)
            self.session = session
            self._view.controlled(who.words, since)
            self._say(f"controlled by {who.words}")
        session.heard = now
        told = {
            "session": session.token,
            "met": self._meet(request).body,
            "cut_off": self._cut_offs.pending(),
        }
        return Reply(request.number, "ok", told, self._clock.now())

    def _holder(self, session: Session, silent: float) -> str:
        return (
            f"this lab is controlled by {session.who.words} since "
            f"{session.since:%Y-%m-%d %H:%M:%S} UTC, heard {silent:.1f} s ago. Stop that one, or "
            f"wait: once it is not heard for {self.dead_man:g} s it is let go"
        )

    def _bye(self, session: Session, request: Request) -> Reply:
        self._let_go("its controller said goodbye", said_goodbye=True)
        return Reply(request.number, "ok", None, self._clock.now())

    def look(self) -> None:
        """Let go of a controller that vanished, and of actions for which nobody asks on."""
        session, now = self.session, wall_seconds()
        if session is None:
            return
        if max(self.watched, now - KEEPER_LATE) - session.heard > self.dead_man:
            self._let_go(
                f"its controller ({session.who.words}) was not heard for {self.dead_man:g} s"
            )
            return
        self._work.look()

    def revoke(self) -> None:
        """Let go of a controller whose key is not authorised any more."""
        session = self.session
        if session is not None and session.key and not self._authorised(session.key):
            self._let_go(f"the key of its controller ({session.who.words}) was revoked")

    def stop(self) -> None:
        """Let go of everybody, since the server ends."""
        if self.session is not None:
            self._let_go("the server was stopped")

    def _let_go(self, why: str, *, said_goodbye: bool = False) -> None:
        """End the session: close what runs, leave all safe."""
        session = self.session
        assert session is not None
        self._work.end(why)
        if not said_goodbye:
            self._work.safe()
        self._work.look_at_all()
        self._say(f"let go: {why}")
        for name in (session.token, session.nonce):
            self._ended[name] = why
        while len(self._ended) > 2 * ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        self._view.controlled("", None)
        self.session = None
