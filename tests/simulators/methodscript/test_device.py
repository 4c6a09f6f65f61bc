from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.clock import ScaledClock, wait_a_moment, wall_seconds
from drivers.methodscript.codec import Garbage, Mark, Package, Replies
from drivers.methodscript.devices import DEVICES
from simulators.cell.cell_file import load_cell
from simulators.cell.condition import HardShort
from simulators.methodscript.channel import Channel
from simulators.methodscript.device import SimDevice
from simulators.methodscript.language import read_script
from simulators.methodscript.trouble import DeviceFaults, ScriptError

CELL = load_cell("li-lipon-lnmo")


@contextmanager
def switched_on(
    speed: float = 1000.0, code: str = "es4_hr", faults: Any = (), **changed: Any
) -> Iterator[SimDevice]:
    channel = Channel(DEVICES[code], CELL, seed=1, faults=faults)
    with SimDevice(channel, ScaledClock(speed), code=code, **changed) as device:
        yield device


def said(device: SimDevice, text: str, until: str, within: float = 20.0) -> list[str]:
    """Return the lines that a device says to `text`, up to one that begins with `until`."""
    device.hear(text.encode())
    data, deadline = b"", wall_seconds() + within
    while wall_seconds() < deadline:
        data += device.fetch(0.05)
        lines = data.decode().split("\n")[:-1]
        ends = [
            n
            for n, line in enumerate(lines)
            if (line == "" if until == "" else line.startswith(until))
        ]
        if ends:
            return lines[: ends[0] + 1]
    raise AssertionError(f"no {until!r} in {data!r}")


def test_it_says_what_it_is() -> None:
    with switched_on() as device:
        assert said(device, "t\n", "R*")[0].startswith("tes4_hr1300#")
        assert said(device, "i\n", "i") == ["iSIM0001"]
        assert said(device, "v\n", "v") == ["v0109"]


@pytest.mark.parametrize(("command", "reply"), [("Z", "Z!0006"), ("Y", "Y!0006"), ("q", "q!0003")])
def test_an_idle_device_refuses(command: str, reply: str) -> None:
    with switched_on() as device:
        assert said(device, f"{command}\n", command) == [reply]


def test_it_does_not_hear_just_after_an_error() -> None:
    with switched_on(speed=1.0) as device:
        device.hear(b"Z\ni\n")
        wait_a_moment(0.2)
        assert device.fetch(0.0) == b"Z!0006\n"
        assert said(device, "i\n", "i") == ["iSIM0001"]


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        (["var a", "var a"], "e!4026: Line 2, Col 1"),
        (["store_var a 1 ja"], "e!420B: Line 1, Col 1"),
        (["fly_home"], "e!4001: Line 1, Col 1"),
        (["var a", "if a > 1"], "e!4018: Line 2, Col 1"),
        (["wait 1.5"], "e!4004: Line 1, Col 1"),
        (["cell_on 3"], "e!4002: Line 1, Col 1"),
        (["breakloop"], "e!400C: Line 1, Col 1"),
        (
            ["var v", "meas_loop_ocp v 1 2", "meas_loop_ocp v 1 2", "endloop", "endloop"],
            "e!400B: Line 3, Col 1",
        ),
        (["# " + "x" * 300], "e!0008: Line 1"),
    ],
)
def test_a_mistake_in_a_script_is_told_with_its_place(lines: list[str], reply: str) -> None:
    with switched_on() as device:
        assert said(device, "\n".join(["e", *lines, "", ""]), "e") == [reply]
        assert not device.channel.cell_on


CURRENT = "set_pgstat_mode 6\nset_range db 10u\nset_i 0\ncell_on\n"


@pytest.mark.parametrize(
    ("script", "reply"),
    [
        (f"var v\n{CURRENT}meas_loop_ocp v 1 2\nendloop", "!0014: Line 6"),
        ("var v\nvar i\nmeas_loop_cp v i 1u 1 2\nendloop", "!4027: Line 3"),
        (f"var v\nvar i\n{CURRENT}meas_loop_ca v i 4 1 2\nendloop", "!0023: Line 7"),
        ("set_pgstat_mode 9", "!0021: Line 1"),
        ("set_pgstat_mode 3\nset_e 9", "!000F: Line 2"),
        ("set_range ba 10", "!4206: Line 1"),
        ("var a\nstore_var a 1 ja\ndiv_var a 0", "!0028: Line 3"),
        ("pck_end", "!401B: Line 1"),
        (f"var v\nvar i\n{CURRENT}meas_loop_cp v i 1u 0 2\nendloop", "!4204: Line 7"),
    ],
)
def test_an_error_while_it_runs_ends_the_script_and_not_the_cell(script: str, reply: str) -> None:
    with switched_on() as device:
        lines = said(device, f'e\n{script}\non_finished:\nsend_string "over"\ncell_off\n\n', "!")
        assert lines[-1] == reply
        assert "Tover" not in lines
        assert device.channel.cell_on == ("cell_on" in script)


def test_a_pico_drives_no_current() -> None:
    with switched_on(code="espico") as device:
        assert said(device, "e\nset_pgstat_mode 6\n\n", "!")[-1] == "!001B: Line 1"


