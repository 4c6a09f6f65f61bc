"""One process's share of a run: journal, gate, budgets and drivers around its procedures."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquire.actions import Actions
from acquire.attempts import Attempts
from acquire.budgets import Budgets, spend_of
from acquire.cycling.potentiostat_rules import RULES as POTENTIOSTAT_RULES
from acquire.eds.stem_rules import RULES as STEM_RULES
from acquire.endings import StepSkipped
from acquire.fib.rules import RULES as FIB_RULES
from acquire.gate import Facts, Gate, Monitor
from acquire.journal import Journal
from acquire.operator import Command, Inbox
from acquire.pictures import Pictures
from acquire.procedures import procedure_of
from acquire.questions import Prompt, Questions
from acquire.run import Observer, Run, RunTime
from acquire.views import Turns, Views
from acquire.xps.xps_rules import RULES as XPS_RULES
from drivers.action import action_of
from drivers.errors import RunFolderError
from drivers.lab import Driver, Identity
from drivers.open_lab import OpenLab
from protocols.model import Step

CTRL_C = "Ctrl-C"
"""Who stops a run that is interrupted at the keyboard."""


@dataclass(frozen=True)
class Desk:
    """The people's side of a run: who watches, and who answers."""

    observer: Observer
    prompt: Callable[[Inbox], Prompt | None] = lambda inbox: None
    boundary: Callable[[str], None] | None = None
    """For crash campaigns: called at each boundary of the journal."""
    turns: Turns | None = None
    """Of runs that go on side by side: they refresh their views one after the other."""


class Share:
    """One process's share of a run: the parts between its procedure and the world."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        opened: OpenLab,
        desk: Desk,
        time: RunTime,
        seed: int,
    ) -> None:
        """Put the parts together; drivers that are opened later count as well."""
        self._drivers: Mapping[str, Driver] = opened.drivers
        self.inbox = Inbox(folder)
        self._journal = journal
        self._budgets = budgets = Budgets()
        self._counted = 0
        simulated = any(chosen.spec.simulated for chosen in opened.lab.instruments)
        pictures = Pictures(folder, simulated=simulated)

        def safe(apart: Collection[str] = ()) -> None:
            for problem in opened.safe(apart):
                journal.add_event("unsafe", {"text": problem}, time.stamp())
                desk.observer.say(problem)

        self.safe = safe
        questions = Questions(journal, self.inbox, time.stamp, safe, desk.prompt(self.inbox))
        facts = Facts(time.now)
        gate = _gate(opened, facts)
        attempts = Attempts(journal, gate, budgets, self.inbox, time.now, time.stamp)
        views = Views(folder, say=desk.observer.say, turns=desk.turns)
        actions = Actions(
            journal,
            attempts,
            questions,
            pictures,
            opened.drivers,
            safe=safe,
            stamp=time.stamp,
            sleep=opened.clock.sleep,
            say=desk.observer.say,
            after=views.refresh_if_due,
        )
        self.run = Run(journal, actions, attempts, questions, time, desk.observer, facts, seed)

    def count(self, spends: Sequence[tuple[str, int, list[Any], bool]]) -> None:
        """Count what another run has spent on the same specimen, as `RunRecord.spends` gives it."""
        for _, _, row, _ in spends:
            self._counted += 1
            self._budgets.restore((-self._counted, 0), [spend_of(row)])

    def spent(self) -> dict[str, dict[str, float | None]]:
        """Return what was spent beside the limits of the present step."""
        return self._budgets.summary()

    def go(self, steps: Sequence[Step]) -> None:
        """Do the steps one after the other."""
        with interruptible(self.inbox):
            self.safe(self._perhaps_busy())
            self._check_identities()
            for index, step in enumerate(steps):
                self.run.begin_step(index, step)
                procedure = procedure_of(step)
                drivers = [self._drivers[role] for role in procedure.roles]
                try:
                    result, ended_by = procedure.load()(step, *drivers, self.run), None
                except StepSkipped as skipped:
                    result, ended_by = {}, str(skipped)
                self.run.end_step(result, ended_by)

    def _perhaps_busy(self) -> tuple[str, ...]:
        """Return the instrument that may still do what was cut off here, and goes on with it."""
        name = self._journal.cut_off()
        if name is None:
            return ()
        role, method = name.split(".", 1)
        kind: Any = type(self._drivers[role])
        return (role,) if action_of(kind, method).on_interrupt == "adopt" else ()

    def _check_identities(self) -> None:
        """Refuse to go on with another instrument than the run began with."""
        for role, driver in self._drivers.items():
            known: Identity = self.run.do(driver.identity)
            found = driver.identity()
            if found != known:
                raise RunFolderError(
                    f"{role}: this run began with {_name(known)}, now there is {_name(found)}; "
                    f"connect the first one again, or start a new run"
                )


def _name(identity: Identity) -> str:
    return f"{identity.make} {identity.model} {identity.serial}"


class _Monitors(Mapping[str, Monitor]):
    """A monitor for each instrument of the lab that has a status; it is opened when looked at."""

    def __init__(self, opened: OpenLab) -> None:
        self._opened = opened

    def __getitem__(self, role: str) -> Monitor:
        if role not in self._opened.limits:
            raise KeyError(role)
        read = getattr(self._opened.open(role), "status", None)
        if read is None:
            raise KeyError(role)
        return Monitor(read, self._opened.clock, float(self._opened.limits[role].reading_age_max))

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened.limits)

    def __len__(self) -> int:
        return len(self._opened.limits)


def _gate(opened: OpenLab, facts: Facts) -> Gate:
    return Gate(
        {**STEM_RULES, **FIB_RULES, **XPS_RULES, **POTENTIOSTAT_RULES},
        _Monitors(opened),
        opened.limits,
        facts,
    )


@contextmanager
def interruptible(inbox: Inbox) -> Iterator[list[int]]:
    """Let the first Ctrl-C stop the run at the next tick, and the second one at once.

    Yields:
        The signals that came, as they come.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def stop(number: int, frame: Any) -> None:
        came.append(number)
        inbox.say(Command("stop", CTRL_C if number == signal.SIGINT else "the system (SIGTERM)"))
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
