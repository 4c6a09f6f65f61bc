"""A lift-out that is cut off in the middle of a cut and goes on: soon, or much later."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

from acquire.actions import OUT_OF_DATE
from acquire.record import Done, RunRecord
from drivers.fib import Milled
from simulators.fib.truth import truth
from tests.campaigns.rehearsals import READINGS, rehearse, resume_after

MIDDLE = 15
"""Of the 30 readings of the cut."""


APPROACHING = (90, 105, 120)
"""Actions after which the needle is on its way down, over the slit, on its way to the lamella."""


class InTheMiddle:
    """Does something to the run in the middle of its cut."""

    def __init__(self, folder: Path, work: Callable[[Path], object]) -> None:
        self._folder, self._work = folder, work
        self._readings = 0

    def __call__(self, name: str) -> None:
        self._readings += name == READINGS
        if name == READINGS and self._readings == MIDDLE:
            (run,) = [path.parent for path in self._folder.glob("*/run.db")]
            self._work(run)


def cuts_after(run: Path, seconds: float) -> list[Done]:
    """Resume a run so much later (s) and return its cuts; all that was asked for landed once."""
    assert resume_after(run, seconds).state == "finished"
    with RunRecord(run) as record:
        cuts = list(record.done(0, "fib.mill", Milled))
    landed = truth(run / "world-fib.db").charge("sever")
    assert math.isclose(landed, cuts[0].arguments[0]["charge"], rel_tol=1e-6)
    return cuts


def test_after_a_crash_a_cut_gets_what_the_meter_says_is_left(tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"

    def copy(run: Path) -> None:
        shutil.copytree(run, crashed, ignore=shutil.ignore_patterns("lease*"))

    rehearse(tmp_path, "sever", 0, InTheMiddle(tmp_path, copy))
    (cut,) = cuts_after(crashed, 20.0)
    assert cut.ended_by == "interrupted"


def test_a_cut_that_was_stopped_goes_on_an_hour_later_where_the_lamella_is_then_seen(
    tmp_path: Path,
) -> None:
    def stop(run: Path) -> None:
        raise KeyboardInterrupt

    end = rehearse(tmp_path, "sever", 0, InTheMiddle(tmp_path, stop))
    assert end.state == "stopped"
    before, rest = cuts_after(end.folder, 3600.0)
    assert before.ended_by == OUT_OF_DATE
    assert rest.arguments[0]["done"] == before.result.charge > 0
    assert rest.arguments[0]["around"] != before.arguments[0]["around"]


def test_an_approach_that_was_cut_off_finds_contact_an_hour_later(tmp_path: Path) -> None:
    done, left = 0, list[Path]()

    def leave(name: str) -> None:
        nonlocal done
        done += name == "after outcome"
        if name == "after outcome" and done in APPROACHING:
            (run,) = [path.parent for path in (tmp_path / "whole").glob("*/run.db")]
            left.append(tmp_path / str(done))
            shutil.copytree(run, left[-1], ignore=shutil.ignore_patterns("lease*"))

    assert rehearse(tmp_path / "whole", "needle_in", 81, leave).state == "finished"
    assert len(left) == len(APPROACHING)
    for run in left:
        end = resume_after(run, 3600.0)
        assert end.state == "finished", end.reason
