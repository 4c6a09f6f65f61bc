"""The run: nothing lost, nothing done twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from acquire.endings import RunStopped, RunWaits, StepSkipped
from acquire.flags import Flag
from acquire.journal import Journal
from acquire.operator import Command
from acquire.record import RunRecord
from drivers.clock import JumpingClock
from drivers.errors import (
    BudgetError,
    InstrumentFaultError,
    InterlockError,
    ReplayMismatchError,
)
from protocols.model import StopAfter
from tests.core.bench_run import Bench, bench
from tests.core.toy import Reading, Toy, ToyStep


def again(folder: Path, before: Bench, *, step: ToyStep | None = None) -> Bench:
    """Return the run as a new process finds it."""
    before.journal.close()
    return bench(folder, before.toy, step=step)


def test_a_resumed_run_returns_what_the_journal_holds_without_touching_the_instrument(
    tmp_path: Path,
) -> None:
    first = bench(tmp_path, Toy(JumpingClock()))
    result = first.run.do(first.toy.expose, "a", 3.0)
    calls = list(first.toy.calls)
    second = again(tmp_path, first)
    assert second.run.do(second.toy.expose, "a", 3.0) == result
    assert second.toy.calls == calls


def test_other_arguments_on_resume_are_refused_with_the_place(tmp_path: Path) -> None:
    first = bench(tmp_path, Toy(JumpingClock()))
    first.run.do(first.toy.expose, "a", 3.0)
    second = again(tmp_path, first)
    with pytest.raises(ReplayMismatchError, match=r"replay differs at action 2: the journal holds"):
        second.run.do(second.toy.expose, "a", 4.0)


def test_an_action_cut_off_by_its_process_goes_on_with_what_is_left(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    blocks = 0

    def kill(name: str) -> None:
        nonlocal blocks
        blocks += name == "reading waiting"
        if blocks == 2:
            raise Killed

    first = bench(tmp_path, Toy(JumpingClock()), boundary=kill)
    with pytest.raises(Killed):
        first.run.do(first.toy.expose, "a", 5.0)
    second = again(tmp_path, first)
    total = second.run.do(second.toy.expose, "a", 5.0)
    assert second.toy.truth == {"a": 5.0}
    assert total.seconds == 5.0
    assert second.toy.calls == ["expose a 5", "expose a 3"]


def test_an_irreversible_action_of_unknown_extent_is_put_to_the_operator(tmp_path: Path) -> None:
    toy = Toy(JumpingClock(), metered=False)
    first = bench(tmp_path, toy)
    toy.fail_at = 1
    with pytest.raises(InstrumentFaultError):
        first.run.do(toy.expose, "a", 5.0)
    second = again(tmp_path, first)
    with pytest.raises(RunWaits, match="cannot say how much"):
        second.run.do(toy.expose, "a", 5.0)
    assert toy.truth == {}
    third = again(tmp_path, second)
    third.inbox.say(Command("answer", "test", None, "repeat"))
    third.run.do(toy.expose, "a", 5.0)
    assert toy.truth == {"a": 5.0}


def test_a_fault_asks_where_the_step_says_so_and_tries_again(tmp_path: Path) -> None:
    step = ToyStep(on_fault="ask")
    toy = Toy(JumpingClock())
    toy.fail_at = 1
    first = bench(tmp_path, toy, step=step)
    with pytest.raises(RunWaits, match="the lamp went out"):
        first.run.do(toy.expose, "a", 2.0)
    assert not toy.on
    second = again(tmp_path, first, step=step)
    second.inbox.say(Command("answer", "test", None, "try again"))
    assert second.run.do(toy.expose, "a", 2.0).seconds == 2.0
    assert toy.truth == {"a": 2.0}


def test_a_skipped_step_stays_skipped_on_resume(tmp_path: Path) -> None:
    first = bench(tmp_path, Toy(JumpingClock()))
    first.inbox.say(Command("skip", "test"))
    with pytest.raises(StepSkipped):
        first.run.do(first.toy.expose, "a", 2.0)
    second = again(tmp_path, first)
    with pytest.raises(StepSkipped):
        second.run.do(second.toy.expose, "a", 2.0)
    assert second.toy.truth == {}


def test_a_door_that_opens_closes_the_action_at_the_next_tick(tmp_path: Path) -> None:
    first = bench(tmp_path, Toy(JumpingClock()))

    class Opens:
        def see(self, block: Reading) -> list[tuple[Flag, StopAfter]]:
            first.toy.door_closed = False
            return []

    with pytest.raises(InterlockError, match="the door is open; close it"):
        first.run.watching(Opens()).do(first.toy.expose, "a", 9.0)
    assert first.toy.truth == {"a": 1.0}
    assert not first.toy.on


def test_a_reading_of_nan_is_a_refusal(tmp_path: Path) -> None:
    first = bench(tmp_path, Toy(JumpingClock()))
    first.toy.pressure = float("nan")
    with pytest.raises(InterlockError, match="does not know its pressure"):
        first.run.do(first.toy.expose, "a", 1.0)
    assert first.toy.truth == {}


def test_what_no_rule_covers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.core import toy as toys

    monkeypatch.delitem(toys.TOY_RULES, "toy.nothing")
    first = bench(tmp_path, Toy(JumpingClock()))
    with pytest.raises(InterlockError, match="no interlock rule covers it"):
        first.run.do(first.toy.nothing)


def test_the_budget_holds_across_a_resume(tmp_path: Path) -> None:
    step = ToyStep(allowed=5.0)
    first = bench(tmp_path, Toy(JumpingClock()), step=step)
    first.run.do(first.toy.expose, "a", 3.0)
    second = again(tmp_path, first, step=step)
    second.run.do(second.toy.expose, "a", 3.0)
    with pytest.raises(BudgetError, match="this would make 6, the limit is 5"):
        second.run.do(second.toy.expose, "b", 3.0)
    assert second.toy.truth == {"a": 3.0}


def test_a_decision_of_the_journal_stands_and_the_difference_is_a_warning(tmp_path: Path) -> None:
    first = bench(tmp_path, Toy(JumpingClock()))
    assert first.run.decide("edge", (1.0, 2)) == (1.0, 2)
    second = again(tmp_path, first)
    assert second.run.decide("edge", (1.5, 2)) == (1.0, 2)
    assert "edge: the journal holds" in second.heard.said[0]


def test_a_flag_that_moved_is_a_warning_and_changes_no_decision(tmp_path: Path) -> None:
    flag = Flag("onset", "N", 3)
    first = bench(tmp_path, Toy(JumpingClock()))
    first.run.do(first.toy.expose, "a", 1.0)
    first.run.flag(flag)
    first.run.do(first.toy.expose, "b", 1.0)
    second = again(tmp_path, first)
    second.run.do(second.toy.expose, "a", 1.0)
    second.run.do(second.toy.expose, "b", 1.0)
    second.run.flag(flag)
    assert len(second.heard.said) == 1, "one entry ahead, so the late one is raised anew"
    assert second.toy.calls == ["expose a 1", "expose b 1"]


def test_a_flag_that_comes_early_on_resume_is_not_raised_again(tmp_path: Path) -> None:
    flag = Flag("onset", "N", 3)
    first = bench(tmp_path, Toy(JumpingClock()))
    first.run.do(first.toy.expose, "a", 1.0)
    first.run.do(first.toy.expose, "b", 1.0)
    second = again(tmp_path, first)
    second.run.do(second.toy.expose, "a", 1.0)
    second.run.flag(flag)
    second.run.do(second.toy.expose, "b", 1.0)
    assert second.heard.flags == []
    assert "the journal does not hold it" in second.heard.said[0]


def test_the_policy_stop_stops_the_run_once_and_a_resume_goes_on(tmp_path: Path) -> None:
    first = bench(tmp_path, Toy(JumpingClock()))
    with pytest.raises(RunStopped, match="stops the run"):
        first.run.flag(Flag("drift", "specimen", 0), "stop")
    second = again(tmp_path, first)
    second.run.flag(Flag("drift", "specimen", 0), "stop")
    second.run.do(second.toy.expose, "a", 1.0)
    with pytest.raises(RunStopped):
        second.run.flag(Flag("drift", "specimen", 1), "stop")


def test_a_detector_ends_an_action_and_sees_the_same_blocks_on_resume(tmp_path: Path) -> None:
    class Third:
        def __init__(self) -> None:
            self.seen = 0

        def see(self, block: Reading) -> list[tuple[Flag, StopAfter]]:
            self.seen += 1
            return [(Flag("end-point", "x", 3), StopAfter(stop_after=1.0))] * (self.seen == 3)

    first = bench(tmp_path, Toy(JumpingClock()))
    total = first.run.watching(Third()).do(first.toy.expose, "a", 9.0)
    assert total.seconds == 3.0
    second, detector = again(tmp_path, first), Third()
    assert second.run.watching(detector).do(second.toy.expose, "a", 9.0) == total
    assert detector.seen == 3
    assert second.toy.truth == {"a": 3.0}


def test_time_chance_and_sleep_come_back_from_the_journal(tmp_path: Path) -> None:
    first = bench(tmp_path, Toy(JumpingClock()))
    drawn = (first.run.now(), first.run.random())
    first.run.sleep(100.0)
    after = first.run.now()
    assert after == pytest.approx(drawn[0] + 100)
    second = again(tmp_path, first)
    assert (second.run.now(), second.run.random()) == drawn
    second.run.sleep(100.0)
    assert second.run.now() == after


def test_the_record_holds_a_sleep_while_it_lasts(tmp_path: Path) -> None:
    kept: list[int] = []

    class Looking(JumpingClock):
        def sleep(self, seconds: float) -> None:
            with closing(sqlite3.connect(next(tmp_path.rglob("run.db")))) as db:
                kept.extend(db.execute("SELECT count(*) FROM entry WHERE kind='sleep'").fetchone())
            super().sleep(seconds)

    bench(tmp_path, Toy(Looking())).run.sleep(1.0)
    assert set(kept) == {1}


def test_a_sleep_ends_where_the_clock_cannot_tell_what_is_left_of_it(tmp_path: Path) -> None:
    run = bench(tmp_path, Toy(JumpingClock(start=2.0**32))).run
    run.sleep(0.2)
    assert run.now() == pytest.approx(0.2, abs=2e-6)


def test_a_setting_is_made_again_before_anything_else(tmp_path: Path) -> None:
    first = bench(tmp_path, Toy(JumpingClock()))
    first.run.do(first.toy.set_level, 1.0)
    first.run.do(first.toy.set_level, 2.0)
    second = again(tmp_path, first)
    second.run.do(second.toy.set_level, 1.0)
    second.run.do(second.toy.set_level, 2.0)
    assert second.toy.settings == [1.0, 2.0]
    second.run.do(second.toy.expose, "a", 1.0)
    assert second.toy.settings == [1.0, 2.0, 2.0]


def test_a_journal_of_another_version_is_refused(tmp_path: Path) -> None:

    from drivers.errors import RunFolderError

    first = bench(tmp_path, Toy(JumpingClock()))
    first.journal.finish()
    first.journal.close()
    with sqlite3.connect(tmp_path / "run.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(RunFolderError, match="this journal has version 99"):
        Journal(tmp_path / "run.db")


def test_a_full_disk_stops_the_run_with_the_beam_off_and_what_was_kept_readable(
    tmp_path: Path,
) -> None:
    from drivers.errors import StorageError

    toy = Toy(JumpingClock())
    first = bench(tmp_path, toy)
    pages = first.journal._db.execute("PRAGMA page_count").fetchone()[0]
    first.journal._db.execute(f"PRAGMA max_page_count={pages + 2}")

    def fill() -> None:
        for number in range(500):
            first.run.do(toy.expose, f"place {number}", 2.0)

    with pytest.raises(StorageError, match="make room"):
        fill()
    assert not toy.on
    first.journal._db.close()
    second = bench(tmp_path, toy)
    done = 0
    while second.journal.outcome(done + 2) is not None:
        second.run.do(toy.expose, f"place {done}", 2.0)
        done += 1
    assert done > 5
    second.run.do(toy.expose, f"place {done}", 2.0)
    assert set(toy.truth.values()) == {2.0}


def test_exposures_that_the_record_does_not_know_of_are_told(tmp_path: Path) -> None:
    first = bench(tmp_path, Toy(JumpingClock()))
    first.run.do(first.toy.expose, "a", 2.0)
    first.toy.truth["someone else"] = 40.0
    second = again(tmp_path, first)
    second.run.do(second.toy.expose, "a", 2.0)
    second.run.do(second.toy.expose, "b", 1.0)
    second.run.do(second.toy.expose, "c", 1.0)
    second.journal.close()
    with RunRecord(tmp_path) as record:
        (warning,) = record.events("warning")
    assert "stands 40 from where this record left it" in warning["text"]
