"""What there is to know in the morning: each cell in a few lines, the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from acquire.night.cells import Cell, next_of
from acquire.record import RunRecord
from acquire.show import show


def summary(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return what is known of each cell."""
    return [_of(cell) for cell in cells]


def _of(cell: Cell) -> dict[str, Any]:
    state, reason = next_of(cell)
    run = cell.run
    told: dict[str, Any] = {
        "cell": cell.name,
        "state": {"begin": "not begun", "go on": "paused"}.get(state, state),
        "reason": reason,
        "run": None if run is None else str(run),
    }
    if run is None:
        return told
    with RunRecord(run) as record:
        view = show(record)
    result: dict[str, Any] = next(
        (each for each in view["results"] if each["kind"] == "cycling"), {}
    )
    efficiencies = [each for each in result.get("efficiency", ()) if each is not None]
    return {
        **told,
        "ended": view["reason"],
        "cycles": result.get("cycles"),
        "last_efficiency": efficiencies[-1] if efficiencies else None,
        "flags": [f"{flag['kind']}: {flag['note']}" for flag in view["flags"]],
        "gaps": len(view["gaps"]),
        "questions": [q["text"] for q in view["questions"] if q["answer"] is None],
    }


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
        lines.append(f"  {entry['cycles']} cycles{efficiency}")
    lines += [f"  flag: {text}" for text in entry.get("flags", ())]
    if entry.get("gaps"):
        lines.append(f"  {entry['gaps']} gaps in its record; liftline show {entry['run']}")
    lines += [f"  OPEN QUESTION: {text}" for text in entry.get("questions", ())]
    return lines
