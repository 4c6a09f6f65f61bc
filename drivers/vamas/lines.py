"""The lines of a VAMAS file, one item each, with where they stand for whoever must find a fault."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.errors import CutOffError, RecordingError
from drivers.vamas.content import TERMINATOR, UNKNOWN, Label


class Lines:
    """Takes item after item from the text of a file."""

    def __init__(self, text: str, path: Path) -> None:
        """Begin at the first line of `text`; `path` is named in what goes wrong."""
        *whole, rest = text.split("\n")  # never splitlines: a comment may hold other separators
        self._lines: Sequence[str] = [line.rstrip("\r") for line in whole]
        self._rest = rest.rstrip("\r")
        self._at = 0
        self._path = path

    def text(self, what: str) -> str:
        """Return the next line without blanks at its ends.

        Raises:
            CutOffError: there is none, or it lacks its end: who knows what it was to say.
        """
        if self._at >= len(self._lines):
            raise self.cut_off(what)
        self._at += 1
        return self._lines[self._at - 1].strip()

    def texts(self, count: int, what: str) -> tuple[str, ...]:
        """Return as many lines."""
        return tuple(self.text(what) for _ in range(count))

    def number(self, what: str) -> float | None:
        """Return the next line as a number; None where the file says that it is not known."""
        text = self.text(what)
        try:
            value = float(text)
        except ValueError:
            raise self.wrong(f"{what} should be a number, not {text!r}") from None
        if not np.isfinite(value):
            raise self.wrong(f"{what} is {text}, which is no figure")
        return None if value >= UNKNOWN * 0.99 else value

    def known(self, what: str) -> float:
        """Return the next line as a number that the file must know."""
        value = self.number(what)
        if value is None:
            raise self.wrong(f"{what} is marked as not known; without it there is no spectrum")
        return value

    def whole(self, what: str, least: int | None = None) -> int:
        """Return the next line as a whole number, at least `least`."""
        value = self.known(what)
        if value != int(value):
            raise self.wrong(f"{what} should be a whole number, not {value:g}")
        if least is not None and value < least:
            raise self.wrong(f"{what} should be {least} or more, not {value:g}")
        return int(value)

    def label(self, what: str) -> Label:
        """Return the next two lines as the name and the unit of a variable."""
        return Label(self.text(f"label of the {what}"), self.text(f"unit of the {what}"))

    def numbers(self, count: int, what: str) -> npt.NDArray[np.float64]:
        """Return as many lines as numbers, shape (count,)."""
        if self._at + count > len(self._lines):
            self._at = len(self._lines)
            raise self.cut_off(what)
        begin = self._at
        taken = self._lines[begin : begin + count]
        try:
            values = np.array(taken, dtype=np.float64)
        except ValueError:
            for _ in range(count):
                self.known(what)
            raise
        if not np.isfinite(values).all():
            self._at = begin + int(np.argmin(np.isfinite(values))) + 1
            raise self.wrong(f"{what}: {self._lines[self._at - 1].strip()} is no figure")
        self._at += count
        return values

    def maybe_text(self, words: Sequence[str]) -> str | None:
        """Return the next line if it is one of `words`; else leave it and return None."""
        if self._at < len(self._lines) and self._lines[self._at].strip().lower() in words:
            return self.text("")
        return None

    def end(self) -> None:
        """Refuse what follows the last block, other than its terminator.

        Raises:
            RecordingError: more follows: the file says a wrong number of blocks.
        """
        rest = [line.strip() for line in (*self._lines[self._at :], self._rest) if line.strip()]
        if rest and rest[0].lower() != TERMINATOR:
            self._at += 1
            raise self.wrong(
                f"here should be {TERMINATOR!r}, not {rest[0][:40]!r}; the number of blocks or of "
                "values does not agree with what is there"
            )

    def wrong(self, what: str) -> RecordingError:
        """Return the error for the line that was taken last."""
        return RecordingError(f"{self._path}:{self._at}: {what}; export the file anew")

    def cut_off(self, what: str) -> CutOffError:
        """Return the error for a file that ends too soon."""
        return CutOffError(
            f"{self._path}:{len(self._lines) + 1}: the file ends where {what} should be; if the "
            "vendor's program is still writing it, wait; else export it anew"
        )
