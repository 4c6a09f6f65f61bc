"""A night: which cells run which protocols on which channels, and when.

A protocol never names a vendor; a night's plan names lab files, one for each channel.
"""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from protocols.model import Written, wrong
from protocols.units import Seconds, Volts

_WINDOW = re.compile(r"^\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s+(\S+)\s*$")
UNTIL_DONE = "until done"


class PlannedCell(Written):
    """One cell on one channel."""

    name: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")]
    """Its name: a folder of the night is named so."""
    protocol: str
    """File, or a published one such as joule2020/cycling."""
    lab: str | None = None
    """Lab file of its channel, beside this plan; left out, a simulated cell."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of the simulated potentiostat, where there is no lab file."""
    seed: int = 0
    """Of the simulated cell."""


class NightPlan(Written):
    """Cells that run side by side, unattended."""

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._-]+$")]
    """Names the night's folder: the same plan goes on where it was left."""
    window: str = UNTIL_DONE
    """`until done`, or the hours in which cells may run, such as `20:00-07:00 Europe/Berlin`: at
    its end every cell is left at open circuit, and goes on in the next one."""
    start: datetime | None = None
    """Not before this moment, with its offset from UTC."""
    cells: Annotated[tuple[PlannedCell, ...], Field(min_length=1)]
    """The cells."""
    fingerprint: Annotated[Volts, Field(gt=0)] = 0.6
    """A cell that rested, and whose open circuit differs by more than this from the last sample of
    its record, is held: it may be another one. What relaxation takes is within it; ours, to
    verify."""
    status_every: Annotated[Seconds, Field(gt=0)] = 600.0
    """Between two lines of status for each cell."""
    on_trip: tuple[str, ...] = ()
    """A command that is run, with the summary of the cell as JSON on its input, when a cell stops
    other than by being done."""
    webhook: str | None = None
    """An address to which the same JSON is posted."""

    @field_validator("window")
    @classmethod
    def _is_a_window(cls, window: str) -> str:
        if window.strip() != UNTIL_DONE:
            hours(window)
        return window.strip()

    @field_validator("start")
    @classmethod
    def _has_an_offset(cls, start: datetime | None) -> datetime | None:
        if start is not None and start.tzinfo is None:
            raise wrong(f"start {start} has no offset; write it like 2026-11-24T20:00:00+01:00")
        return start

    @model_validator(mode="after")
    def _apart(self) -> NightPlan:
        names = [cell.name for cell in self.cells]
        for name in names:
            if names.count(name) > 1:
                raise wrong(f"cells: {name} twice; each cell has a name of its own")
        labs = [cell.lab for cell in self.cells if cell.lab is not None]
        for lab in labs:
            if labs.count(lab) > 1:
                raise wrong(f"cells: {lab} twice; each channel has a lab file of its own")
        return self


def hours(window: str) -> tuple[time, time, ZoneInfo]:
    """Return when a window opens and closes, and in which zone.

    Raises:
        PydanticCustomError: it is none; the message says how one is written.
    """
    example = "write it like 20:00-07:00 Europe/Berlin, or until done"
    match = _WINDOW.match(window)
    if match is None:
        raise wrong(f"{window!r} is no window; {example}")
    try:
        opens = time(int(match[1]), int(match[2]))
        closes = time(int(match[3]), int(match[4]))
    except ValueError:
        raise wrong(f"{window!r} has no such hour; {example}") from None
    if opens == closes:
        raise wrong(f"{window!r} opens when it closes; {example}")
    try:
        return opens, closes, ZoneInfo(match[5])
    except (ZoneInfoNotFoundError, ValueError):
        raise wrong(f"{match[5]!r} is no time zone; {example}") from None
