"""Questions to the operator: journalled, with a safe choice and a rule for when nobody is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from acquire.endings import RunStopped, RunWaits
from acquire.journal import Journal
from acquire.operator import Command, Inbox
from acquire.rows import Stamp
from drivers.clock import wait_a_moment
from protocols.model import Step


class Prompt(Protocol):
    """Someone at the terminal."""

    def ask(self, number: int, text: str, choices: Sequence[str], safe: str) -> None:
        """Show the question; an answer goes to the inbox when it is there."""
        ...


class Questions:
    """Asks, waits, and keeps the answers."""

    def __init__(
        self,
        journal: Journal,
        inbox: Inbox,
        stamp: Callable[[], Stamp],
        safe: Callable[[], None],
        prompt: Prompt | None,
    ) -> None:
        """`safe` leaves every instrument safe while waiting; `prompt` is None with nobody there."""
        self._journal = journal
        self._inbox = inbox
        self._stamp = stamp
        self._safe = safe
        self._prompt = prompt
        self._unattended = "wait"

    def enter(self, step: Step) -> None:
        """Take the step's rule for questions that nobody answers."""
        self._unattended = step.unattended

    def ask(
        self,
        entry: int,
        about: str,
        text: str,
        choices: Sequence[str],
        safe: str,
        unattended: str | None = None,
    ) -> str:
        """Return the answer to the question of this entry, asking it if it is new.

        Raises:
            RunWaits: nobody has answered.
            RunStopped: the operator stopped the run, or nobody is there and the rule says so.
        """
        if safe not in choices:
            raise ValueError(f"the safe choice {safe!r} is not among {list(choices)}")
        held = [q for q in self._journal.questions(entry) if q.about == about]
        if held and held[-1].answer is not None:
            return held[-1].answer
        self._safe()
        number = (
            held[-1].id
            if held
            else self._journal.add_question(entry, about, text, choices, safe, self._stamp().utc)
        )
        answer = self._answered(number, choices, block=False)
        if answer is not None:
            return answer
        if self._prompt is not None:
            self._prompt.ask(number, text, choices, safe)
            answer = self._answered(number, choices, block=True)
            assert answer is not None
            return answer
        return self._nobody(number, text, safe, unattended or self._unattended)

    def _nobody(self, number: int, text: str, safe: str, unattended: str) -> str:
        if unattended == "safe":
            self._journal.answer(number, safe, "nobody there: the safe choice", self._stamp().utc)
            return safe
        if unattended == "stop":
            raise RunStopped(f"nobody answered: {text}")
        raise RunWaits(f"question {number}: {text}")

    def _answered(self, number: int, choices: Sequence[str], *, block: bool) -> str | None:
        while True:
            for command in self._inbox.take():
                if command.verb == "stop":
                    raise RunStopped(f"stopped by {command.by} at question {number}")
            for command in self._inbox.take_answers():
                answer = self._heard(command, number, choices)
                if answer is not None:
                    return answer
            if not block:
                return None
            wait_a_moment(0.05)

    def _heard(self, command: Command, number: int, choices: Sequence[str]) -> str | None:
        if command.question not in (None, number):
            return None
        if command.choice is None or command.choice not in choices:
            return None
        self._journal.answer(number, command.choice, command.by, self._stamp().utc)
        return command.choice
