"""What `show` says of a line scan: for a machine, by its schema, and for a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from acquire.flags import Flag
from acquire.record import RunRecord
from acquire.show import SCHEMA, show, told, told_flag
from acquire.terminal import Terminal
from tests.acquire.made_run import REFINED, RISES, MadeRun


def view(folder: Path) -> dict[str, Any]:
    """Return the machine's view, checked against its schema."""
    with RunRecord(folder) as record:
        seen = show(record)
    jsonschema.validate(seen, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return seen


def ended(made: MadeRun, **result: Any) -> dict[str, Any]:
    """Return the view of a run that ended with that result."""
    made.begin_scan()
    made.result(**result)
    return view(made.close())


def test_a_result_with_everything_keeps_to_the_schema(made: MadeRun) -> None:
    (result,) = ended(made, **RISES, refined=REFINED)["results"]
    assert result["width"]["from"] == "N"
    assert result["refined"]["passes"] == 3


def test_the_result_of_an_older_run_keeps_to_the_schema(a_run_folder: Path) -> None:
    (result,) = view(a_run_folder)["results"]
    assert "plateaus" not in result


@pytest.mark.parametrize(
    "wrong",
    [
        {"onsets": {"N": {"value_m": 1e-9, "interval_m": None, "confidence": 0.95}}},
        {"width": {"position_m": 1e-9, "interval_m": [0.0, 2e-9], "confidence": 0.95}},
        {"detection_limits": {"N": 3.0}},
    ],
)
def test_the_schema_refuses_what_it_does_not_describe(made: MadeRun, wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        ended(made, **wrong)


def test_a_person_reads_rises_width_order_and_limits(made: MadeRun) -> None:
    text = told(ended(made, **RISES, refined=REFINED))
    assert "  onset of N at 50 nm (95%: 46 to 52 nm)" in text
    assert "  plateau of P at 86 nm (95%: 80 to 92 nm)" in text
    assert "  width 36 nm (95%: 30 to 44 nm), onset of N to plateau of P; " in text
    assert "other shapes of the rise differ by up to 4 nm" in text
    assert "  order: N before P: the intervals are apart; 60 positions" in text
    assert "  detection limits at one position: N 34.2 counts/s (6.15 counts), P 25" in text
    assert "  refined: 3 passes, 1.3e+09 electrons; a uniform scan: 3.9e+09" in text


def test_one_reason_for_several_elements_is_told_once(made: MadeRun) -> None:
    short = {"none": "the line ends before it"}
    text = told(ended(made, plateaus={"N": short, "P": short}, width={"none": "no plateau"}))
    assert "  N, P: no plateau: the line ends before it" in text
    assert "  width not known: no plateau" in text


@pytest.mark.parametrize(
    ("onsets", "reason"),
    [
        (RISES["onsets"], "the intervals are not apart"),
        ({**RISES["onsets"], "P": {"none": "no rise"}}, "fewer than two elements have an onset"),
    ],
)
def test_an_undecided_order_says_why(made: MadeRun, onsets: dict[str, Any], reason: str) -> None:
    assert f"order: undecided: {reason};" in told(ended(made, onsets=onsets, order="undecided"))


def test_a_plateau_flag_is_told_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    place = {"position_m": 70e-9, "interval_m": (66e-9, 76e-9)}
    Terminal().flag(Flag("plateau", "N", 80, place, 0.95, 4.0, 3.2))
    assert "flag: plateau of N at 70 nm (95%: 66 to 76 nm)" in capsys.readouterr().out
    assert told_flag({"kind": "plateau", "of": "N"}) == "plateau of N"
