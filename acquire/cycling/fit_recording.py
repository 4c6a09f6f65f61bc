"""A cell's protocol fitted to a recording: its schedule is what the file holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from pydantic import ValidationError

from drivers.cell_recording import CellRecording, RecordedHold, under_load
from drivers.errors import InputError
from protocols.cycling import Cycling
from protocols.protocol import AnyStep

TOO_LARGE, TOO_SMALL = 3.0, 0.05
"""Of the nominal capacity: a recording whose usual half cycle passes more, or less, is of another
cell; ours."""


def fitted_cells(steps: Sequence[AnyStep], recording: CellRecording) -> tuple[AnyStep, ...]:
    """Return the steps with their cells' schedules fitted to the recording.

    Raises:
        InputError: the protocol's nominal capacity is of another cell.
    """
    return tuple(_fitted(step, recording) if isinstance(step, Cycling) else step for step in steps)


def _fitted(step: Cycling, recording: CellRecording) -> Cycling:
    _check_capacity(step, recording)
    safety = step.safety
    volts = [v for hold in recording.holds for v in (hold.voltage.min(), hold.voltage.max())]
    changed = {
        "pre_flight": None,
        "schedule": list(_schedule(recording)),
        "safety": {
            **safety.model_dump(),
            "voltage_min": min(safety.voltage_min, *map(float, volts)),
            "voltage_max": max(safety.voltage_max, *map(float, volts)),
            "current_max": max(safety.current_max, recording.largest_current),
        },
    }
    try:
        return Cycling.model_validate({**step.model_dump(), **changed})
    except ValidationError as error:
        said = "\n".join(each["msg"] for each in error.errors())
        raise InputError(f"the protocol does not fit {recording.path.name}: {said}") from None


def _check_capacity(step: Cycling, recording: CellRecording) -> None:
    passed = sorted(abs(hold.charge) for hold in recording.holds if hold.kind != "rest")
    if not passed:
        raise InputError(f"{recording.path.name} holds no charge and no discharge, only rests")
    usual = passed[len(passed) // 2]
    share = usual / step.nominal.capacity
    if not TOO_SMALL < share < TOO_LARGE:
        raise InputError(
            f"a half cycle of {recording.path.name} passes {usual / 3.6:.4g} mAh, the protocol's "
            f"nominal capacity is {step.nominal.capacity / 3.6:.4g} mAh; write the cell's own: "
            f"nominal: {{capacity: {usual / 3.6:.3g} mAh, ...}}"
        )


def _schedule(recording: CellRecording) -> Iterator[dict[str, Any]]:
    """Yield the holds, those of a whole cycle within a loop of their own."""
    for _, group in groupby(_cycles(recording.holds), key=lambda pair: pair[0]):
        holds = [hold for _, hold in group]
        moves = [_move(hold) for hold in holds]
        directions = {hold.charge > 0 for hold in holds if hold.kind != "rest"}
        if len(directions) == 2:
            yield {"do": "loop", "times": 1, "steps": moves}
        else:
            yield from moves


def _cycles(holds: Sequence[RecordedHold]) -> Iterator[tuple[int, RecordedHold]]:
    """Yield each hold with the number of its cycle: the file's own, or counted.

    A counted cycle begins when the direction of the first current comes again. A rest belongs to
    what is before it.
    """
    first: bool | None = None
    before, number = False, 0
    for hold in holds:
        charges = hold.charge > 0
        if hold.cycle is not None:
            number = hold.cycle
        elif hold.kind != "rest":
            first = charges if first is None else first
            number += charges == first and before != first
            before = charges
        yield number, hold


def _move(hold: RecordedHold) -> dict[str, Any]:
    if hold.kind == "rest":
        return {"do": "rest", "duration": max(hold.seconds, 1e-3), "on_resume": "again"}
    way = "charge" if hold.charge > 0 else "discharge"
    volts, amperes = under_load(hold)
    usual = float(np.quantile(abs(hold.current), 0.9))
    current = {"current": float(f"{usual:.3g}"), "on_resume": "again"}
    if hold.kind == "current":
        return {"do": way, **current, "until": [{"voltage": volts}]}
    ends = [{"current": {"current": abs(amperes)}}]
    return {"do": f"{way} and hold", **current, "voltage": volts, "until": ends}
