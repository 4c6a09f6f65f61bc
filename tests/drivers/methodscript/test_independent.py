"""Against what others have written: PalmSens' grammar, and labmcp-palmsens' driver and device.

They are no part of liftline; where they are not installed these tests are left out:
pip install labmcp-palmsens; pip install --no-deps pypalmsens; pip install antlr4-python3-runtime.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import deque
from collections.abc import Callable
from contextlib import closing
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from drivers.clock import wait_a_moment
from drivers.methodscript.codec import Ended, Event, Mark, Package
from drivers.methodscript.devices import DEVICES
from drivers.methodscript.scripts import CELL_OFF, hold_script, look_script
from drivers.methodscript.session import Session
from drivers.methodscript.settings import MethodScriptSettings
from drivers.potentiostat import HoldOrder
from tests.simulators.methodscript.served import served


def validator() -> Callable[[str], None]:
    """Return pypalmsens' own check of a script, without its .NET."""
    pytest.importorskip("antlr4")
    found = importlib.util.find_spec("pypalmsens")
    if found is None or not found.submodule_search_locations:
        pytest.skip("pypalmsens is not installed")
    name = "pypalmsens_grammar"
    folder = Path(next(iter(found.submodule_search_locations))) / "_methodscript"
    for package, path in ((name, folder), (f"{name}.generated", folder / "generated")):
        if package not in sys.modules:
            sys.modules[package] = ModuleType(package)
            sys.modules[package].__path__ = [str(path)]
    module: Any = importlib.import_module(f"{name}.validate")
    check: Callable[[str], None] = module.validate
    return check


ENDS: list[dict[str, Any]] = [
    {},
    {"end_charge": 6.35e-3, "end_slope": 1e-5},
    {"end_seconds": 60.0, "voltage_change": 5e-3, "current_change": 1e-8},
]
MODES: list[dict[str, Any]] = [
    {"mode": "rest", "current": 0.0},
    {"mode": "current", "current": 0.147e-6, "end_voltage": 5.1, "current_range": 1e-6},
    {"mode": "current", "current": -7.35e-6, "end_voltage": 3.5, "current_range": 1e-5},
    {"mode": "voltage", "voltage": 4.7, "current": 7.35e-6, "current_range": 1e-5},
    {"mode": "current then voltage", "voltage": 5.1, "current": 7.35e-6, "end_current": 147e-9,
     "current_range": 1e-5},
]  # fmt: skip


@pytest.mark.parametrize(("mode", "ends"), list(product(MODES, ENDS)))
def test_every_script_is_accepted_by_the_vendors_grammar(
    mode: dict[str, Any], ends: dict[str, Any]
) -> None:
    validate = validator()
    order = HoldOrder(**mode, **ends, voltage_min=3.3, voltage_max=5.2, every=7.0)
    lines = hold_script(order, DEVICES["es4_hr"], MethodScriptSettings(), "ES4HR22A0042")
    assert max(map(len, lines)) <= 255
    validate("\n".join(lines) + "\n")


def test_the_other_scripts_are_accepted_by_the_vendors_grammar() -> None:
    validate = validator()
    for lines in (look_script(DEVICES["nexus1"]), CELL_OFF):
        validate("\n".join(lines) + "\n")


def test_the_vendors_grammar_refuses_decimals() -> None:
    validate = validator()
    with pytest.raises(SyntaxError):
        validate("var a\nstore_var a 0.147u ja\n")


class TheirWire:
    """Bytes to and from labmcp-palmsens' simulated device."""

    def __init__(self, device: Any) -> None:
        self._device, self._half, self._out = device, b"", deque[str]()

    def send(self, data: bytes) -> None:
        *lines, self._half = (self._half + data).split(b"\n")
        for line in lines:
            said = self._device.handle(line.decode())
            self._out.extend([said] if isinstance(said, str) else said or [])

    def receive(self, timeout: float) -> bytes:
        self._out.extend(self._device.poll())
        if not self._out:
            wait_a_moment(min(timeout, 0.01))
        data = "".join(f"{line}\n" for line in self._out)
        self._out.clear()
        return data.encode()

    def close(self) -> None:
        pass


CA = [
    "var volts", "var amps", "var secs", "set_pgstat_chan 0", "set_pgstat_mode 2",
    "set_max_bandwidth 60", "set_range_minmax da 300m 300m", "set_range ba 100u",
    "set_autoranging ba 100u 100u", "set_e 300m", "cell_on", "timer_start",
    "meas_loop_ca volts amps 300m 100m 2", "timer_get secs", "pck_start", "pck_add secs",
    "pck_add volts", "pck_add amps", "pck_end", "endloop", "on_finished:", "cell_off",
]  # fmt: skip


def test_our_session_measures_with_their_device() -> None:
    simulator = pytest.importorskip("labmcp_palmsens.simulator")
    theirs = simulator.MethodScriptSimulator(speed=20.0)
    session = Session(lambda: TheirWire(theirs), 2.0)
    session.open()
    assert (session.code, session.serial, session.device.name) == (
        "espico",
        "ESPSIM01",
        "EmStat Pico",
    )
    session.start(CA)
    events: list[Event] = []
    while not (events and isinstance(events[-1], Ended)):
        events += list(session.events(0.1))
    packages = [event for event in events if isinstance(event, Package)]
    assert events[0] == Mark("measurement", 7)
    assert len(packages) == 20
    times = [package.variables[0].value for package in packages]
    amperes = [package.variables[2].value for package in packages]
    assert times == pytest.approx([0.1 * n for n in range(1, 21)])
    assert amperes[0] > amperes[-1] > 0
    assert all(package.variables[2].range_index is not None for package in packages)
    assert not theirs.cell_powered
    assert session.dropped == 0


def test_their_driver_measures_with_our_device() -> None:
    driver = pytest.importorskip("labmcp_palmsens.driver")
    transports = pytest.importorskip("labmcp.transports")
    with served(speed=20.0) as bench:
        address = bench.address.removeprefix("socket://")
        transport = transports.open_transport(f"tcp://{address}")
        device = driver.MethodScriptDevice(transport)
        with closing(device):
            told = device.identify()
            assert told["model"] == "EmStat4 HR"
            assert told["serial"] == bench.device.serial
            script = [line.replace("300m", "3700m").replace("100u", "10u") for line in CA]
            result = device.execute(script, timeout_s=30.0)
        assert result.error is None
        assert result.malformed == []
        assert len(result.packets) == 20
        assert [each.type for each in result.packets[0][1]] == ["eb", "da", "ba"]
        assert result.packets[-1][1][1].value == pytest.approx(3.7, abs=2e-3)
        assert not bench.channel.cell_on
