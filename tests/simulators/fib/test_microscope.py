from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.clock import JumpingClock
from drivers.errors import InputError, LimitError, ReadbackError
from drivers.fib import MilledSlice
from protocols.fib import CleaningCrossSection
from simulators.fib.solid import band_x
from simulators.fib.touch import moved
from simulators.fib.truth import truth
from tests.simulators.fib.fibs import (
    GRID,
    PICTURE,
    PIT,
    SITE,
    STILL,
    UM,
    open_cryo,
    open_fib,
    rectangle,
    up,
)
from tests.simulators.stems import run_through

LONG = replace(PIT, charge=2.7e-6)
"""900 s."""

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.simulators.fib.fibs import PIT, STILL, open_fib

for index, _ in enumerate(open_fib(Path(sys.argv[1]), **STILL).mill(PIT)):
    if index == 4:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def cut_off(folder: Path, slices: int) -> Path:
    """Return the world as a process leaves it that is killed after so many slices of `PIT`."""
    fib = open_fib(folder / "world.db", **STILL, prepared="trench")
    action = fib.mill(PIT)
    for _ in range(slices):
        next(action)
    left = folder / "left"
    left.mkdir()
    for file in folder.glob("world.db*"):
        shutil.copy(file, left)
    action.close()
    return left / "world.db"


def test_a_long_job_has_a_few_dozen_slices_on_a_clock_that_jumps() -> None:
    fib = open_fib(**STILL)
    slices, milled = run_through(fib.mill(LONG))
    assert 20 <= len(slices) <= 40
    assert milled.charge == pytest.approx(LONG.charge)
    assert milled.seconds == pytest.approx(900.0)


def test_a_slice_ends_when_a_fault_begins() -> None:
    fault = {"kind": "source_drop", "at": 301.5, "lasting": 60.0}
    fib = open_fib(**STILL, faults=(fault,))
    seen: list[MilledSlice] = []
    action = fib.mill(LONG)
    with pytest.raises(ReadbackError, match="mill what is left"):
        seen.extend(action)
    dry = [part for part in seen if part.charge == 0]
    assert math.fsum(part.seconds for part in dry) == pytest.approx(60.0)
    assert fib.ion_charge() == pytest.approx(LONG.charge * 840 / 900)


def test_what_a_killed_process_has_milled_is_in_its_world(tmp_path: Path) -> None:
    world, root = tmp_path / "world.db", Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(world)],
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.returncode == -signal.SIGKILL
    (job,) = truth(world).jobs
    assert truth(world).beams_on
    assert job.charge == pytest.approx(0.25 * PIT.charge)


@pytest.mark.parametrize("slices", [1, 10])
def test_a_job_of_a_killed_process_is_blanked_when_the_instrument_is_opened_again(
    tmp_path: Path, slices: int
) -> None:
    world = cut_off(tmp_path, slices)
    assert truth(world).beams_on
    fib = open_fib(world, **STILL)
    status = fib.status()
    assert status.ions_blanked
    assert not status.milling
    assert fib.ion_charge() == pytest.approx(slices / 20 * PIT.charge)
    assert not truth(world).beams_on


@pytest.mark.parametrize(("down", "share"), [(5.0, 0.30), (3600.0, 1.0)])
def test_a_job_of_a_killed_process_goes_on_by_its_own_timer(
    tmp_path: Path, down: float, share: float
) -> None:
    world = cut_off(tmp_path, 1)
    fib = open_fib(world, **STILL, down_time=down)
    assert fib.ion_charge() == pytest.approx(share * PIT.charge, rel=1e-6)
    (job,) = truth(world).jobs
    assert job.by_its_own_timer
    assert job.ended


