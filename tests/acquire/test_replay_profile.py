"""Recorded depth profiles through the procedure, to the end and across a crash."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.launch import begin_run, resume_run
from acquire.record import RunRecord
from acquire.replay import fitted, origin, recorded_lab
from acquire.xps.profile_data import ProfileData, read_profile
from acquire.xps.vamas_export import export_vamas
from drivers.vamas.content import Ordinate
from protocols.loader import LoadedProtocol, load_protocol
from tests.acquire.test_fit_recording import TWO, protocol
from tests.campaigns.scan import desk
from tests.drivers.xps_files import block, counts_of, cycles, profile, write

SHARED = Path(os.environ.get("LIFTLINE_SHARED", Path(__file__).parents[3] / "shared"))
SNO2 = SHARED / "data" / "xps-depth-profile-sno2.nxs"


class Crash(BaseException):
    """The process dies."""


def replay(
    file: Path,
    protocol: LoadedProtocol,
    out: Path,
    *,
    etch: float | None = None,
    crash_at: int | None = None,
) -> Path:
    """Play a file and return the run's folder; the process dies after so many boundaries."""
    seen: list[str] = []

    def boundary(name: str) -> None:
        seen.append(name)
        if len(seen) == crash_at:
            raise Crash

    lab = recorded_lab(file, etch)
    fit = fitted(protocol, lab, None, None)
    try:
        end = begin_run(fit, lab, out, seed=0, desk=desk(boundary), origin=origin(file, lab))
        assert end.state == "finished"
    except Crash:
        assert crash_at is not None
    (run,) = [path.parent for path in out.glob("*/run.db")]
    return run


def profile_of(run: Path) -> ProfileData:
    with RunRecord(run) as record:
        data = read_profile(record, record.steps()[0])
    assert data is not None
    return data


def result_of(run: Path) -> dict[str, object]:
    with RunRecord(run) as record:
        result = record.steps()[0].result
    assert result is not None
    return result


@pytest.mark.slow
@pytest.mark.skipif(not SNO2.exists(), reason="the shared recordings are not here")
def test_a_real_profile_plays_to_its_end_and_again_from_what_it_exports(tmp_path: Path) -> None:
    tin = load_protocol("examples/xps-profile-tin-oxide")
    run = replay(SNO2, tin, tmp_path / "first", etch=60.0)
    data = profile_of(run)
    assert data.etch_times.tolist() == [60 * cycle for cycle in range(21)]
    assert {line: stack.counts.shape for line, stack in data.regions.items()} == {
        "survey": (21, 1751),
        "Sn 3d": (21, 101),
        "Si 2p": (21, 101),
        "C 1s": (21, 101),
    }
    with RunRecord(run) as record:
        assert "one count is 12.5 of the file's values" in record.meta["origin"]
    (exported,) = export_vamas(run)
    again = profile_of(replay(exported, tin, tmp_path / "again"))
    for line, stack in data.regions.items():
        assert (again.regions[line].counts == stack.counts).all()
        assert again.regions[line].energies == pytest.approx(stack.energies)
    assert result_of(run)["cycles"] == 21


@pytest.mark.parametrize("crash_at", [15, 30])
def test_a_replay_that_was_cut_off_goes_on_in_the_cycle_where_it_was(
    tmp_path: Path, crash_at: int
) -> None:
    file = write(tmp_path / "p.vms", cycles(4))
    made = protocol(tmp_path, *TWO)
    cut = replay(file, made, tmp_path / "cut", crash_at=crash_at)
    assert resume_run(cut, desk=desk()).state == "finished"
    data = profile_of(cut)
    assert data.etch_times.tolist() == [0, 60, 120, 180]
    for line, stack in data.regions.items():
        for cycle in range(4):
            assert (stack.counts[cycle] == counts_of(line, cycle)).all()


def test_cycles_in_which_no_line_is_there_have_no_composition(tmp_path: Path) -> None:
    blank = [
        replace(block("C 1s", cycle), ordinates=(Ordinate("counts", "d", np.full(41, 40.0)),))
        for cycle in range(3)
    ]
    run = replay(write(tmp_path / "p.vms", profile(blank)), protocol(tmp_path, TWO[0]), tmp_path)
    result: Any = result_of(run)
    assert result["composition"]["cycles"] == []
    assert result["composition"]["atomic_percent"] == {"C": []}
