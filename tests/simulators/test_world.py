from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drivers.clock import JumpingClock
from protocols.errors import InputError
from protocols.units import ELEMENTARY_CHARGE
from simulators.beam import Beam
from simulators.truth import exposures, ledger
from simulators.world import World
from tests.simulators.stems import AREA, LIPON, LITHIUM, PICTURE, open_stem, run_through

CURRENT, DWELL = 100e-12, 0.25
WHOLE = CURRENT * DWELL / ELEMENTARY_CHARGE

KILLED = """
import os, signal, sys
from pathlib import Path
from drivers.clock import JumpingClock
from tests.simulators.stems import AREA, open_stem

class Deadly(JumpingClock):
    sleeps = 0
    def sleep(self, seconds):
        self.sleeps += 1
        if self.sleeps == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        super().sleep(seconds)

for _ in open_stem(Path(sys.argv[1]), clock=Deadly()).spectrum(AREA, 100e-12, 0.25):
    if sys.argv[2] == "after":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_during(world: Path, sleep: str) -> None:
    script = KILLED.replace(
        "int(sys.argv[2])", '(0 if sys.argv[2] == "after" else int(sys.argv[2]))'
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(world), sleep],
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("sleep", ["2", "3", "4", "after"])
def test_an_exposure_of_a_killed_process_ends_by_its_own_timer(tmp_path: Path, sleep: str) -> None:
    world = tmp_path / "world.db"
    kill_during(world, sleep)
    (before,) = exposures(world)
    assert not before.blanked
    assert before.seconds == pytest.approx({"2": 0.0, "3": 0.1, "4": 0.2, "after": 0.1}[sleep])

    stem = open_stem(world)
    (after,) = exposures(world)
    assert stem.status().beam_blanked
    assert stem.electrons() == pytest.approx(WHOLE, rel=1e-12)
    assert after.blanked
    assert after.by_its_own_timer
    assert after.seconds == pytest.approx(DWELL)
    assert ledger(world)[-1].t == pytest.approx(0.252)


def test_a_process_killed_before_the_beam_was_on_has_exposed_nothing(tmp_path: Path) -> None:
    kill_during(tmp_path / "world.db", "1")
    assert exposures(tmp_path / "world.db") == []
    assert open_stem(tmp_path / "world.db").electrons() == 0


def test_a_resumed_session_has_the_times_and_numbers_of_one_that_was_not_cut_off(
    tmp_path: Path,
) -> None:
    whole, cut = tmp_path / "whole.db", tmp_path / "cut.db"
    stem = open_stem(whole)
    for area in (LITHIUM, AREA, LIPON):
        _, expected = run_through(stem.spectrum(area, CURRENT, DWELL))
    _, picture = run_through(stem.image(PICTURE))

    first = open_stem(cut)
    run_through(first.spectrum(LITHIUM, CURRENT, DWELL))
    abandoned = first.spectrum(AREA, CURRENT, DWELL)
    next(abandoned)  # and the process is gone
    second = open_stem(cut)
    _, got = run_through(second.spectrum(LIPON, CURRENT, DWELL))
    _, pictured = run_through(second.image(PICTURE))

    np.testing.assert_array_equal(got.counts, expected.counts)
    np.testing.assert_array_equal(pictured.pixels, picture.pixels)
    kinds = {"unblank", "blank"}
    assert [e.t for e in ledger(cut) if e.kind in kinds] == [
        e.t for e in ledger(whole) if e.kind in kinds
    ]
    assert second.electrons() == pytest.approx(stem.electrons(), rel=1e-12)


def test_world_time_goes_on_after_the_down_time_whatever_the_clock_says(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    stem = open_stem(world, clock=JumpingClock(start=500.0))
    run_through(stem.spectrum(AREA, CURRENT, DWELL))
    stem.close()
    end = ledger(world)[-1].t
    again = open_stem(world, clock=JumpingClock(start=77.0), down_time=60.0)
    run_through(again.spectrum(AREA, CURRENT, DWELL))
    assert exposures(world)[-1].begin == pytest.approx(end + 60.002)


def test_what_had_passed_on_a_jumping_clock_has_passed_after_a_crash(tmp_path: Path) -> None:
    clock = JumpingClock(start=500.0)
    world = open_stem(tmp_path / "world.db", clock=clock)._world
    clock.sleep(0.7)  # of another instrument; nothing is kept in this world's file
    killed_at = world.now()
    again = open_stem(tmp_path / "world.db", clock=JumpingClock(start=clock.now()))
    assert again._world.now() == killed_at == pytest.approx(0.7)


def test_down_time_and_the_end_of_a_dwell_do_not_add_up(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    stem = open_stem(world)
    action = stem.spectrum(AREA, CURRENT, 10.0)
    next(action)
    again = open_stem(world, down_time=5.0)
    assert again._world.now() == pytest.approx(10.002)


def test_a_world_keeps_its_seed_and_its_specimen(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    open_stem(world, seed=5).close()
    again = open_stem(world, seed=6, specimen="li-lipon-xps")
    assert again._hidden.specimen.name.startswith("Li/LiPON for cryo-FIB")
    assert "5" in again.identity().serial


def test_the_meter_only_grows_over_restarts(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    readings = []
    for _ in range(3):
        stem = open_stem(world)
        readings.append(stem.electrons())
        run_through(stem.spectrum(AREA, CURRENT, DWELL))
        readings.append(stem.electrons())
        stem.close()
        stem.close()
    assert readings == sorted(readings)
    assert readings[-1] == pytest.approx(3 * WHOLE)


def test_a_beam_whose_time_is_less_than_the_clock_can_tell_brings_nothing() -> None:
    clock = JumpingClock()
    beam = Beam(World(None, clock, seed=1, down_time=0.0), ())
    clock.sleep(1e6)
    beam.on("spectrum", "one", 1.0, CURRENT, (0.0, 0.0, 1e-9, 1e-9, 0.0))
    assert beam.flow(1e-12) == 0.0
    assert beam.flow(0.5) == pytest.approx(CURRENT * 0.5 / ELEMENTARY_CHARGE)


def test_a_closed_world_is_one_file_also_after_it_was_read(tmp_path: Path) -> None:
    stem = open_stem(tmp_path / "world.db")
    run_through(stem.spectrum(AREA, CURRENT, DWELL))
    stem.close()
    assert len(exposures(tmp_path / "world.db")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["world.db"]


def test_another_file_is_not_taken_for_a_world(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    path.write_text("a letter to a friend, of more than a hundred characters " * 40)
    with pytest.raises(InputError, match="not the world of a simulated instrument"):
        World(path, JumpingClock(), seed=0, down_time=0.0)
