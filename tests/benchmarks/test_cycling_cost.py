"""What a cell's life costs. Run with: python -m pytest tests/benchmarks -m benchmark -n0 -s

Nothing here asserts a time; the figures are printed and read.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

import acquire.cycling.cycling
import acquire.cycling.view  # noqa: F401  imports are not what is measured
from drivers.clock import JumpingClock
from tests.benchmarks.test_run_cost import ROUNDS, in_turn
from tests.campaigns.cycling_runs import cycled
from tests.core.bench_run import Bench, bench
from tests.core.toy import Toy

pytestmark = pytest.mark.benchmark
BLOCK, BLOCKS = 100, 200
"""Rows of a block, and blocks that are appended in one round."""


def with_rows(folder: Path, rows: int) -> Bench:
    """Return a run whose journal holds so many rows of readings."""
    made = bench(folder, Toy(JumpingClock()))
    made.run.do(made.toy.stream, rows // BLOCK, BLOCK)
    return made


def test_appending_a_block_to_a_thousand_and_to_a_million_rows(tmp_path: Path) -> None:
    few, many = with_rows(tmp_path / "few", 1_000), with_rows(tmp_path / "many", 1_000_000)
    pairs = in_turn(
        lambda: many.run.do(many.toy.stream, BLOCKS, BLOCK),
        lambda: few.run.do(few.toy.stream, BLOCKS, BLOCK),
    )
    ratio = statistics.median(a / b for a, b in pairs)
    each = statistics.median(a for a, _ in pairs) / BLOCKS
    print(f"\nappending a block of {BLOCK} rows at 10^6 rows: {each * 1e3:.3f} ms, {ROUNDS} rounds")
    print(f"beside 10^3 rows: {ratio:.2f} (asked: within 1.2; tomato 27 -> 411-639 ms)")


def test_the_papers_cell(tmp_path: Path) -> None:
    run = cycled("joule2020/cycling", tmp_path / "first", seed=0)
    run = cycled("joule2020/cycling", tmp_path / "second", seed=0)
    print(f"\n535 cycles, journalled, analysed, exported: {run.cpu:.2f} s CPU (asked: < 5)")
    print(f"{run.cpu / 535 * 1e3:.1f} ms a cycle; {run.days:.2f} virtual days")


@pytest.mark.parametrize("cycles", [5, 100])
def test_beside_pybamm(cycles: int) -> None:
    pybamm = pytest.importorskip("pybamm")
    cycle = ("Discharge at 1C until 2.5 V", "Charge at 1C until 4.2 V")
    simulation = pybamm.Simulation(
        pybamm.lithium_ion.SPM(),
        experiment=pybamm.Experiment([cycle] * cycles),
        parameter_values=pybamm.ParameterValues("Chen2020"),
    )
    began = time.process_time()
    solved = simulation.solve()
    each = (time.process_time() - began) / cycles
    assert len(solved.cycles) == cycles
    print(f"\nPyBaMM's SPM, {cycles} cycles and its own building: {each * 1e3:.1f} ms CPU a cycle")
