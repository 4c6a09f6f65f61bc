"""What goes wrong: errors that the device reports, and faults that it is told to have."""

from __future__ import annotations

from dataclasses import dataclass, field


class ScriptError(Exception):
    """An error of a script, by its code; the line is added where it is known."""

    def __init__(self, code: int, line: int = 0, column: int = 0) -> None:
        """`line` and `column` count from 1; 0 is unknown."""
        super().__init__(f"{code:04X}")
        self.code, self.line, self.column = code, line, column


@dataclass
class DeviceFaults:
    """Faults of the device and its line; times are seconds of its clock. Tests may change them."""

    fails_at: float | None = None
    """A script that runs then ends by an error, the cell left as it is."""
    fails_with: int = 0x0032
    unplugged: list[tuple[float, float]] = field(default_factory=list)
    """From and until when nothing gets through, and the link is broken."""
    garbage: float = 0.0
    """Share of lines before which bytes come that are none of a device."""
    trickle: float = 0.0
    """Wall seconds between two bytes."""
    stuck_on: bool = False
    """The switch of the cell does not open."""
