"""A controller that is killed (SIGKILL) in a mill, an etch and a hold of a served lab.

python -m tests.campaigns.network_dead_man FOLDER KILLS [SEED]

The lab is served here, on a clock that is scaled; `liftline run` is a process of its own and is
killed while the ledger of the simulator shows that the beam, the ions or the current is on. Asked:
they go off within the stated time, by the ledger; then `liftline resume` goes on to the end, and
by the ledger no more was milled, etched or held than the record asked for.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acquire.actions import OUT_OF_DATE
from acquire.launch import resume_run
from acquire.record import RunRecord
from drivers.clock import wait_a_moment, wall_seconds
from drivers.fib import Milled
from drivers.lab import Lab, OpenRequest, simulated_lab
from drivers.network.server import LONGEST_TICK
from drivers.xps import Etched
from simulators.cell import truth as cells
from simulators.fib.fib_world import read_events
from simulators.xps import truth as spectrometers
from tests.campaigns.scan import desk
from tests.drivers.network.served import served

FACTOR = 60.0
"""Seconds of the lab that pass in each real one."""
LONGEST = 240.0
"""s of wall time for what is waited for."""
LIFT_OUT = Path("protocols/library/joule2020/lift-out.yaml").read_text() + "\nlast: trench\n"
PROFILE = """\
kind: depth_profile
regions: [{line: N 1s, start: 406 eV, stop: 388 eV, step: 0.1 eV, dwell: 20 ms, sweeps: 2,
  pass_energy: 40 eV}]
etch: {energy: 5 keV, current: 1 uA, raster_width: 2 mm, raster_height: 2 mm, before: 5 s,
  duration: 600 s, after: 10 s}
max_cycles: 2
xray_budget: 1 h
etch_budget: 1 h
watch: [{line: N 1s, states: {nitride: {energy: 394.4 eV}}}]
"""
CYCLE = """\
kind: cycling
nominal: {capacity: 1.47 uAh, basis: by area, source: the paper}
record: {every: 30 s, voltage_change: 20 mV}
safety: {voltage_min: 3.3 V, voltage_max: 5.2 V, current_max: 15 uA}
schedule:
  - {do: charge, rate: 5C, until: [{voltage: 5.1 V}]}
  - {do: discharge, rate: 5C, until: [{voltage: 3.5 V}]}
unattended: safe
"""


@dataclass(frozen=True)
class Case:
    """One kind of action."""

    protocol: str
    instruments: dict[str, dict[str, Any]]
    role: str
    running: Callable[[Path], float | None]
    """(world) -> when what is on now went on, world time; None if nothing is."""
    ended: Callable[[Path, float], float | None]
    """(world, began) -> when that went off; None while it is on."""
    wrong: Callable[[Path, Path], list[str]]
    """(world, run folder) -> what was done that the record did not ask for."""


def _fib(world: Path) -> list[Any]:
    with closing(sqlite3.connect(f"{world.resolve().as_uri()}?mode=ro", uri=True)) as db:
        return read_events(db)


def _milling(world: Path) -> float | None:
    last = [event for event in _fib(world) if event.kind in ("begin", "end")][-1:]
    return last[0].t if last and last[0].kind == "begin" and last[0].of == "trench" else None


def _milled(world: Path, began: float) -> float | None:
    return next((e.t for e in _fib(world) if e.kind == "end" and e.t > began), None)


def _asked(run: Path) -> float:
    """Return the charge (C) of the trenches by the record, each action once.

    Of one that was placed afresh for its rest, what was done before counts with it.
    """
    charge = 0.0
    with RunRecord(run) as record:
        for done in record.done(0, "fib.mill", Milled):
            (job,) = done.arguments
            whole = done.result.charge if done.ended_by == OUT_OF_DATE else job["charge"]
            charge += whole - job["done"]
    return charge


def _milled_wrong(world: Path, run: Path) -> list[str]:
    names = {e.number: e.of for e in _fib(world) if e.kind == "begin"}
    ions = [e.ions for e in _fib(world) if e.kind == "beam" and names.get(e.number) == "trench"]
    asked = _asked(run)
    more = sum(ions) / asked - 1
    return [] if abs(more) < 1e-6 else [f"{sum(ions):.6g} C landed, {asked:.6g} C were asked for"]


def _etching(world: Path) -> float | None:
    last = [e for e in spectrometers.ledger(world) if e.kind in ("etch", "ions", "etched")][-1:]
    return last[0].t if last and last[0].kind in ("etch", "ions") else None


def _etched(world: Path, began: float) -> float | None:
    events = spectrometers.ledger(world)
    return next((e.t for e in events if e.kind == "etched" and e.t > began), None)


def _etched_wrong(world: Path, run: Path) -> list[str]:
    with RunRecord(run) as record:
        asked = sum(each.arguments[0]["duration"] for each in record.done(0, "xps.etch", Etched))
    done = spectrometers.etch_seconds(world)
    return [] if abs(done - asked) < 1e-3 else [f"{done:.3f} s etched, {asked:.3f} s asked for"]


def _holding(world: Path) -> float | None:
    last = [row for row in cells.holds(world) if row.order.current][-1:]
    return last[0].began if last and last[0].seconds is None else None


def _held(world: Path, began: float) -> float | None:
    row = next(row for row in cells.holds(world) if row.began == began)
    return None if row.seconds is None else row.began + row.seconds


def _held_wrong(world: Path, run: Path) -> list[str]:
    rows = [row for row in cells.holds(world) if row.order.current]
    ends = [row for row in rows if row.ended_by == "voltage"]
    charged = [row.order.current > 0 for row in ends]
    return [] if charged == [True, False] else [f"holds that ended at their voltage: {charged}"]


CASES = {
    "mill": Case(
        LIFT_OUT,
        {"fib": {"start_cold": True}, "cryo": {}},
        "fib",
        _milling,
        _milled,
        _milled_wrong,
    ),
    "etch": Case(PROFILE, {"xps": {}}, "xps", _etching, _etched, _etched_wrong),
    "hold": Case(CYCLE, {"potentiostat": {}}, "potentiostat", _holding, _held, _held_wrong),
}


@dataclass(frozen=True)
class Killed:
    """One controller that was killed."""

    safe_after: float
    """Wall seconds from the kill until it was safe, by the ledger."""
    told: bool
    """The resumed run was told what the instrument's computer did."""
    wrong: list[str]


