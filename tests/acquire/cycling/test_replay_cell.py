"""Recorded cells through the procedure: BDF, BioLogic, to the end and across a crash."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.cycling.cycling_data import CyclingData, read_cycling
from acquire.launch import begin_run
from acquire.record import RunRecord
from acquire.replay import fitted, origin, recorded_lab
from drivers.cell_recording import PER_MAH, read_cell_recording
from drivers.errors import InputError, RecordingError
from protocols.cycling import Cycling
from protocols.loader import LoadedProtocol, load_protocol
from tests.acquire.cycling.cells import Crash, dying, gone_on, written
from tests.campaigns.scan import desk

SHARED = Path(os.environ.get("LIFTLINE_SHARED", Path(__file__).parents[4] / "shared"))
GCPL = SHARED / "data" / "cycling-gcpl-3791rows.mpr"
NO_FILE = pytest.mark.skipif(not GCPL.exists(), reason="the shared recordings are not here")


def replay(file: Path, protocol: LoadedProtocol, out: Path, *, dies_at: int | None = None) -> Path:
    """Play a file and return the run's folder; the process may die at a reading."""
    lab = recorded_lab(file)
    boundary = None if dies_at is None else dying(dies_at)
    fit = fitted(protocol, lab, None, None)
    try:
        begin_run(fit, lab, out, seed=0, desk=desk(boundary), origin=origin(file, lab))
    except Crash:
        assert dies_at is not None
    (run,) = [path.parent for path in out.glob("*/run.db")]
    return run


def read(run: Path) -> tuple[CyclingData, dict[str, Any]]:
    """Return what a run holds: its samples and its result."""
    with RunRecord(run) as record:
        (step,) = record.steps()
        data = read_cycling(record, step)
    assert data is not None
    assert step.result is not None
    return data, step.result


@pytest.fixture
def short_life(tmp_path: Path) -> LoadedProtocol:
    """The protocol of `cell_run`, which is a file of the same cell."""
    return load_protocol(str(written(tmp_path)))


def table_of(run: Path) -> Path:
    return run / "data" / "00-cycling.bdf.csv"


def test_a_table_of_our_own_gives_the_same_cycles_again(
    cell_run: Path, short_life: LoadedProtocol, tmp_path: Path
) -> None:
    first, lived = read(cell_run)
    again, result = read(replay(table_of(cell_run), short_life, tmp_path / "runs"))
    assert result["cycles"] == lived["cycles"] == 10
    assert len(again.holds) == len(first.holds)
    for name in ("voltage", "current"):
        np.testing.assert_allclose(again.column(name), first.column(name), rtol=1e-6, atol=1e-11)
    off = np.array(result["efficiency"]) - np.array(lived["efficiency"])
    assert (abs(off) < 2 * np.array(result["efficiency_uncertainty"])).all()
    assert again.identity is not None
    assert again.identity.recorded
    assert again.identity.simulated


def test_a_replay_that_dies_goes_on_where_it_was(
    cell_run: Path, short_life: LoadedProtocol, tmp_path: Path
) -> None:
    file = table_of(cell_run)
    _, whole = read(replay(file, short_life, tmp_path / "whole"))
    run = replay(file, short_life, tmp_path / "cut", dies_at=8)
    gone_on(run)
    data, result = read(run)
    assert result["charged_coulomb"] == pytest.approx(whole["charged_coulomb"], rel=1e-9)
    assert result["capacity_coulomb"] == pytest.approx(whole["capacity_coulomb"], rel=1e-9)
    assert (
        sum(len(hold.voltage) for hold in data.holds)
        == len(file.read_text(encoding="utf-8").splitlines()) - 1
    )


def test_without_counts_steps_and_cycles_are_those_of_the_current(
    cell_run: Path, short_life: LoadedProtocol, tmp_path: Path
) -> None:
    lines = table_of(cell_run).read_text(encoding="utf-8").splitlines()
    file = tmp_path / "bare.csv"
    file.write_text("\n".join(line.rsplit(",", 4)[0] for line in lines) + "\n", encoding="utf-8")
    (step,) = fitted(short_life, recorded_lab(file), None, None).steps
    assert isinstance(step, Cycling)
    loops = [move for move in step.schedule if move.do == "loop"]
    assert len(loops) == 10


def test_a_cell_of_another_size_is_refused_with_its_own_capacity(
    cell_run: Path, tmp_path: Path
) -> None:
    file = table_of(cell_run)
    with pytest.raises(InputError, match=r"passes 0\.0014\d+ mAh, .* 2 mAh; write the cell's own"):
        fitted(load_protocol("examples/cell-recording"), recorded_lab(file), None, None)


def test_a_line_is_of_images(cell_run: Path, short_life: LoadedProtocol) -> None:
    with pytest.raises(InputError, match="--line and --strip are of EDS recordings"):
        fitted(short_life, recorded_lab(table_of(cell_run)), (0, 0, 1, 1), None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", r"has no column 'Test Time / s'; it must be BDF"),
        ("Test Time / s,Voltage / V,Current / A\n1,2\n", "every row needs all of its figures"),
        ("Test Time / s,Voltage / V,Current / A\n1,nan,2\n", "figures that are not finite"),
        ("Test Time / s,Voltage / V,Current / A\n1,4,0\n2,4,0\n", "only rests"),
    ],
)
def test_a_table_that_cannot_serve_says_why(
    tmp_path: Path, short_life: LoadedProtocol, text: str, told: str
) -> None:
    file = tmp_path / "cell.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises((RecordingError, InputError), match=told):
        fitted(short_life, recorded_lab(file), None, None)


def test_biologic_without_galvani_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cell.mpr"
    file.write_bytes(b"BIO-LOGIC MODULAR FILE")
    monkeypatch.setitem(sys.modules, "galvani", None)
    with pytest.raises(RecordingError, match=r"pip install 'liftline\[biologic\]'"):
        read_cell_recording(file)


def test_what_galvani_cannot_read_is_told(tmp_path: Path) -> None:
    pytest.importorskip("galvani")
    file = tmp_path / "cell.mpr"
    file.write_bytes(b"BIO-LOGIC MODULAR FILE")
    with pytest.raises(RecordingError, match="galvani cannot read it"):
        read_cell_recording(file)


@NO_FILE
def test_a_real_recording_keeps_its_half_cycles_and_their_charges(tmp_path: Path) -> None:
    galvani = pytest.importorskip("galvani")
    with open(GCPL, "rb") as file:
        rows = galvani.MPRfile(file).data
    counted = [
        float(rows["Q charge/discharge/mA.h"][rows["half cycle"] == half][-1]) for half in range(6)
    ]
    data, result = read(replay(GCPL, load_protocol("examples/cell-recording"), tmp_path / "runs"))
    assert result["cycles"] == 3
    told = [
        sign * result[name][cycle] / PER_MAH
        for cycle in range(3)
        for name, sign in (("charged_coulomb", 1), ("capacity_coulomb", -1))
    ]
    assert told == pytest.approx(counted, rel=1e-3)
    driven = [hold for hold in data.holds if hold.order.mode != "rest"]
    assert [len(hold.voltage) for hold in driven] == [
        int(np.sum((rows["half cycle"] == half) & (rows["Ns"] != 0) & (rows["Ns"] != 3)))
        for half in range(6)
    ]
    for hold, charge in zip(driven, counted, strict=True):
        passed = np.sum(np.diff(hold.test_time) * (hold.current[1:] + hold.current[:-1]) / 2)
        assert passed / PER_MAH == pytest.approx(charge, rel=1e-3)
