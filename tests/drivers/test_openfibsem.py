"""OpenFIBSEM's DemoMicroscope behind our driver and our interlocks; skipped without fibsem.

The demo microscope takes anything: 10 m of stage, NaN, 5 A, images while vented. So what reaches it
is what we let through.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pytest_mock import MockerFixture

pytest.importorskip("fibsem", reason="needs liftline[openfibsem]")

from drivers.action import result_of
from drivers.clock import RealClock
from drivers.errors import (
    InstrumentFaultError,
    LimitError,
    LinkError,
    ReadbackError,
)
from drivers.fib import Fib, FibLimits, Milling, NeedlePosition, StagePosition
from drivers.lab import OpenRequest
from drivers.openfibsem import DRIVER, OpenFibsem
from protocols.errors import InputError
from protocols.fib import Array, CleaningCrossSection, Rectangle
from tests.drivers.fibsem_demo import FLAT_TO_IONS, SETTINGS, TOUCHING, TRENCH, VIEW, opened

# -- what a lift-out needs of it ----------------------------------------------------------------


def test_it_is_a_fib_that_says_it_is_simulated(fib: OpenFibsem) -> None:
    assert isinstance(fib, Fib)
    assert fib.identity().simulated
    assert fib.identity().model == "DemoMicroscope"
    assert fib.setup().geometry.column_angle == pytest.approx(math.radians(52))


def test_survey_images_of_both_beams_are_square_and_leave_them_blanked(fib: OpenFibsem) -> None:
    result_of(fib.move_stage(FLAT_TO_IONS))
    ions = result_of(fib.ion_image(VIEW))
    electrons = result_of(fib.electron_image(VIEW.model_copy(update={"frames": 3})))
    assert ions.pixels.shape == electrons.pixels.shape == (64, 64)
    assert ions.pixel_size == pytest.approx(40e-6 / 64)
    assert ions.angle == pytest.approx(0.0, abs=1e-9)
    assert electrons.angle == pytest.approx(math.radians(52))
    assert ions.pixels.max() <= 255 < electrons.pixels.max()  # frames are summed
    assert np.issubdtype(electrons.pixels.dtype, np.unsignedinteger)
    status = fib.status()
    assert status.ions_blanked
    assert status.electrons_blanked


def test_an_image_gives_back_the_current_that_it_found(fib: OpenFibsem) -> None:
    before = fib.status().ion_current
    picture = result_of(fib.ion_image(VIEW))
    assert before != VIEW.current
    assert fib.status().ion_current == before
    assert picture.charge == pytest.approx(10e-12 * 64**2 * 1e-6)


def test_patterns_are_drawn_with_y_up_their_time_and_their_direction(
    fib: OpenFibsem, demo: Any, mocker: MockerFixture
) -> None:
    draw, run = mocker.spy(demo, "draw_rectangle"), mocker.spy(demo, "run_milling")
    patterns = (
        CleaningCrossSection(x=1e-6, y=4e-6, width=4e-6, height=2e-6, scan="bottom_to_top"),
        Array(
            x=0.0,
            y=-1e-6,
            count=4,
            along="x",
            pitch=1e-6,
            width=0.5e-6,
            height=1e-6,
            scan="left_to_right",
        ),
    )
    job = Milling("weld", patterns, current=0.1e-9, voltage=30e3, charge=1e-8)
    slices = list(fib.mill(job))
    assert sum(each.charge for each in slices) == pytest.approx(job.charge)
    drawn = [call.args[0] for call in draw.call_args_list]
    assert [each.centre_y for each in drawn] == pytest.approx([-4e-6] + 4 * [1e-6])
    assert [each.centre_x for each in drawn[1:]] == pytest.approx([-1.5e-6, -5e-7, 5e-7, 1.5e-6])
    assert [each.passes for each in drawn] == [0, 1, 1, 1, 1]
    assert [each.scan_direction for each in drawn[:2]] == ["BottomToTop", "LeftToRight"]
    assert drawn[0].cross_section.name == "CleaningCrossSection"
    assert sum(each.time for each in drawn) == pytest.approx(job.duration)
    run.assert_called_once_with(0.1e-9, 30e3)
    assert fib.status().ions_blanked


def test_what_was_milled_before_is_not_drawn_again(
    fib: OpenFibsem, demo: Any, mocker: MockerFixture
) -> None:
    draw = mocker.spy(demo, "draw_rectangle")
    two = (*TRENCH.patterns, Rectangle(x=0.0, y=-6e-6, width=14e-6, height=8e-6))
    result_of(fib.mill(replace(TRENCH, patterns=two, done=0.75 * TRENCH.charge)))
    (left,) = (call.args[0] for call in draw.call_args_list)
    assert left.centre_y == pytest.approx(6e-6)
    assert left.time == pytest.approx(0.25 * TRENCH.charge / TRENCH.current)


def test_the_needle_comes_in_moves_and_goes_out(fib: OpenFibsem) -> None:
    result_of(fib.move_stage(FLAT_TO_IONS))
    park = result_of(fib.insert_needle())
    assert fib.status().needle_inserted
    assert park == fib.setup().needle_park
    to = NeedlePosition(12e-6, 3e-6, 10e-6)
    there = result_of(fib.move_needle(to, park.to(to)))
    assert there.to(to) < 1e-9
    assert fib.status().needle.to(to) < 1e-9
    result_of(fib.retract_needle())
    assert not fib.status().needle_inserted


def test_up_for_the_needle_is_off_a_pretilted_surface(
    fib: OpenFibsem, demo: Any, mocker: MockerFixture
) -> None:
    result_of(fib.insert_needle())
    moved = mocker.spy(demo, "move_manipulator_absolute")
    result_of(fib.move_needle(NeedlePosition(0.0, 0.0, 10e-6), 1e-5))
    (raw,) = moved.call_args.args
    assert (raw.x, raw.y, raw.z) == pytest.approx(
        (0.0, -10e-6 * math.sin(math.radians(35)), 10e-6 * math.cos(math.radians(35)))
    )


@pytest.mark.parametrize(("turn", "vendor_tilt"), [(0, 25 + 35), (180, 25 - 35)])
def test_the_tilt_of_a_pretilted_shuttle_is_converted(
    fib: OpenFibsem, demo: Any, turn: float, vendor_tilt: float
) -> None:
    to = StagePosition(1e-3, -2e-3, 4e-3, math.radians(turn), math.radians(25))
    there = result_of(fib.move_stage(to))
    assert demo.stage_system.position.t == pytest.approx(math.radians(vendor_tilt))
    assert there.t == pytest.approx(to.t)
    assert fib.status().stage == there


def test_the_stage_lies_flat_while_it_rotates(
    fib: OpenFibsem, demo: Any, mocker: MockerFixture
) -> None:
    result_of(fib.move_stage(FLAT_TO_IONS))
    moved = mocker.spy(demo, "move_stage_absolute")
    result_of(fib.move_stage(replace(FLAT_TO_IONS, r=math.pi)))
    legs = [call.args[0] for call in moved.call_args_list]
    assert [(leg.t is not None, leg.r is not None, leg.x is not None) for leg in legs] == [
        (True, False, False),
        (False, True, False),
        (True, True, True),
    ]
    assert legs[0].t == 0.0


def test_closing_it_while_it_mills_stops_the_ions(
    fib: OpenFibsem, demo: Any, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    monkeypatch.delenv("FIBSEM_SIM_NO_DELAY")
    stop = mocker.spy(demo, "stop_milling")
    milling = fib.mill(TRENCH)
    while not fib.status().milling:
        next(milling)
    assert not fib.status().ions_blanked
    milling.close()
    assert stop.call_count >= 1
    status = fib.status()
    assert status.ions_blanked
    assert not status.milling
    assert not fib._worker.busy
    monkeypatch.setenv("FIBSEM_SIM_NO_DELAY", "1")
    assert result_of(fib.mill(TRENCH)).charge == TRENCH.charge  # and the next one works


def test_closing_it_between_frames_blanks_the_beam(fib: OpenFibsem) -> None:
    image = fib.ion_image(VIEW.model_copy(update={"frames": 4}))
    next(image)
    image.close()
    assert fib.status().ions_blanked


def test_a_vendor_whose_time_is_not_ours_is_not_started(
    fib: OpenFibsem, demo: Any, mocker: MockerFixture
) -> None:
    real = OpenFibsem(demo, SETTINGS, FibLimits(), RealClock(), demo=False)
    run = mocker.spy(demo, "run_milling")
    with pytest.raises(ReadbackError, match="would mill 5 s, not the 100 s"):
        result_of(real.mill(TRENCH))
    run.assert_not_called()
    assert not demo.milling_system.patterns


def test_milling_that_never_ends_is_stopped(
    demo: Any, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    monkeypatch.delenv("FIBSEM_SIM_NO_DELAY")
    hasty = SETTINGS.model_copy(update={"overtime": 0.3})
    fib = OpenFibsem(demo, hasty, FibLimits(), RealClock(), demo=True)
    mocker.patch.object(demo, "estimate_milling_time", side_effect=[0.1, 0.1, 1e6])
    with pytest.raises(InstrumentFaultError, match="it was stopped"):
        result_of(fib.mill(TRENCH))
    assert not fib.status().milling
    assert fib.status().ions_blanked


def test_a_current_that_does_not_come_is_reported_before_any_ion(
    fib: OpenFibsem, demo: Any, mocker: MockerFixture
) -> None:
    mocker.patch.object(demo, "set", side_effect=lambda key, value, beam=None: None)
    unblank = mocker.patch.object(demo, "unblank")
    with pytest.raises(ReadbackError, match="the ion current reads 2e-11 A, not the 3e-09 A"):
        result_of(fib.mill(TRENCH))
    unblank.assert_not_called()


def test_whatever_the_vendor_raises_is_one_of_our_errors(
    fib: OpenFibsem, demo: Any, mocker: MockerFixture
) -> None:
    mocker.patch.object(demo, "acquire_image", side_effect=ConnectionError("socket closed"))
    with pytest.raises(InstrumentFaultError, match=r"acquire_image: .* socket closed"):
        result_of(fib.ion_image(VIEW))
    assert fib.status().ions_blanked
    blank = mocker.patch.object(demo, "blank", side_effect=ConnectionError("socket closed"))
    with pytest.raises(ReadbackError, match=r"perhaps not safe.*blank.*socket closed"):
        fib.safe()
    assert blank.call_count >= 2  # the other beam was tried all the same
    mocker.stop(blank)


def test_a_rotated_scan_is_refused(fib: OpenFibsem, demo: Any) -> None:
    demo.set_scan_rotation(math.pi, demo.milling_channel)
    with pytest.raises(ReadbackError, match="rotated by 180 deg"):
        result_of(fib.ion_image(VIEW))


def test_what_fibsem_cannot_say_of_the_gas_is_not_assumed(
    fib: OpenFibsem, demo: Any, mocker: MockerFixture
) -> None:
    mocker.patch.object(demo, "gis_system", None)
    with pytest.raises(LinkError, match="gas: parked"):
        fib.status()
    parked = SETTINGS.model_copy(update={"gas": "parked"})
    assert not OpenFibsem(demo, parked, FibLimits(), RealClock(), demo=True).status().gis_inserted


def test_the_real_driver_does_not_take_a_simulator_for_a_microscope() -> None:
    request = OpenRequest(
        "fib", "demo", SETTINGS, FibLimits(), RealClock(), 0, None, lambda name, text: None
    )
    with pytest.raises(InputError, match="driver: openfibsem-demo"):
        DRIVER.open(request)


# -- refused by the driver: nothing reaches the vendor --------------------------------------------

NOWHERE = Rectangle(x=0.0, y=0.0, width=1e-6, height=1e-6).model_copy(update={"y": math.nan})
OUT_OF_RANGE: dict[str, Callable[[OpenFibsem], Any]] = {
    "10 m of stage": lambda f: f.move_stage(replace(FLAT_TO_IONS, x=10.0)),
    "stage to NaN": lambda f: f.move_stage(replace(FLAT_TO_IONS, y=math.nan)),
    "tilt of 170 deg": lambda f: f.move_stage(replace(FLAT_TO_IONS, t=math.radians(170))),
    "a rotation that no pre-tilt allows": lambda f: f.move_stage(replace(FLAT_TO_IONS, r=1.0)),
    "5 A": lambda f: f.mill(replace(TRENCH, current=5.0)),
    "a current that is no number": lambda f: f.mill(replace(TRENCH, current=math.nan)),
    "a voltage that it lacks": lambda f: f.mill(replace(TRENCH, voltage=29e3)),
    "a pattern 1 mm away": lambda f: f.mill(
        replace(TRENCH, patterns=(Rectangle(x=1e-3, y=0.0, width=1e-6, height=1e-6),))
    ),
    "a pattern at NaN": lambda f: f.mill(
        replace(TRENCH, patterns=(*TRENCH.patterns, NOWHERE)),
    ),
    "5 A in an image": lambda f: f.ion_image(VIEW.model_copy(update={"current": 5.0})),
    "a field of 1 m": lambda f: f.electron_image(VIEW.model_copy(update={"field": 1.0})),
    "an image size that it lacks": lambda f: f.ion_image(VIEW.model_copy(update={"pixels": 300})),
    "a needle that is out": lambda f: f.move_needle(NeedlePosition(0.0, 0.0, 1e-5), 1e-5),
}


@pytest.fixture
def touched(fib: OpenFibsem, demo: Any, mocker: MockerFixture) -> Callable[[], list[str]]:
    """Return which of the vendor's methods that do something were called since."""
    spies = {name: mocker.spy(demo, name) for name in TOUCHING}
    return lambda: [name for name, spy in spies.items() if spy.call_count]


