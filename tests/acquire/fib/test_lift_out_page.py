"""What the report says of a lift-out: ended, going on, broken off, or only a part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from acquire.fib.approach import Approach
from acquire.fib.lift_out_data import read_lift_out, shots
from acquire.lease import lease
from acquire.pages.report import write_report
from acquire.record import RunRecord
from tests.acquire.fib.made_lift_out import WELDS, MadeLiftOut, the_step
from tests.acquire.made_run import MadeRun
from tests.acquire.test_report import OUTSIDE, Words

LARGEST = 6e6
"""Bytes of a page."""


def words(folder: Path) -> str:
    page = Words(write_report(folder).read_text(encoding="utf-8"))
    assert page.open == []
    return page.text


def test_a_whole_lift_out_is_one_page_of_a_few_megabytes(lifted: MadeLiftOut) -> None:
    lifted.whole()
    lifted.result()
    page = write_report(lifted.close()).read_text(encoding="utf-8")
    assert not OUTSIDE.search(page)
    assert page.count("data:image/png;base64,") > 40
    assert len(page) < LARGEST


def test_success_and_its_reason_come_before_everything_else(lifted: MadeLiftOut) -> None:
    lifted.stage("final")
    lifted.result()
    text = words(lifted.close())
    said = "Success: on the grid, 92 nm thick at the interface (standard error 4 nm)"
    assert said in text
    assert text.index(said) < text.index("ions")


def test_why_it_is_no_success_is_said_first(lifted: MadeLiftOut) -> None:
    lifted.stage("final")
    lifted.result(success=False, reason="the weld to the needle was not verified")
    assert "No success: the weld to the needle was not verified" in words(lifted.close())


def test_a_run_up_to_a_stage_is_done_as_far_as_asked(tmp_path: Path) -> None:
    lifted = MadeLiftOut(MadeRun(tmp_path / "run"), the_step(last="clean"))
    lifted.stage("clean")
    reason = "the lift-out was taken as far as clean"
    lifted.result(stage="clean", success=False, reason=reason, welds=[], thickness_m=None)
    text = words(lifted.close())
    assert f"As far as asked: {reason}" in text
    assert "needle in not asked" in text


def test_a_run_that_broke_off_says_in_which_stage_and_why(lifted: MadeLiftOut) -> None:
    lifted.cool()
    lifted.begin("survey")
    lifted.look("ion")
    text = words(lifted.close("fault", "the vacuum failed"))
    assert "Not ended: it stopped in stage survey, 1 of 16 stages done: the vacuum failed" in text
    assert "cool done" in text
    assert "survey broke off" in text
    assert "trench not reached" in text


def test_a_run_that_goes_on_says_so(lifted: MadeLiftOut) -> None:
    lifted.begin("cool")
    lifted.made.journal.commit()
    with lease(lifted.made.folder):
        text = words(lifted.made.folder)
    assert "Goes on: in stage cool, 0 of 16 stages done" in text
    assert "cool under way" in text


def test_a_run_without_any_stage_yet_can_be_shown(lifted: MadeLiftOut) -> None:
    assert "before its first stage" in words(lifted.close("stopped", "by the operator"))


def test_each_weld_stands_with_area_gap_and_whether_it_is_verified(lifted: MadeLiftOut) -> None:
    for stage, joints in (("weld", WELDS[:1]), ("weld_grid", WELDS[1:])):
        lifted.begin(stage)
        for joint in joints:
            lifted.weld(joint)
        lifted.end(stage)
    text = words(lifted.close())
    assert "needle verified 0.30 µm (at most 0.6) 2.10 ± 0.10 µm² (at least 1.5) 1" in text
    assert "post back not verified 0.30 µm (at most 0.6) 0.70 ± 0.10 µm² (at least 1) 1" in text
    for joint in WELDS:
        name = joint["joint"].replace("_", " ")
        assert f"{name}, before. part of 6 µm, ions 10 pA, field 12 µm, seen straight on" in text
        assert f"{name}, after. part of 6 µm, ions 10 pA, field 12 µm, seen straight on" in text


def test_a_weld_is_told_before_the_run_has_ended(lifted: MadeLiftOut) -> None:
    lifted.begin("weld")
    lifted.weld(WELDS[0])
    text = words(lifted.close("stopped", "by the operator"))
    assert "needle verified 0.30 µm (at most 0.6) 2.10 ± 0.10 µm² (at least 1.5) 1" in text


def test_a_weld_that_was_cut_off_is_not_verified(lifted: MadeLiftOut) -> None:
    lifted.begin("weld")
    lifted.weld(None)
    text = words(lifted.close("fault", "the vacuum failed"))
    assert "not looked at yet not verified - - (at least 1) -" in text


def test_thickness_stands_with_its_error_each_time_it_was_measured(lifted: MadeLiftOut) -> None:
    lifted.begin("polish")
    lifted.look("ion")
    for thickness in (300e-9, 180e-9, 92e-9):
        lifted.measure(thickness)
    with RunRecord(lifted.close()) as record:
        seen = read_lift_out(record, record.steps()[0]).thickness
    assert [each.value for each in seen] == pytest.approx([300e-9, 180e-9, 92e-9])
    assert [each.sigma for each in seen] == [4e-9] * 3


def test_brightness_is_read_off_the_approach_alone(lifted: MadeLiftOut) -> None:
    lifted.begin("contact")
    lifted.look("ion")
    lifted.approach([200, 202, 199, 260])
    with RunRecord(lifted.close()) as record:
        (step,) = record.steps()
        seen = Approach(read_lift_out(record, step))
        for shot in shots(record, step):
            seen.see(shot)
    assert [each.value for each in seen.brightness] == [200, 202, 199, 260]


def test_temperatures_and_nitrogen_stand_before_the_end(lifted: MadeLiftOut) -> None:
    lifted.begin("cool")
    for kelvin in (293.0, 150.0, 90.0):
        lifted.cold(kelvin, used=4.2e-3)
    page = write_report(lifted.close("stopped", "by the operator")).read_text(encoding="utf-8")
    assert "temperature / °C" in page
    assert "4.2 of 20 l allowed" in page


def test_a_single_reading_is_drawn_as_a_point(lifted: MadeLiftOut) -> None:
    lifted.begin("cool")
    lifted.cold(293.0)
    page = write_report(lifted.close("stopped", "by the operator")).read_text(encoding="utf-8")
    assert page.count("<circle") == 3


def test_a_temperature_that_is_not_known_is_left_out(lifted: MadeLiftOut) -> None:
    lifted.begin("cool")
    lifted.cold(float("nan"))
    page = write_report(lifted.close("stopped", "by the operator")).read_text(encoding="utf-8")
    assert "temperature / °C" not in page


def test_charge_stands_by_purpose_and_beside_its_limit(lifted: MadeLiftOut) -> None:
    lifted.begin("trench")
    lifted.mill("trench", 5e-6, current=3e-9)
    lifted.mill("trench", 3e-6, current=3e-9)
    lifted.mill("clean", 1e-8)
    text = words(lifted.close("stopped", "by the operator"))
    assert "trench 2 3 nA 8 µC 44.4 min" in text
    assert "clean 1 100 pA 10 nC" in text
    assert "8.01 of 40 µC allowed (20 %)" in text


def test_a_species_that_differs_from_the_publication_is_told(lifted: MadeLiftOut) -> None:
    lifted.begin("cool")
    text = words(lifted.close("stopped", "by the operator"))
    assert "the instrument reports gallium; stated in the publication: argon, which differs" in text


def test_a_question_stands_with_the_stage_that_asked_it(lifted: MadeLiftOut) -> None:
    lifted.begin("trench")
    lifted.ask("trench: done; look at the images", "go on")
    lifted.ask("trench: again?", "go on")
    lifted.ask("trench: again?", None)
    text = words(lifted.close("waiting", "question 3"))
    assert "Waits for an answer: in stage trench" in text
    assert "trench waiting" in text
    assert "Asked: done; look at the images Answer: go on" in text
    assert "Asked 2 times: again? No answer yet." in text
