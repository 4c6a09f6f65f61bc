"""A cell's samples as BDF, and what `show` and the report say of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from acquire.cli import main
from acquire.cycling.rates import by_rate, told_rate
from acquire.cycling.told import told_charge, told_efficiency
from acquire.pages.report import write_report
from acquire.record import RunRecord
from acquire.show import SCHEMA, show, told
from acquire.views import export
from drivers.errors import InputError
from tests.acquire.cycling.cells import gone_on, lived

BDF = shutil.which("bdf")
NAMES = (
    "Test Time / s,Voltage / V,Current / A,Unix Time / s,Cycle Count / 1,Step Count / 1,"
    "Step Index / 1"
)


def table(run: Path) -> dict[str, Any]:
    """Return the columns of a run's BDF file."""
    path = run / "data" / "00-cycling.bdf.csv"
    with open(path, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    return dict(zip(names, np.loadtxt(path, delimiter=",", skiprows=1).T, strict=True))


def view(run: Path) -> dict[str, Any]:
    """Return the machine's view, checked against its schema."""
    with RunRecord(run) as record:
        seen = show(record)
    jsonschema.validate(seen, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return seen


def test_the_samples_stand_in_columns_as_bdf_names_them(cell_run: Path) -> None:
    text = (cell_run / "data" / "00-cycling.bdf.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == NAMES
    assert "nan" not in text
    assert ",-0," not in text


def test_time_and_counts_never_fall_and_the_index_begins_anew_in_each_step(cell_run: Path) -> None:
    columns = table(cell_run)
    time, cycle, step = (
        columns[name] for name in ("Test Time / s", "Cycle Count / 1", "Step Count / 1")
    )
    assert (np.diff(time) >= 0).all()
    assert sorted(set(cycle.tolist())) == list(range(11))
    assert (np.diff(cycle) >= 0).all()
    assert set(np.diff(step).tolist()) == {0.0, 1.0}
    assert step[-1] == 2 + 20 + 1
    index = columns["Step Index / 1"]
    expected = np.where(np.diff(step, prepend=0) > 0, 1, np.roll(index, 1) + 1)
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(np.diff(columns["Unix Time / s"]), np.diff(time), atol=2e-3)


def test_a_charge_is_positive_and_is_what_the_result_says(cell_run: Path) -> None:
    columns = table(cell_run)
    (result,) = view(cell_run)["results"]
    for place, number in enumerate(range(3, 23, 2)):
        rows = columns["Step Count / 1"] == number
        time, current = columns["Test Time / s"][rows], columns["Current / A"][rows]
        assert (current > 0).all()
        charge = float(np.sum(np.diff(time) * current[1:]))
        assert charge == pytest.approx(result["charged_coulomb"][place], rel=2e-2)
    assert abs(columns["Current / A"][columns["Step Count / 1"] == 23]).max() < 1e-8


def test_beside_the_table_stands_that_a_simulator_made_it(cell_run: Path) -> None:
    told_there = json.loads((cell_run / "data" / "00-cycling.bdf.json").read_text(encoding="utf-8"))
    assert told_there["origin"] == "SIMULATED"
    assert told_there["title"] == "a short life"
    assert told_there["nominal"]["capacity"] == pytest.approx(5.292e-3)


def test_export_writes_the_table_anew(cell_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(cell_run, run)
    before = (run / "data" / "00-cycling.bdf.csv").read_bytes()
    shutil.rmtree(run / "data")
    done = CliRunner().invoke(main, ["export", str(run), "--to", "bdf"])
    names = [f"00-cycling.bdf.{ending}" for ending in ("csv", "json")]
    assert done.output.splitlines() == [str(run / "data" / name) for name in names]
    assert (run / "data" / "00-cycling.bdf.csv").read_bytes() == before


def test_parquet_without_pyarrow_says_how_to_get_it(
    cell_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install pyarrow; or write CSV: --to bdf"):
        export(cell_run, "bdf-parquet")


def test_parquet_holds_the_same(cell_run: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    shutil.copytree(cell_run, tmp_path / "run")
    path, _ = export(tmp_path / "run", "bdf-parquet")
    assert path.name == "00-cycling.bdf.parquet"
    read = parquet.read_table(path)
    assert ",".join(read.column_names) == NAMES
    np.testing.assert_allclose(read["Voltage / V"], table(cell_run)["Voltage / V"], atol=1e-6)


@pytest.mark.skipif(BDF is None, reason="bdf (pip install batterydf) is not on the path")
def test_bdf_itself_has_nothing_to_say_against_it(cell_run: Path) -> None:
    path = cell_run / "data" / "00-cycling.bdf.csv"
    done = subprocess.run(
        [str(BDF), "validate", str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "BDF validation passed" in done.stdout
    assert "\N{WARNING SIGN}" not in done.stdout + done.stderr
    assert "arning" not in done.stdout + done.stderr


def test_a_run_without_a_cell_has_no_bdf(a_run_folder: Path) -> None:
    with pytest.raises(InputError, match="has cycled no cell so far; BDF is for cells"):
        export(a_run_folder, "bdf")


def test_a_person_reads_rates_apart_and_both_meanings_of_1c(cell_run: Path) -> None:
    text = told(view(cell_run))
    assert "10 cycles: 1 at C/2, 9 at 5C" in text
    assert "  C/2: 1." in text
    assert "1C = 1.47 µA (by area), used: C/2 735 nA, 5C 7.35 µA" in text
    assert "1C = 1.91 µA (by mass), not used; it would be: C/2 955 nA, 5C 9.55 µA" in text
    assert "charge passed, either way:" in text


def test_the_result_names_the_currents_that_flowed(cell_run: Path) -> None:
    (result,) = view(cell_run)["results"]
    assert result["resolved_current_A"]["charge 0.5 C"] == pytest.approx(0.735e-6)
    assert result["resolved_current_A"]["discharge 5 C"] == pytest.approx(7.35e-6)
    assert 0 < max(result["efficiency_uncertainty"]) < 1e-3


def test_the_report_draws_profiles_efficiency_and_capacity(cell_run: Path) -> None:
    page = write_report(cell_run).read_text(encoding="utf-8")
    for told_there in ("cycle 1", "cycle 2", "cycle 5", "cycle 10"):
        assert f'class="small">{told_there}</text>' in page
    assert page.count(">coulombic efficiency / %</text>") == 2
    assert "capacity, discharge / µAh" in page
    assert "not used; it would be" in page
    assert "3.3 to 5.2 V, 15 µA" in page
    assert "left out of efficiencies" not in page


def test_a_run_that_was_cut_off_has_a_page_and_a_table_and_then_marks_the_cycle(
    tmp_path: Path,
) -> None:
    run = lived(tmp_path / "runs", dies_at=12, block=200.0)
    with RunRecord(run) as record:
        assert record.steps()[0].result is None
    page = write_report(run).read_text(encoding="utf-8")
    assert "Voltage profiles" in page
    assert "cycling, not ended" in page
    path, _ = export(run, "bdf")
    before = table(run)
    gone_on(run)
    result = view(run)["results"][0]
    assert len(result["interrupted"]) == 1
    assert f"interrupted, left out of efficiencies: cycle {result['interrupted'][0]}" in told(
        view(run)
    )
    assert f"left out of efficiencies: cycle {result['interrupted'][0]}." in write_report(
        run
    ).read_text(encoding="utf-8")
    after = table(run)
    assert len(after["Voltage / V"]) > len(before["Voltage / V"])
    assert (np.diff(after["Test Time / s"]) >= 0).all()
    assert path.exists()


@pytest.mark.parametrize("way", ["dies_at", "stops_at"])
def test_a_hold_that_was_stopped_goes_on_to_its_end(
    cell_run: Path, tmp_path: Path, way: str
) -> None:
    run = lived(tmp_path / "runs", block=200.0, **{way: 70})
    gone_on(run)
    (whole,), (result,) = view(cell_run)["results"], view(run)["results"]
    # the operator is heard a little later: perhaps between two holds
    assert len(result["interrupted"]) <= 1
    for name in ("charged_coulomb", "capacity_coulomb"):
        assert result[name] == pytest.approx(whole[name], rel=5e-3)


def test_rates_are_named_as_protocols_write_them() -> None:
    assert [told_rate(each) for each in (0.1, 1 / 3, 0.5, 1.0, 5.0, 0.0)] == [
        "C/10",
        "C/3",
        "C/2",
        "1C",
        "5C",
        "no discharge",
    ]
    assert by_rate([0.1, 0.1, 5.0, 4.8, 0.1]) == {"C/10": (0, 1, 4), "5C": (2, 3)}


def test_an_efficiency_leaves_interrupted_cycles_out() -> None:
    result = {
        "efficiency": [0.99] * 20 + [0.5] + [0.99] * 5,
        "efficiency_uncertainty": [1e-4] * 26,
        "interrupted": [21],
    }
    text = told_efficiency(result, range(26))
    assert text == "efficiency 99.000% ± 0.010% (median of the last 11, to cycle 26)"
    assert told_efficiency(result, [20]) == "no efficiency: no whole cycle"
    assert told_charge(5.292e-3) == "1.47 µAh"
