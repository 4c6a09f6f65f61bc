from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire import views
from acquire.eds import view as eds_view
from acquire.eds.scan_data import read_scan
from acquire.files import PART, whole
from acquire.pages.report import write_report
from acquire.record import RunRecord
from acquire.views import Turns, Views, rebuild
from drivers.stem import EnergyAxis, StemSetup
from tests.acquire.made_run import CHANNELS, N_FROM, PITCH, POINTS, SETUP, STEP, TWICE, MadeRun
from tests.campaigns.scan import start

MAIN = "00-eds-line-scan.hspy"


def read(path: Path) -> dict[str, Any]:
    from rsciio.hspy import file_reader

    (signal,) = file_reader(str(path))
    return dict(signal)


def test_every_position_is_a_row_of_the_view(a_run_folder: Path) -> None:
    rebuild(a_run_folder)
    signal = read(a_run_folder / "data" / MAIN)
    data = signal["data"]
    assert data.shape == (POINTS, CHANNELS)
    assert data.dtype == np.uint16
    assert data[N_FROM - 1, 39] == 1
    assert data[N_FROM, 39] == 21


def test_the_axes_are_in_nanometres_and_kiloelectronvolts(a_run_folder: Path) -> None:
    rebuild(a_run_folder)
    position, energy = read(a_run_folder / "data" / MAIN)["axes"]
    assert (position["name"], position["units"]) == ("position", "nm")
    assert (position["scale"], position["offset"], position["size"]) == (2.0, 0.0, POINTS)
    assert position["navigate"]
    assert (energy["units"], energy["scale"], energy["offset"]) == ("keV", 0.01, 0.0)
    assert not energy["navigate"]


def test_metadata_are_in_the_units_that_exspy_expects(a_run_folder: Path) -> None:
    rebuild(a_run_folder)
    metadata = read(a_run_folder / "data" / MAIN)["metadata"]
    tem = metadata["Acquisition_instrument"]["TEM"]
    assert tem["beam_energy"] == 200.0
    assert tem["beam_current"] == 0.1
    assert tem["probe_area"] == 200.0
    assert tem["Detector"]["EDS"] == {
        "live_time": pytest.approx(0.1 * 60 / 58),  # the mean: two positions had 0.2
        "real_time": pytest.approx(0.1 * 60 / 58),
        "elevation_angle": 22.0,
        "azimuth_angle": 0.0,
        "energy_resolution_MnKa": 130.0,
    }
    assert metadata["Sample"] == {"elements": ["N", "P"], "xray_lines": ["N_Ka", "P_Ka"]}
    assert metadata["Signal"]["signal_type"] == "EDS_TEM"


def test_a_lost_position_is_zeros_and_named(a_run_folder: Path) -> None:
    rebuild(a_run_folder)
    signal = read(a_run_folder / "data" / MAIN)
    original = signal["original_metadata"]["liftline"]
    assert original["lost_positions"] == [12, 13]
    assert not signal["data"][12:14].any()
    assert original["live_time_s"][11:15].tolist() == [0.1, 0.0, 0.0, 0.1]


@pytest.mark.parametrize("how", ["empty", "skipped"])
def test_a_position_without_a_spectrum_is_a_gap_and_shifts_no_other(
    made: MadeRun, how: str
) -> None:
    made.begin_scan()
    made.expose(0)
    if how == "empty":
        made.expose(1, empty=True)
    else:
        made.skip()
    made.expose(2)
    rebuild(made.close("stopped", "by hand"))
    signal = read(made.folder / "data" / MAIN)
    assert signal["data"].sum(axis=1).tolist() == [2, 0, 2]
    assert signal["original_metadata"]["liftline"]["lost_positions"] == [1]


def test_a_position_that_is_exposed_again_has_the_sum(made: MadeRun) -> None:
    made.whole_scan(lost=(31,))
    for place in (30, 31, 30):
        made.expose(place)
    assert [path.name for path in rebuild(made.close())] == [MAIN]
    signal = read(made.folder / "data" / MAIN)
    assert signal["data"].shape[0] == POINTS
    assert signal["data"][29:33, 39].tolist() == [21, 63, 21, 21]
    original = signal["original_metadata"]["liftline"]
    assert original["live_time_s"][29:33] == pytest.approx([0.1, 0.3, 0.1, 0.1])
    assert original["lost_positions"] == []


def test_more_counts_than_sixteen_bits_hold_are_kept(made: MadeRun) -> None:
    from drivers.stem import Area, Spectrum

    made.begin_scan()
    counts = np.full(CHANNELS, 70_000, np.uint32)
    area = Area(-60e-9, 10e-9, PITCH, 100e-9, 0.1)
    made.do("stem.spectrum", [area, 1e-10, 0.1], Spectrum(counts, 0.1, 0.1, 1.0))
    rebuild(made.close())
    data = read(made.folder / "data" / MAIN)["data"]
    assert data.dtype == np.uint32
    assert data.max() == 70_000


