"""A night of 4 cells whose process is killed again and again, while their devices go on.

python -m tests.campaigns.night_kills FOLDER [KILLS] [SEED] [SPEED]

Each device is a simulated MethodSCRIPT potentiostat in a process of its own, which notes when its
cell is switched and what has passed. `liftline night` is killed (SIGKILL), half of the times at a
random moment and half of them just as a cell is switched off, left down for a random time, and
given again, until every cell is done. Nights follow until as many kills
as asked were made. Of each cell is asked:

- no sample twice: the seconds of each hold rise strictly;
- nothing lost that the device still had: each hold has its end, and samples up to it (what lacks in
  between is printed: a process was killed after it had taken them, before it had kept them);
- each kill that cut a hold off is a gap in `show`;
- the cell was never on for longer than the longest that a hold's own limit on the device allows;
- the charge of the record is the device's, within its uncertainty, also where a process was killed
  in the moment after it had taken the end of a hold from the device and before it had kept it: the
  device tells it again. Holds whose end was lost all the same, or that the device had not begun,
  are counted.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from acquire.cycling.cycling_data import CyclingData, read_cycling
from acquire.record import RunRecord
from acquire.show import show
from drivers.clock import ScaledClock, wait_a_moment, wall_seconds
from drivers.methodscript.devices import DEVICES
from simulators.cell.cell_file import load_cell
from simulators.methodscript.channel import Channel
from simulators.methodscript.device import SimDevice
from simulators.methodscript.serve import TcpPlug

NAMES = ("A", "B", "C", "D")
LONGEST_NIGHT = 300.0
"""Wall seconds after which a night is given up."""
PROTOCOL = """\
kind: cycling
nominal: {capacity: 1.47 uAh, basis: by area, source: the paper}
record: {every: 30 s, voltage_change: 20 mV}
safety: {voltage_min: 3.3 V, voltage_max: 5.2 V, current_max: 15 uA}
pre_flight: {voltage_min: 2.5 V, voltage_max: 5.0 V, pulse: {rate: C/10}}
schedule:
  - do: loop
    times: 2
    steps:
      - {do: charge, rate: 5C, until: [{voltage: 5.1 V}]}
      - {do: discharge, rate: 5C, until: [{voltage: 3.5 V}]}
"""


class NotedChannel(Channel):
    """A channel that notes when its cell is switched, and what had passed then."""

    notes: Path

    def switch(self, t: float, on: bool) -> None:
        """Switch the cell on or off."""
        super().switch(t, on)
        note = {"t": t, "on": self.cell_on, "passed": self.state(t).passed}
        with self.notes.open("a", encoding="utf-8") as file:
            file.write(json.dumps(note) + "\n")


def serve(name: str, folder: Path, speed: float) -> None:
    """Be a device, until killed; its port is written into `folder`."""
    channel = NotedChannel(DEVICES["es4_hr"], load_cell("li-lipon-lnmo"), seed=NAMES.index(name))
    channel.notes = folder / f"{name}.switched"
    with (
        SimDevice(channel, ScaledClock(speed), serial=f"SIM-{name}") as device,
        TcpPlug(device) as plug,
    ):
        part = folder / f"{name}.part"
        part.write_text(plug.address, encoding="utf-8")
        part.rename(folder / f"{name}.address")
        while True:
            wait_a_moment(1.0)


@contextmanager
def devices(folder: Path, speed: float) -> Iterator[None]:
    """Have every cell's device going in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.campaigns.night_kills", "--device"]
    going = [subprocess.Popen([*command, name, str(folder), str(speed)]) for name in NAMES]
    try:
        until = wall_seconds() + 120.0
        while not all((folder / f"{name}.address").exists() for name in NAMES):
            if wall_seconds() > until:
                raise TimeoutError("the devices have not begun")
            wait_a_moment(0.1)
        yield
    finally:
        for each in going:
            each.kill()
            each.wait()


