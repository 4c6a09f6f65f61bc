"""What the operator says while a run goes on: pause, stop, skip, go on, answers.

Another terminal drops a small file into the run's `inbox` folder, renamed into place; the run looks
there at every tick and journals what it finds. Nobody but the run writes its journal.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from drivers.clock import wall_seconds

LOOK_EVERY = 0.05
"""Wall seconds between two looks into the inbox."""


@dataclass(frozen=True)
class Command:
    """Something the operator said."""

    verb: str
    """pause, stop, skip, resume or answer."""
    by: str
    question: int | None = None
    choice: str | None = None


def send(folder: Path, command: Command) -> None:
    """Drop a command into the inbox of the run in `folder`."""
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    name = f"{len(list(inbox.iterdir())):06d}-{os.getpid()}-{wall_seconds():.6f}"
    text = json.dumps(command.__dict__)
    part = inbox / f"{name}.part"
    part.write_text(text, encoding="utf-8")
    part.rename(inbox / f"{name}.json")


class Inbox:
    """The run's side of the inbox."""

    def __init__(self, folder: Path) -> None:
        """Watch `folder`/inbox; it need not exist yet."""
        self._folder = folder / "inbox"
        self._looked = -LOOK_EVERY
        self._said: list[Command] = []
        self._answers: list[Command] = []

    def say(self, command: Command) -> None:
        """Say something from inside this process, such as Ctrl-C or an answer at the prompt."""
        (self._answers if command.verb == "answer" else self._said).append(command)

    def take(self) -> list[Command]:
        """Return what was said since the last look, answers apart; cheap to call at every tick."""
        self._look()
        if not self._said:
            return []
        said, self._said = self._said, []
        return said

    def take_answers(self) -> list[Command]:
        """Return the answers that nobody has heard yet, oldest first."""
        self._look()
        answers, self._answers = self._answers, []
        return answers

    def _look(self) -> None:
        now = wall_seconds()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        try:
            names = sorted(p for p in os.listdir(self._folder) if p.endswith(".json"))
        except FileNotFoundError:
            return
        for name in names:
            path = self._folder / name
            self.say(Command(**json.loads(path.read_text(encoding="utf-8"))))
            path.unlink()
