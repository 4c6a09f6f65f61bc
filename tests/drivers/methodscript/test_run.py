"""Runs over a simulated MethodSCRIPT device: a few cycles, and a link that breaks in one."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from acquire.cycling.cycling_data import read_cycling
from acquire.launch import begin_run, resume_run
from acquire.record import RunRecord
from drivers.clock import wait_a_moment, wall_seconds
from drivers.lab import GROUP, Chosen, Lab
from drivers.methodscript import DRIVER
from drivers.potentiostat import PotentiostatLimits
from protocols.loader import load_protocol
from tests.campaigns.scan import desk
from tests.simulators.methodscript.served import Bench, served

PROTOCOL = """
kind: cycling
nominal: {capacity: 1.47 uAh, basis: by area, source: Joule 2020}
area: 4.9 mm^2
record: {every: 7 s, voltage_change: 5 mV}
safety: {voltage_min: 3.3 V, voltage_max: 5.2 V, current_max: 15 uA}
pre_flight: {voltage_min: 2.5 V, voltage_max: 5.0 V, pulse: {rate: C/10}}
schedule:
  - do: loop
    times: 2
    steps:
      - {do: charge, rate: 5C, until: [{voltage: 5.1 V}]}
      - {do: discharge, rate: 5C, until: [{voltage: 3.5 V}]}
unattended: safe
"""


INSTALLED = any(point.name == "methodscript" for point in entry_points(group=GROUP))


def lab(bench: Bench) -> Lab:
    settings = bench.settings()
    limits = PotentiostatLimits()
    chosen = Chosen("potentiostat", "methodscript", DRIVER, bench.address, settings, limits)
    return Lab("rehearsal", "real", (chosen,))


def protocol(folder: Path) -> Path:
    path = folder / "cycling.yaml"
    path.write_text(PROTOCOL, encoding="utf-8")
    return path


def test_a_few_cycles_are_run(tmp_path: Path) -> None:
    with served(speed=2000.0) as bench:
        loaded = load_protocol(protocol(tmp_path))
        end = begin_run(loaded, lab(bench), tmp_path / "runs", seed=1, desk=desk())
        assert (end.state, end.exit_code) == ("finished", 0)
        assert not bench.channel.cell_on
        throughput = bench.channel.state(bench.device.now()).throughput
    assert throughput == pytest.approx(4 * 5.2e-3, rel=0.1)
    with RunRecord(end.folder) as record:
        data = read_cycling(record, record.steps()[0])
    assert data is not None
    times = data.column("test_time")
    assert (np.diff(times) >= 0).all()
    assert times[-1] == pytest.approx(sum(hold.hold_time[-1] for hold in data.holds), rel=0.02)


def break_in_a_hold(bench: Bench) -> None:
    """Break the link half a second into the first hold at 5C."""
    until = wall_seconds() + 60.0
    while wall_seconds() < until:
        if bench.channel.cell_on and bench.channel.full == 1e-5:
            wait_a_moment(0.5)
            bench.device.faults.unplugged.append((0.0, 1e9))
            return
        wait_a_moment(0.01)


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="install liftline again: it has a new driver")
def test_a_run_whose_link_broke_takes_up_the_hold_that_went_on(tmp_path: Path) -> None:
    with served(speed=200.0, buffer=10**6) as bench:
        loaded = load_protocol(protocol(tmp_path))
        breaks = Thread(target=break_in_a_hold, args=(bench,))
        breaks.start()
        end = begin_run(loaded, lab(bench), tmp_path / "runs", seed=1, desk=desk())
        breaks.join()
        assert (end.state, end.exit_code) == ("fault", 3)
        assert "connection was lost" in end.reason
        assert bench.channel.cell_on, "the device goes on by itself"
        bench.device.faults.unplugged.clear()
        resumed = resume_run(end.folder, desk=desk())
        assert (resumed.state, resumed.exit_code) == ("finished", 0)
        assert not bench.channel.cell_on
        throughput = bench.channel.state(bench.device.now()).throughput
    assert throughput == pytest.approx(4 * 5.2e-3, rel=0.1), "nothing was done twice"
