"""Single stages of a lift-out, each rehearsed on a specimen prepared for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from acquire import launch
from acquire.launch import RunEnd, begin_run, resume_run
from drivers.clock import JumpingClock
from drivers.lab import Lab, simulated_lab
from protocols.loader import load_protocol
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
READINGS = "reading waiting"


def write_stage(folder: Path, stage: str) -> Path:
    """Write the protocol of one stage's rehearsal into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{stage}.yaml"
    text = PROTOCOL.format(stage=stage, last=TO.get(stage, stage), more=STAGES[stage])
    file.write_text(text, encoding="utf-8")
    return file


def prepared(stage: str) -> Lab:
    """Return the simulated lab with a specimen that is as it ideally is before a stage."""
    return simulated_lab({"fib": {"prepared": stage, "start_cold": True}, "cryo": {}})


def rehearse(folder: Path, stage: str, seed: int, boundary: Callable[[str], None]) -> RunEnd:
    """Do one stage on a specimen that is as it ideally is before it."""
    protocol = load_protocol(write_stage(folder, stage))
    return begin_run(protocol, prepared(stage), folder, seed=seed, desk=agreeing(boundary))


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
