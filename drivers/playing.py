"""What drivers that play a recording have in common."""

from __future__ import annotations

from pathlib import Path

from drivers.clock import Clock, RealClock
from drivers.errors import RecordingError
from drivers.lab import OpenRequest


def file_to_play(request: OpenRequest, driver: str, example: str) -> Path:
    """Return the recording that a lab file names, by the setting `file` or by its address.

    Raises:
        RecordingError: it names none.
    """
    file: Path | None = request.settings.file
    if file is None and request.address:
        file = Path(request.address)
    if file is None:
        raise RecordingError(f"{driver}: which file? Write settings: {{file: {example}}}")
    return file


def pass_simulated(clock: Clock, seconds: float) -> None:
    """Let simulated time pass; nobody waits in real time for what is over."""
    if not isinstance(clock, RealClock):
        clock.sleep(seconds)
