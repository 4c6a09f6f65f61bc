"""One try of an action: gate, reservation, intent, the readings as they come, settlement.

Whatever ends the try, the generator is closed (which leaves the instrument safe), the meter is
read, and the journal says how it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from acquire.budgets import Budgets, spend_of, spend_row
from acquire.endings import Ending, Paused, RunStopped, StepSkipped
from acquire.gate import Gate
from acquire.journal import Journal
from acquire.operator import Inbox
from acquire.rows import Attempt, Stamp, pack_row
from drivers.action import Action, Spend, action_of
from drivers.codec import canonical, pack
from drivers.errors import BudgetError, LiftlineError
from protocols.model import Step

METER_EVERY = 0.5
"""Seconds of the lab's clock between two looks at the meter while an action runs."""
See = Callable[[Any], bool]
"""Shows a block to a detector; True ends the action."""


@dataclass(frozen=True)
class Call:
    """One call of a driver's method, before it is done."""

    name: str
    """Role and method, such as stem.spectrum."""
    driver: Any
    method: Callable[..., Any]
    action: Action
    arguments: tuple[Any, ...]
    request: str
    """The arguments as canonical JSON."""

    def meter(self) -> float | None:
        """Return what the instrument's meter for this action shows; None if it has none."""
        if self.action.meter is None:
            return None
        reading = getattr(self.driver, self.action.meter)()
        return None if reading is None else float(reading)


@dataclass
class Trial:
    """An attempt under way."""

    call: Call
    entry: int
    n: int
    arguments: tuple[Any, ...]
    meter: float | None
    metered: float
    """When the meter was last looked at, seconds since the run began."""

    @property
    def key(self) -> tuple[int, int]:
        """Entry and number of the attempt."""
        return (self.entry, self.n)

    def advance(self) -> float | None:
        """Return how far the meter has gone since the intent; None if that is not known."""
        now = self.call.meter()
        return None if now is None or self.meter is None else now - self.meter


