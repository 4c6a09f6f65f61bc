"""The paper's cell, run by the procedure: what it gives beside what is asked for, and its cost.

python -m tests.campaigns.cycling_runs
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.launch import RunEnd, begin_run
from acquire.record import RunRecord
from acquire.share import Desk
from drivers.lab import Chosen, Lab
from protocols.loader import load_protocol
from simulators.cell.bench import DRIVER
from tests.core.bench_run import Heard

Floats = npt.NDArray[np.float64]


def cell_lab(**settings: Any) -> Lab:
    """Return a lab with one simulated potentiostat."""
    chosen = Chosen(
        "potentiostat",
        "simulated-potentiostat",
        DRIVER,
        None,
        DRIVER.settings.model_validate(settings),
        DRIVER.limits(),
    )
    return Lab("a cell", "jumping", (chosen,))


@dataclass(frozen=True)
class Cycled:
    """A run of a cell."""

    end: RunEnd
    heard: Heard
    result: Mapping[str, Any]
    """As journalled; empty for a run that was stopped."""
    cpu: float
    """s."""
    days: float
    """Virtual."""

    def column(self, name: str) -> Floats:
        """Return a column of the result, one figure a cycle; NaN for what is null."""
        return np.array(self.result[name], float)

    def flags(self) -> list[str]:
        """Return the kinds of the flags that were raised, in order."""
        return [flag.kind for flag in self.heard.flags]


def cycled(protocol: str | Path, out: Path, *, seed: int, **settings: Any) -> Cycled:
    """Run a protocol on a simulated cell."""
    heard, began = Heard(), time.process_time()
    lab = cell_lab(**settings)
    end = begin_run(load_protocol(protocol), lab, out, seed=seed, desk=Desk(heard))
    cpu = time.process_time() - began
    with RunRecord(end.folder) as record:
        results = [step.result for step in record.steps() if step.result]
        days = record.events("session")[-1]["time_s"] / 86400.0
    return Cycled(end, heard, results[0] if results else {}, cpu, days)


def median_of_11(values: Floats, number: int) -> float:
    """Return the median of the 11 cycles around cycle `number` (from 1)."""
    return float(np.median(values[number - 6 : number + 5]))


def paper(out: Path, seed: int) -> None:
    """Print what the paper's protocol gives beside what is asked for."""
    run = cycled("joule2020/cycling", out, seed=seed)
    efficiency, capacity = run.column("efficiency"), run.column("capacity_coulomb")
    least = {
        bound: min(median_of_11(efficiency, number) for number in range(bound, 529))
        for bound in (100, 400)
    }
    print(f"seed {seed}: {run.end.state}, {run.cpu:.2f} s CPU, {run.days:.2f} days (11.4 +- 0.4)")
    print(f"  efficiency from 100 {least[100]:.3%} (> 99.70), from 400 {least[400]:.3%} (> 99.85)")
    print(f"  C/10 apart: {efficiency[[0, 1, 534]].round(4).tolist()}")
    print(f"  capacity 534/10 {capacity[533] / capacity[9]:.5f} (>= 0.99)")
    print(f"  flags: {[f'{flag.kind}: {flag.note}' for flag in run.heard.flags]}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for number in range(3):
            paper(Path(folder), number)
