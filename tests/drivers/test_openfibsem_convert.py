"""Between our frame and fibsem's; needs no fibsem."""

from __future__ import annotations

import math
import threading
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import LimitError, LinkError
from drivers.fib import Milling, StagePosition, seen
from drivers.openfibsem.convert import Shuttle, chosen, mirrored, needed_field, shapes, spot
from drivers.openfibsem.worker import Worker
from protocols.fib import Array, Rectangle

micro = st.floats(-1e-4, 1e-4)
lean = st.floats(-1.0, 1.0)
SHUTTLE = Shuttle(math.radians(35), math.radians(49))


@given(micro, micro, micro, lean)
def test_a_needle_there_and_back_is_where_it_was(x: float, y: float, z: float, lean: float) -> None:
    there = mirrored(x, y, z, lean)
    assert mirrored(*there, lean) == pytest.approx((x, y, z), abs=1e-12)


@given(micro, micro, micro, lean, st.floats(-0.2, 1.2))
def test_the_needle_is_seen_where_fibsem_moves_it(
    x: float, y: float, z: float, lean: float, tilt: float
) -> None:
    """fibsem 0.5.3: a move of dy up in the electron image is y = dy cos T, z = dy sin T."""
    _, vendor_y, vendor_z = mirrored(x, y, z, lean)
    stage = tilt + lean
    up = vendor_y * math.cos(stage) + vendor_z * math.sin(stage)
    _, down = seen(tilt, x, y, z)
    assert up == pytest.approx(-down, abs=1e-12)


@given(st.sampled_from([0.0, math.pi]), st.floats(-0.2, 1.2), st.floats(-0.05, 0.05), micro, micro)
def test_a_stage_position_there_and_back_is_the_same(
    r: float, t: float, x: float, y: float, z: float
) -> None:
    there = SHUTTLE.from_vendor(SHUTTLE.to_vendor(StagePosition(x, y, z, r, t)))
    assert (there.x, there.y, there.z) == (x, y, z)
    assert abs(math.remainder(there.r - r, 2 * math.pi)) < 1e-9
    assert there.t == pytest.approx(t)


def test_the_tilt_of_a_pretilted_shuttle_askew_is_known_only_while_it_turns() -> None:
    askew = SHUTTLE.to_vendor(StagePosition(0.0, 0.0, 0.0, 0.0, 0.0))
    askew = type(askew)(askew.x, askew.y, askew.z, askew.r + math.pi / 2, 0.0)
    assert math.isnan(SHUTTLE.from_vendor(askew).t)
    assert SHUTTLE.from_vendor(askew, turning=True).t == pytest.approx(0.0)


@given(st.floats(0, 1e-6), st.floats(1e-9, 1e-6), st.integers(1, 20))
def test_the_times_of_all_shapes_deliver_what_is_left(done: float, more: float, count: int) -> None:
    row = Array(
        x=0.0, y=0.0, count=count, along="y", pitch=2e-6, width=1e-6, height=1e-6,
        scan="left_to_right",
    )  # fmt: skip
    pit = Rectangle(x=0.0, y=0.0, width=3e-6, height=1e-6)
    job = Milling("weld", (row, pit), 1e-10, 30e3, done + more, done)
    drawn = shapes(job, job.current)
    assert sum(shape.time for shape in drawn) * job.current == pytest.approx(more, rel=1e-6)
    assert all(shape.time > 0 for shape in drawn)


def test_a_row_needs_a_field_that_holds_all_of_it() -> None:
    row = Array(
        x=0.0, y=0.0, count=5, along="x", pitch=2e-6, width=1e-6, height=1e-6,
        scan="left_to_right",
    )  # fmt: skip
    assert needed_field(Milling("weld", (row,), 1e-10, 30e3, 1e-9)) == pytest.approx(9e-6)


@pytest.mark.parametrize(
    ("asked", "given"), [(1e-9, 1.000005e-9), (20e-12, 20e-12), (0.0999e-9, 0.1e-9)]
)
def test_the_vendors_own_value_is_taken(asked: float, given: float) -> None:
    assert chosen("a current of", asked, (20e-12, 0.1e-9, 1.000005e-9), "A") == given


@pytest.mark.parametrize("asked", [5.0, math.nan, math.inf, 0.0, -1e-9, 0.5e-9])
def test_a_value_that_the_vendor_lacks_is_refused_with_those_it_has(asked: float) -> None:
    with pytest.raises(LimitError, match="2e-11, 1e-09 A"):
        chosen("a current of", asked, (20e-12, 1.000005e-9), "A")


def test_a_larger_current_has_a_larger_spot() -> None:
    assert spot(100e-12) == pytest.approx(24e-9)
    assert spot(1e-13) < spot(30e-12) < spot(3e-9) < spot(1e-6)


def test_a_call_that_does_not_end_holds_up_the_next_one_only() -> None:
    worker, release = Worker(patience=0.2), threading.Event()
    stops = []
    stuck = worker.run("take an image", release.wait, lambda: stops.append(1))
    next(stuck)
    with pytest.raises(LinkError, match="told to end it, but did not within"):
        stuck.close()
    assert stops
    with pytest.raises(LinkError, match="has not returned from 'take an image'"):
        next(worker.run("mill", lambda: None))
    release.set()
    with closing(worker):
        while worker.busy:
            pass
        assert worker.wait("read", lambda: 3) == 3
