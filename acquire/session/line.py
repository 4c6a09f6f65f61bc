"""What a person sees of a session while it works: one line that moves, and words that stay."""

from __future__ import annotations

import sys
from typing import Any

from acquire.flags import Flag
from drivers.clock import wall_seconds

EVERY = 0.2
"""Wall seconds between two changes of the moving line."""


def in_notebook() -> bool:
    """True in a notebook's kernel, where a line may move though nothing is a terminal."""
    return "ipykernel" in sys.modules


class Line:
    """Observer of a session and of its runs: on standard error, or in the notebook's cell."""

    def __init__(self, *, quiet: bool = False) -> None:
        """`quiet` shows nothing."""
        self._quiet = quiet
        self._cell = in_notebook()
        self._moves = not quiet and (self._cell or sys.stderr.isatty())
        self._shown: Any = None
        """The moving line: its width on a terminal, its handle in a notebook; None without."""
        self._due = 0.0
        self._what, self._blocks = "", 0

    def begins(self, what: str) -> None:
        """Take note of what is done from now on, such as stem.spectrum."""
        self._what, self._blocks = what, 0

    def see(self) -> None:
        """Count a block of readings of what is done now."""
        self._blocks += 1
        self._show(f"{self._what}: {self._blocks} readings; Ctrl-C stops it, safe")

    def progress(self, done: int, total: int, text: str) -> None:
        """Show how far a run's step is."""
        self._show(f"{done} of {total}  {text}")

    def flag(self, flag: Flag) -> None:
        """Tell a flag of a run."""
        from acquire.show import told_flag

        words = {"kind": flag.kind, "of": flag.of, "note": flag.note}
        self.say(f"flag: {told_flag({**words, 'confidence': flag.confidence, **flag.place})}")

    def say(self, text: str) -> None:
        """Tell what a person should read."""
        self.clear()
        if not self._quiet:
            where = sys.stdout if self._cell else sys.stderr
            print(text, file=where, flush=True)

    def clear(self) -> None:
        """Take the moving line away."""
        if self._shown is not None:
            self._move("")
            self._shown = None

    def _show(self, text: str) -> None:
        if self._moves and wall_seconds() >= self._due:
            self._due = wall_seconds() + EVERY
            self._move(text)

    def _move(self, text: str) -> None:
        if self._cell:
            self._move_in_cell(text)
            return
        width = max(self._shown or 0, len(text))
        end = "" if text else f"\r{' ' * width}\r"
        sys.stderr.write(end or f"\r{text.ljust(width)}")
        sys.stderr.flush()
        self._shown = width

    def _move_in_cell(self, text: str) -> None:
        from IPython.display import display

        words = {"text/plain": text}
        if self._shown is None:
            self._shown = display(words, raw=True, display_id=True)
        else:
            self._shown.update(words, raw=True)
