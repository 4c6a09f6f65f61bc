"""The cells of a night: what each of them does next, as its record tells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acquire.channels import claims
from acquire.record import RunRecord
from acquire.show import show
from drivers.errors import InputError, LiftlineError, LinkError, StorageError
from drivers.lab import Lab, simulated_lab
from drivers.lab_file import load_lab
from drivers.open_lab import open_lab
from drivers.potentiostat import Potentiostat, Samples
from protocols.loader import LoadedProtocol, load_protocol
from protocols.night import NightPlan, PlannedCell

WINDOW = "the night's window"
"""Who stops a run at the end of the window, in its record."""
GOES_ON = (
    f"stopped by {WINDOW}",
    "stopped by Ctrl-C",
    "interrupted twice",
    "stopped by the system",
)
"""Beginnings of the reasons after which the same command goes on."""


@dataclass(frozen=True)
class Cell:
    """A cell, checked and ready."""

    planned: PlannedCell
    protocol: LoadedProtocol
    lab: Lab
    folder: Path
    """Of the cell, in the night's; its run makes one in it."""

    @property
    def name(self) -> str:
        """Its name in the plan."""
        return self.planned.name

    @property
    def run(self) -> Path | None:
        """The folder of its run; None before it has begun."""
        found = sorted(path.parent for path in self.folder.glob("*/run.db"))
        return found[-1] if found else None


def cells_of(plan: NightPlan, beside: Path, folder: Path) -> list[Cell]:
    """Return the cells of a plan, each checked before any is connected.

    Raises:
        InputError: protocol, lab or settings of a cell are wrong; it says of which.
    """
    found = []
    for planned in plan.cells:
        try:
            lab = _lab(planned, beside)
            found.append(Cell(planned, load_protocol(planned.protocol), lab, folder / planned.name))
        except InputError as error:
            raise InputError(f"cell {planned.name}: {error}") from None
    clocks = {str(cell.lab.clock) for cell in found}
    if len(clocks) > 1:
        raise InputError(
            f"the cells' labs have several clocks ({', '.join(sorted(clocks))}); a night has one: "
            "run simulated and real cells in nights of their own"
        )
    return found


def _lab(planned: PlannedCell, beside: Path) -> Lab:
    if planned.lab is None:
        return simulated_lab({"potentiostat": planned.settings})
    if planned.settings:
        raise InputError("settings are for a simulated cell; with a lab file, write them there")
    path = Path(planned.lab)
    return load_lab(path if path.is_absolute() else beside / path)


def next_of(cell: Cell) -> tuple[str, str]:
    """Return what a cell does next: begin, go on, done or held; and why.

    One that goes on has a reason where its device was not reached, or no more.
    """
    run = cell.run
    if run is None:
        return "begin", ""
    with RunRecord(run) as record:
        state = record.state
        view = show(record)
        last = record.events("session")[-1:]
    if state == "finished":
        return "done", ""
    if state in ("interrupted", "running"):
        return "go on", ""
    reason = str(view["reason"])
    if state == "stopped" and reason.startswith(GOES_ON):
        return "go on", ""
    error = last[0].get("error") if state == "fault" else None
    if error == LinkError.__name__:
        # after a reboot devices may be later than we; a cable may be put back
        return "go on", reason
    if error == StorageError.__name__:
        return "go on", ""  # the command looks first whether there is room
    questions = [each["text"] for each in view["questions"] if each["answer"] is None]
    if state == "waiting" and not questions:
        return "go on", ""
    return "held", "; ".join(questions) or reason


def strange(cell: Cell, tolerance: float, clock: Any) -> str:
    """Return why the cell on the channel may be another one; empty where it looks the same.

    It is not asked after a crash: the device may still do what is to be taken up again.
    """
    run = cell.run
    if run is None:
        return ""
    with RunRecord(run) as record:
        if record.state != "stopped":
            return ""
        last = _last_voltage(run)
    if last is None:
        return ""
    try:
        with (
            claims(cell.lab, f"a look at cell {cell.name}"),
            open_lab(cell.lab, clock=clock, seed=cell.planned.seed, folder=run) as opened,
        ):
            device = opened.drivers["potentiostat"]
            assert isinstance(device, Potentiostat)
            now = device.status().voltage
    except LinkError:
        return ""  # the run says so itself, and is tried again
    except LiftlineError as error:
        return f"the device cannot be read: {error}"
    if abs(now - last) <= tolerance:
        return ""
    return (
        f"the open cell has {now:.3f} V, its record ended at {last:.3f} V: is it the same cell? If "
        f"so, go on with: liftline resume {run}"
    )


def _last_voltage(run: Path) -> float | None:
    """Return the voltage of the last sample that a run has kept."""
    with RunRecord(run) as record:
        block = record.last_block("potentiostat.hold", Samples)
    if block is None or not len(block.voltage):
        return None
    return float(np.asarray(block.voltage)[-1])


def as_json(cell: Cell, state: str, reason: str) -> str:
    """Return what is told of a cell that stopped, for a command or an address."""
    run = cell.run
    told: dict[str, Any] = {"cell": cell.name, "state": state, "reason": reason}
    return json.dumps({**told, "run": None if run is None else str(run)})
