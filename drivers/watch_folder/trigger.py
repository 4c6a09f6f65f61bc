"""The trigger file: what liftline says to the vendor's program, or to the operator.

    go 3
    etch 60 s, 120 s so far: Ar+ of 5000 eV, 1 uA, over 2 x 2 mm; then measure cycle 3

The first line is for programs: `go N` asks for the etch that leads to cycle N and for its regions,
once, however often it is written; `stop N` asks for ions and X-rays off until the next `go`.
Whoever reads it leaves it there: it also says, to a run that is resumed, how far the profile has
come, and whether the etch to cycle N was seen to lead to a file (then its line begins `180 s so
far`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from drivers.errors import LinkError
from protocols.xps import Etch

_SAID = re.compile(r"^(go|stop) (\d+)\r?\n(etch \S+ s, )?(\S+) s so far: ")


class Trigger:
    """Writes the trigger file, whole, and knows what it says."""

    def __init__(self, path: Path) -> None:
        """Take up what an earlier session said.

        Raises:
            LinkError: the file says something else.
        """
        self.path = path
        self.cycle: int | None = None
        """The cycle that was asked for last; None before any."""
        self.etched = 0.0
        """Seconds of the etches that led to a file."""
        self.pending = 0.0
        """Seconds of the etch that leads to `cycle`; 0 once it is among those."""
        self._said = ""
        if path.exists():
            self._take_up(path.read_text(encoding="utf-8"))

    def _take_up(self, said: str) -> None:
        match = _SAID.match(said)
        try:
            if match is None:
                raise ValueError
            self.cycle, self.etched = int(match[2]), float(match[4])
            self.pending = float(match[3].split()[1]) if match[3] else 0.0
        except ValueError:
            raise LinkError(
                f"{self.path} says {said[:40]!r}, which liftline did not write; give this profile "
                "a folder of its own"
            ) from None
        self._said = said

    def go(self, cycle: int, etch: Etch) -> None:
        """Ask for the etch that leads to a cycle.

        Raises:
            LinkError: the file cannot be written.
        """
        self.cycle, self.pending = cycle, etch.duration
        self._write(
            "go",
            f"{etch.ion} of {etch.energy:g} eV, {etch.current * 1e6:g} uA, over "
            f"{etch.raster_width * 1e3:g} x {etch.raster_height * 1e3:g} mm; then measure cycle "
            f"{cycle}",
        )

    def done(self, seconds: float) -> None:
        """Take note that the etch of so many seconds has led to a file.

        Raises:
            LinkError: the file cannot be written.
        """
        self.etched, self.pending = self.etched + seconds, 0.0
        self._write("go", f"measure cycle {self.cycle}")

    def stop(self) -> None:
        """Ask for ions and X-rays off; says it once.

        Raises:
            LinkError: the file cannot be written.
        """
        if not self._said.startswith("stop"):
            self.cycle = self.cycle or 0
            self._write("stop", "ions and X-rays off; go on only when this says go")

    def _write(self, word: str, words: str) -> None:
        part = self.path.with_name(f"{self.path.name}.part")
        etch = f"etch {self.pending:.12g} s, " if self.pending else ""
        text = f"{word} {self.cycle}\n{etch}{self.etched:.12g} s so far: {words}\n"
        try:
            part.write_text(text, encoding="utf-8")
            os.replace(part, self.path)
        except OSError as error:
            raise LinkError(
                f"{self.path} cannot be written ({error.strerror or error}), so the instrument is "
                f"not told {word!r}; tell it at its console, and free the file"
            ) from error
        self._said = text