def test_a_resumed_job_leaves_the_solid_of_one_that_was_not_cut_off(tmp_path: Path) -> None:
    whole = open_fib(**STILL, prepared="trench")
    run_through(whole.mill(PIT))
    cut = open_fib(cut_off(tmp_path, 7), **STILL)
    run_through(cut.mill(replace(PIT, done=cut.ion_charge())))
    floor = cut.chamber.solid.floor
    assert floor.max() > 0.1 * UM
    np.testing.assert_allclose(floor, whole.chamber.solid.floor, rtol=0.02)


def test_an_image_of_the_same_scene_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = open_fib(tmp_path / "world.db", **STILL)
    run_through(first.mill(PIT))
    one = run_through(first.electron_image(PICTURE.model_copy(update={"current": 25e-12})))[1]
    second = open_fib(**STILL)
    run_through(second.mill(PIT))
    other = run_through(second.electron_image(PICTURE.model_copy(update={"current": 25e-12})))[1]
    np.testing.assert_array_equal(one.pixels, other.pixels)


def test_a_current_that_the_column_lacks_is_refused_by_name() -> None:
    with pytest.raises(LimitError, match=r"choose one of 1\.5 pA, 10 pA"):
        run_through(open_fib(**STILL).mill(replace(PIT, current=2e-9)))


