from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acquire.launch import resume_run
from acquire.pages.report import write_report
from acquire.record import RunRecord
from acquire.share import Desk
from drivers.errors import InputError, RunFolderError, RunInUseError
from protocols.loader import load_protocol
from tests.acquire.session.labs import IMAGE, SPECTRUM, simulated
from tests.core.bench_run import Heard

IMAGE_STEP = """
kind: stem_image
image: {field: 2 um, pixels: 32, dwell: 2 us, probe_current: 25 pA}
dose_limit: 5 e/angstrom^2
"""


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(IMAGE_STEP, encoding="utf-8")
    return path


def test_a_protocol_runs_in_a_folder_of_its_own_on_the_same_specimen(
    tmp_path: Path, protocol: Path
) -> None:
    with simulated(tmp_path) as lab:
        lab.stem.image(**IMAGE)
        before = lab.stem.electrons()
        run = lab.run(load_protocol(protocol))
        assert run.state == "finished"
        assert run.folder != lab.folder
        assert run.results[0]["pixels"] == [32, 32]
        assert run.flags == []
        assert (run.folder / "specimen.yaml").exists()
        after = lab.stem.electrons()
    assert before is not None
    assert after == pytest.approx(2 * before, rel=0.01)


def test_what_a_run_has_spent_counts_for_later_calls(tmp_path: Path, protocol: Path) -> None:
    with simulated(tmp_path) as lab:
        dose = lab.run(protocol).budgets["dose_e_per_angstrom2"]["spent"]
        assert lab.spent["dose_e_per_angstrom2"]["spent"] == pytest.approx(dose)
        lab.stem.image(**IMAGE)
        assert lab.spent["dose_e_per_angstrom2"]["spent"] == pytest.approx(2 * dose, rel=0.01)


def test_the_record_of_a_session_tells_of_its_runs(tmp_path: Path, protocol: Path) -> None:
    with simulated(tmp_path) as lab:
        first, second = lab.run(protocol), lab.run(protocol)
        record = lab.record
    ended = {run.folder.name: "finished" for run in (first, second)}
    assert record.view()["runs"] == ended
    assert f"run {first.folder.name}: finished" in str(record)
    page = write_report(record.folder).read_text(encoding="utf-8")
    assert all(name in page for name in ended)


def test_a_run_needs_only_its_own_instruments(tmp_path: Path, protocol: Path) -> None:
    with simulated(tmp_path, "stem", "xps") as lab:
        run = lab.run(protocol)
        assert lab.folder is not None
        assert not (lab.folder / "world-xps.db").exists()
        with RunRecord(run.folder) as record:
            assert {done.name for done in record.all_done()} == {
                "stem.identity",
                "stem.setup",
                "stem.image",
            }


def test_a_lab_that_lacks_an_instrument_refuses_the_run(tmp_path: Path, protocol: Path) -> None:
    with simulated(tmp_path, "xps") as lab, pytest.raises(InputError, match="needs stem"):
        lab.run(protocol)


def test_a_run_of_a_session_goes_on_outside_of_it_when_the_session_is_over(
    tmp_path: Path, protocol: Path
) -> None:
    with simulated(tmp_path) as lab:
        lab.stem.spectrum(**SPECTRUM, dwell="0.1 s")
        electrons = lab.stem.electrons()
        run = lab.run(protocol)
        with pytest.raises(RunInUseError):
            resume_run(run.folder, desk=Desk(Heard()))
    assert resume_run(run.folder, desk=Desk(Heard())).state == "finished"
    assert electrons is not None
    assert not (run.folder / "world-stem.db").exists()


def test_a_session_cannot_be_resumed_as_a_run(tmp_path: Path) -> None:
    with simulated(tmp_path) as lab:
        lab.stem.status()
    assert lab.folder is not None
    with pytest.raises(RunFolderError, match="a session of a script or notebook"):
        resume_run(lab.folder, desk=Desk(Heard()))


def test_a_run_on_another_simulated_specimen_is_not_taken_up(
    tmp_path: Path, protocol: Path
) -> None:
    with simulated(tmp_path) as first:
        run = first.run(protocol)
    with (
        simulated(tmp_path) as second,
        pytest.raises(InputError, match="another simulated specimen"),
    ):
        second.resume(run)


def answers(words: Iterator[str], told: list[str]) -> object:
    def heard(prompt: str) -> str:
        told.append(prompt)
        return next(words)

    return heard


def test_a_question_waits_where_nobody_is_there_and_is_answered_from_the_result(
    tmp_path: Path,
) -> None:
    with simulated(tmp_path, "fib", "cryo") as lab:
        run = lab.run(partly(tmp_path))
        assert run.state == "waiting"
        (question,) = run.questions
        run.answer(question["safe"])
        assert lab.resume(run).state in ("stopped", "finished")
        assert run.questions[0]["answer"] == question["safe"]


def test_a_question_is_put_to_the_person_at_the_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("acquire.session.prompt.in_notebook", lambda: True)
    monkeypatch.setattr("builtins.input", answers(iter(["what?", "stop"]), told))
    with simulated(tmp_path, "fib", "cryo") as lab:
        run = lab.run(partly(tmp_path))
    assert run.state == "stopped"
    assert "question 1" in told[0]
    assert "'what?' is none of" in told[1]


def partly(folder: Path) -> Path:
    """Return a lift-out that begins in the middle: it asks whether what comes before is done."""
    from protocols.loader import LIBRARY

    text = (LIBRARY / "joule2020" / "lift-out.yaml").read_text(encoding="utf-8")
    path = folder / "part.yaml"
    path.write_text(f"{text}\nfirst: clean\nlast: clean\n", encoding="utf-8")
    return path
