"""Can an efficiency be trusted? Random cells and instruments against the ledgers of truth.

    python -m tests.campaigns.cycling_trust [CELLS] [CYCLES]

5C, samples at 1 Hz, 20 ms jitter; the host ends each hold, or the device does. Asked: of the charge
that actually passed 95 % of cycles within 0.02 %; of the parasitic ledger the mean over 50 cycles
within 0.02 %, or, where the device ends the holds, every cycle.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acquire.cycling.coulometry import efficiency, half_cycle
from drivers.potentiostat import HoldOrder
from simulators.cell import truth
from simulators.cell.cell_file import load_cell
from simulators.draws import generator
from tests.simulators.cell.cells import FIVE_C, open_cell, order, run_hold

BOUND = 2e-4


@dataclass(frozen=True)
class Trusted:
    """How far the told efficiencies of one cell are from the truth, cycle by cycle."""

    passed: np.ndarray
    parasitic: np.ndarray
    uncertainty: np.ndarray


def random_cell(seed: int) -> dict[str, float]:
    """Return what differs from cell to cell; ours."""
    draws = generator(seed, "trust")
    thin = load_cell("li-lipon-lnmo")
    return {
        "capacity": thin.capacity * draws.uniform(0.9, 1.1),
        "ohmic": thin.ohmic * draws.uniform(0.5, 2.0),
        "interface": thin.interface * draws.uniform(0.2, 3.0),
        "diffusion_time": thin.diffusion_time * draws.uniform(0.5, 2.0),
        "leak": draws.uniform(0.0, 1e-9),
        "side": draws.uniform(0.005, 0.03),
    }


def cell_file(folder: Path, changed: dict[str, float]) -> Path:
    """Write a cell like the thin-film one, with other figures; return its path."""
    units = {"capacity": "C", "ohmic": "ohm", "interface": "ohm", "diffusion_time": "s"}
    units |= {"leak": "A", "side": ""}
    from simulators.cell.cell_file import CELLS

    lines = (CELLS / "li-lipon-lnmo.yaml").read_text(encoding="utf-8").splitlines()
    for name, value in changed.items():
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{name}:"))
        lines[at] = f"{name}: {value:.9g} {units[name]}".rstrip()
    path = folder / "cell.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def holds() -> Iterator[HoldOrder]:
    """Yield the charge and the discharge of a cycle."""
    for current in (FIVE_C, -FIVE_C):
        ends = {"end_voltage": 5.1 if current > 0 else 3.5}
        yield order(current, **ends, every=1.0, seconds_max=2000.0)


def trusted(seed: int, cycles: int, *, on_device: bool) -> Trusted:
    """Cycle a random cell and compare what is told with what was so."""
    with tempfile.TemporaryDirectory() as folder:
        where: dict[str, Any] = {"cell": str(cell_file(Path(folder), random_cell(seed)))}
        world = Path(folder) / "world.db"
        bench = open_cell(
            world, seed=seed, **where, ends_on_device=on_device, time_jitter=0.02, block=4000.0
        )
        setup, told = bench.setup(), []
        for _ in range(cycles):
            up, down = (half_cycle(each, run_hold(bench, each)[1], setup) for each in holds())
            told.append(efficiency(up, down, setup))
        bench.close()
        really = truth.cycles(world)
    values = np.array(told, float)
    return Trusted(
        values[:, 0] - [each.efficiency for each in really],
        values[:, 0] - [each.parasitic_efficiency for each in really],
        values[:, 1],
    )


def main(cells: int, cycles: int) -> None:
    """Print the shares and means beside what is asked."""
    skip = 3  # the first cycles do not return to where they began: the cathode settles
    for on_device in (False, True):
        found = [trusted(seed, cycles, on_device=on_device) for seed in range(cells)]
        passed = np.concatenate([each.passed for each in found])
        covered = np.concatenate([np.abs(each.passed) < 1.96 * each.uncertainty for each in found])
        means = np.array([each.parasitic[skip:].mean() for each in found])
        every = np.concatenate([each.parasitic[skip:] for each in found])
        print(f"{'device' if on_device else 'host'} ends; {cells} cells, {cycles} cycles each")
        print(f"  passed: {(np.abs(passed) < BOUND).mean():.1%} within 0.02 % (asked 95 %)")
        print(f"  passed: {covered.mean():.1%} within 1.96 of the uncertainty told")
        print(f"  parasitic, mean of a cell: {(np.abs(means) < BOUND).mean():.1%} within 0.02 %")
        print(f"  parasitic, every cycle: {(np.abs(every) < BOUND).mean():.1%} within 0.02 %")


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given or [50, 53]))
