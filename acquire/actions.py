"""Doing an action so that it is never lost and never done twice.

An action of the past is given back from the journal. One that was cut off, by a crash or a fault,
goes on as its interface says, with what the instrument's own meter tells of it; an irreversible one
whose extent is not known is put to the operator.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from acquire.attempts import Attempts, Call, See
from acquire.endings import Paused, RunStopped, StepSkipped
from acquire.journal import Journal
from acquire.pictures import Pictures
from acquire.questions import Questions
from acquire.rows import Attempt, Packed, Stamp, pack_row, unpack_row
from drivers.action import action_of, result_of
from drivers.clock import wait_a_moment
from drivers.codec import canonical, pack, unpack
from drivers.errors import DriverError, InterlockError, NotRunningError, OutOfDateError
from drivers.lab import Remembering

OUT_OF_DATE = "out of date"
"""What ends an action of which the rest needs another look."""
NOTHING: tuple[tuple[()], float] = ((), 0.0)
"""Blocks kept and amount spent of an action that has not begun, or is done anew."""
AFTER_A_FAULT = ("try again", "skip", "stop")
LONGEST_NAP = 0.5
"""Seconds of the lab's clock between two looks at the operator while the run sleeps."""
STAMPED = 1e-6
"""Seconds to which stamps are rounded."""


