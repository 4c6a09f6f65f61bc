"""When a cell will be done."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from acquire.cycling.plan import seconds_by_cycle
from acquire.night.cells import cells_of
from acquire.night.forecast import at_pace, done_at
from acquire.night.night import Night
from acquire.night.summary import summary, told
from acquire.record import RunRecord
from drivers.clock import JumpingClock
from protocols.cycling import Cycling
from protocols.loader import load_protocol
from protocols.night import NightPlan
from tests.acquire.night.test_night import CYCLES, write

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = 3600.0


def plan_of(path: Path) -> NightPlan:
    return NightPlan.model_validate(json.loads(path.read_text(encoding="utf-8")))


def test_each_cycle_counts_by_its_own_rate() -> None:
    (step,) = load_protocol("joule2020/cycling").steps
    assert isinstance(step, Cycling)
    hours = [seconds / HOUR for seconds in seconds_by_cycle(step)]
    assert len(hours) == 535
    assert hours[:3] + hours[-1:] == pytest.approx([20.0, 20.0, 0.4, 20.0])


def test_what_is_left_goes_at_the_pace_of_what_was_done() -> None:
    expected = [10.0, 10.0, 1.0, 1.0, 10.0]
    assert at_pace(expected, 0, 2, 30.0) == pytest.approx(18.0)
    assert at_pace(expected, 2, 4, 1.0) == pytest.approx(5.0)
    assert at_pace(expected, 0, 0, 0.0) == pytest.approx(32.0)


@pytest.mark.parametrize(
    ("window", "hours", "done"),
    [
        ("until done", 30.0, NOON + timedelta(hours=30)),
        ("20:00-07:00 UTC", 3.0, NOON + timedelta(hours=11)),
        ("20:00-07:00 UTC", 12.0, NOON + timedelta(hours=8 + 24 + 1)),
        ("11:00-13:00 UTC", 2.5, NOON + timedelta(hours=24 + 0.5)),
    ],
)
def test_what_is_left_is_done_in_the_hours_of_the_windows(
    tmp_path: Path, window: str, hours: float, done: datetime
) -> None:
    plan = plan_of(write(tmp_path, {"A": {}}, window=window))
    assert done_at(plan, NOON, hours * HOUR) == done


def test_the_summary_and_the_line_of_a_cell_tell_when_it_will_be_done(tmp_path: Path) -> None:
    path = write(tmp_path, {"A": {}}, window="20:00-20:50 UTC", status_every="10 min")
    plan, cells = plan_of(path), cells_of(plan_of(path), tmp_path, tmp_path / "test")
    clock = JumpingClock(0.0, NOON)
    (fresh,) = summary(cells, plan, NOON)
    assert fresh["seconds_left"] == pytest.approx(CYCLES * 1440.0)
    said: list[str] = []
    ran: list[Night] = []

    def say(text: str) -> None:
        said.append(text)
        if text.startswith("A: waits") and cells[0].run is not None:
            ran[0]._stop("Ctrl-C")

    ran.append(Night(plan, cells, clock, say))
    ran[0].run()
    (entry,) = summary(cells, plan, clock.utc())
    assert entry["state"] == "paused"
    assert cells[0].run is not None
    with RunRecord(cells[0].run) as record:
        cycled = record.events("session")[-1]["time_s"]
    assert 1000.0 < cycled < 5000.0
    assert entry["seconds_left"] == pytest.approx(CYCLES * 1440.0 - cycled, rel=0.1)
    assert datetime.fromisoformat(entry["done_utc"]).hour == 20
    assert "h left, done 2026-11-2" in told([entry])
    assert any("of 4" in text and "left, done 2026-11-2" in text for text in said)
