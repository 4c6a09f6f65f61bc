"""What `show` says of a lift-out: for a machine, by its schema, and for a person."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from acquire.flags import Flag
from acquire.show import told, told_flag
from tests.acquire.fib.made_lift_out import WELDS, MadeLiftOut
from tests.acquire.test_show import view


def test_the_result_keeps_to_the_schema(lifted: MadeLiftOut) -> None:
    temperatures = [{"time_s": 1.0, "stage_K": 88.0, "needle_K": 90.0, "shield_K": 84.0}]
    lifted.result(temperatures=temperatures)
    (result,) = view(lifted.close())["results"]
    assert result["welds"] == WELDS


@pytest.mark.parametrize(
    "wrong",
    [
        {"success": "yes"},
        {"welds": [{"joint": "needle"}]},
        {"interval_m": [84e-9]},
        {"ln2_l": "much"},
        {"species": {"written": "gallium"}},
    ],
)
def test_the_schema_refuses_what_it_does_not_describe(
    lifted: MadeLiftOut, wrong: dict[str, Any]
) -> None:
    lifted.result(**wrong)
    with pytest.raises(jsonschema.ValidationError):
        view(lifted.close())


def test_a_person_reads_success_thickness_welds_and_what_it_took(lifted: MadeLiftOut) -> None:
    lifted.result()
    text = told(view(lifted.close()))
    assert "success: on the grid, 92 nm thick at the interface" in text
    assert "thickness 92 nm (84 to 100 nm)" in text
    assert "weld needle: verified, 2.1 um2 bridged, gap 0.3 um" in text
    assert "weld post back: NOT verified, 0.7 um2 bridged, gap 0.3 um" in text
    assert "took 5.6 h, 11.5 l of liquid nitrogen, ice grown 8 to 80 nm as estimated" in text
    assert "ions: gallium, the instrument reports gallium, stated argon" in text


def test_a_person_reads_why_it_is_no_success(lifted: MadeLiftOut) -> None:
    lifted.result(
        success=False,
        reason="the thickness was not measured",
        thickness_m=None,
        interval_m=None,
        welds=[],
    )
    text = told(view(lifted.close()))
    assert "no success: the thickness was not measured" in text
    assert "nm thick" not in text


def test_a_run_that_broke_off_has_no_verdict(lifted: MadeLiftOut) -> None:
    lifted.begin("cool")
    assert "success" not in told(view(lifted.close("fault", "the vacuum failed")))


def test_budgets_are_told_in_the_units_of_the_lab(lifted: MadeLiftOut) -> None:
    lifted.begin("trench")
    lifted.mill("trench", 5e-6)
    text = told(view(lifted.close("stopped", "by the operator")))
    assert "charge of ion patterns: 5 µC spent, limit 40 µC" in text


@pytest.mark.parametrize(
    ("kind", "of", "figures", "expected"),
    [
        (
            "electrolyte",
            "lamella",
            {"depth_m": 1.52e-6, "interval_m": (1.48e-6, 1.56e-6)},
            "electrolyte of lamella: 1.52 um deep (95%: 1480 to 1560 nm)",
        ),
        (
            "thickness",
            "lamella",
            {"thickness_m": 92e-9, "interval_m": (84e-9, 100e-9)},
            "thickness of lamella: 92 nm thick (95%: 84 to 100 nm)",
        ),
        (
            "bridged",
            "needle",
            {"area_m2": 2.1e-12, "gap_m": 0.3e-6},
            "bridged of needle: 2.1 um2 bridged, gap 0.3 um",
        ),
        ("severed", "bridge", {"gap_m": 0.9e-6}, "severed of bridge: gap 0.9 um"),
        ("contact", "needle", {"step": 7.0}, "contact of needle"),
        ("species", "ions", {}, "species of ions"),
    ],
)
def test_each_flag_is_told_with_its_figures(
    lifted: MadeLiftOut, kind: str, of: str, figures: dict[str, Any], expected: str
) -> None:
    lifted.flag(Flag(kind, of, 3, figures, 0.95))
    lifted.result()
    (flag,) = view(lifted.close())["flags"]
    assert told_flag(flag) == expected


def test_a_note_that_holds_the_figures_is_told_in_their_place() -> None:
    flag = {"kind": "severed", "of": "bridge", "gap_m": 0.9e-6, "note": "a gap of 0.9 um is seen"}
    assert told_flag(flag) == "severed of bridge; a gap of 0.9 um is seen"
