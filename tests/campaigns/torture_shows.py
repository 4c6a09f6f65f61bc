"""`liftline torture` on every published protocol, and what came of it in one table.

    python -m tests.campaigns.torture_shows FOLDER SEED [PART ...]

Parts: `boundaries` crashes one run of each at every boundary of its journal (the profile and the
cell cut to 12 and 20 cycles; the lift-out stage by stage, `STAGE ...` for those alone); `kills`
kills processes; `network` has a bad network before served instruments; `mixed` does random
multi-fault runs of short protocols of each kind.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.clock import wall_seconds
from protocols.loader import load_protocol
from tests.campaigns.rehearsals import STAGES, write_stage

AGREED = "they are done"
LAB = """\
name: prepared
clock: jumping
instruments:
  fib: {{driver: simulated-fib, settings: {{prepared: {stage}, start_cold: true}}}}
  cryo: {{driver: simulated-cryo}}
"""
SCAN = """\
kind: eds_line_scan
survey: {field: 1 um, pixels: 128, dwell: 20 us, probe_current: 25 pA}
start: {edge_of: dark_field, offset: -100 nm}
length: 200 nm
points: 24
strip: 500 nm
probe_current: 100 pA
dwell: 250 ms
dose_limit: 1e5 e/angstrom^2
background_points: 5
watch: [{element: N}, {element: P}]
drift:
  every: 7
  largest_step: 20 nm
  image: {field: 1 um, pixels: 128, dwell: 10 us, probe_current: 25 pA}
"""
SCANNED = "step: 0.1 eV, dwell: 20 ms, sweeps: 2, pass_energy: 40 eV"
PROFILE = f"""\
kind: depth_profile
regions:
  - {{line: C 1s, start: 296 eV, stop: 279 eV, {SCANNED}}}
  - {{line: N 1s, start: 406 eV, stop: 388 eV, {SCANNED}}}
etch:
  {{energy: 5 keV, current: 1 uA, raster_width: 2 mm, raster_height: 2 mm,
   before: 5 s, duration: 60 s, after: 10 s}}
max_cycles: 6
xray_budget: 1 h
etch_budget: 20 min
watch:
  - {{line: C 1s, states: {{carbon: {{energy: 284.6 eV}}}}}}
  - {{line: N 1s, states: {{nitride: {{energy: 394.4 eV}}}}}}
"""
CELL = """\
kind: cycling
nominal: {capacity: 1.47 uAh, basis: by area, source: the paper}
record: {every: 30 s, voltage_change: 20 mV}
safety: {voltage_min: 3.3 V, voltage_max: 5.2 V, current_max: 15 uA}
pre_flight: {voltage_min: 2.5 V, voltage_max: 5.0 V, pulse: {rate: C/10}}
schedule:
  - do: loop
    times: 3
    steps:
      - {do: charge, rate: 5C, until: [{voltage: 5.1 V}]}
      - {do: discharge, rate: 5C, until: [{voltage: 3.5 V}]}
"""
SHORT = {"scan": SCAN, "profile": PROFILE, "cell": CELL}
MIXED = {"cell": 300, "profile": 250, "scan": 350}
"""Multi-fault runs of each; the lift-out's stages share a hundred."""
KILLS = {"cell": 24, "profile": 30, "scan": 40}
NETWORK = {"scan": 15, "profile": 15, "cell": 20}
EVERY = ("--family", "crash", "--every-boundary", "--runs", "1")
WHOLE = (*EVERY, "--to-the-end")
LIFTED = ("clean", "weld", "sever", "release")
"""Stages of the lift-out whose processes are killed, and which are run with faults."""


@dataclass(frozen=True)
class Part:
    """One campaign: a name, and the words of `liftline torture` after its own."""

    name: str
    words: Sequence[str]


