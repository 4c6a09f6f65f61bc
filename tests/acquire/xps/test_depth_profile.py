"""A depth profile through the run: flags and policies, faults, crashes, what is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from acquire.pages.report import write_report
from acquire.record import RunRecord
from acquire.show import SCHEMA, told
from acquire.xps.profile_data import read_profile
from drivers.xps import Etched
from simulators.xps.truth import etch_seconds
from tests.acquire.xps.profiles import Crash, resumed, run, seen, short, watching


def etches(folder: Path) -> list[float]:
    with RunRecord(folder) as record:
        return [done.result.seconds for done in record.done(0, "xps.etch", Etched)]


def test_each_cycle_is_measured_before_its_etch_and_the_last_is_not_etched(tmp_path: Path) -> None:
    end = run(tmp_path, short())
    view = seen(end.folder)
    (result,) = view["results"]
    assert end.exit_code == 0
    assert result["cycles"] == 4
    assert result["etch_time_s"] == pytest.approx(180.0)
    assert etch_seconds(end.folder / "world-xps.db") == pytest.approx(180.0)
    assert view["budgets"]["etch_time_s"]["spent"] == pytest.approx(180.0)
    assert {flag["of"]: flag["kind"] for flag in view["flags"]}["C 1s"] == "present"


def test_a_flag_may_end_the_profile_some_cycles_later(tmp_path: Path) -> None:
    policy = watching("C 1s", falls_below=0.9, on_falls={"stop_after_cycles": 1})
    end = run(tmp_path, short(max_cycles=9, **policy))
    view = seen(end.folder)
    (falls,) = [flag for flag in view["flags"] if flag["kind"] == "falls"]
    assert view["results"][0]["cycles"] == falls["raised_at"]["index"] + 2


def test_a_flag_may_make_the_next_etches_shorter(tmp_path: Path) -> None:
    policy = watching("C 1s", falls_below=0.9, on_falls={"etch": 10.0, "cycles": 2})
    end = run(tmp_path, short(max_cycles=6, **policy))
    (falls,) = [f for f in seen(end.folder)["flags"] if f["kind"] == "falls"]
    first = falls["raised_at"]["index"]
    assert etches(end.folder) == pytest.approx(
        [60.0] * first + [10.0] * 2 + [60.0] * (5 - first - 2)
    )


def test_a_flag_may_ask_and_nothing_is_etched_until_somebody_answers(tmp_path: Path) -> None:
    policy = watching("C 1s", falls_below=0.9, on_falls="ask")
    end = run(tmp_path, short(max_cycles=6, **policy))
    (falls,) = [f for f in seen(end.folder)["flags"] if f["kind"] == "falls"]
    assert end.exit_code == 4
    assert len(etches(end.folder)) == falls["raised_at"]["index"]


@pytest.mark.parametrize("at", range(9, 90, 20))
def test_whenever_it_dies_nothing_is_etched_twice_and_the_spectra_are_the_same(
    tmp_path: Path, at: int
) -> None:
    count = 0

    def boundary(name: str) -> None:
        nonlocal count
        count += 1
        if count == at:
            raise Crash

    protocol = short(max_cycles=3)
    with pytest.raises(Crash):
        run(tmp_path, protocol, boundary)
    (folder,) = [path.parent for path in tmp_path.glob("*/run.db")]
    end = resumed(folder)
    whole = run(tmp_path / "whole", protocol)
    assert end.exit_code == 0
    assert etch_seconds(folder / "world-xps.db") == pytest.approx(120.0)
    assert seen(folder)["results"][0]["cycles"] == 3
    with RunRecord(folder) as one, RunRecord(whole.folder) as other:
        cut, uncut = (read_profile(record, record.steps()[0]) for record in (one, other))
        assert cut is not None
        assert uncut is not None
        np.testing.assert_array_equal(
            cut.regions["C 1s"].counts[0], uncut.regions["C 1s"].counts[0]
        )
        assert list(cut.etch_times) == pytest.approx(list(uncut.etch_times))


def test_a_gun_that_trips_stops_the_run_and_the_rest_of_the_etch_follows_on_resume(
    tmp_path: Path,
) -> None:
    trip = {"kind": "gun_trips", "at": 60.0, "lasting": 30.0}
    end = run(tmp_path, short(), faults=[trip], down_time=60.0)
    assert end.exit_code == 3
    assert "gun" in end.reason
    done = etch_seconds(end.folder / "world-xps.db")
    again = resumed(end.folder)
    assert again.exit_code == 0
    assert etch_seconds(end.folder / "world-xps.db") == pytest.approx(180.0)
    assert done < 180.0


def test_without_vacuum_nothing_is_etched(tmp_path: Path) -> None:
    rise = {"kind": "pressure_rises", "at": 0.0, "to": 1e-2}
    end = run(tmp_path, short(), faults=[rise])
    assert end.exit_code == 3
    assert "Pa" in end.reason
    assert etch_seconds(end.folder / "world-xps.db") == 0.0


def test_it_is_told_to_people_and_to_machines_and_drawn(tmp_path: Path) -> None:
    import jsonschema

    end = run(tmp_path, short())
    view = seen(end.folder)
    jsonschema.validate(view, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert "4 cycles, 180 s of etching" in told(view)
    page = write_report(end.folder).read_text(encoding="utf-8")
    assert page.count("<polygon") == 2 * 4
    assert "SIMULATED" in page
