from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from acquire.channels import claimed
from acquire.night.begin import go, look
from acquire.night.cells import WINDOW, cells_of, next_of
from acquire.night.night import Night, night_lock
from acquire.record import RunRecord
from acquire.show import show
from drivers.clock import JumpingClock, ScaledClock, wall_seconds
from drivers.errors import InputError, LinkError, RunInUseError
from drivers.lab import Driver, OpenRequest
from protocols.night import NightPlan

CYCLES = 4
PROTOCOL = f"""\
kind: cycling
nominal: {{capacity: 1.47 uAh, basis: by area, source: the paper}}
record: {{every: 60 s, voltage_change: 50 mV}}
safety: {{voltage_min: 3.3 V, voltage_max: 5.2 V, current_max: 15 uA}}
pre_flight: {{voltage_min: 2.5 V, voltage_max: 5.0 V, pulse: {{rate: C/10}}}}
schedule:
  - do: loop
    times: {CYCLES}
    steps:
      - {{do: charge, rate: 5C, until: [{{voltage: 5.1 V}}]}}
      - {{do: discharge, rate: 5C, until: [{{voltage: 3.5 V}}]}}
"""


def write(folder: Path, cells: dict[str, dict[str, Any]], **plan: Any) -> Path:
    """Write a plan whose cells all run `PROTOCOL`."""
    folder.mkdir(parents=True, exist_ok=True)
    protocol = folder / "short.yaml"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    listed = [
        {"name": name, "protocol": str(protocol), "seed": seed, "settings": settings}
        for seed, (name, settings) in enumerate(cells.items())
    ]
    path = folder / "plan.yaml"
    path.write_text(json.dumps({"name": "test", "cells": listed, **plan}), encoding="utf-8")
    return path


def night(path: Path, out: Path) -> tuple[int, dict[str, dict[str, Any]], list[str]]:
    """Run a night; return its code, its summary by cell, and what was said."""
    said: list[str] = []
    code = go(path, out, say=said.append, as_json=False)
    entries = json.loads((out / "test" / "summary.json").read_text(encoding="utf-8"))
    return code, {entry["cell"]: entry for entry in entries}, said


def test_every_good_cell_is_done_and_a_bad_one_is_held_with_the_reason(tmp_path: Path) -> None:
    reversed_leads = {"faults": [{"kind": "reversed_leads", "at": 0.0}]}
    path = write(tmp_path, {"A": {}, "B": reversed_leads, "C": {}})
    code, cells, _ = night(path, tmp_path)
    assert code == 1
    assert cells["B"]["state"] == "held"
    assert "reversed" in cells["B"]["reason"]
    assert [cells[name]["state"] for name in "AC"] == ["done", "done"]
    assert [cells[name]["cycles"] for name in "AC"] == [CYCLES, CYCLES]


def test_the_same_command_after_it_was_done_does_nothing_more(tmp_path: Path) -> None:
    path = write(tmp_path, {"A": {}})
    night(path, tmp_path)
    runs = sorted(tmp_path.glob("test/A/*"))
    code, cells, _ = night(path, tmp_path)
    assert code == 0
    assert cells["A"]["state"] == "done"
    assert sorted(tmp_path.glob("test/A/*")) == runs


def test_at_the_end_of_the_window_cells_rest_and_go_on_in_the_next_one(tmp_path: Path) -> None:
    path = write(tmp_path, {"A": {}, "B": {}}, window="20:00-20:50 UTC")
    plan = NightPlan.model_validate(json.loads(path.read_text(encoding="utf-8")))
    cells = cells_of(plan, tmp_path, tmp_path / "test")
    clock = JumpingClock(0.0, datetime(2026, 11, 24, 12, tzinfo=UTC))
    Night(plan, cells, clock, lambda text: None).run()
    for cell in cells:
        assert next_of(cell) == ("done", "")
        assert cell.run is not None
        with RunRecord(cell.run) as record:
            view = show(record)
            begun = [
                event["utc"] for event in record.events("session") if event["state"] == "running"
            ]
        assert view["results"][0]["cycles"] == CYCLES
        assert len(begun) > 1
        assert all(datetime.fromisoformat(utc).hour == 20 for utc in begun)
        assert all(gap["kind"] in ("away", "interrupted") for gap in view["gaps"])


