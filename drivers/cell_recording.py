"""Cells cycled earlier, read from BioLogic's .mpr and from BDF tables, hold by hold.

A hold ends where the file itself goes over to another step or half cycle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from drivers.errors import RecordingError

Floats = npt.NDArray[np.float64]
Kind = Literal["rest", "current", "current then voltage"]
MPR, CSV = ".mpr", ".csv"
"""How the files of cells are called."""
PER_MAH = 3.6
"""Coulomb in a mAh."""
MODE, CONSTANT_CURRENT, CONSTANT_VOLTAGE, OPEN = 3, 1, 2, 3
"""Bits of an .mpr file's flags that tell what is controlled, as galvani decodes them."""
AT_REST = 1e-3
"""Of a file's largest current: a hold whose current is mostly below it is a rest."""
TAPERED = 0.9
"""Of a hold's usual current: one that ends below it held a voltage at its end."""
TIME, VOLTAGE, CURRENT = "Test Time / s", "Voltage / V", "Current / A"
STEP, CYCLE = "Step Count / 1", "Cycle Count / 1"
"""Columns of BDF that are read."""


@dataclass(frozen=True)
class RecordedHold:
    """One hold; arrays of one length, at least 1."""

    kind: Kind
    cycle: int | None
    """Number that the file gives; None where it gives none."""
    time: Floats
    """s, by the file's clock."""
    voltage: Floats
    current: Floats
    """A, positive for charging."""
    charge: float
    """C, as the file counts it; of a table the integral of its current."""

    @property
    def seconds(self) -> float:
        """From the first sample to the last."""
        return float(self.time[-1] - self.time[0])


@dataclass(frozen=True)
class CellRecording:
    """A cell's holds in order."""

    path: Path
    made_with: str
    holds: tuple[RecordedHold, ...]
    counted: bool
    """The device counted the charges itself; else they are integrals over the samples."""
    simulated: bool = False
    """A simulator made it, as the file beside a table of liftline says."""

    @property
    def largest_current(self) -> float:
        """A, either way."""
        return max(float(np.abs(hold.current).max()) for hold in self.holds)

    @property
    def interval(self) -> float:
        """Median time between two samples, s."""
        steps = [np.diff(hold.time) for hold in self.holds if len(hold.time) > 1]
        return float(np.median(np.concatenate(steps))) if steps else 0.0


def is_cell(path: Path) -> bool:
    """Return whether a file is called as recordings of cells are."""
    return path.suffix.lower() in (MPR, CSV)


def read_cell_recording(path: Path) -> CellRecording:
    """Read a recording of a cell.

    Raises:
        RecordingError: it is of no kind that is known, or cannot serve.
    """
    if not path.is_file():
        raise RecordingError(f"{path}: there is no such file")
    return read_mpr(path) if path.suffix.lower() == MPR else read_bdf(path)


# -- BioLogic ---------------------------------------------------------------------------------


def read_mpr(path: Path) -> CellRecording:
    """Read an .mpr file of a galvanostatic technique (GCPL and the like).

    Raises:
        RecordingError: galvani is not there or does not know the file, or it has no half cycles.
    """
    try:
        from galvani import MPRfile
    except ImportError:
        raise RecordingError(
            f"{path.name} needs galvani, which is GPL and not installed with liftline: "
            "pip install 'liftline[biologic]'"
        ) from None
    try:
        with open(path, "rb") as file:
            data = MPRfile(file).data
    except Exception as error:  # galvani raises whatever its parser meets
        raise RecordingError(
            f"{path}: galvani cannot read it ({type(error).__name__}: {error}); export it from "
            "EC-Lab as text and convert that to BDF"
        ) from None
    names = data.dtype.names or ()
    lacks = [n for n in ("flags", "Ns", "time/s", "dq/mA.h", "half cycle") if n not in names]
    if lacks or "Ewe/V" not in names:
        raise RecordingError(
            f"{path.name} has no column {', '.join(lacks) or 'Ewe/V'}; recordings with half "
            "cycles serve, such as GCPL"
        )
    return CellRecording(path, "BioLogic EC-Lab", tuple(_holds_of_mpr(data)), counted=True)


def _holds_of_mpr(data: Any) -> Iterator[RecordedHold]:
    passed = data["dq/mA.h"].astype(np.float64) * PER_MAH
    modes = data["flags"] & MODE
    current = _current_of_mpr(data, modes, passed)
    for rows in _runs(data["half cycle"], data["Ns"]):
        told = set(modes[rows].tolist())
        kind: Kind = "rest"
        if CONSTANT_VOLTAGE in told:
            kind = "current then voltage"
        elif CONSTANT_CURRENT in told:
            kind = "current"
        yield RecordedHold(
            kind,
            int(data["half cycle"][rows][0]) // 2 if kind != "rest" else None,
            data["time/s"][rows].astype(np.float64),
            data["Ewe/V"][rows].astype(np.float64),
            current[rows],
            float(passed[rows].sum()),
        )


