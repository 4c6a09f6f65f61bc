"""Questions of a run, put to the person at the prompt of a script or in a notebook."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence

from acquire.operator import Command, Inbox
from acquire.questions import Prompt
from acquire.session.line import in_notebook
from acquire.share import CTRL_C


def prompt_of(inbox: Inbox) -> Prompt | None:
    """Return who answers here; nobody where there is neither a terminal nor a notebook."""
    there = in_notebook() or (sys.stdin is not None and sys.stdin.isatty())
    on_main = threading.current_thread() is threading.main_thread()
    return _AtThePrompt(inbox) if there and on_main else None


class _AtThePrompt:
    """Asks with `input`, and waits for it: every instrument is safe meanwhile."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def ask(self, number: int, text: str, choices: Sequence[str], safe: str) -> None:
        """Ask until one of the choices is given; Ctrl-C, or nobody there, stops the run."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            choice = self._heard(number, text, choices, safe)
            self._inbox.say(Command("answer", "the prompt", number, choice))
        except KeyboardInterrupt:
            self._inbox.say(Command("stop", CTRL_C))
        except (EOFError, NotImplementedError, RuntimeError):  # a notebook that takes no input
            self._inbox.say(Command("stop", "nobody at the prompt"))
        finally:
            signal.signal(signal.SIGINT, before)

    def _heard(self, number: int, text: str, choices: Sequence[str], safe: str) -> str:
        told = f"question {number}: {text}\n  one of: {', '.join(choices)} (safe: {safe})\n> "
        while True:
            choice = input(told).strip()
            if choice in choices:
                return choice
            told = f"  {choice!r} is none of: {', '.join(choices)}\n> "
