"""What there is to know in the morning: each cell in a few lines, the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from acquire.cycling.cycling_data import read_cycling
from acquire.cycling.plan import cycles_of
from acquire.cycling.result import result_so_far
from acquire.lease import is_held
from acquire.night.cells import Cell, next_of
from acquire.night.forecast import done_at, left_by_plan, left_of, told_utc
from acquire.record import RunRecord
from acquire.show import show
from drivers.errors import LinkError
from drivers.potentiostat import Held
from protocols.cycling import Cycling
from protocols.night import NightPlan

NO_FORECAST = {"seconds_left": None, "done_utc": None}
"""Of a cell that is done or held."""


def summary(cells: Sequence[Cell], plan: NightPlan, now: datetime) -> list[dict[str, Any]]:
    """Return what is known of each cell; `now` (aware) is when one that waits could go on."""
    return [{**_of(cell), **_forecast(cell, plan, now)} for cell in cells]


def _forecast(cell: Cell, plan: NightPlan, now: datetime) -> dict[str, Any]:
    """Return how long a cell will still cycle and when it will be done; None where it will not."""
    state, _ = next_of(cell)
    if state in ("done", "held"):
        return NO_FORECAST
    if cell.run is None:
        left = left_by_plan(cell.protocol.steps)
    else:
        with RunRecord(cell.run) as record:
            left = left_of(record, cell.protocol.steps)
            holds = record.done(None, "potentiostat.hold", Held)
            last = max((datetime.fromisoformat(each.utc) for each in holds), default=now)
        now = max(now, last)  # simulated cells live ahead of the computer
    return {"seconds_left": left, "done_utc": done_at(plan, now, left).isoformat()}


def _of(cell: Cell) -> dict[str, Any]:
    state, reason = next_of(cell)
    run = cell.run
    told: dict[str, Any] = {
        "cell": cell.name,
        "state": _state(cell, state),
        "reason": reason,
        "run": None if run is None else str(run),
    }
    if run is None:
        return told
    with RunRecord(run) as record:
        view = show(record)
        result = _so_far(record)
    planned = sum(
        cycles_of(step.schedule) for step in cell.protocol.steps if isinstance(step, Cycling)
    )
    efficiencies = [each for each in result.get("efficiency", ()) if each is not None]
    return {
        **told,
        "ended": view["reason"],
        "cycles": result.get("cycles"),
        "planned": planned,
        "last_efficiency": efficiencies[-1] if efficiencies else None,
        "flags": [f"{flag['kind']}: {flag['note']}" for flag in view["flags"]],
        "gaps": len(view["gaps"]),
        "links_lost": sum(fault["error"] == LinkError.__name__ for fault in view["faults"]),
        "questions": [q["text"] for q in view["questions"] if q["answer"] is None],
    }


def _state(cell: Cell, state: str) -> str:
    """Return what a person calls it: a run that goes on just now is running."""
    if state == "go on" and cell.run is not None and is_held(cell.run):
        return "running"
    return {"begin": "not begun", "go on": "paused"}.get(state, state)


def _so_far(record: RunRecord) -> dict[str, Any]:
    """Return the result of a step that is over, or of its cycles that are."""
    for step in record.steps():
        if step.kind == "cycling":
            if step.result is not None:
                return step.result
            data = read_cycling(record, step)
            return {} if data is None else result_so_far(data)
    return {}


def told(entries: Sequence[dict[str, Any]]) -> str:
    """Return the summary as text."""
    return "\n".join(line for entry in entries for line in _lines(entry))


def _lines(entry: dict[str, Any]) -> list[str]:
    lines = [
        f"{entry['cell']}: {entry['state']}" + (f": {entry['reason']}" if entry["reason"] else "")
    ]
    if entry.get("cycles"):
        last = entry["last_efficiency"]
        efficiency = "" if last is None else f", last efficiency {last:.3%}"
        lines.append(f"  {entry['cycles']} of {entry['planned']} cycles{efficiency}")
    if entry.get("seconds_left") is not None:
        done = datetime.fromisoformat(entry["done_utc"])
        lines.append(f"  about {entry['seconds_left'] / 3600.0:.1f} h left, done {told_utc(done)}")
    lines += [f"  flag: {text}" for text in entry.get("flags", ())]
    if entry.get("gaps"):
        lines.append(f"  {entry['gaps']} gaps in its record; liftline show {entry['run']}")
    if entry.get("links_lost"):
        lines.append(f"  the link to its device was lost {entry['links_lost']} times")
    lines += [f"  OPEN QUESTION: {text}" for text in entry.get("questions", ())]
    return lines
