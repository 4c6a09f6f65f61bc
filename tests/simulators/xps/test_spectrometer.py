"""The simulated XPS as an instrument: counts, time, the gun's ledger, faults."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.action import action_of, result_of
from drivers.clock import JumpingClock
from drivers.errors import InstrumentFaultError, LinkError, ReadbackError
from drivers.xps import RegionSpectrum
from protocols.xps import Region
from simulators.xps.spectrometer import SimXps
from simulators.xps.truth import etch_seconds, ledger
from tests.simulators.stems import run_through
from tests.simulators.xps.spectrometers import C_1S, ETCH, N_1S, O_1S, open_xps

ON = 60.0
"""s that the X-rays take to come on."""


def ready(world: Path | None = None, **settings: Any) -> SimXps:
    xps = open_xps(world, **settings)
    result_of(xps.set_source(True))
    return xps


def scan(xps: SimXps, region: Region = O_1S, sweeps: int = 1) -> RegionSpectrum:
    return result_of(xps.acquire(region, sweeps))


def fault(kind: str, at: float = ON, **more: Any) -> dict[str, Any]:
    return {"faults": [{"kind": kind, "at": at, **more}]}


def test_counts_are_poisson() -> None:
    xps = ready(flux_scatter=0.0)
    spectra = np.array([scan(xps, N_1S).counts for _ in range(150)], float)
    mean, spread = spectra.mean(axis=0), spectra.var(axis=0, ddof=1)
    assert float((spread / mean).mean()) == pytest.approx(1.0, abs=0.04)
    neighbours = np.corrcoef(spectra[:, 10], spectra[:, 11])[0, 1]
    assert abs(neighbours) < 0.33


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    def counts(seed: int) -> np.ndarray[Any, Any]:
        xps = ready(seed=seed)
        result_of(xps.etch(ETCH))
        return scan(xps).counts

    np.testing.assert_array_equal(counts(3), counts(3))
    assert (counts(3) != counts(4)).any()


def test_readings_do_not_disturb_the_counts() -> None:
    quiet, asked = ready(), ready()
    asked.status()
    blocks = []
    for block in asked.acquire(O_1S, 2):
        asked.status()
        blocks.append(block.counts)
    np.testing.assert_array_equal(scan(quiet, sweeps=2).counts, np.sum(blocks, axis=0))


class PassingClock:
    """A clock that the instrument takes for real: time passes at once all the same."""

    def __init__(self) -> None:
        self._inner = JumpingClock()

    def now(self) -> float:
        return self._inner.now()

    def utc(self) -> datetime:
        return self._inner.utc()

    def sleep(self, seconds: float) -> None:
        assert seconds <= 1.0, "nobody is answered for longer than a second"
        self._inner.sleep(seconds)


@pytest.mark.parametrize("dwell", [0.2, 3.0])
def test_on_a_real_clock_the_same_numbers_come_in_more_blocks(dwell: float) -> None:
    region = O_1S.model_copy(update={"dwell": dwell, "stop": 538.0})
    blocks, spectrum = run_through(ready(clock=PassingClock()).acquire(region, 1))
    jumped, _ = run_through(ready().acquire(region, 1))
    np.testing.assert_array_equal(spectrum.counts, jumped[0].counts)
    assert sum(block.scanned for block in blocks) == region.points
    assert len(blocks) >= region.duration


def test_on_a_real_clock_an_etch_yields_at_least_once_a_second() -> None:
    blocks, _ = run_through(ready(clock=PassingClock()).etch(ETCH))
    assert len(blocks) >= 75


def test_dead_time_takes_counts_from_strong_lines() -> None:
    quick, slow = (scan(ready(dead_time=tau)).counts.max() for tau in (0.0, 1e-5))
    true = quick / O_1S.dwell
    assert slow == pytest.approx(quick / (1 + true * 1e-5), rel=0.02)


def test_only_the_etch_itself_removes_material(tmp_path: Path) -> None:
    xps = ready(tmp_path / "world.db")
    begin = xps.world.now()
    result_of(xps.etch(ETCH))
    assert xps.world.now() - begin == pytest.approx(75.0)
    assert xps.etch_seconds() == pytest.approx(60.0)
    assert etch_seconds(tmp_path / "world.db") == pytest.approx(60.0)


def test_a_cut_etch_and_its_rest_leave_the_surface_of_a_whole_one(tmp_path: Path) -> None:
    whole, cut = ready(), ready(tmp_path / "world.db")
    result_of(whole.etch(ETCH))
    action = cut.etch(ETCH)
    for block in action:
        if block.seconds >= 20:
            break
    action.close()
    done = cut.etch_seconds()
    assert 0 < done < 60
    result_of(cut.etch(ETCH.model_copy(update={"duration": 60 - done})))
    np.testing.assert_array_equal(scan(whole).counts, scan(cut).counts)


def as_a_kill_leaves_it(world: Path) -> Path:
    """A copy of a world's file while its process is in the middle of something."""
    copy = world.with_name("left.db")
    with closing(sqlite3.connect(world)) as now, closing(sqlite3.connect(copy)) as left:
        now.backup(left)
    return copy


