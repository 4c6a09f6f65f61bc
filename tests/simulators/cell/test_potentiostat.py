"""The simulated potentiostat: its errors, its autonomy, its faults, its ledger of truth."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from drivers.clock import JumpingClock
from drivers.errors import InstrumentFaultError, LinkError, NotRunningError
from drivers.potentiostat import OVERLOAD, Held
from simulators.cell import truth
from tests.simulators.cell.cells import (
    FIVE_C,
    PERFECT,
    as_killed,
    cycle,
    open_cell,
    order,
    run_hold,
    run_through,
)


def test_the_same_seed_gives_the_same_numbers() -> None:
    one, other = (run_hold(open_cell(seed=5), order()) for _ in range(2))
    assert one[1] == other[1]
    assert np.array_equal(one[0][0].voltage, other[0][0].voltage)
    assert run_hold(open_cell(seed=6), order())[1] != one[1]


def test_a_half_cycle_at_5c_has_a_hundred_samples() -> None:
    blocks, _ = run_hold(open_cell(), order())
    times = np.concatenate([block.seconds for block in blocks])
    volts = np.concatenate([block.voltage for block in blocks])
    assert len(times) >= 100
    assert np.diff(times).max() <= 7.0 + 0.1
    assert np.abs(np.diff(volts)).max() < 3 * 5e-3 or np.abs(np.diff(volts[1:])).max() < 0.05


def test_the_device_counts_what_its_ledger_passed_within_its_errors(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    bench = open_cell(world, seed=11)
    ends = [end for _ in range(4) for end in cycle(bench)]
    meter = bench.charge_throughput()
    bench.close()
    for held, row in zip(ends, truth.holds(world), strict=True):
        assert held.charge == pytest.approx(truth.passed(row), rel=3e-3)
        assert held.charge != truth.passed(row)
    assert meter == pytest.approx(sum(abs(held.charge) for held in ends))
    told = [-ends[i + 1].charge / ends[i].charge for i in range(0, 8, 2)]
    really = [each.efficiency for each in truth.cycles(world)]
    assert told == pytest.approx(really, abs=4 * 2 * 2e-5 * 1e-5 / FIVE_C)


def test_the_parasitic_ledger_is_what_a_returning_cathode_loses(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    bench = open_cell(world, **PERFECT)
    for _ in range(4):
        cycle(bench)
    bench.close()
    last = truth.cycles(world)[-1]
    assert last.efficiency == pytest.approx(last.parasitic_efficiency, abs=2e-6)


def test_a_polling_host_ends_late_and_says_that_it_did() -> None:
    exact = run_hold(open_cell(**PERFECT), order())[1]
    polled = open_cell(**{**PERFECT, "time_jitter": 0.02}, ends_on_device=False)
    held = run_hold(polled, order())[1]
    assert exact.on_device
    assert not held.on_device
    assert held.ended_by == "voltage"
    assert 0 <= held.seconds - exact.seconds < 1.0 + 0.1
    assert held.voltage > 5.1
    assert not polled.status().cell_on


# -- autonomy -------------------------------------------------------------------------------


def test_a_hold_goes_on_while_the_process_is_gone_and_is_taken_up(tmp_path: Path) -> None:
    whole_blocks, whole = run_hold(open_cell(seed=2), order())
    first = open_cell(tmp_path / "world.db", seed=2, block=100.0)
    hold = first.hold(order())
    kept = [next(hold), next(hold)]
    world = as_killed(tmp_path / "world.db", "left.db")
    second = open_cell(world, block=100.0, down_time=150.0)
    assert second.status().running
    assert second.status().cell_on
    after = float(kept[-1].seconds[-1])
    blocks, held = run_through(second.take_up(order(), after))
    assert held == whole
    joined = np.concatenate([block.seconds for block in [*kept, *blocks]])
    assert np.array_equal(joined, np.concatenate([block.seconds for block in whole_blocks]))
    assert blocks[0].seconds[-1] == pytest.approx(350.0, abs=10.0)


def test_what_the_buffer_has_no_more_is_a_gap(tmp_path: Path) -> None:
    first = open_cell(tmp_path / "world.db", block=100.0)
    hold = first.hold(order())
    after = float(next(hold).seconds[-1])
    world = as_killed(tmp_path / "world.db", "left.db")
    blocks, held = run_through(
        open_cell(world, block=100.0, down_time=300.0, buffer=5).take_up(order(), after)
    )
    assert len(blocks[0].seconds) == 5
    assert blocks[0].seconds[0] > after + 200.0
    assert held.ended_by == "voltage"


def test_the_end_of_a_hold_that_nobody_saw_is_told(tmp_path: Path) -> None:
    whole = run_hold(open_cell(seed=2), order())[1]
    first = open_cell(tmp_path / "world.db", seed=2, block=100.0)
    hold = first.hold(order())
    next(hold)
    world = as_killed(tmp_path / "world.db", "left.db")
    second = open_cell(world, block=100.0, down_time=10_000.0)
    assert not second.status().cell_on
    blocks, held = run_through(second.take_up(order(), 100.0))
    assert held == whole
    assert len(blocks) == 1
    with pytest.raises(NotRunningError):
        second.take_up(order(), 100.0)


def test_a_polled_hold_that_nobody_polls_ends_at_the_devices_own_limit(tmp_path: Path) -> None:
    first = open_cell(tmp_path / "world.db", block=100.0, ends_on_device=False)
    hold = first.hold(order())
    next(hold)
    world = as_killed(tmp_path / "world.db", "left.db")
    second = open_cell(world, ends_on_device=False, down_time=10_000.0)
    _, held = run_through(second.take_up(order(), 100.0))
    assert held.ended_by == "limit"
    assert held.voltage == pytest.approx(5.2, abs=1e-3)


def test_another_order_is_not_taken_up_and_the_cell_is_off(tmp_path: Path) -> None:
    first = open_cell(tmp_path / "world.db", block=100.0)
    hold = first.hold(order())
    next(hold)
    second = open_cell(as_killed(tmp_path / "world.db", "left.db"))
    with pytest.raises(NotRunningError):
        second.take_up(order(-FIVE_C), 100.0)
    assert not second.status().cell_on


def test_the_meter_grows_while_nobody_looks(tmp_path: Path) -> None:
    first = open_cell(tmp_path / "world.db", block=100.0)
    hold = first.hold(order())
    next(hold)
    before = first.charge_throughput() or 0.0
    second = open_cell(as_killed(tmp_path / "world.db", "left.db"), down_time=100.0)
    assert (second.charge_throughput() or 0.0) - before == pytest.approx(FIVE_C * 100, rel=1e-3)


def test_several_cells_share_one_night() -> None:
    clock = JumpingClock()
    benches = [open_cell(clock=clock, seed=seed) for seed in (1, 2, 3)]
    ends: dict[int, tuple[Held, Held]] = {}

    def work(index: int) -> None:
        with clock.registered():
            ends[index] = cycle(benches[index])

    began = clock.now()
    with clock.registered():
        threads = [Thread(target=work, args=(index,)) for index in range(3)]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    for index in range(3):
        alone = cycle(open_cell(seed=index + 1))
        assert ends[index][0].charge == pytest.approx(alone[0].charge, rel=1e-9)
    longest = max(up.seconds + down.seconds for up, down in ends.values())
    assert clock.now() - began == pytest.approx(longest, abs=1.0)


# -- cells and devices that fail ------------------------------------------------------------


def fault(kind: str, at: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "at": at, **more}


@pytest.mark.parametrize(("leak", "low", "high"), [(0.02, 0.93, 0.97), (0.2, 0.58, 0.72)])
def test_a_soft_short_spikes_on_charge_and_takes_its_share(
    leak: float, low: float, high: float
) -> None:
    sound, bench = (
        open_cell(**PERFECT),
        open_cell(**PERFECT, faults=[fault("soft_short", 1500, leak=leak)]),
    )
    for each in (sound, bench):
        cycle(each)
    blocks, up = run_hold(bench, order())
    steady = run_hold(sound, order())[0]
    assert np.diff(np.concatenate([block.voltage for block in steady])).min() > -1e-3
    assert np.diff(np.concatenate([block.voltage for block in blocks])).min() < -5e-3
    down = run_hold(bench, order(-FIVE_C))[1]
    assert low < -down.charge / up.charge < high


def test_a_short_that_takes_all_the_current_is_ended_by_the_charge_allowed() -> None:
    bench = open_cell(faults=[fault("soft_short", 100, leak=0.99)])
    held = run_hold(bench, order(end_voltage=5.1, end_charge=6.4e-3))[1]
    assert held.ended_by == "charge"
    assert held.charge == pytest.approx(6.4e-3)


@pytest.mark.parametrize(
    ("kind", "ended_by", "volts"),
    [("contact_lost", "voltage", 10.0), ("hard_short", "limit", 0.0)],
)
def test_a_sudden_fault_ends_the_hold_at_once(kind: str, ended_by: str, volts: float) -> None:
    held = run_hold(open_cell(faults=[fault(kind, 200.0)]), order())[1]
    assert held.seconds == pytest.approx(200.0, abs=0.2)
    assert held.ended_by == ended_by
    assert held.voltage == pytest.approx(volts, abs=0.01)


def test_no_cell_floats_and_drifts() -> None:
    bench = open_cell(faults=[fault("no_cell")])
    blocks, _ = run_hold(bench, order(0.0, mode="rest", end_seconds=20.0, every=1.0))
    volts = np.concatenate([block.voltage for block in blocks])
    assert abs(volts[0]) < 1.0
    assert abs(volts[-1] - volts[0]) / 20.0 > 1e-3


def test_reversed_leads_show_the_cell_upside_down() -> None:
    bench = open_cell(faults=[fault("reversed_leads")])
    assert bench.status().voltage == pytest.approx(-3.5, abs=0.02)


def test_a_rising_resistance_takes_capacity_at_5c_and_none_at_c_10() -> None:
    lost = {}
    for rate, cycle_lasts in ((FIVE_C, 1436.0), (FIVE_C / 50, 78_400.0)):
        rises = fault("resistance_rises", per_day=24 * 86400.0 / cycle_lasts)
        charges = []
        for faults in ((), (rises,)):
            bench = open_cell(faults=faults)
            cycle(bench, rate)
            charges.append(run_hold(bench, order(rate, end_voltage=5.1, seconds_max=1e5))[1].charge)
        lost[rate] = 1 - charges[1] / charges[0]
    assert lost[FIVE_C] > 0.2
    assert abs(lost[FIVE_C / 50]) < 0.01


def test_spent_lithium_ends_a_discharge_early() -> None:
    bench = open_cell(faults=[fault("lithium_depletes", share=0.9)])
    first, *_, last = [cycle(bench)[1] for _ in range(7)]
    assert abs(last.charge) < 0.6 * abs(first.charge)


def test_a_drifting_reference_is_read_and_not_there(tmp_path: Path) -> None:
    bench = open_cell(**PERFECT, faults=[fault("reference_drifts", rate=1e-3)])
    before = bench.status().voltage
    run_hold(bench, order(0.0, mode="rest", end_seconds=100.0))
    assert bench.status().voltage - before == pytest.approx(0.1, abs=1e-3)


def test_a_trip_ends_the_hold_by_an_error_with_the_cell_off() -> None:
    bench = open_cell(faults=[fault("trips", 200.0)])
    with pytest.raises(InstrumentFaultError, match="0032"):
        run_hold(bench, order())
    assert not bench.status().cell_on


def test_a_link_that_drops_leaves_the_device_to_its_own_end(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    bench = open_cell(world, faults=[fault("link_drops", 200.0, lasting=1000.0)], block=50.0)
    with pytest.raises(LinkError):
        run_hold(bench, order())
    left = as_killed(world, "left.db")
    (row,) = truth.holds(left)
    assert row.seconds is None
    later = open_cell(left, down_time=2000.0)
    assert not later.status().cell_on
    assert truth.holds(left)[0].ended_by == "voltage"


def test_samples_and_status_show_what_ails_the_device() -> None:
    bench = open_cell(faults=[fault("nan_samples", 100.0), fault("overloads", 300.0)], block=50.0)
    hold = bench.hold(order())
    blocks = [next(hold) for _ in range(8)]
    last = blocks[-1]
    assert np.isnan(last.voltage).all()
    assert (last.status & OVERLOAD).all()
    assert np.isnan(bench.status().voltage)
    assert bench.status().overload
    hold.close()


def test_a_stale_sample_says_how_old_it_is() -> None:
    bench = open_cell(faults=[fault("stale_samples", 100.0)], block=50.0)
    hold = bench.hold(order())
    blocks = [next(hold) for _ in range(6)]
    assert len(set(blocks[-1].voltage.tolist())) == 1
    assert bench.status().age > 100.0
    hold.close()
