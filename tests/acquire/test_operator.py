"""The operator at another terminal, and Ctrl-C: real processes on a scaled clock."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acquire.record import RunRecord
from drivers.clock import wait_a_moment, wall_seconds
from drivers.stem import Spectrum
from simulators.truth import exposures
from tests.campaigns.scan import write_protocol

LAB = """
name: rehearsal
clock: 4
instruments: {stem: {driver: simulated-stem}}
"""
PATIENCE = 30.0


def liftline(*words: object) -> list[str]:
    return [sys.executable, "-m", "acquire.cli", *map(str, words)]


class Live:
    """A run in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "runs"
        lab = folder / "lab.yaml"
        lab.write_text(LAB, encoding="utf-8")
        words = liftline(
            "run", write_protocol(folder, 40, 400), "--lab", lab, "--out", self.out, "--seed", 1
        )
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.until(lambda: self.points() >= 3)

    def until(self, true: object) -> None:
        began = wall_seconds()
        while not true():  # type: ignore[operator]
            assert wall_seconds() - began < PATIENCE, "waited too long"
            wait_a_moment(0.02)

    @property
    def run(self) -> Path:
        (path,) = self.out.glob("*/run.db")
        return path.parent

    def points(self) -> int:
        if not list(self.out.glob("*/world-stem.db")):
            return 0
        with RunRecord(self.run) as record:
            return sum(1 for _ in record.done(0, "stem.spectrum", Spectrum))

    def say(self, verb: str) -> None:
        subprocess.run(liftline(verb, self.run), check=True, capture_output=True)

    def state(self) -> str:
        with RunRecord(self.run) as record:
            return record.state


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    made = Live(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()
    assert made.process.stdout is not None
    made.process.stdout.close()


def test_a_pause_blanks_the_beam_and_resume_goes_on_in_the_same_process(live: Live) -> None:
    live.say("pause")

    def paused() -> bool:
        with RunRecord(live.run) as record:
            return bool(record.events("paused"))

    live.until(paused)
    before = live.points()
    wait_a_moment(0.5)
    assert live.points() == before
    assert exposures(live.run / "world-stem.db")[-1].blanked
    live.say("resume")
    assert live.process.wait(PATIENCE) == 0
    assert live.points() == 40
    assert live.state() == "finished"


def test_stop_ends_the_run_safe_and_a_later_resume_finishes_it(live: Live) -> None:
    live.say("stop")
    assert live.process.wait(PATIENCE) == 1
    assert live.state() == "stopped"
    seen = exposures(live.run / "world-stem.db")
    assert seen[-1].blanked
    assert subprocess.run(liftline("resume", live.run), capture_output=True).returncode == 0
    assert live.state() == "finished"
    assert live.points() == 40


def test_skip_leaves_the_step_and_the_run_finishes(live: Live) -> None:
    live.say("skip")
    assert live.process.wait(PATIENCE) == 0
    with RunRecord(live.run) as record:
        assert record.state == "finished"
        assert "skipped" in str(record.steps()[0].ended_by)


def test_ctrl_c_stops_at_the_next_tick_and_a_resume_goes_on(live: Live) -> None:
    live.process.send_signal(signal.SIGINT)
    assert live.process.wait(PATIENCE) == 1
    with RunRecord(live.run) as record:
        assert record.events("session")[-1]["reason"] == "stopped by Ctrl-C"
    assert subprocess.run(liftline("resume", live.run), capture_output=True).returncode == 0
    assert live.points() == 40


def test_a_second_process_is_refused_and_told_who_holds_the_run(live: Live) -> None:
    copy = liftline("resume", live.run)
    result = subprocess.run(copy, capture_output=True, text=True)
    assert result.returncode == 2
    assert f"is in use by process {live.process.pid} on" in result.stderr