@pytest.mark.parametrize(
    ("simulated", "recorded", "word"),
    [
        (True, False, "SIMULATED"),
        (False, True, "RECORDED"),
        (True, True, "RECORDED SIMULATION"),
        (False, False, "MEASURED"),
    ],
)
def test_a_view_says_where_its_counts_come_from(
    tmp_path: Path, simulated: bool, recorded: bool, word: str
) -> None:
    made = MadeRun(tmp_path / "run", simulated=simulated, recorded=recorded)
    made.begin_scan()
    made.expose(0)
    rebuild(made.close())
    signal = read(made.folder / "data" / MAIN)
    metadata = signal["metadata"]
    general = metadata["General"]
    assert (word in general["title"]) == (word != "MEASURED")
    assert word.lower() in general["notes"].lower()
    assert ("beam_current" in metadata["Acquisition_instrument"]["TEM"]) == (not recorded)
    origin = signal["original_metadata"]["liftline"]["origin"]
    assert (origin == "SIMULATED") == simulated  # what a replay of the file goes by


def test_a_scan_without_positions_has_no_view_yet(made: MadeRun) -> None:
    made.begin_scan()
    assert rebuild(made.close("stopped", "early")) == []


def test_a_run_that_goes_on_can_be_viewed(made: MadeRun) -> None:
    made.begin_scan()
    made.expose(0)
    Views(made.folder).refresh()
    made.expose(1)
    made.expose(2)
    Views(made.folder).refresh()
    assert read(made.folder / "data" / MAIN)["data"].shape[0] == 3
    made.close()


# -- when, and what may go wrong --------------------------------------------------------------


class Wall:
    """Stands for the wall clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.took = 0.0
        self.rebuilt = 0
        monkeypatch.setattr(views, "wall_seconds", lambda: self.now)
        monkeypatch.setattr(views, "rebuild", self._rebuild)

    def _rebuild(self, folder: Path) -> list[Path]:
        self.rebuilt += 1
        self.now += self.took
        return []


def test_nothing_is_written_in_the_first_two_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = Wall(monkeypatch)
    seen = Views(tmp_path)
    wall.now += 1.9
    seen.refresh_if_due()
    assert wall.rebuilt == 0
    wall.now += 0.2
    seen.refresh_if_due()
    assert wall.rebuilt == 1


def test_the_next_refresh_waits_ten_times_what_the_last_one_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = Wall(monkeypatch)
    wall.took = 3.0
    seen = Views(tmp_path)
    seen.refresh()
    wall.now += 29.9
    seen.refresh_if_due()
    assert wall.rebuilt == 1
    wall.now += 0.2
    seen.refresh_if_due()
    assert wall.rebuilt == 2


def test_a_reader_that_holds_the_old_view_keeps_it_and_the_run_goes_on(
    a_run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path, *_) = rebuild(a_run_folder)
    before = path.read_bytes()

    def held(source: Path, target: Path) -> None:
        raise PermissionError(13, "used by another process", str(target))

    said: list[str] = []
    seen = Views(a_run_folder, say=said.append)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", held)
        seen.refresh()
        seen.refresh()
    assert path.read_bytes() == before
    assert len(said) == 1
    assert "liftline export" in said[0]
    assert "used by another process" in said[0]
    assert not list((a_run_folder / "data").glob(f"*{PART}"))


def test_a_defect_of_a_view_is_told_and_never_stops_a_run(
    a_run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(eds_view, "write_hspy", broken)
    said: list[str] = []
    Views(a_run_folder, say=said.append).refresh()
    assert "KeyError: 'a defect'" in said[0]


def test_a_view_that_fails_leaves_the_old_one_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "view"
    path.write_text("old")

    def fail() -> None:
        with whole(path) as part:
            part.write_text("ne")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["view"]


def test_what_a_killed_session_left_half_written_is_removed(a_run_folder: Path) -> None:
    left = a_run_folder / "data" / f"{MAIN}.12345{PART}"
    left.write_bytes(b"half")
    Views(a_run_folder).refresh()
    assert not left.exists()
    assert (a_run_folder / "data" / MAIN).exists()


def test_the_run_never_loads_hyperspy_for_its_views(a_run_folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from acquire.views import Views;"
        "Views(Path(sys.argv[1])).refresh();"
        "print([m for m in ('hyperspy', 'exspy', 'dask', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(a_run_folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_scan_is_read_along_its_line(a_run_folder: Path) -> None:
    with RunRecord(a_run_folder) as record:
        scan = read_scan(record, record.steps()[0])
    assert scan is not None
    assert scan.step == STEP
    assert scan.main.distance == pytest.approx(np.arange(POINTS) * PITCH)
    assert scan.main.electrons[list(TWICE)] == pytest.approx(2 * 6.2e7)


OPEN = """
import json, sys, warnings
warnings.simplefilter("ignore")
import hyperspy.api as hs
told = {}
for path in sys.argv[1:]:
    for lazy in (True, False):
        s = hs.load(path, lazy=lazy)
        navigation, energy = s.axes_manager.navigation_axes[0], s.axes_manager.signal_axes[0]
        told[f"{path} {lazy}"] = {
            "class": type(s).__name__,
            "shape": list(s.data.shape),
            "axes": [navigation.name, str(navigation.units), energy.name, str(energy.units)],
            "ends": [float(navigation.axis[0]), float(navigation.axis[-1])],
            "uniform": bool(navigation.is_uniform),
            "counts": float(s.data.sum()),
            "beam": float(s.metadata.Acquisition_instrument.TEM.beam_energy),
            "elements": list(s.metadata.Sample.elements),
            "P": float(s.get_lines_intensity(["P_Ka"])[0].data.sum()),
        }
