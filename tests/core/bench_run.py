"""A run over the toy instrument, put together as `acquire.launch` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from acquire.actions import Actions
from acquire.attempts import Attempts
from acquire.budgets import Budgets
from acquire.flags import Flag
from acquire.gate import Facts, Gate, Monitor
from acquire.journal import Journal
from acquire.operator import Inbox
from acquire.pictures import Pictures
from acquire.questions import Questions
from acquire.run import Run, RunTime
from tests.core.toy import TOY_RULES, Toy, ToyStep, toy_lab


@dataclass
class Heard:
    """An observer that remembers."""

    flags: list[Flag] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def progress(self, done: int, total: int, text: str) -> None:
        pass

    def flag(self, flag: Flag) -> None:
        self.flags.append(flag)

    def say(self, text: str) -> None:
        self.said.append(text)


@dataclass
class Bench:
    """A run, and what it stands on."""

    run: Run
    journal: Journal
    toy: Toy
    inbox: Inbox
    heard: Heard


def bench(
    folder: Path,
    toy: Toy,
    *,
    step: ToyStep | None = None,
    boundary: Callable[[str], None] | None = None,
) -> Bench:
    """Open the journal in `folder` and return a run in its first step."""
    folder.mkdir(exist_ok=True)
    journal = Journal(folder / "run.db", boundary=boundary)
    lab = toy_lab(toy)
    time = RunTime(toy.clock, journal.last_stamp())
    heard, inbox = Heard(), Inbox(folder)
    questions = Questions(journal, inbox, time.stamp, toy.safe, None)
    facts = Facts(time.now)
    gate = Gate(TOY_RULES, {"toy": Monitor(toy.status, toy.clock, 2.0)}, lab.limits, facts)
    attempts = Attempts(journal, gate, Budgets(), inbox, time.now, time.stamp)
    actions = Actions(
        journal,
        attempts,
        questions,
        Pictures(folder, simulated=True),
        lab.drivers,
        safe=toy.safe,
        stamp=time.stamp,
        sleep=toy.clock.sleep,
        say=heard.say,
        after=lambda: None,
    )
    run = Run(journal, actions, attempts, questions, time, heard, facts, 0)
    run.begin_step(0, step or ToyStep())
    return Bench(run, journal, toy, inbox, heard)
