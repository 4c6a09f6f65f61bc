"""What the run costs beside what it stands on. Run with: python -m pytest tests/benchmarks -n0 -s

Every figure is a ratio to something measured in the same process, in turn, because machines differ
and are shared. Nothing here asserts a time; the figures are printed and read.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.clock import JumpingClock
from tests.core.bench_run import bench
from tests.core.toy import Toy

pytestmark = pytest.mark.benchmark
ROUNDS = 7


def cpu(function: Callable[[], object]) -> tuple[float, float]:
    """Return CPU and wall seconds of one call."""
    wall, used = time.perf_counter(), time.process_time()
    function()
    return time.process_time() - used, time.perf_counter() - wall


def in_turn(a: Callable[[], object], b: Callable[[], object]) -> list[tuple[float, float]]:
    """Return (wall of a, wall of b) of `ROUNDS` rounds in turn, after one to warm up."""
    a(), b()
    return [(cpu(a)[1], cpu(b)[1]) for _ in range(ROUNDS)]


def two_commits(path: Path, number: int) -> Callable[[], None]:
    """Return what makes `number` times two commits of a row, as durable as the journal's."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE row(a INTEGER PRIMARY KEY, b TEXT)")
    text = json.dumps({"v": None})

    def commit() -> None:
        for _ in range(2 * number):
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO row(b) VALUES(?)", (text,))
            db.execute("COMMIT")

    return commit


def test_an_action_beside_its_own_two_commits(tmp_path: Path) -> None:
    made = bench(tmp_path / "run", Toy(JumpingClock()))
    number = 300

    def act() -> None:
        for _ in range(number):
            made.run.do(made.toy.nothing)

    pairs = in_turn(act, two_commits(tmp_path / "beside.db", number))
    ratio = statistics.median(a / b for a, b in pairs)
    each = statistics.median(a for a, _ in pairs) / number
    print(f"\nrun.do of nothing: {each * 1e6:.0f} us, {ratio:.2f} x its own two commits")


def test_a_tick_a_sample_and_readings_a_second(tmp_path: Path) -> None:
    made = bench(tmp_path / "run", Toy(JumpingClock()))

    def ticks() -> None:
        made.run.do(made.toy.stream, 2000, 1)

    def samples() -> None:
        made.run.do(made.toy.stream, 20, 10_000)

    ticks(), samples()
    tick = statistics.median(cpu(ticks)[0] for _ in range(ROUNDS)) / 2000
    wall = statistics.median(cpu(ticks)[1] for _ in range(ROUNDS))
    sample = statistics.median(cpu(samples)[0] for _ in range(ROUNDS)) / 200_000
    print(f"\ntick: {tick * 1e6:.0f} us CPU; sample in a block: {sample * 1e6:.3f} us CPU")
    print(f"journalled single-sample readings: {2000 / wall:.0f} a second")


def test_beside_bluesky(tmp_path: Path) -> None:
    pytest.importorskip("bluesky")
    from bluesky import RunEngine
    from bluesky.plans import count
    from bluesky.protocols import Reading as BlueskyReading

    class Status:
        done = success = True

        def add_callback(self, callback: Callable[[object], None]) -> None:
            callback(self)

        def exception(self, timeout: float | None = None) -> None:
            return None

    class InMemory:
        name, parent = "det", None

        def trigger(self) -> Status:
            return Status()

        def read(self) -> dict[str, BlueskyReading]:
            return {"det": {"value": 1.0, "timestamp": 0.0}}

        def describe(self) -> dict[str, dict[str, object]]:
            return {"det": {"source": "memory", "dtype": "number", "shape": []}}

    engine = RunEngine({})
    made = bench(tmp_path / "run", Toy(JumpingClock()))
    number = 300

    def ours() -> None:
        for _ in range(number):
            made.run.do(made.toy.nothing)

    pairs = in_turn(ours, lambda: engine(count([InMemory()], num=number)))
    ratio = statistics.median(a / b for a, b in pairs)
    beside = statistics.median(b for _, b in pairs) / number
    print(f"\nrun.do of nothing: {ratio:.2f} x a point of Bluesky's count ({beside * 1e6:.0f} us)")
