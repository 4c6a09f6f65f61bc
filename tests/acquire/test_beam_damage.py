"""A dose series on the simulated microscope, and a line scan that keeps what it found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.check import plan
from acquire.launch import RunEnd, begin_run, resume_run
from acquire.pages.report import write_report
from acquire.record import RunRecord
from acquire.replay import fitted, recorded_lab
from acquire.show import SCHEMA, show, told
from drivers.errors import InputError
from drivers.lab import simulated_lab
from protocols.loader import LIBRARY, load_protocol
from simulators.truth import exposures
from tests.campaigns.scan import desk

SERIES = """
kind: beam_damage
survey: {field: 1 um, pixels: 128, dwell: 20 us, probe_current: 25 pA}
centre: {edge_of: dark_field, offset: 300 nm}
width: 200 nm
height: 600 nm
probe_current: 1 nA
dwell: 1 s
exposures: 20
dose_limit: 21000 e/angstrom^2
watch: [{element: N}, {element: O}, {element: P}]
"""
LINE = """
kind: eds_line_scan
survey: {field: 1 um, pixels: 128, dwell: 20 us, probe_current: 25 pA}
start: {edge_of: dark_field, offset: -100 nm}
length: 200 nm
points: 40
strip: 500 nm
probe_current: 100 pA
dwell: 800 ms
dose_limit: 4000 e/angstrom^2
background_points: 5
watch: [{element: N}, {element: P}]
damage_limit: {element: N, loss: 0.1}
"""
FAST = {"critical_dose": {"N": 5e3}, "retained": {"N": 0.2}}
BEARS_ALL: dict[str, Any] = {"critical_dose": {}}


def session(series: str = SERIES, line: str = LINE) -> str:
    steps = [text.strip().replace("\n", "\n    ") for text in (series, line)]
    return "steps:\n" + "".join(f"  - {text}\n" for text in steps)


def run(
    folder: Path,
    text: str,
    damage: dict[str, Any] = FAST,
    boundary: Callable[[str], None] | None = None,
    **settings: Any,
) -> RunEnd:
    file = folder / "p.yaml"
    file.write_text(text, encoding="utf-8")
    lab = simulated_lab({"stem": {"damage": damage, **settings}})
    return begin_run(load_protocol(file), lab, folder / "runs", seed=3, desk=desk(boundary))


def seen(end: RunEnd) -> dict[str, Any]:
    """Return `show --json` of a run, checked against its schema."""
    import jsonschema

    with RunRecord(end.folder) as record:
        view = show(record)
    jsonschema.validate(view, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return view


def test_what_fades_is_flagged_and_its_dose_found(tmp_path: Path) -> None:
    view = seen(run(tmp_path, SERIES))
    (result,) = view["results"]
    (flag,) = view["flags"]
    assert (flag["kind"], flag["of"]) == ("fade", "N")
    assert 0 < flag["dose_e_per_angstrom2"] < 10_500
    true = -5e3 * np.log(1 - 0.1 / 0.8)
    low, high = result["dose_for_loss"]["N"]["interval_e_per_angstrom2"]
    assert low < true < high < 5 * low
    for element in ("O", "P"):
        assert "no fade seen" in result["dose_for_loss"][element]["none"]
        assert result["dose_for_loss"][element]["at_least_e_per_angstrom2"] > 10_000
    assert result["moved"]["value_m"] < 5e-9
    assert "N: 10 % gone: at" in told(view)


def test_a_specimen_that_bears_everything_raises_no_flag(tmp_path: Path) -> None:
    view = seen(run(tmp_path, SERIES, BEARS_ALL))
    assert view["flags"] == []
    assert all("none" in each for each in view["results"][0]["dose_for_loss"].values())


def test_an_element_that_is_not_there_has_no_figure(tmp_path: Path) -> None:
    view = seen(run(tmp_path, SERIES.replace("{element: P}", "{element: S}")))
    for name in ("dose_for_loss", "critical_dose", "retained"):
        (key,) = view["results"][0][name]["S"]
        assert key == "none"


def test_what_fades_at_once_is_flagged_without_a_figure(tmp_path: Path) -> None:
    end = run(tmp_path, session(), {"critical_dose": {"N": 300}})
    view = seen(end)
    assert view["flags"][0]["of"] == "N"
    assert "faster than this series can tell" in view["results"][0]["dose_for_loss"]["N"]["none"]
    assert "says nothing of N" in end.reason


def test_a_policy_may_end_the_series_or_the_run(tmp_path: Path) -> None:
    text = SERIES.replace("{element: N}", "{element: N, on_fade: end_series}")
    ended = run(tmp_path, text)
    (result,) = seen(ended)["results"]
    assert ended.exit_code == 0
    assert result["series_ended_by"] == "fade of N"
    assert result["exposures"] < 20
    stopped = run(tmp_path, text.replace("end_series", "stop"))
    assert stopped.exit_code == 1
    assert "the fade of N stops the run" in stopped.reason


def test_drift_that_takes_the_area_away_is_flagged(tmp_path: Path) -> None:
    view = seen(run(tmp_path, SERIES, BEARS_ALL, drift_rate=1.5e-9, drift_direction=0.0))
    notes = {flag["kind"]: flag["note"] for flag in view["flags"]}
    assert "of its narrower side: what drifted in was undamaged" in notes["drift"]


def test_a_current_that_fades_is_no_loss_of_the_specimen() -> None:
    from acquire.eds.fade_watch import FadeDetector, exposure_of
    from drivers.stem import Spectrum
    from protocols.beam_damage import BeamDamage
    from protocols.units import ELEMENTARY_CHARGE
    from tests.acquire.made_run import CHANNELS, SETUP

    step = load_protocol("joule2020/beam-damage").steps[0]
    assert isinstance(step, BeamDamage)
    watch = FadeDetector(step, SETUP)
    rng = np.random.default_rng(2)
    energies = 10.0 * np.arange(CHANNELS)
    shape = 5 + sum(
        height * np.exp(-(((energies - line) / 27) ** 2) / 2)
        for line, height in ((392.4, 60.0), (524.9, 400.0), (2009.9, 250.0))
    )
    for index in range(20):
        share = 1 - 0.02 * index
        electrons = share * step.probe_current * step.dwell / ELEMENTARY_CHARGE
        spectrum = Spectrum(rng.poisson(shape * share), 0.95, 1.0, electrons)
        assert watch.update(exposure_of(spectrum, 500.0 * index, step)) == []


def test_the_scan_after_it_keeps_the_dose_that_was_found(tmp_path: Path) -> None:
    end = run(tmp_path, session())
    view = seen(end)
    series, line = view["results"]
    flag = next(flag for flag in view["flags"] if flag["kind"] == "dose")
    allowed = flag["dose_e_per_angstrom2"]
    assert allowed == pytest.approx(
        series["dose_for_loss"]["N"]["interval_e_per_angstrom2"][0], rel=1e-6
    )
    assert "dwell shortened from 800 to" in flag["note"]
    assert 0.95 * allowed < line["dose_e_per_angstrom2"] <= allowed * (1 + 1e-9)
    assert view["budgets"]["dose_e_per_angstrom2"]["spent"] < 4000
    assert line["points"] == 40


def test_what_bears_the_whole_dose_is_scanned_as_planned(tmp_path: Path) -> None:
    view = seen(run(tmp_path, session(), BEARS_ALL))
    assert [flag for flag in view["flags"] if flag["kind"] == "dose"] == []
    assert view["results"][1]["dose_e_per_angstrom2"] == pytest.approx(1948.9, abs=0.5)


def test_a_limit_that_leaves_no_scan_is_refused_before_it_exposes(tmp_path: Path) -> None:
    end = run(tmp_path, session(line=LINE.replace("loss: 0.1", "loss: 0.001")))
    assert end.exit_code == 1
    assert "leaves" in end.reason
    assert "widen the strip" in end.reason
    assert len(exposures(end.folder / "world-stem.db")) == 22


def test_an_element_that_the_series_did_not_meet_sets_no_limit(tmp_path: Path) -> None:
    text = session(SERIES.replace("{element: P}", "{element: S}"), LINE).replace(
        "damage_limit: {element: N", "damage_limit: {element: S"
    )
    end = run(tmp_path, text)
    assert end.exit_code == 1
    assert "says nothing of S; repeat it" in end.reason


def test_the_area_that_was_given_up_is_not_scanned_as_if_it_were_fresh(tmp_path: Path) -> None:
    line = LINE.replace("offset: -100 nm", "offset: 150 nm")
    end = run(tmp_path, session(line=line))
    assert end.exit_code == 1
    assert "the limit is 4000" in end.reason


def test_a_run_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    class Cut(BaseException):
        pass

    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = seen(run(tmp_path / "whole", session()))
    boundaries = 0

    def cut(name: str) -> None:
        nonlocal boundaries
        boundaries += 1
        if boundaries == 420:
            raise Cut

    with pytest.raises(Cut):
        run(tmp_path / "cut", session(), boundary=cut)
    (folder,) = [path.parent for path in (tmp_path / "cut" / "runs").glob("*/run.db")]
    end = resume_run(folder, desk=desk())
    view = seen(end)
    assert end.state == "finished"
    assert view["gaps"]
    for mine, theirs in zip(view["results"], whole["results"], strict=True):
        assert set(mine) == set(theirs)
    assert view["results"][0] == whole["results"][0]
    again = resume_run(end.folder, desk=desk())
    assert again.state == "finished"
    assert seen(again)["warnings"] == view["warnings"]


def test_the_page_shows_the_place_the_curves_and_the_doses(tmp_path: Path) -> None:
    page = write_report(run(tmp_path, SERIES).folder).read_text(encoding="utf-8")
    for words in ("10 % gone at", "fade seen", "Survey image with the area", "200 nm × 600 nm"):
        assert words in page
    assert page.count('aria-label="Counts of') == 3


def test_a_series_that_goes_on_has_its_page(tmp_path: Path) -> None:
    end = run(tmp_path, SERIES.replace("{element: N}", "{element: N, on_fade: stop}"))
    page = write_report(end.folder).read_text(encoding="utf-8")
    assert "the series has not ended" in page


def test_the_spectra_stand_in_a_file_by_their_dose(tmp_path: Path) -> None:
    from rsciio.hspy import file_reader

    end = run(tmp_path, SERIES)
    (signal,) = file_reader(str(end.folder / "data" / "00-beam-damage.hspy"))
    dose, energy = signal["axes"]
    assert (dose["name"], dose["units"], energy["units"]) == ("dose", "e/Å²", "keV")
    assert dose["axis"][[0, -1]] == pytest.approx([260.6, 10_143], rel=1e-3)
    assert signal["data"].shape == (20, 2048)
    assert signal["metadata"]["Signal"]["signal_type"] == "EDS_TEM"
    assert signal["metadata"]["Sample"]["xray_lines"] == ["N_Ka", "O_Ka", "P_Ka"]


def test_check_tells_dose_time_and_the_loss_it_can_see() -> None:
    made = plan(load_protocol("joule2020/beam-damage"), simulated_lab({"stem": {}}))
    (step,) = made.steps
    assert step.figures["exposures"] == 40
    assert step.figures["dose_e_per_angstrom2"] == pytest.approx(20_807, abs=2)
    assert step.figures["beam_time_s"] == pytest.approx(41.0, abs=0.1)
    assert step.expected is not None
    assert 0.05 < step.expected["N"]["smallest_loss"] < 0.15
    assert made.refusals == []


def test_an_area_that_leaves_the_image_is_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"leaves the image by \S+ nm; move centre inwards"):
        run(tmp_path, SERIES.replace("offset: 300 nm", "offset: 450 nm"))


def test_more_exposures_than_the_limit_bears_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dose_e_per_angstrom2: .*above the limit of 5000"):
        run(tmp_path, SERIES.replace("21000", "5000"))


def test_a_recording_cannot_be_spoiled(tmp_path: Path) -> None:
    protocol = load_protocol("joule2020/beam-damage")
    with pytest.raises(InputError, match="a recording cannot be exposed again"):
        fitted(protocol, recorded_lab(tmp_path / "map.hspy"), None, None)


@pytest.mark.parametrize("name", ["beam-damage", "damage-then-line"])
def test_the_published_protocols_run(tmp_path: Path, name: str) -> None:
    text = (LIBRARY / "joule2020" / f"{name}.yaml").read_text(encoding="utf-8")
    view = seen(run(tmp_path, text, {"critical_dose": {"N": 6e4}, "retained": {"N": 0.2}}))
    assert view["state"] == "finished"
    assert any(flag["kind"] == "fade" and flag["of"] == "N" for flag in view["flags"])
