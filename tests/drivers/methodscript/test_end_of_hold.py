"""The end of a hold is told until a host has kept it: a process may die with what it heard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from drivers.clock import wait_a_moment, wall_seconds
from drivers.errors import NotRunningError, ReadbackError, StorageError
from drivers.methodscript import MethodScriptPotentiostat
from drivers.methodscript.codec import Package, Replies
from drivers.methodscript.devices import DEVICES
from drivers.methodscript.scripts import TOLD_FOR, hold_script
from drivers.methodscript.session import Session
from drivers.methodscript.settings import MethodScriptSettings
from drivers.methodscript.stream import open_since
from drivers.methodscript.wire import Port
from simulators.cell.cell_file import load_cell
from simulators.methodscript.channel import Channel
from simulators.methodscript.device import BUFFER
from simulators.methodscript.interpreter import Machine
from simulators.methodscript.language import read_script
from tests.drivers.methodscript.test_potentiostat import FIVE_C, order
from tests.simulators.cell.cells import run_hold, run_through
from tests.simulators.methodscript.served import Bench, served


@pytest.fixture
def bench() -> Iterator[Bench]:
    with served(speed=100.0) as made:
        yield made


def device_passes(bench: Bench, seconds: float) -> None:
    until = bench.device.now() + seconds
    while bench.device.now() < until:
        bench.device._clock.sleep(2.0)


def die_as_it_ends(bench: Bench, seconds: float) -> None:
    """Have a process die with all that the device said of a hold, its end among it."""
    first = bench.open()
    hold = first.hold(order(end_seconds=seconds))
    next(hold)
    first._session.drop()
    device_passes(bench, seconds)
    bench.device.fetch(0.0)


def test_an_end_that_died_with_its_process_is_told_again(bench: Bench) -> None:
    die_as_it_ends(bench, 40.0)
    with closing(bench.open()) as second:
        status = second.status()
        assert not status.cell_on
        assert not status.running
        assert 3.0 < status.voltage < 5.0
        _, held = run_through(second.take_up(order(end_seconds=40.0), 10.0))
        assert held.ended_by == "time"
        assert held.seconds == pytest.approx(40.0, abs=0.1)
        assert held.charge == pytest.approx(bench.passed(), rel=2e-3)
        assert bench.device._machine is not None, "the device tells it until it was kept"
        second.status()
        assert bench.device._machine is None


def test_an_end_that_was_kept_by_a_process_that_died_then_is_no_hindrance(bench: Bench) -> None:
    first = bench.open()
    run_hold(first, order(end_seconds=20.0))
    first._session.drop()
    with closing(bench.open()) as second:
        assert not second.status().running
        _, held = run_hold(second, order(current=-FIVE_C, end_seconds=20.0))
    assert held.charge < 0


def test_the_end_of_another_hold_is_not_taken_for_this_one(bench: Bench) -> None:
    die_as_it_ends(bench, 20.0)
    with closing(bench.open()) as second, pytest.raises(NotRunningError):
        second.take_up(order(end_voltage=5.0), 1.0)


def test_a_cell_that_stays_on_after_its_end_is_found(bench: Bench) -> None:
    device = bench.open(reply_time=1.0)
    hold = device.hold(order(end_seconds=30.0))
    next(hold)
    bench.channel.stuck_on = True
    with pytest.raises(ReadbackError, match="disconnect it by hand"):
        run_through(hold)
    bench.channel.stuck_on = False
    device.close()


def test_a_full_disk_keeps_no_cell_on(bench: Bench, tmp_path: Path) -> None:
    spool = tmp_path / "spool.txt"
    settings = bench.settings()
    session = Session(partial(Port, bench.address, settings), settings.reply_time, spool)
    device = MethodScriptPotentiostat(session, settings)
    hold = device.hold(order(end_seconds=300.0))
    next(hold)
    spool.unlink()
    spool.mkdir()  # nothing can be written there any more
    assert bench.channel.cell_on
    with suppress(StorageError):
        hold.close()
    assert not bench.channel.cell_on
    with pytest.raises(StorageError, match="make room"):
        run_hold(device, order(end_seconds=10.0))
    assert not bench.channel.cell_on


def test_what_an_absent_host_still_reads_is_not_pushed_out_by_the_end() -> None:
    device = DEVICES["es4_hr"]
    settings = MethodScriptSettings()
    channel = Channel(device, load_cell("li-lipon-lnmo"), seed=1)
    script = hold_script(order(end_seconds=10.0), device, settings, "ES4HR22A0042")
    machine = Machine(read_script(script), channel, 0.0)
    said = "".join(f"{out}\n" for out in machine.run() if isinstance(out, str))
    assert machine.t == pytest.approx(TOLD_FOR + 10.0, abs=2.0)
    assert len(said) < 0.75 * BUFFER
    packages = [each for each in Replies().feed(said.encode()) if isinstance(each, Package)]
    again = [each for each in packages if open_since(each) is not None]
    assert len(again) >= 200
    assert len({repr(each.variables[:6]) for each in again}) == 1


def test_a_device_that_nobody_hears_stops_telling() -> None:
    with served(speed=2000.0) as bench:
        first = bench.open()
        hold = first.hold(order(end_seconds=20.0))
        next(hold)
        first._session.drop()
        until = wall_seconds() + 20.0
        while bench.device._machine is not None and wall_seconds() < until:
            wait_a_moment(0.02)
        assert bench.device._machine is None
        assert not bench.channel.cell_on
