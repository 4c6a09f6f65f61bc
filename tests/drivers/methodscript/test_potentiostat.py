from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from drivers.errors import (
    InstrumentFaultError,
    LimitError,
    LinkError,
    NotRunningError,
    ReadbackError,
)
from drivers.methodscript.codec import Package, Variable
from drivers.methodscript.scripts import mark_of
from drivers.methodscript.settings import MethodScriptSettings
from drivers.methodscript.stream import Stream
from drivers.methodscript.wire import Port, Wire
from drivers.potentiostat import HoldOrder
from protocols.errors import InputError
from simulators.methodscript.trouble import DeviceFaults
from tests.simulators.cell.cells import run_hold, run_through
from tests.simulators.methodscript.served import Bench, served

FIVE_C = 7.35e-6


def order(mode: Any = "current", **changed: Any) -> HoldOrder:
    given = {
        "current": FIVE_C if mode != "rest" else 0.0,
        "current_range": 1e-5,
        "seconds_max": 1080.0,
        "voltage_min": 3.3,
        "voltage_max": 5.2,
        "every": 7.0,
        "voltage_change": 5e-3,
        **changed,
    }
    return HoldOrder(mode, **given)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with served() as made:
        yield made


terminal = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")


@pytest.mark.parametrize("kind", ["tcp", pytest.param("terminal", marks=terminal)])
def test_every_kind_of_hold_is_done_and_counted(kind: str) -> None:
    with (
        served(terminal=kind == "terminal", speed=1500.0) as bench,
        closing(bench.open()) as device,
    ):
        holds = [
            order("rest", end_seconds=20.0),
            order(end_voltage=4.7),
            order("current then voltage", voltage=4.75, end_current=1e-6),
            order("voltage", voltage=4.6, end_current=1e-6),
            order(current=-FIVE_C, end_charge=2e-4),
            order(current=-FIVE_C, end_seconds=30.0),
        ]
        ends = []
        for hold in holds:
            before = bench.passed()
            _, held = run_hold(device, hold)
            ends.append(held.ended_by)
            assert held.on_device
            assert held.charge == pytest.approx(bench.passed() - before, rel=2e-3, abs=1e-9)
            assert not device.status().cell_on
    assert ends == ["time", "voltage", "current", "current", "charge", "time"]


def test_the_charge_is_that_to_the_moment_the_current_stopped(bench: Bench) -> None:
    scale = bench.channel._instrument.scale(1e-5)
    with closing(bench.open()) as device:
        _, held = run_hold(device, order(end_voltage=4.72))
        passed = bench.passed()
    as_metered = passed * (1 + scale.gain) + scale.offset * held.seconds
    assert held.charge == pytest.approx(as_metered, rel=1e-4)


def test_samples_are_kept_as_the_record_says(bench: Bench) -> None:
    with closing(bench.open()) as device:
        blocks, held = run_hold(device, order("rest", end_seconds=60.0, every=20.0))
    times = np.concatenate([block.seconds for block in blocks])
    assert times[-1] == pytest.approx(held.seconds)
    assert 4 <= len(times) <= 5


def test_a_slope_ends_a_rest(bench: Bench) -> None:
    with closing(bench.open()) as device:
        run_hold(device, order(end_voltage=4.6))
        _, held = run_hold(device, order("rest", end_seconds=500.0, end_slope=1e-3))
    assert held.ended_by == "slope"


@pytest.mark.parametrize("code", [0x0032, 0x0010])
def test_the_cell_is_off_after_an_error_that_left_it_on(code: int) -> None:
    faults = DeviceFaults(fails_at=60.0, fails_with=code)
    with served(faults=faults) as bench, closing(bench.open()) as device:
        with pytest.raises(InstrumentFaultError, match=f"{code:04X}"):
            run_hold(device, order(end_voltage=5.1))
        assert not bench.channel.cell_on
        assert not device.status().cell_on


@pytest.mark.slow
def test_a_cell_that_stays_on_is_said_so() -> None:
    with served() as bench:
        device = bench.open()
        hold = device.hold(order(end_voltage=5.1))
        next(hold)
        bench.channel.stuck_on = True
        with pytest.raises(ReadbackError, match="disconnect it by hand"):
            hold.close()
        bench.channel.stuck_on = False
        device.close()


def test_a_hold_that_the_host_takes_for_over_is_ended(bench: Bench) -> None:
    with closing(bench.open()) as device:
        hold = device.hold(order(end_voltage=5.1))
        next(hold)
        device._session.running = False  # as a line that came garbled may say
        device.safe()
        assert not bench.channel.cell_on
        hold.close()