def abandoned(folder: Path, *, etching: bool) -> Path:
    """The world of a process that was killed in the middle of an etch or a scan."""
    xps = ready(folder / "world.db")
    action: Any = xps.etch(ETCH) if etching else xps.acquire(N_1S, 2)
    for block in action:
        if not etching or block.seconds >= 20:
            break
    left = as_a_kill_leaves_it(folder / "world.db")
    action.close()
    return left


def test_the_dead_mans_switch_ends_an_etch_that_a_process_left(tmp_path: Path) -> None:
    left = abandoned(tmp_path, etching=True)
    again = open_xps(left)
    assert again.etch_seconds() == pytest.approx(21.0)
    assert not again.status().ions_on
    result_of(again.etch(ETCH.model_copy(update={"duration": 39.0})))
    assert etch_seconds(left) == pytest.approx(60.0)
    assert any("process gone" in event.note for event in ledger(left))


@pytest.mark.parametrize("kept", range(10))
def test_whenever_a_process_dies_the_etch_and_its_rest_are_one_etch(
    tmp_path: Path, kept: int
) -> None:
    remainder = action_of(SimXps, "etch").remainder
    assert remainder is not None
    xps = ready(tmp_path / "world.db")
    before = xps.etch_seconds()
    action = xps.etch(ETCH)
    for _ in range(kept):
        next(action, None)
    again = open_xps(as_a_kill_leaves_it(tmp_path / "world.db"))
    action.close()
    rest = remainder.arguments((ETCH,), again.etch_seconds() - before)
    if rest is not None:
        result_of(again.etch(*rest))
    assert etch_seconds(tmp_path / "left.db") == pytest.approx(ETCH.duration)


def test_a_scan_that_a_process_left_is_ended_and_its_meter_grows(tmp_path: Path) -> None:
    again = open_xps(abandoned(tmp_path, etching=False))
    assert again.xray_seconds() == pytest.approx(N_1S.points * N_1S.dwell + 1.0)
    status = again.status()
    assert status.source_on
    assert not status.acquiring
    scan(again, N_1S)


def test_a_kill_between_two_etches_changes_no_number(tmp_path: Path) -> None:
    def counts(path: Path | None) -> np.ndarray[Any, Any]:
        xps = ready(path)
        result_of(xps.etch(ETCH))
        if path is not None:
            xps = open_xps(as_a_kill_leaves_it(path))
        result_of(xps.etch(ETCH))
        return scan(xps).counts

    np.testing.assert_array_equal(counts(None), counts(tmp_path / "world.db"))


def test_another_place_of_the_stage_is_as_it_came_in() -> None:
    xps = ready(flux_scatter=0.0)
    fresh = scan(xps, C_1S).counts.sum()
    for _ in range(3):
        result_of(xps.etch(ETCH))
    assert scan(xps, C_1S).counts.sum() < 0.6 * fresh
    result_of(xps.move_stage(3e-3, 0.0))
    assert int(scan(xps, C_1S).counts.sum()) == pytest.approx(int(fresh), rel=0.05)


def test_the_neutraliser_takes_the_charging_away() -> None:
    folder = Path(__file__).parents[2] / "campaigns" / "specimens"
    xps = ready(specimen=str(folder / "bulk-lipon.yaml"), charging=3.0)
    charged = scan(xps)
    xps.set_neutraliser(True)
    neutral = scan(xps)
    tops = [one.binding_energies[one.counts.argmax()] for one in (charged, neutral)]
    assert tops[0] - tops[1] == pytest.approx(2.7, abs=0.2)


def test_residual_gas_covers_what_lies_clean() -> None:
    xps = ready(flux_scatter=0.0, **fault("pressure_rises", at=400.0, to=1e-5))
    for _ in range(5):
        result_of(xps.etch(ETCH))
    clean = scan(xps, C_1S).counts.sum()
    for _ in range(20):
        scan(xps, C_1S)
    assert scan(xps, C_1S).counts.sum() > 1.05 * clean
    assert xps.status().pressure == pytest.approx(1e-5, rel=0.2)


def test_without_x_rays_nothing_is_scanned() -> None:
    with pytest.raises(InstrumentFaultError, match="switch the source on"):
        scan(open_xps())