def test_a_trip_is_told_to_a_command(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    script = f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read())"
    import sys

    command = [sys.executable, "-c", script]
    no_cell = {"faults": [{"kind": "no_cell", "at": 0.0}]}
    night(write(tmp_path, {"A": no_cell}, on_trip=command), tmp_path)
    assert json.loads(told.read_text(encoding="utf-8"))["cell"] == "A"


def test_a_second_night_of_the_same_plan_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"A": {}})
    with (
        night_lock(tmp_path / "test"),
        pytest.raises(RunInUseError, match=f"process {os.getpid()} .*--look"),
    ):
        night(path, tmp_path)


def test_a_channel_is_claimed_once_and_each_claim_has_a_greater_token(tmp_path: Path) -> None:
    with claimed("methodscript COM3", "run one", tmp_path) as first:
        refused: list[str] = []

        def second() -> None:
            try:
                with claimed("methodscript COM3", "run two", tmp_path):
                    pass
            except RunInUseError as error:
                refused.append(str(error))

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "run one" in refused[0]
    with claimed("methodscript COM3", "run three", tmp_path) as later:
        assert later > first


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ({"name": "A", "protocol": "nowhere"}, "cell A"),
        ({"name": "A", "protocol": "joule2020/cycling", "lab": "none.yaml"}, "cell A"),
    ],
)
def test_a_cell_that_cannot_run_is_refused_before_any_is_connected(
    tmp_path: Path, cell: dict[str, Any], says: str
) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(json.dumps({"name": "test", "cells": [cell]}), encoding="utf-8")
    with pytest.raises(InputError, match=says):
        go(path, tmp_path, say=lambda text: None, as_json=False)
    assert not (tmp_path / "test").exists()


def test_a_device_that_is_not_there_yet_is_tried_again(tmp_path: Path) -> None:
    path = write(tmp_path, {"A": {}, "B": {}})
    plan = NightPlan.model_validate(json.loads(path.read_text(encoding="utf-8")))
    good, bad = cells_of(plan, tmp_path, tmp_path / "test")
    chosen = replace(bad.lab.instruments[0], spec=replace(bad.lab.instruments[0].spec, open=_gone))
    bad = replace(bad, lab=replace(bad.lab, instruments=(chosen,)))
    said: list[str] = []
    ran = Night(plan, [good, bad], JumpingClock(), said.append)
    ran.run()
    assert [state.state for state in ran.states] == ["done", "done"]
    assert any("B: not reached: no such port" in text for text in said)


def _gone(request: OpenRequest) -> Driver:
    raise LinkError("no such port; connect the device")


def stopped_while_waiting(path: Path, out: Path) -> list[str]:
    """Run a night that is told to end before its window opens."""
    plan = NightPlan.model_validate(json.loads(path.read_text(encoding="utf-8")))
    said: list[str] = []
    ran: list[Night] = []

    def say(text: str) -> None:
        said.append(text)
        if "waits until" in text:
            ran[0]._stop("Ctrl-C")

    clock = ScaledClock(1.0, 0.0, datetime(2026, 11, 24, 12, tzinfo=UTC))
    ran.append(Night(plan, cells_of(plan, path.parent, out), clock, say))
    ran[0].run()
    return said


def test_a_night_that_waits_for_its_window_says_so_and_ends_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, {"A": {}}, window="20:00-20:10 UTC", on_trip=["no-such-command"])
    began = wall_seconds()
    said = stopped_while_waiting(path, tmp_path / "test")
    assert wall_seconds() - began < 3.0
    assert said == ["A: waits until 2026-11-24 20:00 UTC"]  # nobody is alarmed