def write_plan(folder: Path, speed: float) -> Path:
    """Write plan, protocol and lab files."""
    (folder / "short.yaml").write_text(PROTOCOL, encoding="utf-8")
    for name in NAMES:
        settings = {
            "serial": f"SIM-{name}",
            "rehearsal_speed": speed,
            "reply_time": "10 s",
            "heartbeat": "2 s",
        }
        address = (folder / f"{name}.address").read_text(encoding="utf-8")
        entry = {"driver": "methodscript", "address": address, "settings": settings}
        entry["limits"] = {"reading_age_max": "30 s"}
        lab = {"name": f"channel {name}", "instruments": {"potentiostat": entry}}
        (folder / f"lab-{name}.yaml").write_text(json.dumps(lab), encoding="utf-8")
    cells = [
        {"name": name, "protocol": str(folder / "short.yaml"), "lab": f"lab-{name}.yaml"}
        for name in NAMES
    ]
    path = folder / "plan.yaml"
    path.write_text(json.dumps({"name": "night", "cells": cells}), encoding="utf-8")
    return path


@dataclass
class Night:
    """How a night went."""

    folder: Path
    kills: int = 0
    code: int | None = None
    wrong: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    untold: int = 0
    """Holds whose end was lost, or that the device had not begun."""


def go(folder: Path, most: int, draw: random.Random, speed: float) -> Night:
    """Run a night, killed at most `most` times."""
    night = Night(folder)
    until = wall_seconds() + LONGEST_NIGHT
    with devices(folder, speed):
        command = [sys.executable, "-c", "from acquire.cli import main; main()", "night"]
        command += [str(write_plan(folder, speed)), "--out", str(folder)]
        while night.code is None and wall_seconds() < until:
            with (folder / "said.txt").open("a", encoding="utf-8") as said:
                process = subprocess.Popen(command, stdout=said, stderr=said)
            try:
                lives = draw.uniform(1.0, 9.0) if night.kills < most else LONGEST_NIGHT
                lives = min(lives, max(until - wall_seconds(), 0.0))
                if night.kills < most and draw.random() < 0.5:
                    _wait_for_an_end(folder, 12.0)
                    lives = draw.uniform(0.0, 0.06)
                night.code = process.wait(lives)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                night.kills += 1
                wait_a_moment(min(draw.expovariate(1 / 2.0), 20.0))
    if night.code != 0:
        night.wrong.append(f"the night ended with {night.code}")
    for name in NAMES:
        check(night, name)
    return night


def _wait_for_an_end(folder: Path, longest: float) -> None:
    """Wait until a cell is switched off, `longest` wall seconds at most."""
    notes = [folder / f"{name}.switched" for name in NAMES]
    before = [_offs(each) for each in notes]
    until = wall_seconds() + longest
    while [_offs(each) for each in notes] == before and wall_seconds() < until:
        wait_a_moment(0.003)


def _offs(notes: Path) -> int:
    """Return how often a cell that was on has been switched off."""
    text = notes.read_text(encoding="utf-8") if notes.exists() else ""
    on = [json.loads(line)["on"] for line in text.splitlines()]
    return sum(a and not b for a, b in pairwise(on))


def check(night: Night, name: str) -> None:
    """Look for what is wrong with a cell's record."""
    runs = [path.parent for path in (night.folder / "night" / name).glob("*/run.db")]
    if len(runs) != 1:
        night.wrong.append(f"{name}: {len(runs)} runs")
        return
    with RunRecord(runs[0]) as record:
        view = show(record)
        data = read_cycling(record, record.steps()[0])
    assert data is not None
    if view["state"] != "finished":
        night.wrong.append(f"{name}: {view['state']}: {view['reason']}")
    cut = [hold.entry for hold in data.holds if hold.cut_off]
    told = {gap["action"] for gap in view["gaps"] if gap["kind"] != "away"}
    if not told.issuperset(cut):
        night.wrong.append(f"{name}: holds {sorted(set(cut) - told)} were cut off, no gap tells it")
    night.wrong += [f"{name}: {text}" for text in (*_samples(data), *_charge(night, name, data))]
    night.wrong += [f"{name}: {text}" for text in _limits(night, name, data)]
    for hold in data.holds:
        steps = np.diff(hold.hold_time)
        most = float(steps.max()) if len(steps) else 0.0
        if most > 1.5 * hold.order.every:
            night.facts.append(f"{name}: hold {hold.entry} lacks {most:.0f} s of samples")


