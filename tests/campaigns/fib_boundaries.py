"""A crash at the boundaries of the journal at which a lift-out cuts, welds or moves something.

    python -m tests.campaigns.fib_boundaries FOLDER [STAGE ...] [--every N]

Each stage is rehearsed by itself on a specimen prepared for it. At a boundary its folder is copied
as a crash there would leave it: what was committed, and no more. Each copy is resumed to its end,
after the world has gone on for a while. No pattern may be milled twice, as told by the simulator's
ledger: of each purpose as much charge lands as the journal's actions asked for, each counted once.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from unittest.mock import patch

from acquire import launch
from acquire.launch import RunEnd, begin_run, resume_run
from drivers.clock import JumpingClock
from drivers.fib import Purpose
from drivers.lab import simulated_lab
from protocols.loader import load_protocol
from simulators.fib.truth import Truth, truth
from tests.campaigns.fib_crashes import ROUNDING, asked_by_purpose
from tests.campaigns.fib_runs import agreeing

PROTOCOL = """
kind: lift_out
ions: {{species: gallium}}
layers:
  - {{material: Li, thickness: 1.5 um}}
  - {{material: LiPON, thickness: 1 um}}
  - {{material: Pt, thickness: 0.1 um}}
  - {{material: SiO2, thickness: 0.3 um}}
  - {{material: Si, thickness: 5 um}}
interface: 1.5 um
site: {{x: 0 mm, y: 0 mm}}
grid: {{x: 3 mm, y: 0 mm}}
first: {stage}
last: {last}
{more}
"""
STAGES: Mapping[str, str] = {
    "trench": "",
    "undercut": "",
    "clean": "",
    "needle_in": "",
    "weld": "",
    "sever": "",
    "lift": "",
    "land": "",
    "weld_grid": "",
    "release": "",
    "thin": "thin: {to: [600 nm]}",
    "polish": "target: {thickness: 140 nm, at_most: 200 nm}",
}
"""Stages that cut, weld or move the needle, each with what shortens its rehearsal."""
TO = {"needle_in": "contact"}
"""Rehearsals of more than one stage: only a needle that was seen to come in goes to the lamella."""
ACTIONS = (
    "fib.mill",
    "fib.move_needle",
    "fib.insert_needle",
    "fib.retract_needle",
    "fib.move_stage",
)
"""Whose boundaries are tried."""
READINGS = "reading waiting"
DOWN = (0.0, 20.0, 200.0, 3600.0)
"""s for which the world goes on without the process, by turns: a beam may end by its own timer,
and after an hour nobody knows where the lamella is."""
LONG = 900.0
"""s after which the needle may have drifted so far that a joint cannot be told: it may ask."""


def rehearse(folder: Path, stage: str, seed: int, boundary: Callable[[str], None]) -> RunEnd:
    """Do one stage on a specimen that is as it ideally is before it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "stage.yaml"
    text = PROTOCOL.format(stage=stage, last=TO.get(stage, stage), more=STAGES[stage])
    file.write_text(text, encoding="utf-8")
    lab = simulated_lab({"fib": {"prepared": stage, "start_cold": True}, "cryo": {}})
    return begin_run(load_protocol(file), lab, folder, seed=seed, desk=agreeing(boundary))


@dataclass
class Boundaries:
    """The boundaries that a run passes, each with the number of its entry in the journal."""

    passed: list[tuple[str, int]]
    entries: int = 0

    def __call__(self, name: str) -> None:
        self.entries += name.endswith("entry written")
        self.passed.append((name, self.entries))


@dataclass
class Copies:
    """Copies a run's folder at chosen boundaries, as a crash there leaves it."""

    folder: Path
    chosen: Mapping[int, Path]
    passed: int = 0

    def __call__(self, name: str) -> None:
        copy = self.chosen.get(self.passed)
        self.passed += 1
        if copy is not None:
            (run,) = [path.parent for path in self.folder.glob("*/run.db")]
            shutil.copytree(run, copy, ignore=shutil.ignore_patterns("lease*"))


def chosen(run: Path, passed: Sequence[tuple[str, int]], every: int) -> Iterator[tuple[int, str]]:
    """Yield number and name of the boundaries to try, one of `every`.

    Of a pattern's readings the first, one in the middle and the last: those between are alike.
    """
    names = _names(run)
    wanted: list[tuple[int, str]] = []
    for number, (name, entry) in enumerate(passed):
        action = names.get(entry, "")
        if action in ACTIONS and (name != READINGS or number in _of_readings(passed, entry)):
            wanted.append((number, f"{name} of {action} {entry}"))
    yield from wanted[::every]