def test_nothing_is_imaged_or_milled_in_a_vented_chamber(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    fib = open_fib(world, **STILL, faults=({"kind": "vented", "at": 0.0},))
    assert fib.status().vented
    _, picture = run_through(fib.ion_image(PICTURE))
    assert picture.charge == 0
    with pytest.raises(ReadbackError):
        run_through(fib.mill(PIT))
    assert fib.chamber.solid.floor.max() == 0
    assert len(truth(world).unsafe) == 2


def test_a_pattern_on_the_zone_that_is_kept_is_milled_and_in_the_ledger(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    fib = open_fib(world, **STILL, prepared="weld")
    across = replace(PIT, purpose="weld", patterns=(rectangle(-UM, UM, -UM, UM),), current=1e-9)
    run_through(fib.mill(across))
    assert fib.chamber.solid.thickness[40, 2] < 0.5 * UM
    assert [event.kind for event in truth(world).unsafe] == [
        "unsafe: weld on the zone that is kept"
    ]


@pytest.mark.parametrize(("leaves", "unsafe"), [(60e-9, False), (30e-9, True)])
def test_a_slice_is_unsafe_if_it_leaves_too_little_towards_the_other_face(
    tmp_path: Path, leaves: float, unsafe: bool
) -> None:
    world = tmp_path / "world.db"
    fib = open_fib(world, **STILL, prepared="polish")
    _, y, _ = moved(fib.chamber.solid, "grid")
    edge = y - 0.15 * UM + leaves  # the other face is half of 300 nm behind the middle
    slice_ = CleaningCrossSection(
        x=0.0, y=edge + 0.1 * UM, width=5 * UM, height=0.2 * UM, scan="bottom_to_top"
    )
    run_through(
        fib.mill(replace(PIT, purpose="polish", patterns=(slice_,), current=3e-11, charge=1e-12))
    )
    assert bool(truth(world).unsafe) is unsafe


def test_a_lamella_is_carried_to_the_grid_by_its_needle() -> None:
    fib = open_fib(**STILL, prepared="lift")
    for by in (0.5 * UM, UM, 10 * UM, 20 * UM):
        run_through(fib.move_needle(up(fib, by), by))
    assert fib.chamber.solid.moved == pytest.approx((0.0, 0.0, 31.5 * UM), abs=1e-9)
    run_through(fib.move_stage(GRID))
    assert fib.chamber.place == "grid"
    assert fib.chamber.solid.held == "needle"
    assert fib.chamber.solid.moved == pytest.approx((-6 * UM, 0.0, 31.5 * UM), abs=1e-9)


def test_raising_a_lamella_that_the_film_still_holds_tears_the_weld(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    fib = open_fib(world, **STILL, prepared="sever")
    run_through(fib.move_needle(up(fib, UM), UM))
    assert not fib.chamber.welded
    assert fib.chamber.solid.held == "bulk"
    assert len(truth(world).unsafe) == 1


def test_retracting_the_needle_with_a_lamella_on_it_loses_it(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    fib = open_fib(world, **STILL, prepared="land")
    run_through(fib.retract_needle())
    assert truth(world).solid.held == "lost"
    assert len(truth(world).unsafe) == 1


def test_tilting_the_stage_with_the_needle_in_bends_it(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    fib = open_fib(world, **STILL, prepared="contact")
    run_through(fib.move_stage(replace(SITE, t=0.0)))
    assert fib.chamber.needle.bent != (0.0, 0.0, 0.0)
    assert len(truth(world).unsafe) == 1


def test_the_tip_touches_the_end_of_the_lamella_and_breaks_it_when_pushed() -> None:
    fib = open_fib(**STILL, prepared="weld")
    assert fib.chamber.in_contact(fib.world.now())
    read = fib.status().needle
    run_through(fib.move_needle(replace(read, x=read.x + 0.2 * UM), 0.2 * UM))
    assert not fib.chamber.in_contact(fib.world.now())
    run_through(fib.move_needle(replace(read, x=read.x - UM), 1.2 * UM))
    assert fib.chamber.solid.held == "lost"


def test_an_ion_image_mills_a_little() -> None:
    fib = open_fib(**STILL, prepared="thin")
    before = fib.chamber.solid.thickness.sum()
    run_through(fib.ion_image(PICTURE.model_copy(update={"field": 4 * UM})))
    lost = 1 - fib.chamber.solid.thickness.sum() / before
    assert 0 < lost < 1e-3


def test_gas_over_a_cold_specimen_is_in_the_ledger(tmp_path: Path) -> None:
    fib = open_fib(tmp_path / "world.db", **STILL)
    fib.insert_gis()
    assert fib.status().gis_inserted
    fib.retract_gis()
    assert not fib.status().gis_inserted
    (unsafe,) = truth(tmp_path / "world.db").unsafe
    assert "cold specimen" in unsafe.kind


def test_a_cold_stage_without_its_microscope_is_refused() -> None:
    fib = open_fib()
    cryo = open_cryo(fib)
    assert cryo.identity().simulated
    with pytest.raises(InputError, match="simulated-fib"):
        open_cryo(None)  # type: ignore[arg-type]


def test_the_cold_stage_and_the_microscope_share_time_and_world(tmp_path: Path) -> None:
    clock = JumpingClock()
    fib = open_fib(tmp_path / "world.db", clock=clock)
    open_cryo(fib, clock).cool(88.15)
    clock.sleep(5400.0)
    cold = open_cryo(fib, clock).status()
    assert 88.0 < cold.stage_temperature < 90.0
    fib.close()
    again = open_fib(tmp_path / "world.db", clock=clock)
    assert again.chamber.thermal.setpoint(again.world.now()) == 88.15
    assert again.chamber.thermal.used(again.world.now()) == pytest.approx(5e-3, rel=0.05)


@pytest.mark.parametrize("setpoint", [math.nan, 10.0, 400.0])
def test_a_setpoint_that_the_stage_cannot_reach_is_refused(setpoint: float) -> None:
    with pytest.raises(LimitError, match="choose a setpoint"):
        open_cryo(open_fib()).cool(setpoint)


def test_a_filament_that_is_left_of_the_bridge_snaps_when_the_lamella_is_pulled() -> None:
    fib = open_fib(**STILL, prepared="lift")
    solid = fib.chamber.solid
    solid.held = "bulk"
    left = band_x() < -6 * UM
    solid.cut[left, 15] = np.where(solid.cut[left, 15] == 1, 1 - 0.1 / 1.5, solid.cut[left, 15])
    run_through(fib.move_needle(up(fib, UM), UM))
    assert solid.held == "needle"
    assert solid.moved[2] == pytest.approx(UM, abs=1e-9)
