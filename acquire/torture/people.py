"""Who is at the desk while a run is tortured: nobody who watches, and one who answers by a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acquire.answers import answer
from acquire.flags import Flag
from acquire.operator import Command, Inbox
from acquire.record import RunRecord


class Unwatched:
    """An observer that nobody looks at."""

    def progress(self, done: int, total: int, text: str) -> None:
        """Pass over it."""

    def flag(self, flag: Flag) -> None:
        """Pass over it."""

    def say(self, text: str) -> None:
        """Pass over it."""


@dataclass(frozen=True)
class Rule:
    """How questions are answered."""

    wanted: str | None = None
    """A choice that is taken wherever it is one; else the safe one is."""

    def choose(self, choices: Sequence[str], safe: str) -> str:
        """Return the answer to a question."""
        return self.wanted if self.wanted is not None and self.wanted in choices else safe

    def at(self, inbox: Inbox) -> Answering:
        """Return somebody who answers at once."""
        return Answering(self, inbox)

    def answer_all(self, run: Path) -> None:
        """Answer every open question of a run that waits, as from another terminal."""
        with RunRecord(run) as record:
            waiting = [question for question in record.questions() if question["answer"] is None]
        for question in waiting:
            choice = self.choose(question["choices"], question["safe"])
            answer(run, [str(question["id"]), choice])


@dataclass(frozen=True)
class Answering:
    """Somebody who answers at once by a rule."""

    rule: Rule
    inbox: Inbox

    def ask(self, number: int, text: str, choices: Sequence[str], safe: str) -> None:
        """Answer."""
        choice = self.rule.choose(choices, safe)
        self.inbox.say(Command("answer", "torture", number, choice))
