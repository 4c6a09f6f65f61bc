"""Bugs that a run must not have, planted on purpose: the campaign must catch each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acquire.actions import Actions
from acquire.attempts import Attempts, Trial
from acquire.journal import Journal
from acquire.pictures import Pictures
from acquire.rows import pack_row
from acquire.torture.course import survey
from acquire.torture.ordeal import Broken, Ordeal
from acquire.torture.people import Rule
from acquire.torture.troubles import Plan, Session
from drivers.codec import pack
from drivers.errors import LinkError
from protocols.loader import load_protocol
from simulators.faults import LinkDrops
from tests.acquire.torture.made import Course, boundary
from tests.campaigns.fib_runs import THERE
from tests.campaigns.rehearsals import prepared, write_stage

AGAIN = 300.0
"""s after which what got no answer is sent again: it has ended by its own timer by then."""
Plant = Callable[[pytest.MonkeyPatch], None]


def commit_after_act(monkeypatch: pytest.MonkeyPatch) -> None:
    """The intent of an action is written when it has been done."""
    add, drive = Journal.add_attempt, Attempts._drive
    held: dict[int, tuple[Any, ...]] = {}

    def later(self: Journal, *row: Any) -> None:
        held[id(self)] = row

    def act(self: Attempts, *args: Any) -> Any:
        done = drive(self, *args)
        add(self._journal, *held.pop(id(self._journal)))
        return done

    monkeypatch.setattr(Journal, "add_attempt", later)
    monkeypatch.setattr(Attempts, "_drive", act)


def outcome_before_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal names an image before its file is there."""
    save = Pictures.save

    def finish(
        self: Actions, call: Any, entry: int, result: Any, ended_by: Any, *, commit: bool = True
    ) -> Any:
        arrays: list[Any] = []
        tree = pack(result, arrays)
        name = f"data/images/{entry:06d}-{call.name.replace('.', '-')}.ome.tif"
        files = [name] if "image" in call.name else []
        self._journal.add_outcome(
            entry, ended_by, pack_row(tree, arrays, files), self._stamp(), commit=commit
        )
        save(self._pictures, entry, call.name, result)
        return result

    monkeypatch.setattr(Actions, "_finish", finish)


def retry_on_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An action that gets no answer is sent again."""
    drive = Attempts._drive

    def twice(self: Attempts, trial: Trial, *args: Any) -> Any:
        try:
            return drive(self, trial, *args)
        except LinkError:
            self._gate._monitors[trial.call.name.split(".")[0]]._clock.sleep(AGAIN)
            return drive(self, trial, *args)

    monkeypatch.setattr(Attempts, "_drive", twice)


def broken_by(course: Course, plan: Plan, folder: Path) -> list[Broken]:
    return list(Ordeal(course, plan, folder).go())


CRASH = "reading waiting", "stem.spectrum"
PLANTED: list[tuple[Plant, Callable[[Course], Plan], str]] = [
    (
        commit_after_act,
        lambda course: Plan("mixed 0", (Session(crash=boundary(course, *CRASH)),)),
        "nothing_is_done_twice",
    ),
    (
        outcome_before_data,
        lambda course: Plan(
            "mixed 0", (Session(crash=boundary(course, "after outcome", "stem.image")),)
        ),
        "files_are_whole",
    ),
    (
        retry_on_time_out,
        lambda course: Plan("mixed 0", (), {"stem": (LinkDrops(at=3.1, lasting=5.0),)}),
        "nothing_is_done_twice",
    ),
]


@pytest.mark.parametrize(
    ("plant", "plan", "invariant"), PLANTED, ids=[plant.__name__ for plant, _, _ in PLANTED]
)
def test_a_planted_bug_is_caught(
    plant: Plant,
    plan: Callable[[Course], Plan],
    invariant: str,
    course: Course,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert broken_by(course, plan(course), tmp_path / "sound") == []
    plant(monkeypatch)
    found = broken_by(course, plan(course), tmp_path / "planted")
    assert invariant in {broken.invariant for broken in found}, found


@pytest.mark.slow
def test_a_mill_that_is_sent_again_after_a_time_out_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = load_protocol(write_stage(tmp_path, "sever"))
    course = survey(protocol, prepared("sever"), 0, Rule(THERE), tmp_path / "course")
    cut = next(entry for entry in course.held.entries if entry.name == "fib.mill")
    plan = Plan("mixed 0", (), {"fib": (LinkDrops(at=cut.time + 5.0, lasting=100.0),)})
    assert broken_by(course, plan, tmp_path / "sound") == []
    retry_on_time_out(monkeypatch)
    found = broken_by(course, plan, tmp_path / "planted")
    twice = [broken.text for broken in found if broken.invariant == "nothing_is_done_twice"]
    assert any(text.startswith("done without an intent: fib.mill") for text in twice), found