def test_a_short_overloads_a_held_voltage() -> None:
    with switched_on(faults=(HardShort(at=0.0),)) as device:
        lines = ["e", "var v", "var i", "set_pgstat_mode 3", "set_e 4", "cell_on"]
        script = "\n".join([*lines, "meas_loop_ca v i 4 1 9", "endloop", "", ""])
        assert said(device, script, "!")[-1] == "!0032: Line 6"
        assert device.channel.cell_on


LOOPS = {
    "B": "set_pgstat_mode 3\ncell_off\ntimer_start\nmeas_loop_ocp volts 100m 2",
    "A": f"{CURRENT}timer_start\nmeas_loop_cp volts amps 5u 100m 2",
    "7": "set_pgstat_mode 2\nset_range ba 10u\nset_e 3600m\ncell_on\ntimer_start\n"
    "meas_loop_ca volts amps 3600m 100m 2",
}
"""Of the shape of PalmSens' published examples: OCP, CP, CA."""


@pytest.mark.parametrize("technique", sorted(LOOPS))
def test_the_published_measurements_are_done(technique: str) -> None:
    script = (
        f"e\n# an example\nvar volts\nvar amps\nvar t\nset_pgstat_chan 0\nset_max_bandwidth 60\n"
        f"{LOOPS[technique]} # so long\n    timer_get t\n    pck_start\n    pck_add t\n"
        "    pck_add volts\n    pck_add amps\n    pck_end\nendloop\non_finished:\n    cell_off\n\n"
    )
    with switched_on() as device:
        lines = said(device, script, "")
        events = Replies().feed("\n".join([*lines, ""]).encode())
        assert not device.channel.cell_on
    assert events[1] == Mark("measurement", int(technique, 16))
    packages = [each for each in events if isinstance(each, Package)]
    assert [each.variables[0].value for each in packages] == pytest.approx(
        [0.1 * n for n in range(1, 21)]
    )
    assert all(2.5 < each.variables[1].value < 4.5 for each in packages)
    assert not any(isinstance(each, Garbage) for each in events)


LONG = "\n".join(
    ["e", "var v", "set_pgstat_mode 3", "meas_loop_ocp v 10m 100", "pck_start", "pck_add v",
     "pck_end", "endloop", 'send_string "after"', "on_finished:", 'send_string "over"', "", ""]
)  # fmt: skip


@pytest.mark.parametrize(("command", "goes_on"), [("Z", False), ("Y", True)])
def test_a_measurement_is_ended_from_outside(command: str, goes_on: bool) -> None:
    with switched_on(speed=1.0) as device:
        said(device, LONG, "P")
        lines = [line for line in said(device, f"{command}\n", "") if line[:1] != "P"]
    assert lines == [command, "*", *(["Tafter"] if goes_on else []), "Tover", ""]


def test_while_a_script_runs_only_some_commands_are_heard() -> None:
    with switched_on(speed=1.0) as device:
        said(device, LONG, "P")
        assert said(device, "i\n", "i")[-1] == "i!0006"
        wait_a_moment(0.1)
        assert said(device, "t\n", "R*")[-2].startswith("tes4_hr")
        said(device, "Z\n", "")


def test_what_nobody_fetches_is_kept_up_to_a_point() -> None:
    with switched_on(speed=2000.0, buffer=500) as device:
        device.hear(LONG.encode())
        wait_a_moment(0.5)
        data = device.fetch(0.0)
        assert len(data) <= 500
        assert device.lost > 0
        assert data.endswith(b"\n")


def test_garbage_comes_between_lines_when_it_is_told_to() -> None:
    with switched_on(
        faults=(),
    ) as device:
        device.faults = DeviceFaults(garbage=1.0)
        device.hear(b"i\n")
        wait_a_moment(0.1)
        data = device.fetch(0.1)
        assert data.endswith(b"iSIM0001\n")
        assert len(data) > len(b"iSIM0001\n")


def test_a_literal_with_a_decimal_is_refused() -> None:
    with pytest.raises(ScriptError, match="4004"):
        read_script(["var a", "store_var a 0.147u ja"])


@pytest.mark.slow
def test_it_runs_in_a_process_of_its_own_and_keeps_its_cell(tmp_path: Path) -> None:
    from drivers.methodscript.potentiostat import MethodScriptPotentiostat
    from drivers.methodscript.session import Session
    from drivers.methodscript.settings import MethodScriptSettings
    from drivers.methodscript.wire import Port
    from tests.drivers.methodscript.test_potentiostat import order
    from tests.simulators.cell.cells import run_hold

    world, volts = tmp_path / "cell.json", []
    for _ in range(2):
        command = ["--tcp", "0", "--speed", "300", "--world", str(world)]
        process = subprocess.Popen(
            [sys.executable, "-m", "simulators.methodscript", *command],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            settings = MethodScriptSettings(rehearsal_speed=300.0, reply_time=10.0)
            session = Session(lambda at=address, how=settings: Port(at, how), 10.0)
            device = MethodScriptPotentiostat(session, settings)
            volts.append(device.status().voltage)
            run_hold(device, order(end_seconds=300.0))
            device.close()
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()
    assert volts[1] > volts[0] + 0.3
