"""What is done at a served lab for its controller: calls, and actions that are open.

An action is a generator here, and each part of it is asked for, so that whatever ends an action in
the controller's run ends it here as it would in one process. One that its controller does not end
is closed, left safe and remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drivers.clock import RealClock, ServedClock, told_time, wall_seconds
from drivers.codec import pack
from drivers.network.cut_off import CutOff, CutOffs
from drivers.network.frames import LONGEST_SLEEP, Reply, Request
from drivers.network.interface import Interface, Method
from drivers.network.view import View
from drivers.open_lab import OpenLab

IDLE = 60.0
"""s after which an action is closed for which nobody asks on, though its controller lives; ours."""
MOST_OPEN = 64
"""Actions that may be open at once, though an instrument does one at a time."""


class RefusedError(Exception):
    """A request is refused: a code that a program knows, and words for a person."""

    def __init__(self, code: str, text: str, more: Any = None) -> None:
        super().__init__(text)
        self.code, self.text, self.more = code, text, more


@dataclass
class Running:
    """An action that is open."""

    role: str
    method: Method
    arguments: str
    generator: Generator[Any, None, Any]
    began: datetime
    meter: float | None
    """What the meter showed when it was last asked for."""
    asked: float
    """When its next part was last asked for, wall seconds."""
    started: bool = False
    blocks: int = 0


class Work:
    """The drivers of a served lab, and what is open on them."""

    def __init__(
        self,
        opened: OpenLab,
        interfaces: Mapping[str, Interface],
        view: View,
        cut_offs: CutOffs,
        say: Callable[[str], None],
    ) -> None:
        """Use the drivers of `opened`, of which `interfaces` says what may be asked."""
        self._drivers = opened.drivers
        self._clock = opened.clock
        self._methods = {
            (role, name): (getattr(opened.drivers[role], name), method)
            for role, interface in interfaces.items()
            for name, method in interface.methods.items()
        }
        self._view = view
        self._cut_offs = cut_offs
        self._say = say
        self._real = RealClock()
        self._running: dict[int, Running] = {}
        self._closed: dict[int, str] = {}
        self._meters: dict[tuple[str, str], float | None] = {}
        self._verbs: Mapping[str, Callable[[Request], Reply]] = {
            "call": self._call,
            "begin": self._begin,
            "next": self._next,
            "close": self._close,
            "sleep": self._sleep,
        }

    def do(self, request: Request) -> Reply:
        """Do what a controller asks.

        Raises:
            RefusedError: there is no such thing to be asked.
            LiftlineError: the driver says so; anything else that it raises is a defect.
        """
        return self._verbs[request.verb](request)

    def look(self) -> None:
        """Close the actions for which nobody asks on."""
        now = wall_seconds()
        for number, running in list(self._running.items()):
            if now - running.asked > IDLE:
                self._cut(number, f"nobody asked for the rest of it for {IDLE:g} s")

    def end(self, why: str) -> None:
        """Close all that is open, since its controller is gone."""
        for number in list(self._running):
            self._cut(number, why)
        self._closed.clear()
        self._meters.clear()

    def safe(self) -> None:
        """Leave every instrument safe, and say which cannot be."""
        for role, driver in self._drivers.items():
            try:
                driver.safe()
            except Exception as error:
                self._say(f"{role} is perhaps not safe: {error}")

    def look_at_all(self) -> None:
        """Show every instrument as it is now; one that cannot be asked is shown no more."""
        for (role, name), (status, _) in self._methods.items():
            if name != "status":
                continue
            try:
                self._view.states[role] = pack(status(), [])
            except Exception:
                self._view.states.pop(role, None)

    def _cut(self, number: int, why: str) -> None:
        """Close an action that its controller did not end, leave it safe, and remember it."""
        running = self._running.pop(number)
        if not running.started:
            return
        problems = []
        try:
            running.generator.close()
        except Exception as error:
            problems.append(str(error))
        try:
            self._drivers[running.role].safe()
        except Exception as error:
            problems.append(f"it is perhaps not safe: {error}")
        cut = CutOff(
            role=running.role,
            method=running.method.name,
            arguments=running.arguments,
            began_utc=running.began.isoformat(),
            closed_utc=self._real.utc().isoformat(),
            why=why,
            readings=running.blocks,
            meter=running.method.said.meter,
            advance=self._advance(running),
            problems=tuple(problems),
        )
        self._closed[number] = why
        self._cut_offs.add(cut)
        self._view.ended(running.role)
        self._say(cut.words())

    def _advance(self, running: Running) -> float | None:
        """Return how far the meter went in an action; None if that cannot be known."""
        name = running.method.said.meter
        if name is None or running.meter is None:
            return None
        try:
            now = getattr(self._drivers[running.role], name)()
        except Exception:
            return None
        return None if now is None else float(now) - running.meter

    # -- what a controller may ask ----------------------------------------------------------

    def _asked(self, request: Request, *, generator: bool) -> tuple[str, Any, Method, list[Any]]:
        """Return role, bound method, its description and the arguments of a call.

        Raises:
            RefusedError: there is no such method.
            LimitError: the arguments are not what it takes.
        """
        if len(request.body) != 3:
            raise RefusedError("grammar", "a call is [role, method, arguments]")
        role, name, trees = request.body
        if type(role) is not str or type(name) is not str:
            raise RefusedError("grammar", "role and method are names")
        bound, method = self._methods.get((role, name), (None, None))
        if method is None or method.said.generator != generator:
            raise RefusedError("method", f"this lab has no {role:.40}.{name:.40} to {request.verb}")
        return role, bound, method, method.arguments(trees, request.arrays)

    def _call(self, request: Request) -> Reply:
        role, bound, method, arguments = self._asked(request, generator=False)
        if method.name == "safe":
            self._close_of(role)
        result = bound(*arguments)
        arrays: list[Any] = []
        tree = pack(result, arrays)
        if not arguments:
            if method.name == "status":
                self._view.states[role] = tree
            elif result is None or type(result) is float:
                self._meters[role, method.name] = result
        return Reply(request.number, "ok", tree, self._clock.now(), arrays)

    def _begin(self, request: Request) -> Reply:
        role, bound, method, arguments = self._asked(request, generator=True)
        if len(self._running) >= MOST_OPEN:
            raise RefusedError("method", f"{MOST_OPEN} actions are open; close some first")
        generator = bound(*arguments)
        meter = self._meters.get((role, method.said.meter)) if method.said.meter else None
        told = repr(request.body[2])[:400]
        began = self._real.utc()
        running = Running(role, method, told, generator, began, meter, wall_seconds())
        self._running[request.number] = running
        return Reply(request.number, "ok", request.number, self._clock.now())

    def _next(self, request: Request) -> Reply:
        number = request.body[0] if len(request.body) == 1 else None
        running = self._running.get(number) if type(number) is int else None
        if running is None or type(number) is not int:
            why = self._closed.get(number, "it is not open") if type(number) is int else "no number"
            raise RefusedError("action", f"the action was closed: {why}")
        if not running.started:
            self._start(running)
        arrays: list[Any] = []
        try:
            block = next(running.generator)
        except StopIteration as stop:
            self._forget(number)
            self._view.saw(running.role, stop.value)
            tree = pack(stop.value, arrays)
            return Reply(request.number, "end", tree, self._clock.now(), arrays)
        except BaseException:
            self._forget(number)
            raise
        running.asked = wall_seconds()
        running.blocks += 1
        self._view.progressed(running.role, running.blocks)
        return Reply(request.number, "block", pack(block, arrays), self._clock.now(), arrays)

    def _start(self, running: Running) -> None:
        """Have an action begin; what its instrument did until now is closed."""
        self._close_of(running.role)
        running.started = True
        self._cut_offs.forget(running.role)
        self._view.began(running.role, running.method.name, running.arguments, running.began)

    def _forget(self, number: int) -> None:
        self._view.ended(self._running.pop(number).role)

    def _close(self, request: Request) -> Reply:
        number = request.body[0] if len(request.body) == 1 else None
        if type(number) is not int:
            raise RefusedError("grammar", "close names an action")
        running = self._running.get(number)
        if running is not None:
            self._forget(number)
            running.generator.close()
        return Reply(request.number, "ok", None, self._clock.now())

    def _close_of(self, role: str) -> None:
        """Close what is open on an instrument: it does one thing at a time."""
        for number, running in list(self._running.items()):
            if running.role == role and running.started:
                self._forget(number)
                running.generator.close()

    def _sleep(self, request: Request) -> Reply:
        seconds = request.body[0] if len(request.body) == 1 else None
        if not isinstance(seconds, (int, float)) or not 0 <= seconds <= LONGEST_SLEEP:
            raise RefusedError("grammar", f"one wait is 0 to {LONGEST_SLEEP:g} s")
        if told_time(self._clock).rate or isinstance(self._clock, ServedClock):
            raise RefusedError("grammar", "only a clock that jumps is waited on from afar")
        self._clock.sleep(float(seconds))
        return Reply(request.number, "ok", None, self._clock.now())
