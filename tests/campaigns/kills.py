"""`kill -9` of `liftline run` at random moments, then `liftline resume`.

python -m tests.campaigns.kills FOLDER KILLS SEED
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from drivers.clock import wait_a_moment, wall_seconds
from simulators.truth import exposures
from tests.campaigns.scan import SEED, compare, kept, start, write_protocol

POINTS, DWELL_MS = 24, 20_000
LONGEST = 60.0


@dataclass(frozen=True)
class Killed:
    """One run that was killed and resumed."""

    number: int
    after_s: float
    points_before: int
    in_exposure: bool
    resume_s: float
    wrong: list[str]


def liftline(*words: str) -> list[str]:
    """Return the command line that runs this installation's liftline."""
    return [sys.executable, "-m", "acquire.cli", *words]


def kill_one(folder: Path, protocol: Path, reference: Path, number: int, span: float) -> Killed:
    """Run, kill after a random part of `span` seconds from the first exposure, resume, compare."""
    out = folder / f"{number:03d}"
    after = random.Random(f"{folder.name}/{number}").uniform(0, span)
    command = liftline("run", str(protocol), "--seed", str(SEED), "--out", str(out), "--json")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    began = wall_seconds()
    while not list(out.glob("*/world-stem.db")) and wall_seconds() - began < LONGEST:
        wait_a_moment(0.002)
    wait_a_moment(after)
    process.kill()
    process.wait()
    (run,) = [path.parent for path in out.glob("*/run.db")]
    copy = out / "as-killed"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("lease*"))
    before = kept(copy)
    seen = exposures(copy / "world-stem.db")
    in_exposure = bool(seen) and not seen[-1].blanked
    began = wall_seconds()
    resumed = subprocess.run(
        liftline("resume", str(run), "--json"), capture_output=True, text=True, timeout=LONGEST
    )
    took = wall_seconds() - began
    finished = before.state == "finished"
    wrong = [] if resumed.returncode == 0 else [f"resume: {resumed.returncode} {resumed.stderr}"]
    wrong += compare(run, reference, None if finished else before)
    return Killed(number, after, len(before.names), in_exposure, took, wrong)


def campaign(folder: Path, kills: int) -> list[Killed]:
    """Kill and resume `kills` runs."""
    protocol = write_protocol(folder, POINTS, DWELL_MS)
    reference = start(protocol, folder / "reference").folder
    began = wall_seconds()
    start(protocol, folder / "timed")
    span = wall_seconds() - began
    return [kill_one(folder, protocol, reference, number, span) for number in range(kills)]


if __name__ == "__main__":
    results = campaign(Path(sys.argv[1]), int(sys.argv[2]))
    for each in results:
        print(
            f"{each.number:3d}: killed after {each.after_s:.2f} s, {each.points_before} points, "
            f"{'in' if each.in_exposure else 'outside'} an exposure, resumed in "
            f"{each.resume_s:.2f} s: {'; '.join(each.wrong) or 'ok'}"
        )
    print(
        f"{len(results)} kills, {sum(each.in_exposure for each in results)} inside an exposure, "
        f"{sum(bool(each.wrong) for each in results)} wrong"
    )
    sys.exit(any(each.wrong for each in results))