def test_a_hold_that_goes_on_is_taken_up_by_another_process(bench: Bench) -> None:
    asked = order(end_voltage=4.7)
    first = bench.open()
    hold = first.hold(asked)
    kept = [next(hold) for _ in range(2)]
    first._session.drop()  # as the process ends: nothing more is sent
    reached = float(kept[-1].seconds[-1])
    with closing(bench.open()) as second:
        assert second.identity().serial == bench.device.serial
        blocks, held = run_through(second.take_up(asked, reached))
        times = np.concatenate([block.seconds for block in blocks])
        assert times[0] > reached
        assert held.ended_by == "voltage"
        assert held.charge == pytest.approx(bench.passed(), rel=2e-3)
        assert not bench.channel.cell_on
    hold.close()


def test_the_end_of_a_hold_that_nobody_heard_is_still_told() -> None:
    asked = order("rest", end_seconds=60.0)
    with served(speed=100.0) as bench:
        first = bench.open()
        hold = first.hold(asked)
        next(hold)
        first._session.drop()
        left = bench.device.now()
        while bench.device.now() < left + 80.0:
            bench.device._clock.sleep(10.0)
        with closing(bench.open()) as second:
            _, held = run_through(second.take_up(asked, 10.0))
    assert held.ended_by == "time"
    assert held.seconds == pytest.approx(60.0, abs=0.1)


def test_another_hold_is_not_taken_up_but_ended(bench: Bench) -> None:
    first = bench.open()
    hold = first.hold(order(end_voltage=5.1))
    next(hold)
    first._session.drop()
    with closing(bench.open()) as second:
        with pytest.raises(NotRunningError):
            second.take_up(order(end_voltage=5.0), 1.0)
        assert not bench.channel.cell_on


@pytest.mark.slow
def test_what_overflowed_while_nobody_listened_is_a_gap() -> None:
    with served(buffer=4000, speed=100.0) as bench:
        asked = order(end_seconds=150.0)
        first = bench.open()
        hold = first.hold(asked)
        kept = [next(hold) for _ in range(2)]
        first._session.drop()
        left = bench.device.now()
        while bench.device.now() < left + 80.0:
            bench.device._clock.sleep(20.0)
        with closing(bench.open()) as second:
            blocks, held = run_through(second.take_up(asked, float(kept[-1].seconds[-1])))
            assert bench.device.lost > 0
            assert held.charge == pytest.approx(bench.passed(), rel=2e-3)
        times = np.concatenate([block.seconds for block in blocks])
        assert (np.diff(times) > 0).all()
        assert times[0] - kept[-1].seconds[-1] > 20.0


def test_a_broken_link_leaves_the_hold_to_the_device(bench: Bench) -> None:
    device = bench.open()
    hold = device.hold(order(end_voltage=5.1))
    next(hold)
    bench.device.faults.unplugged.append((bench.device.now(), 1e9))
    with pytest.raises(LinkError, match="connection was lost"):
        run_through(hold)
    assert bench.channel.cell_on
    bench.device.faults.unplugged.clear()
    device.close()
    assert not bench.channel.cell_on


def test_the_dead_mans_limit_is_in_the_script(bench: Bench) -> None:
    device = bench.open()
    hold = device.hold(order(seconds_max=60.0))
    next(hold)
    device._session.drop()
    left = bench.device.now()
    while bench.device.now() < left + 100.0:
        bench.device._clock.sleep(10.0)
    assert not bench.channel.cell_on


@pytest.mark.parametrize(
    ("code", "changed", "cure"),
    [
        ("es4_lr", {}, r"-3 to 3 V of this EmStat4 LR; use another"),
        ("espico", {"voltage_min": 0.5, "voltage_max": 1.5}, "outside the largest range|constant"),
        ("es4_hr", {"current": 0.2}, "outside the largest range"),
        ("es4_hr", {"current_range": 1e-6}, "outside the 1e-06 A range"),
        ("es4_hr", {"seconds_max": float("inf")}, "finite"),
    ],
)
def test_what_a_device_cannot_do_is_refused(code: str, changed: dict[str, Any], cure: str) -> None:
    with (
        served(code=code) as bench,
        closing(bench.open()) as device,
        pytest.raises(LimitError, match=cure),
    ):
        device.hold(order(**changed))


def test_another_device_than_the_lab_file_names_is_refused(bench: Bench) -> None:
    with pytest.raises(InputError, match="the lab file wants ES4-7"):
        bench.open(serial="ES4-7")


