"""`liftline night PLAN`: read the plan, look whether there is room, run, and tell what became."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from acquire.cycling.plan import cycles_of
from acquire.files import write_whole
from acquire.folders import LEAST_FREE, check_place
from acquire.night.cells import Cell, cells_of
from acquire.night.night import Night, night_lock
from acquire.night.summary import NO_FORECAST, summary, told
from acquire.record import RunRecord
from drivers.clock import Clock, RealClock
from drivers.errors import RunFolderError
from drivers.lab import make_clock
from protocols.cycling import Cycling
from protocols.night import NightPlan
from protocols.written import read_written

BYTES_A_CYCLE = 40e3
"""That a cycle of a few hundred samples takes in journal and export; measured, rounded up."""
HELD = 1
"""Exit code of a night in which a cell is held."""


def go(path: Path, out: Path, *, say: Callable[[str], None], as_json: bool) -> int:
    """Run the night of a plan and print its summary; return the exit code.

    Raises:
        InputError: the plan or a cell of it is wrong, or there is no room; nothing is connected.
    """
    plan = read_written(path).validate(TypeAdapter(NightPlan))
    folder = out / plan.name
    check_place(out)
    cells = cells_of(plan, path.parent, folder)
    _room(cells, out)
    with night_lock(folder):
        clock = _clock(cells)
        night = Night(plan, cells, clock, say)
        night.run()
        entries = summary(cells, plan, clock.utc())
        for entry, state in zip(entries, night.states, strict=True):
            if state.state == "held":  # also of what its record knows nothing of
                entry |= {"state": "held", "reason": state.reason, **NO_FORECAST}
        try:
            write_whole(folder / "summary.json", json.dumps(entries, indent=1) + "\n")
            write_whole(folder / "summary.txt", told(entries) + "\n")
        except OSError as error:
            say(f"the summary cannot be kept in {folder}: {error}; make room")
    say("")
    say(told(entries))
    if as_json:
        print(json.dumps(entries, indent=1))  # noqa: T201
    return HELD if any(entry["state"] == "held" for entry in entries) else 0


def look(path: Path, out: Path, *, as_json: bool) -> int:
    """Print what there is of a night, whether or not it goes on; touch nothing.

    Raises:
        InputError: the plan or a cell of it is wrong.
    """
    plan = read_written(path).validate(TypeAdapter(NightPlan))
    cells = cells_of(plan, path.parent, out / plan.name)
    entries = summary(cells, plan, RealClock().utc())
    print(json.dumps(entries, indent=1) if as_json else told(entries))  # noqa: T201
    return HELD if any(entry["state"] == "held" for entry in entries) else 0


def _room(cells: list[Cell], out: Path) -> None:
    """Refuse to begin what the disk will not hold.

    Raises:
        RunFolderError: it says how much room is missing.
    """
    steps = [step for cell in cells for step in cell.protocol.steps if isinstance(step, Cycling)]
    wanted = BYTES_A_CYCLE * sum(cycles_of(step.schedule) for step in steps) + LEAST_FREE
    free = shutil.disk_usage(out).free
    if free < wanted:
        raise RunFolderError(
            f"{out} has {free / 1e9:.1f} GB free, these cells will want {wanted / 1e9:.1f} GB; "
            "make room, or choose another disk with --out DIR"
        )


def _clock(cells: list[Cell]) -> Clock:
    """Return the night's clock: that of the cells' labs, not before what they lived through."""
    last: list[datetime] = []
    for run in filter(None, (cell.run for cell in cells)):
        with RunRecord(run) as record:
            last += [datetime.fromisoformat(event["utc"]) for event in record.events("session")]
    return make_clock(cells[0].lab.clock, 0.0, max(last) if last else None)
