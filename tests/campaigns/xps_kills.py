"""`kill -9` of a depth profile at random moments, then `liftline resume`: is anything etched twice?

python -m tests.campaigns.xps_kills FOLDER KILLS [SEED]

Wrong is a resume that neither finishes nor asks, or etch seconds on the simulated gun's ledger that
differ from an uninterrupted run's; and spectra kept before the kill that are not there afterwards.
"""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acquire.record import RunRecord
from drivers.clock import wait_a_moment, wall_seconds
from drivers.xps import RegionSpectrum
from simulators.xps.truth import etch_seconds, ledger

LONGEST = 60.0
SCANNED = "step: 0.1 eV, dwell: 20 ms, sweeps: 2, pass_energy: 40 eV"
PROTOCOL = f"""\
kind: depth_profile
regions:
  - {{line: C 1s, start: 296 eV, stop: 279 eV, {SCANNED}}}
  - {{line: N 1s, start: 406 eV, stop: 388 eV, {SCANNED}}}
etch:
  {{energy: 5 keV, current: 1 uA, raster_width: 2 mm, raster_height: 2 mm,
   before: 5 s, duration: 60 s, after: 10 s}}
max_cycles: 12
xray_budget: 1 h
etch_budget: 20 min
watch:
  - {{line: C 1s, states: {{carbon: {{energy: 284.6 eV}}}}}}
  - {{line: N 1s, states: {{nitride: {{energy: 394.4 eV}}}}}}
"""


@dataclass(frozen=True)
class Killed:
    """One run that was killed and resumed."""

    number: int
    etched_before: float
    """s, on the ledger when it was killed."""
    in_etch: bool
    in_scan: bool
    state: str
    wrong: tuple[str, ...]


def liftline(*words: str) -> list[str]:
    """Return the command line that runs this installation's liftline."""
    return [sys.executable, "-m", "acquire.cli", *words]


def spectra(run: Path) -> list[bytes]:
    """Return the counts of every region that a run's record holds, in order."""
    with RunRecord(run) as record:
        done = record.done(0, "xps.acquire", RegionSpectrum)
        return [np.asarray(each.result.counts, np.uint32).tobytes() for each in done]


def begun(folder: Path, number: int, seed: int) -> subprocess.Popen[bytes]:
    """Begin a run of its own folder."""
    out = folder / f"{number:03d}"
    command = liftline("run", str(folder / "profile.yaml"), "--seed", str(seed), "--out", str(out))
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_one(folder: Path, number: int, seed: int, events: int, whole: float) -> Killed:
    """Kill a run when its ledger has a random number of events, resume it, and look."""
    draw = random.Random(f"{seed}/{number}")
    process = begun(folder, number, seed)
    out, at, began = folder / f"{number:03d}", draw.randrange(1, events), wall_seconds()
    while wall_seconds() - began < LONGEST and process.poll() is None:
        worlds = list(out.glob("*/world-xps.db"))
        with suppress(sqlite3.OperationalError):  # its tables are not there yet
            if worlds and len(ledger(worlds[0])) >= at:
                break
        wait_a_moment(draw.uniform(0.0005, 0.004))
    process.kill()
    process.wait()
    (run,) = [path.parent for path in out.glob("*/run.db")]
    world = run / "world-xps.db"
    kinds = [event.kind for event in ledger(world)]
    kept, before = spectra(run), etch_seconds(world)
    resumed = subprocess.run(
        liftline("resume", str(run), "--json"), capture_output=True, text=True, timeout=LONGEST
    )
    wrong = []
    if resumed.returncode not in (0, 4):
        wrong.append(f"resume ended with {resumed.returncode}: {resumed.stderr[-300:]}")
    if resumed.returncode == 0 and abs(etch_seconds(world) - whole) > 1e-6:
        wrong.append(f"{etch_seconds(world):.6f} s etched instead of {whole:.6f}")
    if spectra(run)[: len(kept)] != kept:
        wrong.append("spectra kept before the kill are not there any more")
    state = json.loads(resumed.stdout)["state"] if resumed.stdout else "?"
    in_etch = kinds.count("etch") > kinds.count("etched")
    in_scan = kinds.count("scan") > kinds.count("scanned")
    return Killed(number, before, in_etch, in_scan, state, tuple(wrong))


def campaign(folder: Path, kills: int, seed: int) -> list[Killed]:
    """Kill and resume `kills` runs beside one that nothing interrupts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profile.yaml").write_text(PROTOCOL, encoding="utf-8")
    begun(folder, 999, seed).wait()
    (world,) = (folder / "999").glob("*/world-xps.db")
    whole, events = etch_seconds(world), len(ledger(world))
    return [kill_one(folder, number, seed, events, whole) for number in range(kills)]


if __name__ == "__main__":
    results = campaign(Path(sys.argv[1]), int(sys.argv[2]), int((sys.argv[3:] or ["1"])[0]))
    for each in results:
        where = "in an etch" if each.in_etch else "in a scan" if each.in_scan else "between"
        told = "; ".join(each.wrong) or "ok"
        print(
            f"{each.number:3d}: {each.etched_before:5.0f} s etched, {where}, {each.state}: {told}"
        )
    print(
        f"{len(results)} kills, {sum(each.in_etch for each in results)} in an etch, "
        f"{sum(each.in_scan for each in results)} in a scan, "
        f"{sum(each.state != 'finished' for each in results)} ask, "
        f"{sum(bool(each.wrong) for each in results)} wrong"
    )
    sys.exit(any(each.wrong for each in results))
