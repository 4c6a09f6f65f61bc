"""The one door between a procedure and the world.

Everything that a procedure does goes through its `Run`: it passes the gate, reserves from the
budgets, and is journalled before and after. On resume the same calls give back what the journal
holds, without touching hardware, until the point where the run was cut off.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, cast, overload

from acquire.actions import Actions
from acquire.attempts import Attempts, Call
from acquire.endings import RunStopped
from acquire.flags import Flag
from acquire.gate import Facts
from acquire.journal import Journal
from acquire.past import Past
from acquire.questions import Questions
from acquire.rows import Entry, Stamp
from drivers.clock import Clock
from drivers.codec import canonical, pack, unpack
from protocols.model import Step, Written

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")

Policy = Literal["note", "ask", "stop"] | Written
"""What a flag does: the run's own three, or one that the procedure follows."""


class Detector(Protocol):
    """An inline detector that is shown each block of an action as it comes."""

    def see(self, block: Any) -> Sequence[tuple[Flag, Policy]]:
        """Return the flags that this block raises, each with its policy."""
        ...


class Observer(Protocol):
    """Who is told how the run goes on: the terminal, the views, a test."""

    def progress(self, done: int, total: int, text: str) -> None:
        """`done` of `total` parts of the step are done."""
        ...

    def flag(self, flag: Flag) -> None:
        """A flag was raised."""
        ...

    def say(self, text: str) -> None:
        """Something that a person should read."""
        ...


class RunTime:
    """Seconds since the run began, across sessions, and the date."""

    def __init__(self, clock: Clock, last: Stamp | None) -> None:
        """Go on after `last`, the newest moment of earlier sessions."""
        self._clock = clock
        gap = 0.0
        if last is not None:
            from datetime import datetime

            gap = max(0.0, (clock.utc() - datetime.fromisoformat(last.utc)).total_seconds())
        self._offset = (last.time if last else 0.0) + gap - clock.now()
        self.gap = gap
        """Seconds between the last session and this one."""

    def now(self) -> float:
        """Return seconds since the run began."""
        return round(self._offset + self._clock.now(), 6)

    def stamp(self) -> Stamp:
        """Return this moment."""
        return Stamp(self.now(), self._clock.utc().isoformat())


