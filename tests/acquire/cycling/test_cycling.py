"""The cycling procedure on simulated cells, sound and failing, and through a crash."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from acquire.endings import RunStopped
from drivers.errors import InstrumentFaultError, InterlockError
from simulators.cell import truth
from tests.acquire.cycling.bench import bench, step

LATER = 9000.0
"""s: in the seventh cycle or so."""


def fault(kind: str, at: float = LATER, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "at": at, **more}


def test_a_sound_cell_is_cycled_without_a_flag(tmp_path: Path) -> None:
    made = bench(tmp_path, step(30))
    result = made.go()
    assert result["cycles"] == 30
    assert made.heard.flags == []
    made.potentiostat.close()
    really = [each.efficiency for each in truth.cycles(tmp_path / "world.db")]
    assert result["efficiency"][1:] == pytest.approx(really[1:], abs=2e-4)
    assert result["interrupted"] == []


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("reversed_leads", "its leads are reversed"),
        ("hard_short", "a short"),
        ("no_cell", "is it the right cell"),
    ],
)
def test_what_is_not_a_sound_cell_is_refused_before_a_current(
    tmp_path: Path, kind: str, told: str
) -> None:
    made = bench(tmp_path, step(), faults=[fault(kind, 0.0)])
    with pytest.raises(RunStopped, match=told):
        made.go()
    assert made.potentiostat.charge_throughput() == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize(
    ("ails", "kind"),
    [
        (fault("soft_short"), "soft short"),
        (fault("soft_short", spikes=0.0, leak=0.95), "short"),
        (fault("soft_short", spikes=0.0, leak=1.3), "short"),
        (fault("hard_short"), "short"),
        (fault("contact_lost"), "contact lost"),
    ],
)
def test_a_cell_that_fails_stops_the_run_with_the_cell_off_and_the_reason(
    tmp_path: Path, ails: dict[str, Any], kind: str
) -> None:
    made = bench(tmp_path, step(30), faults=[ails])
    with pytest.raises(RunStopped):
        made.go()
    assert [flag.kind for flag in made.heard.flags].count(kind) == 1
    assert {flag.kind for flag in made.heard.flags} <= {kind, "efficiency", "fade"}
    assert not made.potentiostat.status().cell_on


@pytest.mark.parametrize(
    ("ails", "kind", "times"),
    [
        (fault("soft_short", 36_000.0, spikes=0.0, leak=0.01), "efficiency", 30),
        (fault("lithium_depletes", 20_000.0, share=0.3), "fade", 34),
        (fault("resistance_rises", 20_000.0, per_day=10.0), "resistance", 35),
    ],
)
def test_what_comes_slowly_is_flagged_and_the_run_goes_on(
    tmp_path: Path, ails: dict[str, Any], kind: str, times: int
) -> None:
    made = bench(tmp_path, step(times), faults=[ails])
    assert made.go()["cycles"] == times
    assert kind in [flag.kind for flag in made.heard.flags]


@pytest.mark.parametrize(
    ("ails", "error", "told"),
    [
        ("overloads", InterlockError, "overloaded"),
        ("nan_samples", InterlockError, "NaN"),
        ("stale_samples", InterlockError, "s old"),
        ("trips", InstrumentFaultError, "0032"),
    ],
)
def test_a_device_that_fails_leaves_the_cell_off(
    tmp_path: Path, ails: str, error: type[Exception], told: str
) -> None:
    made = bench(tmp_path, step(30), faults=[fault(ails)])
    with pytest.raises(error, match=told):
        made.go()
    made.potentiostat.close()
    assert all(row.seconds is not None for row in truth.holds(tmp_path / "world.db"))


class Killed(BaseException):
    """The process is gone."""


def killed_at(folder: Path, block: int, **settings: Any) -> Path:
    """Run in `folder` until the process is killed at a block; return what it leaves behind."""
    left, seen = folder.with_name("left"), 0

    def kill(name: str) -> None:
        nonlocal seen
        seen += name == "reading waiting"
        if seen == block and not left.exists():
            shutil.copytree(folder, left)
            raise Killed

    made = bench(folder, step(3), boundary=kill, block=200.0, **settings)
    with pytest.raises(Killed):
        made.go()
    return left


@pytest.mark.parametrize("away", [0.0, 150.0, 5000.0])
def test_a_hold_that_the_device_went_on_with_is_taken_up(tmp_path: Path, away: float) -> None:
    whole = bench(tmp_path / "whole", step(3)).go()
    left = killed_at(tmp_path / "first", block=9)
    again = bench(left, step(3), block=200.0, down_time=away)
    result = again.go()
    assert len(result["interrupted"]) == 1
    number = result["interrupted"][0]
    again.potentiostat.close()
    told = sum(result["charged_coulomb"]) + sum(result["capacity_coulomb"])
    rows = truth.holds(left / "world.db")
    assert told == pytest.approx(sum(abs(truth.passed(row)) for row in rows), rel=2e-3)
    assert result["efficiency"][number - 1] == pytest.approx(
        whole["efficiency"][number - 1], abs=1e-6
    )
    assert len(rows) == 2 + 6


def test_what_a_meter_counts_of_an_open_cell_ends_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acquire.attempts.METER_EVERY", 0.0)
    made = bench(tmp_path, step(2), current_offset=1e-3, block=1.0)
    assert made.go()["cycles"] == 2


def test_the_protocol_says_what_it_may_spend() -> None:
    asked = step(3)
    nominal = asked.nominal.capacity
    assert asked.budgets["charge_throughput_C"] == pytest.approx(7 * 1.44 * nominal)