class Actions:
    """Calls drivers for a run."""

    def __init__(
        self,
        journal: Journal,
        attempts: Attempts,
        questions: Questions,
        pictures: Pictures,
        drivers: Mapping[str, Any],
        *,
        safe: Callable[[], None],
        stamp: Callable[[], Stamp],
        sleep: Callable[[float], None],
        say: Callable[[str], None],
        after: Callable[[], None],
    ) -> None:
        """`drivers` by role; those opened later count as well.

        `after` is called after each outcome; the views refresh themselves there.
        """
        self._journal = journal
        self._attempts = attempts
        self._questions = questions
        self._pictures = pictures
        self._drivers = drivers
        self._safe = safe
        self._stamp = stamp
        self._sleep = sleep
        self._say = say
        self._after = after
        self._settings: dict[str, Call] = {}

    def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call:
        """Return what `run.do(method, ...)` asks for.

        Raises:
            TypeError: it is not a method of one of the run's drivers, or the arguments do not fit.
        """
        driver = getattr(method, "__self__", None)
        role = next((role for role, one in self._drivers.items() if one is driver), None)
        if driver is None or role is None:
            raise TypeError(f"{method!r} is not a method of one of this run's instruments")
        kind: Any = type(driver)
        said = action_of(kind, method.__name__)
        if kwargs or len(args) != _arity(kind, method.__name__):
            bound = inspect.signature(method).bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        request = canonical(list(args)) if args else "[]"
        return Call(f"{role}.{said.name}", driver, method, said, args, request)

    # -- the past ---------------------------------------------------------------------------

    def recall(self, call: Call, entry: int, see: See | None) -> Any:
        """Return what the journal holds of an action, or go on with it where it was cut off."""
        held = self._journal.outcome(entry)
        if held is None:
            self._answer_open_fault(entry)
            return self.pursue(call, entry, see, self._journal.attempts(entry))
        ended_by, packed = held
        if call.action.setting:
            self._settings[call.name] = call
        if see is not None:
            for block in self._journal.blocks(entry):
                see(self._unpack(call.action.block, block))
        if ended_by == "skipped":
            raise StepSkipped(f"{call.name} was skipped by the operator")
        result = self._unpack(call.action.result, packed)
        if ended_by == OUT_OF_DATE:
            raise _out_of_date(call.name, result)
        return result

    def _unpack(self, kind: Any, packed: Packed) -> Any:
        tree, arrays = unpack_row(packed.text, packed.blob, self._pictures.read)
        return unpack(kind, tree, arrays)

    # -- the present ------------------------------------------------------------------------

    def pursue(self, call: Call, entry: int, see: See | None, tried: Sequence[Attempt]) -> Any:
        """Do the action of this entry, or go on with it, until it has an outcome.

        Raises:
            OutOfDateError: what is left of it needs another look; the outcome says what is done.
        """
        while True:
            try:
                self._attempts.obey(may_pause=True)
                self._make_settings_again()
                return self._go_on(call, entry, see, tried)
            except Paused:
                self._hold()
            except StepSkipped:
                self._journal.add_outcome(entry, "skipped", pack_row(None, []), self._stamp())
                raise
            except (DriverError, InterlockError) as error:
                if isinstance(error, OutOfDateError) and error.done is not None:
                    raise
                self._fault(call, entry, error)
            tried = self._journal.attempts(entry)

    def _go_on(self, call: Call, entry: int, see: See | None, tried: Sequence[Attempt]) -> Any:
        if not call.action.moves:
            return self._finish(call, entry, _read(call), None, commit=False)
        if tried:
            return self._recover(call, entry, see, tried)
        result, ended_by = self._attempt(call, entry, 0, call.arguments, see, 0, NOTHING)
        return self._finish(call, entry, result, ended_by)

    def _attempt(
        self,
        call: Call,
        entry: int,
        n: int,
        arguments: tuple[Any, ...],
        see: See | None,
        first_block: int,
        so_far: tuple[Sequence[Any], float],
    ) -> tuple[Any, str | None]:
        """Try once; where that needs another look the action ends with what is done `so_far`."""
        try:
            return self._attempts.attempt(call, entry, n, arguments, see, first_block)
        except OutOfDateError:
            if call.action.remainder is None:
                raise
            kept, spent = so_far
            done = call.action.remainder.result(call.arguments, kept, None, spent)
            self._finish(call, entry, done, OUT_OF_DATE)
            raise _out_of_date(call.name, done) from None

    def _finish(
        self, call: Call, entry: int, result: Any, ended_by: str | None, *, commit: bool = True
    ) -> Any:
        arrays: list[Any] = []
        tree = pack(result, arrays)
        files = self._pictures.save(entry, call.name, result)
        packed = pack_row(tree, arrays, files)
        self._journal.add_outcome(entry, ended_by, packed, self._stamp(), commit=commit)
        self._after()
        return result

    # -- what was cut off -------------------------------------------------------------------

    def _recover(self, call: Call, entry: int, see: See | None, tried: Sequence[Attempt]) -> Any:
        spent, known, kept = self._reckon(call, entry, tried)
        self._note_interruption(call, entry, tried[-1], spent if known else None, len(kept))
        policy: str = call.action.on_interrupt
        n = tried[-1].n + 1
        if policy == "adopt":
            adopted = self._take_up(call, entry, n, see, kept)
            if adopted is not None:
                return self._finish(call, entry, *adopted)
            assert call.action.adoption is not None
            n, policy = n + 1, call.action.adoption.otherwise(call.arguments)
            if not known:
                spent, known = self._settle_shown(call, entry, kept)
        if policy == "ask" or (call.action.irreversible and not known):
            policy = self._ask_how(call, entry, tried[-1])
        if policy == "repeat":
            result, ended_by = self._attempt(
                call, entry, n, call.arguments, see, len(kept), NOTHING
            )
            return self._finish(call, entry, result, ended_by)
        rest = call.action.remainder
        assert rest is not None
        left = None if policy == "keep" else rest.arguments(call.arguments, spent)
        part, ended_by = None, "interrupted"
        if left is not None:
            part, by = self._attempt(call, entry, n, left, see, len(kept), (kept, spent))
            ended_by = by or ended_by
        result = rest.result(call.arguments, kept, part, spent)
        return self._finish(call, entry, result, ended_by)

    def _reckon(
        self, call: Call, entry: int, tried: Sequence[Attempt]
    ) -> tuple[float, bool, list[Any]]:
        """Return what tries that were cut off spent, whether that is known, and their readings."""
        advances = [self._attempts.close_interrupted(call, attempt) for attempt in tried]
        known = call.action.meter is None or None not in (*advances, call.meter())
        spent = sum(advance for advance in advances if advance is not None)
        kept = [self._unpack(call.action.block, block) for block in self._journal.blocks(entry)]
        return spent, known, kept

    def give_up(self, call: Call, entry: int, ended_by: str) -> Any:
        """End an action that was cut off as it is: settle it, keep its readings, do no more of it.

        Returns:
            The result of what was done; None where an action has none in part, or nobody knows how
            much was done: then what was reserved stays spent.
        """
        tried = self._journal.attempts(entry)
        if not tried:
            return None
        spent, known, kept = self._reckon(call, entry, tried)
        if any(attempt.ended is None for attempt in tried):
            self._note_interruption(call, entry, tried[-1], spent if known else None, len(kept))
        if not known and call.action.adoption is not None:
            spent, known = self._settle_shown(call, entry, kept)
        rest = call.action.remainder
        done = None if rest is None or not known else rest.result(call.arguments, kept, None, spent)
        return self._finish(call, entry, done, ended_by)

    def _take_up(
        self, call: Call, entry: int, n: int, see: See | None, kept: Sequence[Any]
    ) -> tuple[Any, str | None] | None:
        """Go on with what the device itself still does; None where it does it no more."""
        adoption = call.action.adoption
        assert adoption is not None
        method = getattr(call.driver, adoption.method)
        after = adoption.after(kept)
        if call.meter() is None and adoption.bounded(call.arguments):
            # the device counts a hold from its beginning, also what was heard of it before
            self._attempts.settle_shown(call, self._journal.attempts(entry), 0.0)
        try:
            part, ended_by = self._attempts.attempt(
                call, entry, n, call.arguments, see, len(kept), lambda *given: method(*given, after)
            )
            return adoption.whole(call.arguments, kept, part), ended_by
        except NotRunningError as error:
            self._say(f"{call.name}: {error}")
            return None

    def _settle_shown(self, call: Call, entry: int, kept: Sequence[Any]) -> tuple[float, bool]:
        """Return what blocks show to be spent without a meter, and whether the rest may follow."""
        adoption = call.action.adoption
        assert adoption is not None
        spent = adoption.shown(kept)
        if adoption.bounded(call.arguments):
            self._attempts.settle_shown(call, self._journal.attempts(entry), spent)
            return spent, True
        return spent, False

    def _note_interruption(
        self, call: Call, entry: int, last: Attempt, spent: float | None, kept: int
    ) -> None:
        value = {
            "action": entry,
            "name": call.name,
            "ended_by": last.ended_by or "the process ended",
            "meter": call.action.meter,
            "meter_advance": spent,
            "blocks_kept": kept,
        }
        remembered = _remembered(call)
        if remembered is not None:
            value["remembered"] = remembered
            self._say(remembered)
        self._journal.add_event("interrupted", value, self._stamp())
        self._say(f"{call.name} (action {entry}) was cut off: {value['ended_by']}")

    def _ask_how(self, call: Call, entry: int, last: Attempt) -> str:
        keep = ("keep",) if call.action.remainder is not None else ()
        told = f" {remembered}." if (remembered := _remembered(call)) else ""
        said = self._questions.ask(
            entry,
            f"extent of attempt {last.n}",
            f"{call.name} (action {entry}) was cut off and the instrument cannot say how much of "
            f"it was done.{told} {'Keep what was recorded, repeat' if keep else 'Repeat'} it (the "
            f"specimen may receive it twice), or stop?",
            (*keep, "repeat", "stop"),
            "stop",
        )
        if said == "stop":
            raise RunStopped(f"{call.name} was cut off; stopped by the operator")
        return said

    def _fault(self, call: Call, entry: int, error: DriverError | InterlockError) -> None:
        """Stop at a fault, or ask whether to try again, as the step says."""
        told = {"action": entry, "name": call.name, "error": type(error).__name__}
        self._journal.add_event("fault", {**told, "text": str(error)}, self._stamp())
        self._safe()
        step = self._attempts.step
        if step is None or step.on_fault == "stop":
            raise error
        about = f"fault {len(self._journal.questions(entry))}"
        said = self._questions.ask(entry, about, f"{error}. Try again?", AFTER_A_FAULT, "stop")
        self._after_a_fault(entry, said)

    def _answer_open_fault(self, entry: int) -> None:
        """Hear the answer to a fault's question on which the last session ended."""
        for held in self._journal.questions(entry)[-1:]:
            if held.answer is None and held.about.startswith("fault"):
                said = self._questions.ask(entry, held.about, held.text, held.choices, held.safe)
                self._after_a_fault(entry, said)

    def _after_a_fault(self, entry: int, said: str) -> None:
        if said == "stop":
            raise RunStopped("stopped by the operator after a fault")
        if said == "skip":
            self._journal.add_outcome(entry, "skipped", pack_row(None, []), self._stamp())
            raise StepSkipped("step skipped by the operator after a fault")

    def _make_settings_again(self) -> None:
        """Set again, once after a resume, what earlier sessions set and may be lost."""
        settings, self._settings = self._settings, {}
        for call in settings.values():
            made = call.method(*call.arguments)
            if call.action.generator:
                result_of(made)

    def _hold(self) -> None:
        """Wait, everything safe, until the operator says go on."""
        self._safe()
        self._journal.add_event("paused", {}, self._stamp())
        self._say("paused; go on with: liftline resume")
        while True:
            try:
                self._attempts.obey(may_pause=True)
            except Paused:
                wait_a_moment(0.05)
                continue
            self._say("going on")
            return

    def sleep_until(self, until: float) -> None:
        """Wait until `until` (seconds since the run began), listening to the operator.

        Stamps are rounded: what is left below that is no time, and a nap of it need not move a
        clock at all.
        """
        while (left := until - self._stamp().time) > STAMPED:
            try:
                self._attempts.obey(may_pause=True)
            except Paused:
                self._hold()
            self._sleep(min(left, LONGEST_NAP))


def _remembered(call: Call) -> str | None:
    """Return what the instrument's own computer says of a call that was cut off."""
    if not isinstance(call.driver, Remembering):
        return None
    said = call.driver.remembers(call.action.name)
    return None if said is None else f"the instrument's computer says: {said}"


def _out_of_date(name: str, done: Any) -> OutOfDateError:
    error = OutOfDateError(f"{name}: the rest needs another look")
    error.done = done
    return error


def _read(call: Call) -> Any:
    """Return what a plain reading gives; it moves nothing and needs no intent."""
    if not call.action.generator:
        return call.method(*call.arguments)
    return result_of(call.method(*call.arguments))


@lru_cache(maxsize=1024)
def _arity(driver: Any, name: str) -> int:
    """Return how many arguments the method takes, defaults included, without self."""
    return len(inspect.signature(getattr(driver, name)).parameters) - 1