def test_old_firmware_is_refused() -> None:
    with served(firmware="1100") as bench, pytest.raises(InputError, match="update it"):
        bench.open()


def test_a_real_device_is_not_hurried() -> None:
    with served(serial="ES4HR22A0042") as bench, pytest.raises(InputError, match="leave it out"):
        bench.open()


def test_a_port_that_is_not_there_says_what_is() -> None:
    with served() as bench:
        address = bench.address
    with served() as other:
        other.address = address
        with pytest.raises(LinkError, match="ports here"):
            other.open()
        other.address = "/dev/no-such-port"
        with pytest.raises(LinkError, match="ports here"):
            other.open()


@terminal
def test_what_came_before_a_port_was_opened_is_read() -> None:
    import pty
    import tty

    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.write(ours, b"an end\n")
    port = Port(os.ttyname(theirs), MethodScriptSettings())
    try:
        assert port.receive(5.0) == b"an end\n"
    finally:
        port.close()
        os.close(ours)
        os.close(theirs)


@terminal
def test_a_port_that_another_program_holds_is_refused() -> None:
    with (
        served(terminal=True) as bench,
        closing(bench.open()),
        pytest.raises(LinkError, match="another program"),
    ):
        bench.open()


def test_a_script_that_somebody_else_left_is_ended_when_it_is_not_ours(bench: Bench) -> None:
    bench.device.hear(b"e\nvar v\nset_pgstat_mode 3\nmeas_loop_ocp v 1 100000\nendloop\n\n")
    with closing(bench.open(reply_time=0.5)) as device:
        assert not device.status().running


@pytest.mark.slow
def test_half_a_script_of_a_process_that_ended_does_no_harm(bench: Bench) -> None:
    bench.device.hear(b"e\nvar v\nset_pgstat_mode 6\ncell_on\nmeas_loop_cp v ")
    with closing(bench.open(reply_time=0.5)) as device:
        assert not bench.channel.cell_on
        _, held = run_hold(device, order("rest", end_seconds=5.0))
    assert held.ended_by == "time"


def test_a_device_that_trickles_is_heard_to_the_end() -> None:
    faults = DeviceFaults(trickle=1e-4)
    with served(speed=20.0, faults=faults) as bench, closing(bench.open()) as device:
        _, held = run_hold(device, order("rest", end_seconds=5.0))
    assert held.ended_by == "time"


def test_garbage_between_the_lines_spoils_no_sample() -> None:
    faults = DeviceFaults(garbage=0.05)
    with served(speed=200.0, faults=faults) as bench, closing(bench.open()) as device:
        blocks, held = run_hold(device, order("rest", end_seconds=60.0, every=1.0))
        volts = np.concatenate([block.voltage for block in blocks])
        assert held.ended_by == "time"
        assert len(volts) > 40
        assert volts == pytest.approx(volts[0], abs=2e-3)
        bench.device.faults.garbage = 0.0


class Garbles:
    """Changes what is sent to the device."""

    def __init__(self, wire: Wire, what: bytes, to: bytes) -> None:
        self._wire, self._what, self._to = wire, what, to

    def send(self, data: bytes) -> None:
        self._wire.send(data.replace(self._what, self._to))

    def receive(self, timeout: float) -> bytes:
        return self._wire.receive(timeout)

    def close(self) -> None:
        self._wire.close()


@pytest.mark.parametrize(
    ("what", "to"), [(b"drive 7350n", b"drive 9350n"), (b"upper 5200m", b"upper 6000m")]
)
def test_a_script_that_came_garbled_is_ended(bench: Bench, what: bytes, to: bytes) -> None:
    device = bench.open_through(lambda wire: Garbles(wire, what, to))
    with closing(device):
        with pytest.raises(ReadbackError, match="garbled on its way"):
            run_hold(device, order(end_voltage=5.1))
        assert not bench.channel.cell_on


def test_a_range_that_the_device_left_is_seen(bench: Bench) -> None:
    stream = Stream(order(), bench.settings(), {15: 1e-5, 18: 1e-4}, compared=True)
    package = Package(
        (
            Variable("ja", mark_of(order())),
            Variable("eb", 1.0),
            Variable("ab", 4.0),
            Variable("ba", FIVE_C, 0, 18),
            Variable("ja", 7e-6),
        )
    )
    stream.take(package)
    with pytest.raises(ReadbackError, match="not in that of 1e-05"):
        stream.take(package)
