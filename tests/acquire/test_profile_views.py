"""The `.hspy` files of a depth profile, and HyperSpy's view of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.record import RunRecord
from acquire.xps.view import profile_views
from tests.acquire.made_profile import MadeProfile


def written(folder: Path) -> dict[str, Path]:
    """Write the views and return them by name."""
    with RunRecord(folder) as record:
        (step,) = record.steps()
        return {path.name: path for path in profile_views(record, step)}


def read(path: Path) -> dict[str, Any]:
    from rsciio.hspy import file_reader

    (signal,) = file_reader(str(path))
    return dict(signal)


def test_each_region_is_a_file_and_each_of_its_cycles_a_row(tmp_path: Path) -> None:
    files = written(MadeProfile(tmp_path / "run").whole())
    assert set(files) == {
        "00-depth-profile-survey.hspy",
        "00-depth-profile-C-1s.hspy",
        "00-depth-profile-N-1s.hspy",
        "00-depth-profile-P-2p.hspy",
    }
    signal = read(files["00-depth-profile-N-1s.hspy"])
    assert signal["data"].shape == (4, 181)
    assert signal["data"][:, 85].tolist() == [40, 140, 240, 340]
    etch, energy = signal["axes"]
    assert (etch["name"], etch["units"], etch["offset"], etch["scale"]) == ("Etch time", "s", 0, 60)
    assert (energy["units"], energy["offset"], energy["scale"]) == ("eV", 406.0, -0.1)
    assert signal["original_metadata"]["liftline"]["sweeps"].tolist() == [2, 2, 2, 2]


def test_a_survey_has_the_cycles_in_which_it_was_taken(tmp_path: Path) -> None:
    files = written(MadeProfile(tmp_path / "run").whole())
    signal = read(files["00-depth-profile-survey.hspy"])
    assert signal["data"].shape == (2, 601)
    assert signal["original_metadata"]["liftline"]["etch_time_s"].tolist() == [0, 180]
    assert signal["metadata"]["Sample"]["elements"] == ["C", "N", "P"]


def test_uneven_etches_make_an_uneven_axis(tmp_path: Path) -> None:
    made = MadeProfile(tmp_path / "run")
    for seconds in (60.0, 60.0, 15.0):
        made.acquire("C 1s")
        made.etch(seconds)
    made.acquire("C 1s")
    axis, _ = read(written(made.close())["00-depth-profile-C-1s.hspy"])["axes"]
    assert axis["axis"].tolist() == [0, 60, 120, 135]


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
    made = MadeProfile(tmp_path / "run", simulated=simulated, recorded=recorded)
    made.acquire("C 1s")
    metadata = read(written(made.close())["00-depth-profile-C-1s.hspy"])["metadata"]
    assert (word in metadata["General"]["title"]) == (word != "MEASURED")
    assert word.lower() in metadata["General"]["notes"].lower()
    xps = metadata["Acquisition_instrument"]["XPS"]
    assert (xps["photon_energy"], xps["pass_energy"], xps["spot_width"]) == (1486.7, 40, 0.3)
    assert ("Ion_gun" in xps) == (not recorded)


def test_a_profile_without_a_region_has_no_view_yet(tmp_path: Path) -> None:
    assert written(MadeProfile(tmp_path / "run").close()) == {}


@pytest.mark.filterwarnings("default")
def test_hyperspy_gives_xps_spectra_whose_energies_fall(tmp_path: Path) -> None:
    import hyperspy.api as hs
    import matplotlib.pyplot as plt

    from acquire.xps.signal import LazyXPSSpectrum, XPSSpectrum

    path = written(MadeProfile(tmp_path / "run").whole())["00-depth-profile-N-1s.hspy"]
    whole = hs.load(path)
    assert type(whole) is XPSSpectrum
    assert whole.energies[[0, -1]] == pytest.approx([406, 388])
    assert whole.kinetic_energies[0] == pytest.approx(1486.7 - 406)
    peak = whole.isig[398.5:396.5]
    assert peak.data.shape == (4, 20)
    assert peak.energies[0] == pytest.approx(398.5)
    assert whole.inav[120.0].data[85] == 240
    net = (whole - 40.0).integrate1D(-1).data
    assert net[3] == pytest.approx(300 * 6 * np.sqrt(np.pi) * 0.1, rel=0.01)
    whole.correct_charging(397.5, 397.0)
    assert whole.energies[85] == pytest.approx(397.0)
    plt.switch_backend("Agg")
    whole.plot()
    left, right = whole._plot.signal_plot.ax.get_xlim()
    plt.close("all")
    assert left > right
    lazy = hs.load(path, lazy=True)
    assert type(lazy) is LazyXPSSpectrum
    assert lazy.inav[1].isig[85].data.compute() == [140]
    whole.save(tmp_path / "again.hspy")
    assert type(hs.load(tmp_path / "again.hspy")) is XPSSpectrum
