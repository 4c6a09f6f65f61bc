"""What a scan can be expected to answer, and what `check` refuses, with the cheapest change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from acquire.cli import main
from acquire.eds.design import FREE, STRAIGHT, ExpectedRise, reach
from acquire.eds.forecast import Forecast, flag_late, forecast, shortcomings
from protocols.eds import EdsLineScan, Expected
from protocols.errors import InputError
from protocols.loader import load_protocol
from tests.acquire.ramps import NM

EXPECT: dict[str, Any] = {
    "interphase": 76.4 * NM,
    "rises": {
        "N": {"begins": 21.1 * NM, "ends": 76.4 * NM},
        "P": {"begins": 32.7 * NM, "ends": 76.4 * NM},
    },
}


def scan(expect: dict[str, Any] | None = None, **changed: Any) -> tuple[EdsLineScan, Expected]:
    """Return the published scan with some of it changed."""
    published = load_protocol("joule2020/eds-line").steps[0]
    wanted = {**published.model_dump(), "expect": {**EXPECT, **(expect or {})}, **changed}
    step = EdsLineScan.model_validate(wanted)
    assert step.expect is not None
    return step, step.expect


def told(expect: dict[str, Any] | None = None, **changed: Any) -> list[str]:
    step, expected = scan(expect, **changed)
    return shortcomings(step, expected, forecast(step, expected))


def foretold(expect: dict[str, Any] | None = None, **changed: Any) -> Forecast:
    return forecast(*scan(expect, **changed))


@pytest.mark.parametrize(
    ("detector", "counts"), [("windowless", (16.9, 97.7)), ("polymer", (6.1, 71.9))]
)
def test_counts_are_those_of_the_reference_sheet(
    detector: str, counts: tuple[float, float]
) -> None:
    """100 pA for 180 ms are 1.12e8 electrons: 1.5e-7 and 8.7e-7 of them, or 5.4e-8 and 6.4e-7."""
    assert foretold({"detector": detector}).net == pytest.approx(counts, rel=0.01)


def test_counts_go_with_thickness_solid_angle_and_dwell() -> None:
    once = np.array(foretold().net)
    assert foretold({"thickness": 50 * NM}).net == pytest.approx(once / 2)
    assert foretold({"solid_angle": 0.475}).net == pytest.approx(once / 2)
    assert foretold(dwell=0.09).net == pytest.approx(once / 2)


def test_given_counts_replace_those_of_the_table() -> None:
    found = foretold({"counts_per_electron": {"N": 1e-6}})
    assert found.net == pytest.approx((112.3, 97.7), rel=0.01)


@pytest.mark.parametrize(
    ("level", "plateau", "late"), [(4.0, 14.0, 23.4), (1.0, 4.0, 32.9), (10.0, 60.0, 10.8)]
)
def test_the_flag_is_as_late_as_the_reference_says(
    level: float, plateau: float, late: float
) -> None:
    """Source: reference/xps-and-eds.md 7.3, ramps over 76 positions, run length 10,000."""
    assert flag_late(level, (plateau - level) / 76, 1e4) == pytest.approx(late, abs=0.15)


def test_an_element_without_counts_before_it_is_still_flagged_late() -> None:
    assert flag_late(0.0, 0.5, 1e4) > 2.0


def test_more_counts_are_flagged_earlier_and_reach_more() -> None:
    dim, bright = foretold(dwell=0.02), foretold()
    assert np.all(np.array(dim.late) > np.array(bright.late))
    assert dim.width_bound == pytest.approx(3 * bright.width_bound, rel=1e-3)  # sqrt(9)
    assert dim.width_half > bright.width_half
    for found in (dim, bright):
        assert found.width_half > 1.96 * found.width_bound  # other shapes cost something
        assert np.all(np.array(found.onset_half) >= 1.96 * np.array(found.onset_bound))


def test_a_plateau_in_common_is_known_at_least_as_well_as_each() -> None:
    distance = np.arange(300.0) * NM
    flat = np.full(300, 3.0)
    weak, strong = (ExpectedRise(100 * NM, 170 * NM, top, flat) for top in (10.0, 80.0))
    once = np.ones(300)
    for parameters in (STRAIGHT, FREE):
        alone = reach([weak], distance, once, parameters).width
        both = reach([weak, strong], distance, once, parameters).width
        assert both < alone


def test_no_unbiased_fit_beats_the_bound() -> None:
    """The spread of maximum likelihood estimates of a straight ramp comes close to it."""
    from acquire.eds.ramp import BEND, ONSET, WIDTH, best_levels, rise
    from tests.acquire.ramps import ramp_line

    onset, knee = 120 * NM, 200 * NM
    onsets, knees = np.meshgrid(onset + np.arange(-20, 21) * NM, knee + np.arange(-30, 31) * NM)
    grid = np.zeros((onsets.size, 7))
    grid[:, ONSET], grid[:, BEND] = onsets.ravel(), 0.5
    grid[:, WIDTH] = np.log(knees - onsets).ravel()
    best = []
    for seed in range(60):
        line = ramp_line(seed, onset, knee, points=160, plateau=60.0)
        shapes = rise(line.distance, grid)
        best.append(grid[int(np.argmax(best_levels(shapes, line).likelihood)), ONSET])
    flat = np.full(160, 4.0)
    rises = [ExpectedRise(onset, knee, 60.0, flat)]
    bound = reach(rises, np.arange(160) * 2 * NM, np.ones(160), STRAIGHT).onsets[0]
    assert 0.75 * bound < np.std(best) < 1.6 * bound


def test_a_scan_that_can_answer_is_not_refused() -> None:
    assert told({"width_within": 10 * NM}) == []
    assert told() == []


def test_within_the_dose_limit_the_cheapest_change_is_dwell() -> None:
    (text,) = told({"width_within": 6 * NM}, dose_limit=5000.0)
    assert "not the 6 nm asked for" in text
    factor = (foretold().width_half / (6 * NM)) ** 2
    assert f"dwell {180 * factor:.3g} ms, within the dose limit" in text
    assert told({"width_within": 6 * NM}, dose_limit=5000.0, dwell=0.19 * factor) == []


def test_at_the_dose_limit_it_is_a_longer_strip() -> None:
    (text,) = told({"width_within": 6 * NM})
    factor = (foretold().width_half / (6 * NM)) ** 2
    assert f"a strip of {600 * factor:.3g} nm with a dwell of {180 * factor:.3g} ms" in text
    cured = {"strip": 620e-9 * factor, "dwell": 0.186 * factor}
    assert told({"width_within": 6 * NM}, **cured) == []


def test_a_strip_longer_than_the_field_says_what_else_would_do() -> None:
    (text,) = told({"width_within": 3 * NM})
    assert "longer than the survey field allows: a higher dose_limit, or a thicker lamella" in text


def test_behind_a_polymer_window_a_windowless_detector_is_named_where_it_suffices() -> None:
    polymer = foretold({"detector": "polymer"}).width_half
    within = 0.95 * polymer
    (text,) = told({"detector": "polymer", "width_within": within})
    assert "a windowless detector would do" in text
    (text,) = told({"detector": "polymer", "width_within": 0.5 * polymer})
    assert "or a windowless detector and" in text


def test_a_line_that_ends_before_the_plateau_names_its_length() -> None:
    texts = told(length=250 * NM, points=251)
    assert "the line ends 26.4 nm before the expected plateau" in texts[0]
    assert "make it at least 353 nm long, or begin it nearer" in texts[0]


def test_background_points_that_reach_the_onset_are_refused() -> None:
    texts = told(background_points=230)
    assert "begin earlier or use fewer" in texts[0]
    assert "onset of N at 221 nm" in texts[0]


def test_a_flag_beyond_the_end_of_the_line_is_refused() -> None:
    texts = told(dwell=0.018e-3)
    assert any(
        "N would be flagged" in text and "beyond the end of the line" in text for text in texts
    )


def test_an_element_without_a_figure_says_what_to_write() -> None:
    expect = {"rises": {"Fe": {"begins": 0.0, "ends": 50 * NM}}}
    with pytest.raises(InputError, match=r"write them: counts_per_electron: \{Fe: 1e-7\}"):
        foretold(expect, watch=[{"element": "Fe"}])
    given = {**expect, "counts_per_electron": {"Fe": 1e-6}}
    assert foretold(given, watch=[{"element": "Fe"}]).net == pytest.approx((112.3,), rel=0.01)


# -- liftline check -----------------------------------------------------------------------------

WRITTEN = """
kind: eds_line_scan
survey: {field: 1 um, pixels: 128, dwell: 4 us, probe_current: 25 pA}
start: {edge_of: dark_field, offset: -200 nm}
length: 350 nm
points: 351
strip: 600 nm
probe_current: 100 pA
dwell: 180 ms
dose_limit: 2000 e/angstrom^2
watch: [{element: N}, {element: P}]
expect:
  interphase: 76.4 nm
  rises: {N: {begins: 21.1 nm, ends: 76.4 nm}, P: {begins: 32.7 nm, ends: 76.4 nm}}
  width_within: WITHIN
