from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivers.clock import Clock, JumpingClock, RealClock, ScaledClock
from protocols.errors import InputError
from simulators.fib.fib_world import Event, FibWorld


def world_of(path: Path | None, clock: Clock | None = None, down: float = 0.0) -> FibWorld:
    return FibWorld(path, clock or JumpingClock(), seed=1, down_time=down)


@pytest.mark.parametrize(
    ("clock", "longest"),
    [(RealClock(), 0.5), (ScaledClock(100.0), 50.0), (JumpingClock(), 30.0)],
    ids=["real", "scaled", "jumping"],
)
def test_an_action_yields_each_second_of_wall_time_unless_time_jumps(
    clock: Clock, longest: float
) -> None:
    assert world_of(None, clock).longest(900.0) == longest


def test_meters_time_and_arrays_outlive_the_process(tmp_path: Path) -> None:
    clock = JumpingClock()
    world = world_of(tmp_path / "world.db", clock)
    clock.sleep(10.0)
    with world.at_once():
        world.keep({"front": np.arange(6.0).reshape(2, 3)})
        world.record(Event("beam", world.now(), 1, "trench", 10.0, 3e-9, 0.0))
    again = world_of(tmp_path / "world.db", down=100.0)
    assert again.ion_charge == 3e-9
    assert again.now() == pytest.approx(110.0)
    np.testing.assert_array_equal(again.arrays["front"], np.arange(6.0).reshape(2, 3))


def test_what_fails_half_way_leaves_no_trace(tmp_path: Path) -> None:
    world = world_of(tmp_path / "world.db")

    def half() -> None:
        with world.at_once(), world.at_once():
            world.record(Event("beam", 0.0, ions=1.0))
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert world_of(tmp_path / "world.db").ion_charge == 0


def test_a_file_that_is_no_world_is_refused(tmp_path: Path) -> None:
    (tmp_path / "world.db").write_text("not a database, but long enough to be taken for one" * 9)
    with pytest.raises(InputError, match="move it away"):
        world_of(tmp_path / "world.db")
