"""A crash at random boundaries of a whole lift-out's journal, then a resume.

No pattern may be milled twice, as told by the simulator's ledger: of each purpose no more charge
lands than the journal's actions asked for, each counted once.

python -m tests.campaigns.fib_crashes FOLDER CRASHES SEED
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from acquire.actions import OUT_OF_DATE
from acquire.launch import RunEnd, begin_run, resume_run
from acquire.record import RunRecord
from drivers.fib import Milled, Purpose
from drivers.lab import simulated_lab
from protocols.loader import load_protocol
from simulators.fib.truth import truth
from tests.campaigns.boundaries import Counter, in_child
from tests.campaigns.scan import desk

PROTOCOL = Path("protocols/library/joule2020/lift-out.yaml")
ROUNDING = 1e-6


def start(out: Path, seed: int, boundary: Callable[[str], None] | None) -> RunEnd:
    """Run the published lift-out on the simulators."""
    lab = simulated_lab({"fib": {}, "cryo": {}})
    return begin_run(load_protocol(PROTOCOL), lab, out, seed=seed, desk=desk(boundary))


def boundaries(out: Path, seed: int) -> int:
    """Return how many boundaries the journal of an uninterrupted run has."""
    counter = Counter(None)
    end = start(out, seed, counter)
    if end.exit_code:
        raise SystemExit(f"the uninterrupted run ended with {end.exit_code}: {end.reason}")
    return len(counter.names)


def asked_by_purpose(run: Path) -> dict[str, float]:
    """Return the charge (C) of each purpose's patterns by the journal, each action once.

    Of one that was placed afresh for its rest, what was done before counts with it.
    """
    asked: dict[str, float] = {}
    with RunRecord(run) as record:
        for done in record.done(0, "fib.mill", Milled):
            (job,) = done.arguments
            whole = done.result.charge if done.ended_by == OUT_OF_DATE else job["charge"]
            asked[job["purpose"]] = asked.get(job["purpose"], 0.0) + whole - job["done"]
    return asked


def wrong_in(run: Path) -> list[str]:
    """Return what is wrong with a run that was cut off and resumed."""
    found = truth(run / "world-fib.db")
    wrong = ["a beam is on"] if found.beams_on else []
    wrong += [f"{event.kind} at {event.t:.0f} s" for event in found.unsafe]
    asked_for = asked_by_purpose(run)
    for purpose in get_args(Purpose):
        landed, asked = found.charge(purpose), asked_for.get(purpose, 0.0)
        if landed > asked * (1 + ROUNDING):
            wrong.append(f"{purpose}: {landed:.6g} C landed, {asked:.6g} C asked for")
    return wrong


def crash_once(folder: Path, seed: int, number: int, at: int) -> list[str]:
    """Crash a run at a boundary, resume it, and return what went wrong."""
    out = folder / f"{number:04d}"
    code = in_child(lambda: start(out, seed, Counter(at)))
    where = f"boundary {at}"
    if code != 137:
        return [f"{where}: the run ended with {code}, it should have crashed"]
    runs = [path.parent for path in out.glob("*/run.db")]
    if not runs:
        return []
    code = in_child(lambda: finish(runs[0]))
    wrong = [] if code == 0 else [f"{where}: resume did not end as the protocol foresees"]
    return wrong + [f"{where}: {each}" for each in wrong_in(runs[0])]


def finish(run: Path) -> None:
    """Resume a run to its end, or end this process with an error."""
    end = resume_run(run, desk=desk())
    if end.exit_code:
        raise RuntimeError(end.reason)


def campaign(folder: Path, crashes: int, seed: int) -> list[str]:
    """Return what went wrong in `crashes` runs."""
    total = boundaries(folder / "reference", seed)
    chosen = random.Random(f"{folder.name}/{seed}").sample(range(total), min(crashes, total))
    return [
        problem
        for number, at in enumerate(chosen)
        for problem in crash_once(folder, seed, number, at)
    ]


if __name__ == "__main__":
    problems = campaign(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    print(f"{sys.argv[2]} crashes, {len(problems)} problems")
    print("\n".join(problems[:40]))
    sys.exit(bool(problems))
