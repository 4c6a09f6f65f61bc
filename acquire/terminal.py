"""The terminal as observer of a run: progress, flags, questions."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from types import TracebackType

from acquire.flags import Flag
from acquire.operator import Command, Inbox
from acquire.questions import Prompt


class Terminal:
    """Live progress on a terminal; plain lines where the output is a file or a pipe."""

    def __init__(self, *, quiet: bool = False) -> None:
        """`quiet` shows nothing, for `--json`."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self.console = Console(stderr=False, highlight=False, quiet=quiet)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=quiet or not self.console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, text="")

    def __enter__(self) -> Terminal:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def progress(self, done: int, total: int, text: str) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done, total=total, text=text)

    def flag(self, flag: Flag) -> None:
        """Print the flag, above the bar."""
        from acquire.show import told_flag

        words = {
            "kind": flag.kind,
            "of": flag.of,
            "note": flag.note,
            "confidence": flag.confidence,
            **flag.place,
        }
        self.console.print(f"[bold]flag[/bold]: {told_flag(words)}", soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line, above the bar."""
        self.console.print(text, markup=False, soft_wrap=True)

    def prompt(self, inbox: Inbox) -> Prompt | None:
        """Return who answers questions here: nobody, unless input and output are a terminal."""
        return _AtTerminal(self, inbox) if sys.stdin.isatty() and sys.stdout.isatty() else None


class _AtTerminal:
    """Reads answers in a thread of its own, so that another terminal may answer as well."""

    def __init__(self, terminal: Terminal, inbox: Inbox) -> None:
        self._terminal = terminal
        self._inbox = inbox

    def ask(self, number: int, text: str, choices: Sequence[str], safe: str) -> None:
        """Print the question and begin to listen."""
        self._terminal.say(f"question {number}: {text}")
        self._terminal.say(f"  answer with one of: {', '.join(choices)} (safe: {safe})")

        def listen() -> None:
            for line in sys.stdin:
                choice = line.strip()
                if choice in choices:
                    self._inbox.say(Command("answer", "the terminal", number, choice))
                    return
                self._terminal.say(f"  {choice!r} is none of: {', '.join(choices)}")

        threading.Thread(target=listen, daemon=True).start()