def test_a_closing_window_ends_a_hold_within_a_second(tmp_path: Path) -> None:
    path = write(tmp_path, {"A": {}}, window="20:00-20:10 UTC")
    plan = NightPlan.model_validate(json.loads(path.read_text(encoding="utf-8")))
    cells = cells_of(plan, tmp_path, tmp_path / "test")
    closes = datetime(2026, 11, 24, 20, 10, tzinfo=UTC)
    clock = ScaledClock(60.0, 0.0, closes - timedelta(seconds=90))
    said: list[str] = []
    ran: list[Night] = []

    def say(text: str) -> None:
        said.append(text)
        if "waits until" in text:
            ran[0]._stop("Ctrl-C")

    ran.append(Night(plan, cells, clock, say))
    ran[0].run()
    assert cells[0].run is not None
    with RunRecord(cells[0].run) as record:
        ended = record.events("session")[-1]
    assert ended["reason"].startswith(f"stopped by {WINDOW}")
    late = (datetime.fromisoformat(ended["utc"]) - closes).total_seconds() / 60.0
    assert 0.0 <= late < 1.0


def test_a_look_at_a_night_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, {"A": {}, "B": {}})
    assert look(path, tmp_path, as_json=False) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[::2] == ["A: not begun", "B: not begun"]
    assert all(line.startswith("  about 1.6 h left, done ") for line in out[1::2])
    assert not (tmp_path / "test").exists()
    night(path, tmp_path)
    look(path, tmp_path, as_json=False)
    assert f"A: done\n  {CYCLES} of {CYCLES} cycles" in capsys.readouterr().out


def test_a_link_that_breaks_in_a_hold_is_tried_again_later_and_later(tmp_path: Path) -> None:
    drops = {
        "faults": [{"kind": "link_drops", "at": 2000.0, "lasting": 10_000.0}],
        "down_time": 1800.0,
    }
    code, cells, said = night(write(tmp_path, {"A": {}, "B": drops}), tmp_path)
    assert code == 0
    assert [cells[name]["state"] for name in "AB"] == ["done", "done"]
    assert cells["A"]["links_lost"] == 0
    assert cells["B"]["links_lost"] >= 1
    waits = [text.split("again in ")[1] for text in said if "it is tried again in" in text]
    assert waits[:3] == ["1 min", "2 min", "4 min"]
    assert "lost" in (tmp_path / "test" / "summary.txt").read_text(encoding="utf-8")


def test_a_link_that_stays_broken_holds_its_cell_in_the_end(tmp_path: Path) -> None:
    drops = {"faults": [{"kind": "link_drops", "at": 2000.0}]}
    code, cells, _ = night(write(tmp_path, {"A": {}, "B": drops}), tmp_path)
    assert code == 1
    assert [cells[name]["state"] for name in "AB"] == ["done", "held"]
    assert "tried 24 times" in cells["B"]["reason"]
    assert cells["B"]["done_utc"] is None


def test_a_disk_that_is_full_holds_a_cell_until_the_next_command_finds_room(tmp_path: Path) -> None:
    path = write(tmp_path, {"A": {}, "B": {}})
    protocol = tmp_path / "short.yaml"
    protocol.write_text(PROTOCOL.replace("every: 60 s", "every: 1 s"), encoding="utf-8")
    plan = json.loads(path.read_text(encoding="utf-8"))
    small = {
        "name": "small",
        "clock": "jumping",
        "storage_limit_mb": 0.1,
        "instruments": {"potentiostat": {"driver": "simulated-potentiostat"}},
    }
    (tmp_path / "small.yaml").write_text(json.dumps(small), encoding="utf-8")
    plan["cells"][1] |= {"lab": "small.yaml", "settings": {}}
    path.write_text(json.dumps(plan), encoding="utf-8")
    code, cells, _ = night(path, tmp_path)
    assert code == 1
    assert [cells[name]["state"] for name in "AB"] == ["done", "held"]
    assert "the record cannot be written" in cells["B"]["reason"]
    (kept,) = tmp_path.glob("test/B/*/lab.yaml")
    kept.write_text(json.dumps({**small, "storage_limit_mb": 50}), encoding="utf-8")
    code, cells, _ = night(path, tmp_path)
    assert code == 0
    assert [cells[name]["state"] for name in "AB"] == ["done", "done"]