class Attempts:
    """Tries actions, and listens to the operator while they run."""

    def __init__(
        self,
        journal: Journal,
        gate: Gate,
        budgets: Budgets,
        inbox: Inbox,
        now: Callable[[], float],
        stamp: Callable[[], Stamp],
    ) -> None:
        """Count what earlier sessions spent and reserved."""
        self._journal = journal
        self._gate = gate
        self._budgets = budgets
        self._inbox = inbox
        self._now = now
        self._stamp = stamp
        self._pause = False
        self._reconciled: set[tuple[str, str]] = set()
        self.step: Step | None = None
        for attempt in journal.attempts():
            rows = attempt.reserved if attempt.spent is None else attempt.spent
            budgets.restore((attempt.entry, attempt.n), [spend_of(row) for row in rows])

    def enter(self, step: Step) -> None:
        """Take the limits of a step."""
        self.step = step
        self._budgets.allow(step.budgets, given_up=bool(step.gives_up))

    def spent(self) -> Mapping[str, Mapping[str, float | None]]:
        """Return what the run has spent beside the limits of the present step."""
        return self._budgets.summary()

    def attempt(
        self,
        call: Call,
        entry: int,
        n: int,
        arguments: tuple[Any, ...],
        see: See | None,
        first_block: int,
        take_up: Callable[..., Generator[Any, None, Any]] | None = None,
    ) -> tuple[Any, str | None]:
        """Try once and return the result, and what ended it if it was not the method itself.

        `take_up` goes on with what the device itself still does; it is called instead of the
        method, and the interlocks see an action that runs.

        Raises:
            InterlockError, BudgetError: refused before the intent, or closed while it ran.
            DriverError: the instrument failed.
            Ending: the operator said so.
        """
        action = call.action
        self._gate.check(call.name, arguments, self.step, running=take_up is not None)
        trial = Trial(call, entry, n, arguments, call.meter(), self._now())
        self._reconcile(trial)
        spends = self._marked(call, action.spends(*arguments) if action.spends else ())
        self._budgets.reserve(trial.key, spends)
        request = call.request if arguments is call.arguments else canonical(list(arguments))
        rows = [spend_row(spend) for spend in spends]
        self._journal.add_attempt(entry, n, request, trial.meter, rows, self._stamp())
        try:
            result, ended_by = self._drive(trial, see, first_block, take_up or call.method)
        except BaseException as error:
            self._abandon(trial, error)
            raise
        self._settle(trial, result)
        return result, ended_by

    def _reconcile(self, trial: Trial) -> None:
        """Once a session, compare the instrument's meter with where the journal left it."""
        role, meter = trial.call.name.split(".")[0], trial.call.action.meter
        if meter is None or trial.meter is None or (role, meter) in self._reconciled:
            return
        self._reconciled.add((role, meter))
        kind: Any = type(trial.call.driver)
        for name, before, advance in self._journal.last_metered(role):
            if action_of(kind, name.split(".")[1]).meter != meter:
                continue
            more = trial.meter - before - advance
            if abs(more) > 1e-9 * max(abs(trial.meter), 1.0):
                text = (
                    f"{role}: its meter ({meter}) stands {more:.4g} from where this record left "
                    f"it: others used it, or it was reset. Nothing of that is in the budgets"
                )
                self._journal.add_event("warning", {"text": text}, self._stamp())
            return

    def _drive(
        self, trial: Trial, see: See | None, first_block: int, method: Callable[..., Any]
    ) -> tuple[Any, str | None]:
        call = trial.call
        if not call.action.generator:
            return method(*trial.arguments), None
        generator: Generator[Any, None, Any] = method(*trial.arguments)
        seen: list[Any] = []
        try:
            while True:
                try:
                    block = next(generator)
                except StopIteration as stop:
                    return stop.value, None
                if block is not None:
                    self._keep(trial, first_block + len(seen), block)
                    seen.append(block)
                    if see is not None and see(block):
                        break
                self._tick(trial)
        finally:
            generator.close()
        if call.action.remainder is None:
            raise TypeError(
                f"{call.name} cannot be ended by a flag: its interface has no remainder"
            )
        advance = trial.advance()
        if advance is None:
            shown = call.action.adoption
            advance = 0.0 if shown is None else shown.shown(seen)
        return call.action.remainder.result(trial.arguments, seen, None, advance), "flag"

    def _keep(self, trial: Trial, number: int, block: Any) -> None:
        arrays: list[Any] = []
        tree = pack(block, arrays)
        self._journal.add_block(trial.entry, number, trial.n, self._now(), pack_row(tree, arrays))

    def _tick(self, trial: Trial) -> None:
        """Between two readings: interlocks, operator, spending."""
        self._gate.check(trial.call.name, trial.arguments, self.step, running=True)
        self.obey(may_pause=_goes_on_with_the_rest(trial.call.action, trial.arguments))
        if trial.call.action.spent is None or self._now() - trial.metered < METER_EVERY:
            return
        trial.metered = self._now()
        advance = trial.advance()
        if advance is not None:
            spent = trial.call.action.spent(advance, *trial.arguments)
            too_much = self._budgets.exceeded(trial.key, spent)
            if too_much:
                raise BudgetError(f"{trial.call.name}: {too_much}; closed by its own meter")

    def obey(self, *, may_pause: bool) -> None:
        """Do what the operator said since the last look.

        Raises:
            RunStopped, StepSkipped, Paused: as said; a pause waits where `may_pause` is False.
        """
        for command in self._inbox.take():
            self._journal.add_event("operator", dict(command.__dict__), self._stamp())
            if command.verb == "stop":
                raise RunStopped(f"stopped by {command.by}")
            if command.verb == "skip":
                raise StepSkipped(f"step skipped by {command.by}")
            if command.verb in ("pause", "resume"):
                self._pause = command.verb == "pause"
        if self._pause and may_pause:
            raise Paused("paused by the operator")

    def _settle(self, trial: Trial, result: Any = None) -> None:
        """Replace the reservation by what was read back; it stands where nothing can be read."""
        action = trial.call.action
        if action.spent is None:
            return
        advance = trial.advance()
        if advance is None and action.adoption is not None and result is not None:
            advance = action.adoption.counted(result)
        if advance is None:
            return
        self.settle(trial.call, trial.entry, trial.n, trial.arguments, advance)

    def settle(
        self, call: Call, entry: int, n: int, arguments: tuple[Any, ...], advance: float
    ) -> None:
        """Write that the meter advanced by `advance` in this attempt."""
        assert call.action.spent is not None
        spent = self._marked(call, call.action.spent(advance, *arguments))
        self._budgets.settle((entry, n), spent)
        self._journal.settle(entry, n, advance, [spend_row(spend) for spend in spent])

    def settle_shown(self, call: Call, tried: Sequence[Attempt], shown: float) -> None:
        """Write what the blocks of attempts that were cut off show; the last one bears it all."""
        for attempt in tried:
            advance = shown if attempt is tried[-1] else 0.0
            self.settle(call, attempt.entry, attempt.n, arguments_of(call, attempt), advance)

    def _marked(self, call: Call, spends: Sequence[Spend]) -> Sequence[Spend]:
        """Return what an action spends, marked where the step gives its place up."""
        return spends if self.step is None else marked(self.step, call.name, spends)

    def _abandon(self, trial: Trial, error: BaseException) -> None:
        """Leave a failed attempt safe and its end written, whatever else fails on the way."""
        with suppress(LiftlineError):
            trial.call.driver.safe()
        with suppress(LiftlineError):
            self._settle(trial)
        with suppress(LiftlineError):
            told = str(error) if isinstance(error, Ending) else f"{type(error).__name__}: {error}"
            self._journal.end_attempt(trial.entry, trial.n, told, self._stamp())

    def close_interrupted(self, call: Call, attempt: Attempt) -> float | None:
        """Read what an attempt that was cut off has spent, settle it, and return it.

        Returns:
            How far the meter went in it; None where that cannot be known.
        """
        if attempt.advance is not None or call.action.meter is None:
            return attempt.advance
        now = call.meter()
        if now is None or attempt.meter is None:
            return None
        advance = now - attempt.meter
        arguments = arguments_of(call, attempt)
        self.settle(call, attempt.entry, attempt.n, arguments, advance)
        return advance


def marked(step: Step, name: str, spends: Sequence[Spend]) -> Sequence[Spend]:
    """Return what an action spends, marked where the step gives its place up."""
    if name not in step.gives_up:
        return spends
    return [replace(spend, given_up=True) for spend in spends]


def _goes_on_with_the_rest(action: Action, arguments: tuple[Any, ...]) -> bool:
    """True where an action that is closed part way goes on with what is left of it."""
    if action.adoption is not None:
        return action.adoption.otherwise(arguments) == "remaining"
    return action.on_interrupt == "remaining"


def arguments_of(call: Call, attempt: Attempt) -> tuple[Any, ...]:
    """Return the arguments of an attempt; those of a remainder differ from the call's."""
    if attempt.request == call.request:
        return call.arguments
    import json

    from drivers.codec import unpack

    values = json.loads(attempt.request)
    return tuple(
        unpack(type(given), value, ()) for given, value in zip(call.arguments, values, strict=True)
    )