class Run:
    """What a procedure gets to work with."""

    def __init__(
        self,
        journal: Journal,
        actions: Actions,
        attempts: Attempts,
        questions: Questions,
        time: RunTime,
        observer: Observer,
        facts: Facts,
        seed: int,
    ) -> None:
        """Stand on the parts that `acquire.launch` puts together."""
        self._journal = journal
        self._actions = actions
        self._attempts = attempts
        self._questions = questions
        self._time = time
        self._observer = observer
        self._facts = facts
        self._seed = seed
        self._step: int | None = None
        self._kind = ""
        self._results: list[tuple[str, Mapping[str, Any]]] = []
        self._past = Past(journal, self._flag_of_the_past, self.warn)
        self._last_action: int | None = None

    # -- hardware ---------------------------------------------------------------------------

    @overload
    def do(
        self, method: Callable[P, Generator[Any, None, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    def do(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...
    def do(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do something with an instrument, or give back what it returned when it was done.

        Returns:
            What the method returns; of a generator method, its result.

        Raises:
            InterlockError: the gate refused it, or closed it while it ran.
            BudgetError: it would spend more than the step may.
            DriverError: the instrument failed.
            ReplayMismatchError: the journal holds something else at this place.
        """
        return self._do(self._actions.call(method, args, kwargs), None)

    def watching(self, detector: Detector) -> Watching:
        """Show each block of the action done with the returned door to `detector`."""
        return Watching(self, detector)

    def _do(self, call: Call, detector: Detector | None) -> Any:
        see = None if detector is None else self._seeing(detector)
        entry = self._past.take("do", call.name, call.request)
        if entry is not None:
            self._last_action = entry.id
            return self._actions.recall(call, entry.id, see)
        number = self._journal.add_entry(
            self._step, "do", call.name, call.request, self._time.stamp()
        )
        self._last_action = number
        return self._actions.pursue(call, number, see, ())

    def _seeing(self, detector: Detector) -> Callable[[Any], bool]:
        """Return what shows a block to the detector and says whether a flag ends the action."""

        def see(block: Any) -> bool:
            ended = False
            for flag, policy in detector.see(block):
                self._raise_flag(flag, policy, index=flag.index)
                ended = ended or policy == "stop" or hasattr(policy, "stop_after")
            return ended

        return see

    # -- what steers the procedure ----------------------------------------------------------

    def decide(self, name: str, value: V) -> V:
        """Journal a value that steers the procedure; on resume the journal's value stands."""
        return self._decide(name, value)[0]

    def _decide(self, name: str, value: V) -> tuple[V, float]:
        """Return what was decided, and when (seconds since the run began)."""
        text = canonical(value)
        entry = self._past.take("decide", name, "null")
        if entry is None:
            stamp = self._time.stamp()
            self._journal.add_entry(self._step, "decide", name, "null", stamp, text)
            return value, stamp.time
        assert entry.value is not None
        if entry.value != text:
            self.warn(f"{name}: the journal holds {entry.value}, this analysis gives {text}")
        held: V = unpack(_type_of(value), json.loads(entry.value), ())
        return held, entry.time

    def verified(self, what: str, holds: bool) -> bool:
        """Journal whether `what` was seen to hold, for the interlocks that ask for it.

        A later call for the same thing replaces it: what is found broken holds no more.
        """
        held, at = self._decide(f"verified: {what}", holds)
        self._facts.set(what, held, at)
        return held

    def ask(
        self, question: str, choices: Sequence[str], safe: str, unattended: str = "wait"
    ) -> str:
        """Ask the operator; the answer is journalled.

        Args:
            question: what to ask, with what the operator needs to know.
            choices: the answers there are, `safe` among them.
            safe: the answer that can do no harm.
            unattended: what to do when nobody answers: take `safe`, wait, or stop the run.

        Raises:
            RunWaits: nobody has answered yet; instruments are safe, the run can be resumed.
            RunStopped: nobody answered and `unattended` is stop.
        """
        entry = self._past.take("ask", question, canonical(list(choices)))
        number = (
            entry.id
            if entry is not None
            else self._journal.add_entry(
                self._step, "ask", question, canonical(list(choices)), self._time.stamp()
            )
        )
        return self._questions.ask(number, "procedure", question, choices, safe, unattended)

    def flag(self, flag: Flag, policy: Policy = "note") -> None:
        """Journal a flag and do what its policy says, where that is the run's to do.

        `ask` asks whether to go on, `stop` stops the run; any other is for the procedure to
        follow, with `decide`. A flag that stopped the run does so once: to resume is the
        operator's word to go on.

        Raises:
            RunStopped: the policy or the operator says so.
        """
        if self._raise_flag(flag, policy, index=flag.index) or policy != "stop":
            self._follow(flag.kind, flag.of, flag.note, policy)

    def _raise_flag(self, flag: Flag, policy: Policy, index: int) -> bool:
        """Journal a flag; return False if the journal holds it already, or holds none here."""
        name = f"{flag.kind} {flag.of}"
        stamp = self._time.stamp()
        raised = {"action": self._last_action, "index": index, "time_utc": stamp.utc}
        figures = json.loads(json.dumps(pack(asdict(flag), [])))
        value = {"flag": figures, "raised_at": raised, "policy": pack(policy, [])}
        try:
            entry = self._past.take("flag", name, "null")
        except LookupError:
            self.warn(f"{name}: this analysis raises it here, the journal does not hold it")
            return False
        if entry is None:
            text = json.dumps(value)
            self._journal.add_entry(self._step, "flag", name, "null", stamp, text)
            self._observer.flag(flag)
            return True
        held = json.loads(entry.value or "{}")["flag"]
        if held != figures:
            self.warn(f"{name}: the journal holds {held}, this analysis gives {figures}")
        return False

    def _flag_of_the_past(self, entry: Entry) -> None:
        held = json.loads(entry.value or "{}")
        policy = held["policy"]
        if policy == "ask":
            flag = held["flag"]
            self._follow(flag["kind"], flag["of"], flag["note"], cast("Policy", policy))

    def _follow(self, kind: str, of: str, note: str, policy: Policy) -> None:
        if policy == "stop":
            raise RunStopped(f"the {kind} of {of} stops the run, as the protocol says")
        if policy == "ask":
            said = self.ask(f"{kind} of {of}: {note or 'go on?'}", ("go on", "stop"), "stop")
            if said == "stop":
                raise RunStopped(f"stopped by the operator at the {kind} of {of}")

    def stop_once(self, reason: str) -> None:
        """Stop the run for what ended an action; to resume is the operator's word to go on.

        Raises:
            RunStopped: unless it stopped here before.
        """
        if self._past.take("decide", "stopped", "null") is None:
            stamp, text = self._time.stamp(), canonical(reason)
            self._journal.add_entry(self._step, "decide", "stopped", "null", stamp, text)
            raise RunStopped(reason)

    # -- time, chance and words -------------------------------------------------------------

    def now(self) -> float:
        """Return seconds since the run began, journalled."""
        entry = self._past.take("now", "now", "null")
        if entry is not None:
            return float(entry.value or "nan")
        stamp = self._time.stamp()
        self._journal.add_entry(self._step, "now", "now", "null", stamp, repr(stamp.time))
        return stamp.time

    def sleep(self, seconds: float) -> None:
        """Wait with everything safe; a resumed run waits for what is left."""
        request = canonical(seconds)
        entry = self._past.take("sleep", "sleep", request)
        until = (entry.time if entry is not None else self._time.now()) + seconds
        if entry is None:
            self._journal.add_entry(self._step, "sleep", "sleep", request, self._time.stamp())
            self._journal.commit()  # nothing more is written until it is over
        self._actions.sleep_until(until)

    def random(self) -> float:
        """Return a random number from 0 up to 1, journalled; the same seed gives the same."""
        entry = self._past.take("random", "random", "null")
        if entry is not None:
            return float(entry.value or "nan")
        stamp = self._time.stamp()
        drawn = random.Random(f"{self._seed}/{self._step}/{stamp.time}").random()
        self._journal.add_entry(self._step, "random", "random", "null", stamp, repr(drawn))
        return drawn

    def spent(self, kind: str) -> float:
        """Return what the run has spent of a budget so far; of a dose, the largest anywhere."""
        return self._attempts.spent()[kind]["spent"] or 0.0

    def was_cut_off(self) -> bool:
        """True if the last action was cut off, by a crash or a fault, and gone on with."""
        return len(self._journal.attempts(self._last_action)) > 1

    def earlier(self, kind: str) -> Mapping[str, Any] | None:
        """Return the result of the newest earlier step of a kind, as journalled; None without."""
        return next((result for of, result in reversed(self._results) if of == kind), None)

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Tell whoever watches how far the step is; not journalled."""
        self._observer.progress(done, total, text)

    def tell(self, text: str) -> None:
        """Tell whoever watches a line, once: not again on resume. It is not journalled."""
        if self._past.next() is None:
            self._observer.say(text)

    def warn(self, text: str) -> None:
        """Write a warning into the record and tell it."""
        self._journal.add_event("warning", {"text": text}, self._time.stamp())
        self._observer.say(f"warning: {text}")

    # -- without a procedure, for sessions --------------------------------------------------

    def leave_past(self) -> None:
        """Give nothing back of what the journal holds: nobody will ask for it again."""
        self._past.leave()

    def give_up(
        self, entry: int | None, method: Callable[..., Any], args: Sequence[Any], ended_by: str
    ) -> Any:
        """End an action that was cut off as it is, and return what was done of it, or None.

        Args:
            entry: of the journal; None for the newest action.
            method: of a driver, as it was done.
            args: as they were given.
            ended_by: what cut it off.
        """
        number = self._last_action if entry is None else entry
        assert number is not None
        return self._actions.give_up(self._actions.call(method, tuple(args), {}), number, ended_by)

    # -- steps, for acquire.launch ----------------------------------------------------------

    def begin_step(self, index: int, step: Step) -> None:
        """Enter a step: its budgets count from here."""
        self._step = index
        self._kind = kind = str(getattr(step, "kind", ""))
        self._attempts.enter(step)
        self._questions.enter(step)
        request = canonical(step)
        if self._past.take("step", kind, request) is None:
            self._journal.add_entry(index, "step", kind, request, self._time.stamp())

    def end_step(self, result: Mapping[str, Any], ended_by: str | None) -> dict[str, Any]:
        """Journal a step's result; on resume the journal's result stands."""
        value = {"result": result, "ended_by": ended_by}
        text = json.dumps(value, allow_nan=False, sort_keys=True)
        entry = self._past.take("result", "result", "null")
        if entry is None:
            stamp = self._time.stamp()
            self._journal.add_entry(self._step, "result", "result", "null", stamp, text)
        elif entry.value != text:
            self.warn(
                f"result of step {self._step}: the journal holds {entry.value}, "
                f"this analysis gives {text}"
            )
        held: dict[str, Any] = json.loads(text if entry is None else entry.value or "{}")
        self._results.append((self._kind, held["result"]))
        return held


class Watching:
    """The door `run.do` with a detector beside it."""

    def __init__(self, run: Run, detector: Detector) -> None:
        """Made by `Run.watching`."""
        self._run = run
        self._detector = detector

    @overload
    def do(
        self, method: Callable[P, Generator[Any, None, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    def do(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...
    def do(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do as `Run.do` does, showing each block to the detector."""
        return self._run._do(self._run._actions.call(method, args, kwargs), self._detector)


def _type_of(value: Any) -> Any:
    """Return the type by which a decided value is read back from the journal."""
    if isinstance(value, tuple):
        return tuple[tuple(_type_of(item) for item in value)] if value else Any  # type: ignore[misc]
    if isinstance(value, (list, dict)):
        return Any
    return type(value)