@pytest.mark.parametrize("ask", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE.keys())
def test_what_is_out_of_range_does_not_reach_the_vendor(
    fib: OpenFibsem, touched: Callable[[], list[str]], ask: Callable[[OpenFibsem], Any]
) -> None:
    with pytest.raises(LimitError):
        result_of(ask(fib))
    assert touched() == []


@pytest.mark.parametrize("to", [math.nan, math.inf, 1.0])
def test_a_needle_target_out_of_reach_does_not_reach_the_vendor(
    fib: OpenFibsem, demo: Any, mocker: MockerFixture, to: float
) -> None:
    result_of(fib.insert_needle())
    moved = mocker.spy(demo, "move_manipulator_absolute")
    with pytest.raises(LimitError):
        result_of(fib.move_needle(NeedlePosition(0.0, to, 0.0), 1e-5))
    moved.assert_not_called()


def test_without_fibsem_it_says_how_to_install_it(mocker: MockerFixture) -> None:
    mocker.patch.dict(sys.modules, {"fibsem": None})
    with pytest.raises(InputError, match=r"python -m pip install 'liftline\[openfibsem\]'"):
        opened()


def test_the_drivers_are_found_without_loading_fibsem() -> None:
    code = "import drivers.openfibsem, sys; assert 'fibsem' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