def _samples(data: CyclingData) -> Iterator[str]:
    """Yield what is wrong with samples."""
    for hold in data.holds:
        if (np.diff(hold.hold_time) <= 0).any():
            yield f"hold {hold.entry} has a sample twice, or out of order"
        if hold.held is None:
            yield f"hold {hold.entry} has no end"
        elif not len(hold.hold_time) or hold.held.seconds - hold.hold_time[-1] > hold.order.every:
            yield f"hold {hold.entry} ended at {hold.held.seconds:.1f} s, its samples do not"


def _noted(night: Night, name: str) -> list[dict[str, float]]:
    text = (night.folder / f"{name}.switched").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _charge(night: Night, name: str, data: CyclingData) -> Iterator[str]:
    """Yield how the record's charge differs from the device's by more than the error of both."""
    held = [(hold.order, hold.held) for hold in data.holds if hold.held is not None]
    driven = [(order, each) for order, each in held if order.mode != "rest"]
    recorded = math.fsum(each.charge for _, each in driven)
    true = _noted(night, name)[-1]["passed"]
    setup = data.setup
    error = setup.current_gain * abs(recorded) + math.fsum(
        setup.current_offset * order.current_range * each.seconds
        + setup.time_jitter * abs(order.current)
        for order, each in driven
    )
    passed = math.fsum(abs(each.charge) for _, each in driven)
    night.facts.append(
        f"{name}: charge {recorded:.6g} C, the device's {true:.6g} C, of {passed:.4g} C passed; "
        f"standard uncertainty {error:.2g} C"
    )
    said = (night.folder / "said.txt").read_text(encoding="utf-8")
    untold = said.count(f"{name}: potentiostat.hold: methodscript: the device does this hold no")
    night.untold += untold
    if abs(recorded - true) > 3 * error:
        yield f"charge {recorded:.6g} C, the device's {true:.6g} C: beyond 3 x {error:.2g} C"


def _limits(night: Night, name: str, data: CyclingData) -> Iterator[str]:
    """Yield when the cell was on for longer than any hold may be."""
    longest = max(hold.order.seconds_max for hold in data.holds if hold.order.mode != "rest")
    since: float | None = None
    for note in _noted(night, name):
        if note["on"]:
            since = note["t"] if since is None else since
        elif since is not None:
            if note["t"] - since > longest * 1.001 + 1.0:
                yield f"the cell was on for {note['t'] - since:.1f} s, above {longest:.1f} s"
            since = None
    if since is not None:
        yield "the cell was left on"


def campaign(folder: Path, kills: int, seed: int, speed: float) -> Iterator[Night]:
    """Yield nights until as many kills were made."""
    draw, done, number = random.Random(seed), 0, 0
    while done < kills:
        night = go(folder / f"{number:02d}", min(8, kills - done), draw, speed)
        done, number = done + max(night.kills, 1), number + 1
        yield night


def main() -> None:
    """Run the campaign, or one device of it."""
    if sys.argv[1] == "--device":
        serve(sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))
    given = [int(word) for word in sys.argv[2:]] + [30, 1, 100][len(sys.argv) - 2 :]
    kills, wrong = 0, 0
    for night in campaign(Path(sys.argv[1]).resolve(), given[0], given[1], float(given[2])):
        kills, wrong = kills + night.kills, wrong + len(night.wrong)
        told = f"{night.kills} kills, code {night.code}, {night.untold} not told"
        print(f"{night.folder}: {told}", flush=True)
        print("\n".join(f"    {text}" for text in night.facts), flush=True)
        print("\n".join(f"    WRONG: {text}" for text in night.wrong), flush=True)
    print(f"{kills} kills, {wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