def stage(folder: Path, name: str) -> list[str]:
    """Return the words for one stage of a lift-out on a specimen prepared for it."""
    lab = folder / f"lab-{name}.yaml"
    protocol = write_stage(folder, name)
    lab.write_text(LAB.format(stage=name), encoding="utf-8")
    return [str(protocol), "--lab", str(lab), "--answer", AGREED]


def shortened(folder: Path, published: str, before: str, after: str) -> str:
    """Write a published protocol with one figure changed, and return where."""
    file = folder / f"{published.rpartition('/')[2]}-shortened.yaml"
    text = load_protocol(published).text
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    return str(file)


def stage_boundaries(folder: Path, name: str) -> Part:
    """Return a crash at every boundary of one stage of a lift-out."""
    return Part(f"lift-out, {name}: every boundary", [*stage(folder, name), *WHOLE])


def boundaries(folder: Path) -> Iterator[Part]:
    """Yield a crash at every boundary of one run of each published protocol."""
    cell = shortened(folder, "joule2020/cycling", "times: 532", "times: 17")
    profile = shortened(folder, "joule2020/xps-depth-profile", "max_cycles: 90", "max_cycles: 12")
    yield Part("cell, 20 cycles: every boundary", [cell, *WHOLE])
    yield Part("profile, 12 cycles: every boundary", [profile, *WHOLE])
    for name in STAGES:
        yield stage_boundaries(folder, name)
    yield Part("line scan: every boundary", ["joule2020/eds-line", *EVERY])


def of_family(folder: Path, family: str, counts: dict[str, int], lifted: int) -> Iterator[Part]:
    """Yield tries of one family on short protocols of each kind."""
    for name, count in counts.items():
        file = folder / f"{name}.yaml"
        file.write_text(SHORT[name], encoding="utf-8")
        yield Part(f"{name}: {family}", [str(file), "--family", family, "--runs", str(count)])
    for name in LIFTED if lifted else ():
        words = [*stage(folder, name), "--family", family, "--runs", str(lifted)]
        yield Part(f"lift-out, {name}: {family}", words)


def parts(folder: Path, wanted: Sequence[str]) -> Iterator[Part]:
    """Yield the campaigns of the parts that are wanted."""
    if "kills" in wanted:
        yield from of_family(folder, "kill", KILLS, 2)
    if "network" in wanted:
        yield from of_family(folder, "network", NETWORK, 0)
    if "mixed" in wanted:
        yield from of_family(folder, "mixed", MIXED, 25)
    if "boundaries" in wanted:
        yield from boundaries(folder)
    for name in STAGES:
        if name in wanted:
            yield stage_boundaries(folder, name)


def main() -> int:
    """Run the parts and print a line for each, and what broke."""
    folder, seed = Path(sys.argv[1]).resolve(), sys.argv[2]
    folder.mkdir(parents=True, exist_ok=True)
    total = broken = 0
    for part in parts(folder, sys.argv[3:] or ("kills", "network", "mixed", "boundaries")):
        began = wall_seconds()
        command = [sys.executable, "-m", "acquire.cli", "torture", *part.words, "--json"]
        command += ["--seed", seed, "--out", str(folder / "out")]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode not in (0, 1) or not done.stdout:
            print(f"{part.name}: exit code {done.returncode}: {done.stderr[-2000:]}", flush=True)
            broken += 1
            continue
        told = json.loads(done.stdout)
        wrong = {each["try"] for each in told["broken"]}
        total, broken = total + sum(told["tries"].values()), broken + len(wrong)
        print(
            f"{part.name}: {told['boundaries']} boundaries, {told['boundaries_that_differ']} "
            f"differ; {told['tries']} tries, {told['sessions']} sessions, {len(wrong)} broken; "
            f"ended {told['ended']}; {wall_seconds() - began:.0f} s",
            flush=True,
        )
        for each in told["broken"]:
            print(f"  {each['invariant']}: {each['text']}\n  {each['repeat']}", flush=True)
    print(f"{total} tries, {broken} broken")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
