"""What every implementation of `drivers.potentiostat.Potentiostat` must do. Add yours to `MAKERS`.

The cell of each case is at rest between 3 and 5 V, and takes `current` for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.action import action_of
from drivers.codec import canonical, pack, unpack
from drivers.errors import LimitError, NotRunningError
from drivers.potentiostat import (
    Held,
    HoldOrder,
    Potentiostat,
    PotentiostatLimits,
    PotentiostatSetup,
    PotentiostatStatus,
    Samples,
)
from tests.drivers.network.served import afar
from tests.simulators.cell.cells import open_cell, run_hold
from tests.simulators.methodscript.served import served


@dataclass(frozen=True)
class Case:
    """An open device, and what may be asked of it."""

    potentiostat: Potentiostat
    current: float
    """A."""
    current_range: float
    """A."""
    around: ExitStack
    """What it needs to be there."""

    def order(self, **changed: Any) -> HoldOrder:
        made = HoldOrder(
            "current",
            current=self.current,
            seconds_max=120.0,
            voltage_min=2.0,
            voltage_max=5.2,
            current_range=self.current_range,
            every=1.0,
        )
        return replace(made, **changed)


def simulated(folder: Path) -> Case:
    """The simulator, its world in a file, in blocks as on a real clock."""
    return Case(open_cell(folder / "world.db", block=20.0), 7.35e-6, 1e-5, ExitStack())


def methodscript(folder: Path) -> Case:
    """The driver for MethodSCRIPT, a simulated device on TCP behind it, hurried."""
    around = ExitStack()
    bench = around.enter_context(served(speed=200.0))
    return Case(bench.open(), 7.35e-6, 1e-5, around)


def remote(folder: Path) -> Case:
    """The simulator on another computer, as far as it can tell."""
    around = ExitStack()
    device = afar(around, "potentiostat", folder, block=20.0)
    return Case(device, 7.35e-6, 1e-5, around)


MAKERS: dict[str, Callable[[Path], Case]] = {
    "simulated": simulated,
    "methodscript": methodscript,
    "served": remote,
}


@pytest.fixture(params=MAKERS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    made = MAKERS[request.param](tmp_path)
    with made.around, closing(made.potentiostat):  # type: ignore[type-var]
        yield made


def crosses(value: Any, kind: Any) -> None:
    arrays: list[Any] = []
    tree = pack(value, arrays)
    assert np.array_equal(repr(unpack(kind, tree, arrays)), repr(value))


def test_it_says_what_it_can_do_in_values_that_cross(case: Case) -> None:
    setup = case.potentiostat.setup()
    assert isinstance(setup, PotentiostatSetup)
    assert setup.voltage_min < 3.0 < 5.1 < setup.voltage_max
    assert list(setup.current_ranges) == sorted(setup.current_ranges)
    crosses(setup, PotentiostatSetup)
    crosses(case.potentiostat.status(), PotentiostatStatus)
    assert case.potentiostat.identity() == case.potentiostat.identity()


def test_the_cell_is_open_before_and_after_a_hold(case: Case) -> None:
    assert not case.potentiostat.status().cell_on
    run_hold(case.potentiostat, case.order(end_seconds=5.0))
    status = case.potentiostat.status()
    assert not status.cell_on
    assert not status.running
    assert 3.0 < status.voltage < 5.2


def test_the_cell_is_on_while_a_current_flows(case: Case) -> None:
    seen: list[bool] = []
    run_hold(
        case.potentiostat,
        case.order(end_seconds=100.0),
        lambda: seen.append(case.potentiostat.status().cell_on),
    )
    assert len(seen) >= 2
    assert all(seen[:-1])


def test_a_hold_tells_its_end_and_samples_that_agree_with_it(case: Case) -> None:
    blocks, held = run_hold(case.potentiostat, case.order(end_seconds=60.0))
    assert isinstance(held, Held)
    assert held.ended_by == "time"
    assert held.seconds == pytest.approx(60.0, abs=0.2)
    times, volts, amperes = (
        np.concatenate([getattr(block, name) for block in blocks])
        for name in ("seconds", "voltage", "current")
    )
    assert len(times) == len(volts) == len(amperes) >= 50
    assert (np.diff(times) >= 0).all()
    assert np.diff(times).max() < 1.5
    charge = float(np.sum(np.diff(times) * (amperes[1:] + amperes[:-1]) / 2))
    assert held.charge == pytest.approx(charge, rel=5e-3)
    crosses(held, Held)
    assert isinstance(blocks[0], Samples)


def test_a_voltage_ends_it_in_the_direction_of_the_current(case: Case) -> None:
    _, there = run_hold(case.potentiostat, case.order(end_seconds=100.0))
    target = there.voltage + 0.005
    _, held = run_hold(case.potentiostat, case.order(end_voltage=target, seconds_max=3600.0))
    assert held.ended_by == "voltage"
    assert held.voltage == pytest.approx(target, abs=2e-3)


def test_the_dead_mans_limit_ends_what_nothing_else_ends(case: Case) -> None:
    _, held = run_hold(case.potentiostat, case.order(seconds_max=20.0))
    assert held.ended_by == "limit"
    assert held.seconds == pytest.approx(20.0, abs=0.5)


def test_a_rest_passes_nothing(case: Case) -> None:
    before = case.potentiostat.charge_throughput() or 0.0
    order = case.order(mode="rest", current=0.0, end_seconds=10.0)
    blocks, held = run_hold(case.potentiostat, order)
    assert held.ended_by == "time"
    volts = np.concatenate([block.voltage for block in blocks])
    assert (volts > 3.0).all()
    passed = (case.potentiostat.charge_throughput() or 0.0) - before
    assert passed < 0.02 * abs(case.current) * 10.0


def test_the_meter_goes_on_by_what_a_hold_passed_either_way(case: Case) -> None:
    meter = case.potentiostat.charge_throughput()
    if meter is None:
        pytest.skip("this device keeps no count")
    _, up = run_hold(case.potentiostat, case.order(end_seconds=30.0))
    _, down = run_hold(case.potentiostat, case.order(current=-case.current, end_seconds=20.0))
    assert up.charge > 0 > down.charge
    after = case.potentiostat.charge_throughput()
    assert after == pytest.approx(meter + up.charge - down.charge, rel=1e-6)


def test_closing_a_hold_switches_the_cell_off(case: Case) -> None:
    hold = case.potentiostat.hold(case.order(seconds_max=3600.0))
    next(hold)
    hold.close()
    status = case.potentiostat.status()
    assert not status.cell_on
    assert not status.running


def test_safe_may_be_repeated(case: Case) -> None:
    case.potentiostat.safe()
    case.potentiostat.safe()
    assert not case.potentiostat.status().cell_on


@pytest.mark.parametrize(
    "wrong",
    [
        {"current": 1e3},
        {"voltage_max": 1e3},
        {"end_voltage": -1e3},
        {"current_range": 1e-12},
    ],
)
def test_what_it_cannot_do_is_refused_before_the_cell_is_connected(
    case: Case, wrong: dict[str, float]
) -> None:
    before = case.potentiostat.charge_throughput()
    with pytest.raises(LimitError):
        next(case.potentiostat.hold(case.order(**wrong)))
    assert not case.potentiostat.status().cell_on
    assert case.potentiostat.charge_throughput() == before


def test_nothing_to_take_up_is_said_so(case: Case) -> None:
    run_hold(case.potentiostat, case.order(end_seconds=5.0))
    with pytest.raises(NotRunningError):
        next(case.potentiostat.take_up(case.order(end_seconds=5.0), 2.0))
    assert not case.potentiostat.status().cell_on


def test_a_hold_that_was_stopped_is_not_taken_up_as_if_that_were_its_end(case: Case) -> None:
    holding = case.potentiostat.hold(case.order(end_seconds=60.0))
    next(holding)
    holding.close()
    with pytest.raises(NotRunningError):
        next(case.potentiostat.take_up(case.order(end_seconds=60.0), 0.0))
    assert not case.potentiostat.status().cell_on


def test_it_declares_what_the_interface_does(case: Case) -> None:
    said = action_of(type(case.potentiostat), "hold")
    assert said.irreversible
    assert said.on_interrupt == "adopt"
    assert said.meter == "charge_throughput"
    assert isinstance(case.potentiostat, Potentiostat)
    assert canonical([case.order()])
    assert PotentiostatLimits().current_max > 0
