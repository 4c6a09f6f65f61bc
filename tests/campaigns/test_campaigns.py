"""What a crash leaves, and how a run goes on from it; the campaign itself is `liftline torture`."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest

from acquire.eds.line_scan import EdsWatch
from acquire.launch import begin_run, resume_run
from acquire.record import RunRecord
from drivers.clock import JumpingClock, wall_seconds
from drivers.errors import RunFolderError
from drivers.lab import simulated_lab
from protocols.loader import load_protocol
from simulators.truth import exposures
from tests.campaigns.scan import compare, desk, kept, start, write_protocol


def unfinished(folder: Path) -> Path:
    """Return a copy of a run as a crash leaves it: its journal still in WAL mode, cut anywhere."""

    class Crash(BaseException):
        pass

    seen: list[str] = []

    def crash(name: str) -> None:
        seen.append(name)
        if len(seen) == 150:
            (run,) = [path.parent for path in (folder / "runs").glob("*/run.db")]
            shutil.copytree(run, folder / "copy", ignore=shutil.ignore_patterns("lease*"))
            raise Crash

    with pytest.raises(Crash):
        start(write_protocol(folder, 20, 250), folder / "runs", crash)
    return folder / "copy"


def test_a_torn_tail_of_the_wal_leaves_a_journal_that_opens_and_goes_on(tmp_path: Path) -> None:
    copy = unfinished(tmp_path)
    wal = copy / "run.db-wal"
    whole = kept(shutil.copytree(copy, tmp_path / "whole"))
    size, draw = wal.stat().st_size, random.Random(1)
    assert len(whole.names) >= 5
    for number in range(12):
        torn = shutil.copytree(copy, tmp_path / f"torn-{number}")
        with open(torn / "run.db-wal", "r+b") as file:
            file.truncate(draw.randrange(size // 3, size))
        before = kept(torn)
        assert before.names == whole.names[: len(before.names)]
        end = resume_run(torn, desk=desk())
        assert end.state == "finished", end.reason
        after = kept(torn)
        assert all(after.raw[name] == row for name, row in before.raw.items())


def test_on_a_real_instrument_a_copy_does_nothing_while_its_original_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = unfinished(tmp_path)
    (original,) = (path.parent for path in (tmp_path / "runs").glob("*/run.db"))
    before = exposures(copy / "world-stem.db")
    with monkeypatch.context() as real:
        real.setattr("drivers.lab.Lab.simulated", False)
        with pytest.raises(RunFolderError, match=rf"is a copy of {re.escape(str(original))}"):
            resume_run(copy, desk=desk())
        assert exposures(copy / "world-stem.db") == before
        original.rename(tmp_path / "gone")
        assert resume_run(copy, desk=desk()).state == "finished"


def test_the_finished_part_is_replayed_without_exposing_anything(tmp_path: Path) -> None:
    end = start(write_protocol(tmp_path, 40, 100), tmp_path / "runs")
    before = exposures(end.folder / "world-stem.db")
    resumed = resume_run(end.folder, desk=desk())
    assert resumed.state == "finished"
    assert exposures(end.folder / "world-stem.db") == before
    assert compare(end.folder, end.folder, kept(end.folder)) == []


def test_a_procedure_that_changed_is_refused_with_the_place(tmp_path: Path) -> None:
    end = start(write_protocol(tmp_path, 20, 100), tmp_path / "runs")
    file = end.folder / "protocol.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("points: 20", "points: 21"))
    with pytest.raises(Exception, match=r"replay differs at action 2: the journal holds step"):
        resume_run(end.folder, desk=desk())


def test_an_analysis_that_changed_is_a_warning_and_changes_no_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acquire.eds import line_scan

    end = start(write_protocol(tmp_path, 40, 200), tmp_path / "runs")
    with RunRecord(end.folder) as record:
        before = (record.flags(), record.decisions(0), [step.result for step in record.steps()])
    original = line_scan.line_from

    def moved(*args: object, **kwargs: object) -> object:
        from dataclasses import replace

        line = original(*args, **kwargs)  # type: ignore[arg-type]
        return replace(line, x0=line.x0 + 1e-12)

    monkeypatch.setattr(line_scan, "line_from", moved)
    resumed = resume_run(end.folder, desk=desk())
    assert resumed.state == "finished"
    with RunRecord(end.folder) as record:
        after = (record.flags(), record.decisions(0), [step.result for step in record.steps()])
        warnings = record.events("warning")
    assert after == before
    assert any("line: the journal holds" in each["text"] for each in warnings)


def test_a_valve_that_trips_stops_a_slow_scan_at_the_next_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks: list[JumpingClock] = []
    make = JumpingClock.__init__

    def remember(self: JumpingClock, *args: object) -> None:
        make(self, *args)  # type: ignore[arg-type]
        clocks.append(self)

    slow = EdsWatch.update

    def slow_update(self: EdsWatch, *args: object) -> object:
        clocks[-1].sleep(0.4)
        return slow(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(JumpingClock, "__init__", remember)
    monkeypatch.setattr(EdsWatch, "update", slow_update)
    at = 6.0
    faults = [{"kind": "valve_closes", "at": at}]
    lab = simulated_lab({"stem": {"faults": faults}})
    protocol = load_protocol(write_protocol(tmp_path, 40, 100))
    end = begin_run(protocol, lab, tmp_path / "runs", seed=2, desk=desk())
    assert end.exit_code == 3
    assert "the column valve is closed" in end.reason
    begun = [each.begin for each in exposures(end.folder / "world-stem.db")]
    assert len(begun) > 5
    assert max(begun) < at, "an exposure began after the valve had closed"


def test_resume_time_of_a_published_scan_is_spent_on_nothing_else(tmp_path: Path) -> None:
    """The time itself is measured in tests/benchmarks; here: it is far below that of the run."""
    from acquire.share import Desk
    from tests.campaigns.scan import Silent

    lab = simulated_lab({"stem": {}})
    protocol = load_protocol("joule2020/eds-line")
    began = wall_seconds()
    end = begin_run(protocol, lab, tmp_path, seed=0, desk=Desk(Silent()))
    took = wall_seconds() - began
    began = wall_seconds()
    resume_run(end.folder, desk=desk())
    again = wall_seconds() - began
    assert exposures(end.folder / "world-stem.db")
    assert again < 2 * took


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"is not the folder of a run"):
        resume_run(tmp_path, desk=desk())


@pytest.mark.parametrize("spoilt", [None, b"", b"II*\0 half an image"])
def test_an_image_that_is_lost_or_spoilt_is_named_and_the_run_goes_on_when_it_is_back(
    tmp_path: Path, spoilt: bytes | None
) -> None:
    copy = unfinished(tmp_path)
    (image, *_) = sorted((copy / "data" / "images").iterdir())
    kept = image.read_bytes()
    image.unlink()
    if spoilt is not None:
        image.write_bytes(spoilt)
    with pytest.raises(RunFolderError, match=rf"{image.name}: the journal names this image"):
        resume_run(copy, desk=desk())
    image.write_bytes(kept)
    assert resume_run(copy, desk=desk()).state == "finished"