def _watched(lab: Lab, role: str, drivers: dict[str, Any]) -> Lab:
    """Return the lab, the driver of a role noted when it is opened: for its world's time.

    A reading may age as long on the wall as it may on a clock that is not scaled.
    """

    def noting(open_it: Callable[[OpenRequest], Any]) -> Callable[[OpenRequest], Any]:
        def open_and_note(request: OpenRequest) -> Any:
            drivers[request.role] = open_it(request)
            return drivers[request.role]

        return open_and_note

    chosen = []
    for each in lab.instruments:
        spec = replace(each.spec, open=noting(each.spec.open)) if each.role == role else each.spec
        age = FACTOR * each.limits.reading_age_max  # type: ignore[attr-defined]
        limits = each.limits.model_copy(update={"reading_age_max": age})
        chosen.append(replace(each, spec=spec, limits=limits))
    return replace(lab, instruments=tuple(chosen))


def _until(found: Callable[[], float | None], process: Any = None) -> float:
    began = wall_seconds()
    while wall_seconds() - began < LONGEST:
        with suppress(sqlite3.OperationalError):  # its tables are not there yet
            at = found()
            if at is not None:
                return at
        if process is not None and process.poll() is not None:
            break
        wait_a_moment(0.02)
    raise SystemExit("what was waited for did not come about")


def _operator(folder: Path, address: str, case: Case) -> None:
    (folder / "protocol.yaml").write_text(case.protocol, encoding="utf-8")
    entries = {role: {"driver": "remote", "address": address} for role in case.instruments}
    lab = {"name": "operator", "clock": "served", "instruments": entries}
    (folder / "lab.yaml").write_text(json.dumps(lab), encoding="utf-8")


def kill_one(folder: Path, name: str, seed: int) -> Killed:
    """Serve, run, kill, look when it is safe, resume, look what was done."""
    case, draws = CASES[name], random.Random(f"{name}/{seed}")
    folder.mkdir(parents=True)
    drivers: dict[str, Any] = {}
    lab = _watched(simulated_lab(case.instruments, FACTOR), case.role, drivers)
    world = folder / "worlds" / f"world-{case.role}.db"
    with served(lab, folder=folder / "worlds", seed=seed) as place:
        _operator(folder, place.requests, case)
        command = (
            *(sys.executable, "-m", "acquire.cli", "run"),
            *(str(folder / "protocol.yaml"), "--lab", str(folder / "lab.yaml")),
            *("--out", str(folder / "runs"), "--json"),
        )
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, **quiet)
        _until(lambda: case.running(world) if world.exists() else None, process)
        wait_a_moment(draws.uniform(0.3, 4.0))
        began = _until(lambda: case.running(world), process)
        simulated = drivers[case.role]
        clock = getattr(simulated, "world", None) or simulated._world
        process.kill()
        killed = clock.now()
        process.wait()
        ended = _until(lambda: case.ended(world, began))
        (run,) = [path.parent for path in (folder / "runs").glob("*/run.db")]
        end = resume_run(run, desk=desk())
        with RunRecord(run) as record:
            told = any("remembered" in event for event in record.events("interrupted"))
        wrong = case.wrong(world, run)
        if end.state != "finished":
            wrong.append(f"resumed to {end.state}: {end.reason}")
    return Killed((ended - killed) / FACTOR, told, wrong)


def main(words: Sequence[str]) -> int:
    """Kill controllers, and print what came of it."""
    folder, kills = Path(words[0]), int(words[1])
    seed = int(words[2]) if len(words) > 2 else 0
    bad = 0
    for name in words[3:] or CASES:
        stated = simulated_lab(CASES[name].instruments).dead_man + LONGEST_TICK
        for number in range(kills):
            place = folder / f"{name}-{seed + number}"
            killed = kill_one(place, name, seed + number)
            late = killed.safe_after > stated
            bad += bool(late or killed.wrong or not killed.told)
            print(
                f"{name} {seed + number}: safe {killed.safe_after:.2f} s after the kill (stated: "
                f"{stated:g} s{', TOO LATE' if late else ''}), "
                f"{'told' if killed.told else 'NOT told'}, {killed.wrong or 'nothing wrong'}",
                flush=True,
            )
            shutil.rmtree(place)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
