"""What a person sees of a session while it works: one line that moves, and words that stay."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from acquire.flags import Flag
from acquire.run import Policy
from drivers.clock import wall_seconds

EVERY = 0.2
"""Wall seconds between two changes of the moving line."""


def in_notebook() -> bool:
    """True in a notebook's kernel, where a line may move though nothing is a terminal."""
    return "ipykernel" in sys.modules


class Line:
    """Observer of a session and of its runs: it writes on standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        """`quiet` shows no moving line and no words that are not a warning."""
        self._quiet = quiet
        self._moves = not quiet and (sys.stderr.isatty() or in_notebook())
        self._shown = 0
        self._due = 0.0
        self._blocks = 0

    def see(self, block: Any) -> Sequence[tuple[Flag, Policy]]:
        """Count a block of readings of what is done now; it raises no flag."""
        self._blocks += 1
        self._show(f"{type(block).__name__}: {self._blocks} so far, Ctrl-C stops it safe")
        return ()

    def progress(self, done: int, total: int, text: str) -> None:
        """Show how far a run's step is."""
        self._show(f"{done} of {total} {text}")

    def flag(self, flag: Flag) -> None:
        """Tell a flag of a run."""
        from acquire.show import told_flag

        words = {"kind": flag.kind, "of": flag.of, "note": flag.note}
        self.say(f"flag: {told_flag({**words, 'confidence': flag.confidence, **flag.place})}")

    def say(self, text: str) -> None:
        """Tell what a person should read."""
        self.clear()
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - to the person at the session

    def clear(self) -> None:
        """Take the moving line away."""
        self._blocks = 0
        if self._shown:
            self._write("\r" + " " * self._shown + "\r")
            self._shown = 0

    def _show(self, text: str) -> None:
        if not self._moves or wall_seconds() < self._due:
            return
        self._due = wall_seconds() + EVERY
        self._write("\r" + text.ljust(self._shown))
        self._shown = max(self._shown, len(text))

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
