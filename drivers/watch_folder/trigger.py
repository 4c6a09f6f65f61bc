"""The trigger file: what liftline says to the vendor's program, or to the operator.

    go 3
    etch 60 s: Ar+ of 5000 eV, 1 uA, over 2 x 2 mm; then measure cycle 3

The first line is for programs: `go N` asks for the etch that leads to cycle N and for its regions,
once; `stop N` asks for ions and X-rays off until the next `go`. Whoever reads it leaves it there:
it also says, to a run that is resumed, how far the profile has come.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from drivers.errors import LinkError
from protocols.xps import Etch

_FIRST = re.compile(r"^(go|stop) (\d+)$")


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
        self._said = ""
        if path.exists():
            self._said = path.read_text(encoding="utf-8").partition("\n")[0].strip()
            match = _FIRST.match(self._said)
            if match is None:
                raise LinkError(
                    f"{path} says {self._said[:40]!r}, not 'go N' or 'stop N'; give this profile a "
                    "folder of its own"
                )
            self.cycle = int(match[2])

    def go(self, cycle: int, etch: Etch) -> None:
        """Ask for the etch that leads to a cycle.

        Raises:
            LinkError: the file cannot be written.
        """
        self._write(
            f"go {cycle}",
            f"etch {etch.duration:g} s: {etch.ion} of {etch.energy:g} eV, "
            f"{etch.current * 1e6:g} uA, over {etch.raster_width * 1e3:g} x "
            f"{etch.raster_height * 1e3:g} mm; then measure cycle {cycle}",
        )
        self.cycle = cycle

    def stop(self, cycle: int) -> None:
        """Ask for ions and X-rays off; says it once.

        Raises:
            LinkError: the file cannot be written.
        """
        if self._said != f"stop {cycle}":
            self._write(f"stop {cycle}", "ions and X-rays off; go on only when this says go")
            self.cycle = cycle

    def _write(self, first: str, words: str) -> None:
        part = self.path.with_name(f"{self.path.name}.part")
        try:
            part.write_text(f"{first}\n{words}\n", encoding="utf-8")
            os.replace(part, self.path)
        except OSError as error:
            raise LinkError(
                f"{self.path} cannot be written ({error.strerror or error}), so the instrument is "
                f"not told {first!r}; tell it at its console, and free the file"
            ) from error
        self._said = first