def _of_readings(passed: Sequence[tuple[str, int]], entry: int) -> tuple[int, int, int]:
    mine = [number for number, each in enumerate(passed) if each == (READINGS, entry)]
    return mine[0], mine[len(mine) // 2], mine[-1]


def _names(run: Path) -> dict[int, str]:
    db = sqlite3.connect(run / "run.db")
    found = dict(db.execute("SELECT id, name FROM entry WHERE kind = 'do'").fetchall())
    db.close()
    return found


def resume_after(run: Path, seconds: float) -> RunEnd:
    """Resume a run after the world, and the date, have gone on for so long (s)."""
    file = run / "lab.yaml"
    lab = json.loads(file.read_text(encoding="utf-8"))
    lab["instruments"]["fib"]["settings"]["down_time"] = seconds
    file.write_text(json.dumps(lab), encoding="utf-8")

    def later(kind: str | float, start: float, utc: datetime) -> JumpingClock:
        return JumpingClock(start, utc + timedelta(seconds=seconds))

    with patch.object(launch, "make_clock", later):
        return resume_run(run, desk=agreeing())


@dataclass(frozen=True)
class Tried:
    """A crash, and what was wrong after the resume."""

    where: str
    wrong: list[str]
    asked: str = ""
    """What it asked, where it may."""


def tried(where: str, run: Path, seconds: float, reference: Truth) -> Tried:
    """Resume a run that was cut off, so much later (s), and return what came of it."""
    end = resume_after(run, seconds)
    asks = seconds > LONG and end.state == "stopped"
    wrong = [f"{end.state}: {end.reason}"] if end.exit_code and not asks else []
    found, asked_for = truth(run / "world-fib.db"), asked_by_purpose(run)
    wrong += ["a beam is on"] if found.beams_on else []
    wrong += [f"{event.kind} at {event.t:.0f} s" for event in found.unsafe]
    if found.solid.held != reference.solid.held and not asks:
        wrong.append(f"held by {found.solid.held}, not by {reference.solid.held}")
    for purpose in get_args(Purpose):
        landed, asked = found.charge(purpose), asked_for.get(purpose, 0.0)
        if abs(landed - asked) > asked * ROUNDING:
            wrong.append(f"{purpose}: {landed:.6g} C landed, {asked:.6g} C asked for")
    return Tried(where, wrong, end.reason if asks else "")


def stage(
    folder: Path, name: str, seed: int, every: int, down: Sequence[float] = DOWN
) -> Iterator[Tried]:
    """Crash a stage's rehearsal at its boundaries and yield what came of each."""
    boundaries = Boundaries([])
    end = rehearse(folder / "reference", name, seed, boundaries)
    reference = truth(end.folder / "world-fib.db")
    if end.exit_code or reference.unsafe:
        unsafe = ", ".join(event.kind for event in reference.unsafe)
        yield Tried(f"{name}, uninterrupted", [f"{end.state}: {end.reason} {unsafe}"])
        return
    wanted = dict(chosen(end.folder, boundaries.passed, every))
    copies = {number: folder / f"{number:05d}" for number in wanted}
    rehearse(folder / "copied", name, seed, Copies(folder / "copied", copies))
    for turn, (number, where) in enumerate(wanted.items()):
        run, seconds = copies[number], down[turn % len(down)]
        yield tried(f"{name}: {where}, {seconds:g} s away", run, seconds, reference)
        shutil.rmtree(run)


def wanted() -> Any:
    """Return what the command line asks for."""
    words = argparse.ArgumentParser(prog="python -m tests.campaigns.fib_boundaries")
    words.add_argument("folder", type=Path)
    words.add_argument("stages", nargs="*", metavar="STAGE", default=list(STAGES))
    words.add_argument("--every", type=int, default=1)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--down", type=float, nargs="+", default=DOWN)
    return words.parse_args()


def main() -> int:
    """Print what went wrong or was asked, and how many crashes were tried."""
    words, every = wanted(), []
    for name in words.stages:
        found = []
        for each in stage(words.folder / name, name, words.seed, words.every, words.down):
            found.append(each)
            for text in (*each.wrong, *([f"asks: {each.asked}"] if each.asked else ())):
                print(f"{each.where}: {text}", flush=True)
        print(f"{name}: {len(found)} crashes", flush=True)
        every += found
    problems, asking = sum(bool(e.wrong) for e in every), sum(bool(e.asked) for e in every)
    print(f"{len(every)} crashes, {problems} problems, {asking} asked after a long time")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
