"""What a served lab remembers of actions that it had to close itself: in memory and in a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

KEPT = 20
"""Newest ones that the file holds."""


@dataclass(frozen=True)
class CutOff:
    """An action that was closed by the instrument's computer, not by its controller."""

    role: str
    method: str
    arguments: str
    began_utc: str
    closed_utc: str
    why: str
    readings: int
    """How many were given out."""
    meter: str | None
    advance: float | None
    """How far the meter went in it, in the meter's unit; None if that is not known."""
    problems: tuple[str, ...] = ()
    superseded: bool = False
    """True when something else was begun on the instrument since."""

    def words(self) -> str:
        """Return it in words."""
        far = ""
        if self.meter is not None:
            known = "an unknown amount" if self.advance is None else f"{self.advance:.6g}"
            far = f", its meter ({self.meter}) had gone on by {known} (SI)"
        end = "; ".join(self.problems) or "it was left safe"
        return (
            f"{self.role}.{self.method}, begun {self.began_utc[:19]} UTC, was closed at "
            f"{self.closed_utc[:19]} UTC after {self.readings} readings{far}: {self.why}; {end}"
        )


_LIST = TypeAdapter(list[CutOff])


class CutOffs:
    """The newest cut-off actions of a served lab."""

    def __init__(self, file: Path | None) -> None:
        """Go on with those in `file`; None keeps them in memory only."""
        self._file = file
        self._cuts: list[CutOff] = []
        if file is not None and file.is_file():
            try:
                self._cuts = _LIST.validate_json(file.read_bytes())
            except (ValidationError, OSError):
                file.replace(file.with_suffix(".unreadable"))

    def add(self, cut: CutOff) -> None:
        """Remember one."""
        self.forget(cut.role, write=False)
        self._cuts = [*self._cuts, cut][-KEPT:]
        self._write()

    def forget(self, role: str, *, write: bool = True) -> None:
        """Tell of an instrument's no more: something else begins on it. The file keeps them."""
        from dataclasses import replace

        if any(cut.role == role and not cut.superseded for cut in self._cuts):
            self._cuts = [
                replace(cut, superseded=True) if cut.role == role else cut for cut in self._cuts
            ]
            if write:
                self._write()

    def pending(self) -> dict[str, str]:
        """Return what a controller is told, in words by `role.method`."""
        return {f"{cut.role}.{cut.method}": cut.words() for cut in self._cuts if not cut.superseded}

    def _write(self) -> None:
        if self._file is None:
            return
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps([asdict(cut) for cut in self._cuts], indent=1), encoding="utf-8")
        part.replace(self._file)
