"""A cell's samples as BDF, the battery data format: one table, named and signed as BDF has it.

A charging current is positive. A sample whose status is bad is no measurement and is left out; the
journal keeps it. What a table cannot say of its origin stands beside it as JSON.
Source: github.com/battery-data-alliance/battery-data-format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.cycling.cycling_data import CyclingData, read_cycling
from acquire.files import whole, write_whole
from acquire.hspy import of_the_run
from acquire.record import RunRecord, StepRecord
from drivers.errors import InputError

Table = dict[str, npt.NDArray[Any]]
FORMATS = {
    "Test Time / s": "%.4f",
    "Voltage / V": "%.6f",
    "Current / A": "%.8g",
    "Unix Time / s": "%.3f",
    "Cycle Count / 1": "%d",
    "Step Count / 1": "%d",
    "Step Index / 1": "%d",
}
"""BDF's columns in our order, and how their figures are written."""
ROWS = 2000
"""Written at once."""


def cycling_views(record: RunRecord, step: StepRecord) -> Iterator[Path]:
    """Write the samples as `NN-cycling.bdf.csv`, and where they are from; yield the paths."""
    data = read_cycling(record, step)
    if data is None:
        return
    path = _path(record, step, "csv")
    with whole(path) as part, open(part, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(csv(bdf_table(data)))
    yield path
    yield _origin(record, data)


def _origin(record: RunRecord, data: CyclingData) -> Path:
    """Write beside the table what it cannot hold, such as that a simulator made it."""
    told = {
        **of_the_run(data.record.index, data.identity, record.meta),
        "run": record.folder.name,
        "title": data.step.name or "cycling",
        "began_utc": record.meta["begun_utc"],
        "nominal": data.step.nominal.model_dump(),
    }
    path = _path(record, data.record, "json")
    write_whole(path, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return path


def export_bdf(folder: Path, form: str) -> list[Path]:
    """Write the samples of a run's cells as BDF and return the paths.

    Args:
        folder: of the run.
        form: csv or parquet.

    Raises:
        InputError: the run has cycled no cell, or Parquet is asked for without pyarrow.
    """
    written: list[Path] = []
    with RunRecord(folder) as record:
        for step in record.steps():
            if step.kind == "cycling":
                write = cycling_views if form == "csv" else _parquet_views
                written += write(record, step)
    if not written:
        raise InputError(f"{folder.name} has cycled no cell so far; BDF is for cells")
    return written


def bdf_table(data: CyclingData) -> Table:
    """Return BDF's columns, each of shape (samples,).

    The cycle is 0 before the first one and stays at the last one after it; the step count numbers
    the holds that were done, and the step index the samples of each.
    """
    cycles = np.maximum.accumulate([hold.place.cycle for hold in data.holds])
    lengths = [len(hold.voltage) for hold in data.holds]
    count = np.repeat(np.arange(1, len(lengths) + 1), lengths)
    good = data.column("status") == 0
    good &= np.isfinite(data.column("voltage")) & np.isfinite(data.column("current"))
    time, count = data.column("test_time")[good], count[good]
    # Two samples closer than the jitter of their stamps keep their order.
    time = np.maximum.accumulate(time)
    first = np.searchsorted(count, count, side="left")
    return {
        "Test Time / s": time,
        "Voltage / V": data.column("voltage")[good],
        "Current / A": data.column("current")[good] + 0.0,  # no -0
        "Unix Time / s": data.began_unix + time,
        "Cycle Count / 1": np.repeat(cycles, lengths)[good],
        "Step Count / 1": count,
        "Step Index / 1": np.arange(len(count)) - first + 1,
    }


def csv(table: Table) -> Iterator[str]:
    """Yield a table as CSV text, its header first."""
    yield ",".join(FORMATS) + "\n"
    line = ",".join(FORMATS.values()) + "\n"
    columns = [table[name] for name in FORMATS]
    for begin in range(0, len(columns[0]), ROWS):
        parts = [column[begin : begin + ROWS].tolist() for column in columns]
        figures = [figure for row in zip(*parts, strict=True) for figure in row]
        yield line * len(parts[0]) % tuple(figures)


def _parquet_views(record: RunRecord, step: StepRecord) -> Iterator[Path]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InputError(
            "Parquet needs pyarrow: pip install pyarrow; or write CSV: --to bdf"
        ) from None
    data = read_cycling(record, step)
    if data is None:
        return
    path = _path(record, step, "parquet")
    with whole(path) as part:
        parquet.write_table(pyarrow.table(bdf_table(data)), part)
    yield path
    yield _origin(record, data)


def _path(record: RunRecord, step: StepRecord, ending: str) -> Path:
    return record.folder / "data" / f"{step.index:02d}-{step.kind}.bdf.{ending}"