def test_the_gun_trips_and_its_timer_says_what_was_done() -> None:
    xps = ready(**fault("gun_trips", at=ON + 5 + 23.4, lasting=30.0))
    with pytest.raises(InstrumentFaultError, match=r"tripped after 23\.4 s"):
        result_of(xps.etch(ETCH))
    assert xps.etch_seconds() == pytest.approx(23.4)
    assert xps.status().gun_emission == 0.0
    with pytest.raises(InstrumentFaultError, match=r"tripped after 0\.0 s"):
        result_of(xps.etch(ETCH))
    result_of(xps.set_source(False))
    xps.world.wait_until(xps.world.now() + 60)
    result_of(xps.etch(ETCH.model_copy(update={"duration": 36.6})))
    assert xps.etch_seconds() == pytest.approx(60.0)


def test_a_drop_of_the_emission_is_read_and_removes_less(tmp_path: Path) -> None:
    xps = ready(tmp_path / "world.db", **fault("emission_drops", to=0.5))
    blocks, etched = run_through(xps.etch(ETCH))
    assert etched.seconds == pytest.approx(60.0)
    assert blocks[-1].emission == pytest.approx(5e-3)
    dose = math.fsum(event.dose for event in ledger(tmp_path / "world.db"))
    assert dose == pytest.approx(0.5 * 60 * 1e-6 / (2e-3) ** 2)


def test_a_wrong_raster_leaves_the_edge_of_the_crater_in_the_spot() -> None:
    right, wrong = ready(), ready(**fault("wrong_raster", to=0.3))
    for _ in range(10):
        for xps in (right, wrong):
            result_of(xps.etch(ETCH))
    crater = wrong.world.crater(0.0, 0.0)
    assert crater.inner > 5 * right.world.crater(0.0, 0.0).inner
    assert crater.edge > 0.3
    assert scan(wrong, C_1S).counts.sum() > 3 * scan(right, C_1S).counts.sum()


def test_a_jump_of_the_charging_moves_lines_from_then_on() -> None:
    xps = ready(**fault("charging_jumps", at=ON + 100, by=1.5))
    before = scan(xps)
    xps.world.wait_until(ON + 100)
    after = scan(xps)
    tops = [one.binding_energies[one.counts.argmax()] for one in (after, before)]
    assert tops[0] - tops[1] == pytest.approx(1.5, abs=0.21)


def test_a_saturated_detector_has_flat_tops() -> None:
    counts = scan(ready(**fault("detector_saturates", at_most=5000))).counts
    limit = 5000 * O_1S.dwell
    assert limit < counts.max() < limit + 5 * math.sqrt(limit)
    assert (counts > 0.9 * limit).sum() > 10


def test_a_fault_that_ends_between_two_microseconds_is_waited_past() -> None:
    beginning, lasting = 46.468, 8.823
    assert beginning + lasting > 55.291, "the sum is not the number that is written"
    assert ready(**fault("charging_jumps", at=beginning, lasting=lasting)).status().source_on


def test_a_source_that_trips_ends_the_scan_and_comes_on_later() -> None:
    xps = ready(**fault("source_trips", at=ON + 20, lasting=100.0))
    with pytest.raises(InstrumentFaultError, match="X-rays are off"):
        scan(xps)
    assert xps.xray_seconds() == pytest.approx(18.0, abs=0.2)
    assert not xps.status().source_on
    with pytest.raises(ReadbackError, match="tripped"):
        result_of(xps.set_source(True))
    result_of(xps.set_source(True))
    scan(xps)


@pytest.mark.parametrize("etching", [True, False], ids=["etch", "scan"])
def test_a_link_that_drops_leaves_it_to_the_dead_mans_switch(etching: bool) -> None:
    xps = ready(**fault("link_drops", at=ON + 25, lasting=100.0))
    with pytest.raises(LinkError, match="check the link"):
        result_of(xps.etch(ETCH) if etching else xps.acquire(N_1S, 2))
    with pytest.raises(LinkError):
        xps.status()
    xps.world.wait_until(ON + 200)
    assert not xps.status().ions_on
    if etching:
        assert xps.etch_seconds() == pytest.approx(25 - 5 + 1)
    else:
        assert xps.xray_seconds() == pytest.approx(25 - 2 + 1, abs=N_1S.dwell)


def test_a_gauge_without_a_reading_says_nan() -> None:
    xps = ready(**fault("pressure_nan", lasting=10.0))
    assert math.isnan(xps.status().pressure)
    xps.world.wait_until(ON + 20)
    assert xps.status().pressure < 5e-6


def test_argon_is_in_the_chamber_while_the_gun_runs_and_gone_before_the_next_spectrum() -> None:
    xps = ready()
    pressures = []
    for _ in xps.etch(ETCH):
        pressures.append(xps.status().pressure)
    assert 1e-6 < max(pressures) < 1e-4
    assert xps.status().pressure < 5e-6