"""


def check(folder: Path, within: str, *words: str) -> Any:
    path = folder / "scan.yaml"
    path.write_text(WRITTEN.replace("WITHIN", within), encoding="utf-8")
    return CliRunner().invoke(main, ["check", str(path), *words])


def test_check_refuses_what_cannot_answer_with_exit_code_2(tmp_path: Path) -> None:
    result = check(tmp_path, "5 nm")
    assert result.exit_code == 2
    assert "step 0: the width's 95 % interval would reach" in result.output
    assert "the cheapest change at this dose: a strip of" in result.output


def test_check_tells_what_it_expects(tmp_path: Path) -> None:
    result = check(tmp_path, "10 nm")
    assert result.exit_code == 0
    assert "N: 16.9 counts on 10 of background; flag 9 nm behind the onset" in result.output
    assert "width within ±" in result.output


def test_check_as_json_has_what_is_expected(tmp_path: Path) -> None:
    result = check(tmp_path, "10 nm", "--json")
    expected = json.loads(result.output)["steps"][0]["expected"]
    assert expected["interphase_begins_m"] == pytest.approx(200e-9)
    assert set(expected["elements"]) == {"N", "P"}
    assert expected["elements"]["P"]["net_counts"] == pytest.approx(97.7, rel=0.01)
    assert 0 < expected["width_bound_m"] < expected["width_interval_half_m"] < 10e-9


def test_a_run_that_cannot_answer_is_refused_before_anything_moves(tmp_path: Path) -> None:
    assert check(tmp_path, "5 nm").exit_code == 2
    words = ["run", str(tmp_path / "scan.yaml"), "--out", str(tmp_path / "runs")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "the width's 95 % interval" in result.output
    assert not list(tmp_path.glob("runs/*"))