print(json.dumps(told))
"""


def test_hyperspy_with_exspy_opens_every_kind_of_view(a_run_folder: Path, tmp_path: Path) -> None:
    """Costs up to 15 s of CPU for exspy's imports, hence once, for all files together."""
    rebuild(a_run_folder)
    one = MadeRun(tmp_path / "one")
    wide = StemSetup(**{**SETUP.__dict__, "energy_axis": EnergyAxis(-200.0, 10.0, CHANNELS)})
    one.begin_scan(setup=wide)
    one.expose(0)
    rebuild(one.close("stopped", "early"))
    files = [folder / "data" / MAIN for folder in (a_run_folder, one.folder)]
    done = subprocess.run(
        [sys.executable, "-c", OPEN, *map(str, files)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    main = told[f"{files[0]} True"]
    assert main == {
        "class": "LazyEDSTEMSpectrum",
        "shape": [POINTS, CHANNELS],
        "axes": ["position", "nm", "Energy", "keV"],
        "ends": [0.0, 118.0],
        "uniform": True,
        "counts": 60 * 2 + 37 * 20 + 27 * 30,
        "beam": 200.0,
        "elements": ["N", "P"],
        "P": 60 + 27 * 30,
    }
    single = told[f"{files[1]} False"]
    assert (single["class"], single["shape"]) == ("EDSTEMSpectrum", [1, CHANNELS])


PROTOCOL = """
kind: eds_line_scan
survey: {field: 1 um, pixels: 256, dwell: 4 us, probe_current: 25 pA}
start: {edge_of: dark_field, offset: -150 nm, from_side: dark}
length: 250 nm
points: 126
strip: 600 nm
probe_current: 50 pA
dwell: 180 ms
dose_limit: 2000 e/angstrom^2
watch:
  - {element: N, on_onset: note}
  - {element: P, on_onset: note}
refine: {first: 0.2, spend: 0.4, passes: 2}
"""


def test_a_run_on_the_simulators_leaves_views_and_a_page_of_all_it_measured(
    tmp_path: Path,
) -> None:
    file = tmp_path / "refine.yaml"
    file.write_text(PROTOCOL, encoding="utf-8")
    folder = start(file, tmp_path / "runs").folder
    with RunRecord(folder) as record:
        (result,) = [step.result for step in record.steps()]
    assert result is not None
    assert result["refined"]["passes"] == 3
    assert [path.name for path in (folder / "data").glob("*.hspy")] == [MAIN]
    signal = read(folder / "data" / MAIN)
    assert signal["data"].shape == (126, 2048)
    original = signal["original_metadata"]["liftline"]
    assert original["electrons"].sum() == pytest.approx(result["electrons"])
    assert original["live_time_s"].max() > 3 * original["live_time_s"].min()
    page = write_report(folder).read_text(encoding="utf-8")
    assert "3 passes" in page
    assert "180 ms in an even scan" in page


def test_runs_side_by_side_take_turns(
    a_run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, written = 0.0, []

    def rebuild_in_a_second(folder: Path) -> None:
        nonlocal now
        now += 1.0
        written.append(folder)

    monkeypatch.setattr(views, "wall_seconds", lambda: now)
    monkeypatch.setattr(views, "rebuild", rebuild_in_a_second)
    turns = Turns()
    runs = [Views(folder, turns=turns) for folder in (a_run_folder, tmp_path)]
    for second in range(60):
        now = max(now, float(second))
        for run in runs:
            run.refresh_if_due()
    assert len(written) <= 6
    assert set(written) == {a_run_folder, tmp_path}
