"""The analysis over a depth profile that was really measured: tin oxide on silicon."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acquire.flags import Flag
from acquire.xps.depth_watch import DepthWatch
from acquire.xps.fit_recording import fitted_profiles
from drivers.recorded_xps import read_xps_recording
from protocols.loader import load_protocol
from protocols.xps import DepthProfile
from tests.acquire.xps.made_profile import SETUP

SHARED = Path(os.environ.get("LIFTLINE_SHARED", Path(__file__).parents[4] / "shared"))
FILE = SHARED / "data/xps-depth-profile-sno2.nxs"
needs_file = pytest.mark.skipif(not FILE.exists(), reason="needs the shared recordings")


@pytest.fixture(scope="module")
def flags() -> list[Flag]:
    recording = read_xps_recording(FILE)
    loaded = load_protocol("examples/xps-profile-tin-oxide")
    (step,) = fitted_profiles(loaded.steps, recording, [60.0 * k for k in range(21)])
    assert isinstance(step, DepthProfile)
    watch, raised = DepthWatch(step, SETUP), []
    for cycle in range(21):
        spectra = {}
        for region in step.regions:
            recorded = recording.region(region.line)
            assert recorded is not None
            spectra[region.line] = recorded.spectrum(cycle, region.dwell, None)
        raised += watch.update(cycle, 60.0 * cycle, spectra)
    return raised


def only(flags: list[Flag], kind: str, of: str) -> Flag:
    (flag,) = (flag for flag in flags if (flag.kind, flag.of) == (kind, of))
    return flag


@needs_file
def test_silicon_appears_where_its_area_leaves_the_noise(flags: list[Flag]) -> None:
    assert 2 <= only(flags, "onset", "Si 2p").index <= 6
    assert [flag.of for flag in flags if flag.kind == "onset"] == ["Si 2p"]


@needs_file
def test_carbon_falls_in_the_first_etch(flags: list[Flag]) -> None:
    fall = only(flags, "falls", "C 1s")
    assert fall.index == 1
    assert fall.place["interval_etch_s"] == (0.0, 60.0)


@needs_file
def test_tin_falls_from_about_the_seventh_cycle_and_moves(flags: list[Flag]) -> None:
    assert only(flags, "falls", "Sn 3d").index in (8, 9, 10, 11)
    shift = only(flags, "shift", "Sn 3d")
    assert shift.place["etch_time_s"] == pytest.approx(7.3 * 60, abs=60)
    by = float(shift.note.split("by ")[1].split(" eV")[0])
    assert by == pytest.approx(0.8, abs=0.1)


@needs_file
def test_what_only_becomes_less_is_never_gone(flags: list[Flag]) -> None:
    assert not [flag for flag in flags if flag.kind == "gone"]
