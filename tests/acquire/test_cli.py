"""The commands, as a person types them: exit codes, refusals, files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from acquire.cli import main
from acquire.show import SCHEMA
from tests.campaigns.scan import write_protocol

SHARED = Path(os.environ.get("LIFTLINE_SHARED", Path(__file__).parents[3] / "shared"))
MAP = SHARED / "data" / "stem-eds-map-71gpa.hspy"
LAB = """
name: rehearsal
clock: jumping
instruments:
  stem:
    driver: simulated-stem
    settings: {{down_time: 2 s, faults: [{fault}]}}
"""


def liftline(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def view(folder: Path) -> dict[str, Any]:
    """Return `show --json` of the only run in `folder`, checked against its schema."""
    import jsonschema

    (run,) = [path.parent for path in folder.glob("*/run.db")]
    result = liftline("show", run, "--json")
    assert result.exit_code == 0
    seen: dict[str, Any] = json.loads(result.stdout)
    jsonschema.validate(seen, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return seen


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_protocol(tmp_path, 60, 200)


def with_fault(folder: Path, fault: str) -> Path:
    lab = folder / "lab.yaml"
    lab.write_text(LAB.format(fault=fault), encoding="utf-8")
    return lab


def test_a_run_ends_with_its_flags_its_dose_and_its_folder(scan: Path, tmp_path: Path) -> None:
    result = liftline("run", scan, "--out", tmp_path / "runs", "--seed", 3)
    assert result.exit_code == 0, result.output
    assert "onset of P" in result.output
    assert "largest electron dose: " in result.output
    assert "run folder:" in result.output
    seen = view(tmp_path / "runs")
    assert seen["state"] == "finished"
    assert seen["simulated"] is True
    assert {flag["of"] for flag in seen["flags"] if flag["kind"] == "onset"} == {"N", "P"}
    assert seen["results"][0]["points"] == 60


def test_the_same_seed_gives_the_same_numbers(scan: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert liftline("run", scan, "--out", tmp_path / name, "--seed", 4).exit_code == 0
    first, second = (view(tmp_path / name)["results"] for name in ("a", "b"))
    assert first == second


def test_a_valve_that_closes_stops_the_run_with_the_reason(scan: Path, tmp_path: Path) -> None:
    lab = with_fault(tmp_path, "{kind: valve_closes, at: 5 s}")
    result = liftline("run", scan, "--lab", lab, "--out", tmp_path / "runs")
    assert result.exit_code == 3
    seen = view(tmp_path / "runs")
    assert seen["state"] == "fault"
    assert "the column valve is closed" in seen["reason"]


def test_a_fault_asks_and_an_answer_goes_on(scan: Path, tmp_path: Path) -> None:
    scan.write_text(scan.read_text(encoding="utf-8") + "on_fault: ask\n", encoding="utf-8")
    lab = with_fault(tmp_path, "{kind: link_drops, at: 5 s, lasting: 1 s}")
    out = tmp_path / "runs"
    result = liftline("run", scan, "--lab", lab, "--out", out)
    assert result.exit_code == 4, result.output
    assert "answer with: liftline answer" in result.output
    assert liftline("answer", "last", "perhaps", "--out", out).exit_code == 2
    assert liftline("answer", "last", "try", "again", "--out", out).exit_code == 0
    again = liftline("resume", "last", "--out", out)
    assert again.exit_code == 0, again.output
    seen = view(out)
    assert seen["state"] == "finished"
    assert seen["questions"][0]["answer"] == "try again"
    assert seen["gaps"]


REFUSED = [
    (("run", "no-such"), "there is no file and no published protocol"),
    (("run", "joule2020/eds-line", "--lab", "no.yaml"), "no.yaml: cannot be read"),
    (("run", "joule2020/eds-line", "--specimen", "cheese"), "there is no specimen"),
    (("run", "joule2020/eds-line", "--out", "/proc/nowhere"), "cannot be written"),
    (("show", "no-such"), "there is no run 'no-such'"),
    (("replay", "no.hspy", "joule2020/eds-line"), "no.hspy"),
    (("replay", "no.hspy", "joule2020/eds-line", "--line", "1,2,3"), "is not a line"),
    (("stop", "no-such"), "there is no run 'no-such'"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_a_refusal_is_one_line_with_the_cure(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = liftline(*words)
    assert result.exit_code == 2
    assert message in result.output
    assert not list(tmp_path.glob("runs/*"))


def test_check_tells_points_dose_and_time_and_nothing_moves(tmp_path: Path) -> None:
    result = liftline("check", "joule2020/eds-line", "--json")
    assert result.exit_code == 0
    step = json.loads(result.output)["steps"][0]
    assert step["points"] == 351
    assert step["dose_per_point_e_per_angstrom2"] == pytest.approx(1872.45, abs=0.01)
    assert step["beam_time_s"] == pytest.approx(64.7, abs=0.2)


def test_check_refuses_a_scan_above_its_limit(tmp_path: Path) -> None:
    text = (tmp_path / "p.yaml", write_protocol(tmp_path, 60, 200).read_text(encoding="utf-8"))
    text[0].write_text(text[1].replace("1e5 e/", "100 e/"), encoding="utf-8")
    result = liftline("check", text[0])
    assert result.exit_code == 2
    assert "is above the limit of 100" in result.output


def test_help_is_quick_and_loads_no_numpy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from acquire.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('numpy' in sys.modules or 'hyperspy' in sys.modules or 'rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def with_policy(scan: Path, policy: str) -> Path:
    text = scan.read_text(encoding="utf-8")
    watch = "watch: [{element: N}, {element: P}]"
    assert watch in text
    changed = f"watch: [{{element: N}}, {{element: P, on_onset: {policy}}}]"
    scan.write_text(text.replace(watch, changed), encoding="utf-8")
    return scan


def test_stop_after_ends_the_scan_as_the_protocol_foresees(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    assert liftline("run", with_policy(scan, "{stop_after: 10 nm}"), "--out", out).exit_code == 0
    seen = view(out)
    assert seen["state"] == "finished"
    (flag,) = [each for each in seen["flags"] if each["of"] == "P" and each["kind"] == "onset"]
    assert seen["results"][0]["points"] == pytest.approx(flag["raised_at"]["index"] + 4, abs=1)


def refined(scan: Path, plan: str = "{first: 0.2, spend: 0.5, passes: 2}") -> Path:
    scan.write_text(scan.read_text(encoding="utf-8") + f"refine: {plan}\n", encoding="utf-8")
    return scan


def test_refine_exposes_again_where_it_narrows_the_answer(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    assert liftline("run", refined(scan), "--out", out).exit_code == 0
    seen = view(out)
    result = seen["results"][0]
    assert (result["points"], result["refined"]["passes"]) == (60, 3)
    even = result["refined"]["uniform_electrons"]
    assert 0.45 * even < result["electrons"] <= 0.5001 * even
    assert seen["budgets"]["dose_e_per_angstrom2"]["spent"] > 0.5 * 737  # more than on average


def test_ask_waits_with_exit_code_4_and_goes_on_with_the_answer(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    assert liftline("run", with_policy(scan, "ask"), "--out", out).exit_code == 4
    assert view(out)["state"] == "waiting"
    assert liftline("answer", "last", "go", "on", "--out", out).exit_code == 0
    assert liftline("resume", "last", "--out", out).exit_code == 0
    assert view(out)["results"][0]["points"] == 60


def test_stop_stops_with_exit_code_1(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    assert liftline("run", with_policy(scan, "stop"), "--out", out).exit_code == 1
    seen = view(out)
    assert (seen["state"], seen["reason"]) == (
        "stopped",
        "the onset of P stops the run, as the protocol says",
    )


def test_a_scan_above_its_dose_limit_is_refused_before_anything_moves(
    scan: Path, tmp_path: Path
) -> None:
    text = scan.read_text(encoding="utf-8").replace("1e5 e/", "1000 e/")
    scan.write_text(text, encoding="utf-8")
    assert liftline("run", scan, "--out", tmp_path / "ok").exit_code == 0
    scan.write_text(text.replace("1000 e/", "700 e/"), encoding="utf-8")
    result = liftline("run", scan, "--out", tmp_path / "runs")
    assert result.exit_code == 2
    assert "is above the limit of 700" in result.output
    assert not list(tmp_path.glob("runs/*"))


def test_a_network_share_is_refused_with_the_cure(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acquire import folders

    monkeypatch.setattr(folders, "file_system", lambda path: ("nfs4", True))
    result = liftline("run", scan, "--out", tmp_path / "runs")
    assert result.exit_code == 2
    assert "lies on a network share (nfs4)" in result.output


def test_doctor_finds_this_installation_fit() -> None:
    result = liftline("doctor")
    assert result.exit_code == 0, result.output
    assert "driver simulated-stem (stem)" in result.output


@pytest.mark.skipif(not MAP.exists(), reason="the shared recordings are not here")
def test_a_real_map_replays_and_a_replay_that_was_stopped_goes_on(tmp_path: Path) -> None:
    from acquire.launch import begin_run, resume_run
    from acquire.replay import fitted, recorded_lab
    from protocols.loader import load_protocol
    from tests.campaigns.scan import desk

    words = ("replay", MAP, "examples/eds-line-minerals", "--line", "20,30,79,30", "--strip", "5")
    result = liftline(*words, "--out", tmp_path / "whole")
    assert result.exit_code == 0, result.output
    whole = view(tmp_path / "whole")
    assert {e["of"] for e in whole["flags"] if e["kind"] == "present"} == {"Ca", "Fe", "Si"}
    assert {e["of"] for e in whole["flags"] if e["kind"] == "onset"} == {"Ca", "Fe"}
    assert whole["simulated"] is False

    class Crash(BaseException):
        pass

    seen: list[str] = []

    def crash(name: str) -> None:
        seen.append(name)
        if len(seen) == 150:
            raise Crash

    lab = recorded_lab(MAP)
    protocol = fitted(load_protocol("examples/eds-line-minerals"), lab, (20, 30, 79, 30), 5)
    with pytest.raises(Crash):
        begin_run(protocol, lab, tmp_path / "cut", seed=0, desk=desk(crash))
    (run,) = [path.parent for path in (tmp_path / "cut").glob("*/run.db")]
    assert resume_run(run, desk=desk()).state == "finished"
    assert view(tmp_path / "cut")["results"] == whole["results"]


def test_a_lab_that_lacks_an_instrument_is_told_which_drivers_there_are(tmp_path: Path) -> None:
    lab = tmp_path / "lab.yaml"
    lab.write_text("instruments:\n  cryo: {driver: operator-cryo, address: cold-stage.yaml}\n")
    result = liftline("run", "joule2020/eds-line", "--lab", lab, "--out", tmp_path)
    assert result.exit_code == 2
    assert "needs stem, which lab 'lab' does not have" in result.stderr
    assert "stem: {driver: simulated-stem}" in result.stderr