def _current_of_mpr(data: Any, modes: Any, passed: Floats) -> Floats:
    """Return the current, A: as it was set, or charge over time where the voltage was set."""
    steps = np.diff(data["time/s"], prepend=np.nan)
    measured = np.divide(passed, steps, out=np.zeros(len(passed)), where=steps > 0)
    if "control/V/mA" in (data.dtype.names or ()):
        control = data["control/V/mA"].astype(np.float64) * 1e-3
        measured = np.where(modes == CONSTANT_CURRENT, control, measured)
    found: Floats = np.where(modes == OPEN, 0.0, measured)
    return found


def _runs(*columns: npt.NDArray[Any]) -> Iterator[slice]:
    """Yield where none of the columns changes."""
    changes = [np.flatnonzero(np.diff(column.astype(np.int64))) + 1 for column in columns]
    edges = np.unique(np.concatenate([[0], *changes, [len(columns[0])]])).tolist()
    for begin, end in pairwise(edges):
        yield slice(begin, end)


# -- BDF --------------------------------------------------------------------------------------


def read_bdf(path: Path) -> CellRecording:
    """Read a table in the battery data format, as CSV.

    Raises:
        RecordingError: it lacks a column that BDF requires, or a figure.
    """
    with open(path, encoding="utf-8-sig") as file:
        names = [name.strip().strip('"') for name in file.readline().split(",")]
    lacks = [name for name in (TIME, VOLTAGE, CURRENT) if name not in names]
    if lacks:
        raise RecordingError(
            f"{path.name} has no column '{lacks[0]}'; it must be BDF: time, voltage and current "
            f"in columns named '{TIME}', '{VOLTAGE}', '{CURRENT}', and '{STEP}' if it is known"
        )
    wanted = [name for name in (TIME, VOLTAGE, CURRENT, STEP, CYCLE) if name in names]
    columns = [names.index(name) for name in wanted]
    try:
        rows = np.loadtxt(path, delimiter=",", skiprows=1, usecols=columns, ndmin=2, quotechar='"')
    except ValueError as error:
        raise RecordingError(f"{path}: {error}; every row needs all of its figures") from None
    if not len(rows) or not np.isfinite(rows).all():
        raise RecordingError(f"{path.name} has no rows, or figures that are not finite")
    table = dict(zip(wanted, rows.T, strict=True))
    holds = tuple(_holds_of_bdf(table))
    return CellRecording(path, "BDF", holds, counted=False, simulated=_is_simulated(path))


def _is_simulated(table: Path) -> bool:
    """Return whether the JSON file beside a table says that a simulator made it."""
    try:
        told = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
        return bool(told["origin"] == "SIMULATED")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _holds_of_bdf(table: dict[str, Floats]) -> Iterator[RecordedHold]:
    largest = float(np.abs(table[CURRENT]).max())
    signs = np.sign(np.where(np.abs(table[CURRENT]) <= AT_REST * largest, 0.0, table[CURRENT]))
    cycles = table.get(CYCLE)
    for rows in _runs(table.get(STEP, signs)):
        time, volts, amperes = (table[name][rows] for name in (TIME, VOLTAGE, CURRENT))
        usual = float(np.median(np.abs(amperes)))
        kind: Kind = "current"
        if usual <= AT_REST * largest:
            kind = "rest"
        elif abs(float(amperes[-1])) < TAPERED * usual:
            kind = "current then voltage"
        charge = float(np.sum(np.diff(time) * (amperes[1:] + amperes[:-1]) / 2))
        cycle = None if cycles is None else int(cycles[rows][0])
        yield RecordedHold(kind, cycle, time, volts, amperes, charge)


def under_load(hold: RecordedHold) -> tuple[float, float]:
    """Return the last volts and amperes that were measured with a current, if there is any.

    The last sample of an .mpr step is of the open cell already.
    """
    rows = np.flatnonzero(hold.current != 0.0)
    last = int(rows[-1]) if len(rows) else -1
    return float(hold.voltage[last]), float(hold.current[last])


def usual_ends(holds: Sequence[RecordedHold]) -> dict[bool, float]:
    """Return the voltage at which charges (True) and discharges (False) usually end."""
    ends: dict[bool, list[float]] = {}
    for hold in holds:
        if hold.kind != "rest":
            ends.setdefault(hold.charge > 0, []).append(under_load(hold)[0])
    return {charges: float(np.median(volts)) for charges, volts in ends.items()}
