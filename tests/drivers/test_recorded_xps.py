"""Depth profiles in files, behind the interface of a spectrometer: cycle by cycle."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from drivers.action import result_of
from drivers.clock import JumpingClock
from drivers.errors import LimitError, RecordingError
from drivers.lab import OpenRequest
from drivers.recorded_xps import DRIVER, RecordedXps, read_xps_recording
from drivers.vamas.content import Label, Ordinate, VamasFile
from drivers.vamas.write import vamas_text
from drivers.xps import Xps
from drivers.xps_recording import known_line
from protocols.xps import Etch, Region
from tests.drivers.xps_files import LINES, STEP, block, counts_of, cycles, profile, write

SHARED = Path(os.environ.get("LIFTLINE_SHARED", Path(__file__).parents[3] / "shared"))
SNO2 = SHARED / "data" / "xps-depth-profile-sno2.nxs"
REGULAR = SHARED / "data" / "xps-regular.vms"
shared = pytest.mark.skipif(not SNO2.exists(), reason="the shared recordings are not here")

ETCH = Etch(
    energy=5e3, current=1e-6, raster_width=2e-3, raster_height=2e-3, duration=60, before=5, after=10
)


def region(line: str = "C 1s", **changed: Any) -> Region:
    start, points = LINES.get(line, (100.0, 21))
    asked = {
        "line": line,
        "start": start,
        "stop": start - STEP * (points - 1),
        "step": STEP,
        "dwell": 0.2,
        "sweeps": 2,
        "pass_energy": 40.0,
    }
    return Region.model_validate({**asked, **changed})


def opened(path: Path, world: Path | None = None, **settings: Any) -> RecordedXps:
    asked = DRIVER.settings.model_validate({"file": str(path), **settings})
    request = OpenRequest(
        "xps", None, asked, DRIVER.limits(), JumpingClock(), 0, world, lambda name, text: None
    )
    xps: Any = DRIVER.open(request)
    return xps


@pytest.fixture
def recorded(tmp_path: Path) -> Generator[RecordedXps, None, None]:
    xps = opened(write(tmp_path / "profile.vms", cycles(3)))
    yield xps
    xps.close()


def test_each_etch_goes_on_to_the_next_cycle(recorded: RecordedXps) -> None:
    assert isinstance(recorded, Xps)
    for cycle in range(3):
        assert recorded.etch_seconds() == 60 * cycle
        for line in LINES:
            spectrum = result_of(recorded.acquire(region(line), 1))
            np.testing.assert_array_equal(spectrum.counts, counts_of(line, cycle))
            assert (spectrum.sweeps, spectrum.dwell) == (2, 0.2)
            assert (spectrum.start, spectrum.step) == (LINES[line][0], STEP)
            assert spectrum.etch_time == 60 * cycle
        if cycle < 2:
            assert result_of(recorded.etch(ETCH)).seconds == 60
    with pytest.raises(
        RecordingError, match=r"profile\.vms ends with cycle 2; write max_cycles: 3"
    ):
        result_of(recorded.etch(ETCH))


def test_time_passes_as_it_did_then(tmp_path: Path) -> None:
    clock = JumpingClock()
    xps = RecordedXps(read_xps_recording(write(tmp_path / "p.vms", cycles(2))), clock)
    result_of(xps.acquire(region(), 1))
    assert clock.now() == pytest.approx(41 * 0.2 * 2)
    result_of(xps.etch(ETCH))
    assert clock.now() == pytest.approx(41 * 0.2 * 2 + 75)
    xps.close()


def test_it_keeps_its_place_when_it_is_opened_again(tmp_path: Path) -> None:
    path = write(tmp_path / "p.vms", cycles(3))
    before = opened(path, tmp_path / "world.db")
    result_of(before.etch(ETCH))
    before.close()
    after = opened(path, tmp_path / "world.db")
    assert after.etch_seconds() == 60
    assert result_of(after.acquire(region(), 1)).etch_time == 60
    after.close()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (region("O 1s"), "no O 1s from 100 to 90 eV; it has C 1s 296 to 276 eV in steps of 0.5 eV"),
        (region(start=297.0), "has C 1s 296 to 276 eV in steps of 0.5 eV, not 297 to 276 eV"),
        (region(step=0.25), "in steps of 0.25 eV; write the former into the"),
    ],
)
def test_a_region_that_was_not_recorded_is_refused_with_those_that_were(
    recorded: RecordedXps, asked: Region, told: str
) -> None:
    with pytest.raises(LimitError) as caught:
        result_of(recorded.acquire(asked, 1))
    assert told in str(caught.value)


def test_a_region_that_its_cycle_lacks_is_refused(tmp_path: Path) -> None:
    made = profile([block("C 1s", 0), block("N 1s", 0), block("C 1s", 1)])
    xps = opened(write(tmp_path / "p.vms", made))
    result_of(xps.etch(ETCH))
    with pytest.raises(LimitError, match="has N 1s in cycle 0, not in cycle 1"):
        result_of(xps.acquire(region("N 1s"), 1))
    xps.close()


def without_times(file: VamasFile) -> VamasFile:
    return replace(
        file, variables=(), blocks=tuple(replace(each, variables=()) for each in file.blocks)
    )


@pytest.mark.parametrize("by_region", [False, True])
def test_cycles_without_etch_times_are_told_by_regions_that_come_again(
    tmp_path: Path, by_region: bool
) -> None:
    file = without_times(cycles(3))
    if by_region:
        file = replace(file, blocks=tuple(sorted(file.blocks, key=lambda each: each.name)))
    path = write(tmp_path / "p.vms", file)
    with pytest.raises(RecordingError, match="3 cycles but not for how long was etched"):
        opened(path)
    xps = opened(path, etch_per_cycle="30 s")
    result_of(xps.etch(ETCH))
    result_of(xps.etch(ETCH))
    assert xps.etch_seconds() == 60
    spectrum = result_of(xps.acquire(region("N 1s"), 1))
    np.testing.assert_array_equal(spectrum.counts, counts_of("N 1s", 2))
    assert spectrum.etch_time is None
    xps.close()


def test_the_same_counts_are_not_given_twice(recorded: RecordedXps) -> None:
    result_of(recorded.acquire(region(), 1))
    with pytest.raises(LimitError, match="has C 1s once in cycle 0; leave out faint_sweeps"):
        result_of(recorded.acquire(region(), 1))
    result_of(recorded.etch(ETCH))
    result_of(recorded.acquire(region(), 1))


def test_each_cycle_has_its_own_sweeps(tmp_path: Path) -> None:
    rates = [
        replace(
            block("C 1s", cycle),
            scans=scans,
            ordinates=(Ordinate("count rate", "c/s", counts_of("C 1s", cycle) / (0.2 * scans)),),
        )
        for cycle, scans in ((0, 2), (1, 6))
    ]
    xps = opened(write(tmp_path / "p.vms", profile(rates)))
    for cycle, scans in ((0, 2), (1, 6)):
        spectrum = result_of(xps.acquire(region(), 1))
        np.testing.assert_array_equal(spectrum.counts, counts_of("C 1s", cycle))
        assert (spectrum.sweeps, spectrum.dwell) == (scans, 0.2)
        if cycle == 0:
            result_of(xps.etch(ETCH))
    xps.close()


def test_etch_times_in_minutes_are_seconds_here(tmp_path: Path) -> None:
    made = profile([block("C 1s", 0, 0.0), block("C 1s", 1, 2.0)], [Label("Sputter time", "min")])
    assert read_xps_recording(write(tmp_path / "p.vms", made)).etch_times == (0.0, 120.0)


def test_a_binding_energy_axis_is_taken_as_it_is(tmp_path: Path) -> None:
    rising = replace(
        block("C 1s", 0), abscissa=Label("binding energy", "eV"), start=276.0, step=STEP
    )
    recording = read_xps_recording(write(tmp_path / "p.vms", profile([rising])))
    found = recording.regions["C 1s"]
    assert (found.start, found.stop, found.step) == (296.0, 276.0, STEP)
    np.testing.assert_array_equal(found.counts[0], counts_of("C 1s", 0)[::-1])


def test_transmission_is_no_spectrum(tmp_path: Path) -> None:
    passed = np.linspace(1.0, 0.9, 41)
    plain = block("C 1s", 0)
    made = replace(plain, ordinates=(*plain.ordinates, Ordinate("Transmission", "d", passed)))
    xps = opened(write(tmp_path / "p.vms", profile([made])))
    spectrum = result_of(xps.acquire(region(), 1))
    np.testing.assert_array_equal(spectrum.counts, counts_of("C 1s", 0))
    np.testing.assert_array_equal(spectrum.transmission, passed)
    xps.close()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_texts_are_read_as_vendors_encode_them(tmp_path: Path, encoding: str) -> None:
    text = vamas_text(replace(cycles(1), experiment="Gießen"))
    (tmp_path / "p.vms").write_bytes(text.encode(encoding))
    assert read_xps_recording(tmp_path / "p.vms").title == "Gießen"


def test_a_recording_that_a_simulator_made_says_so(tmp_path: Path) -> None:
    made = profile(cycles(1).blocks, comment=["SIMULATED: no specimen was measured"])
    xps = opened(write(tmp_path / "p.vms", made))
    assert (xps.identity().recorded, xps.identity().simulated) == (True, True)
    xps.close()


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        ([block("C 1s", 0, 60.0), block("C 1s", 1, 0.0)], "was etched for 0 s and follows"),
        ([block("C 1s", 0), block("C 1s", 0)], "C 1s is there twice after the same etch time"),
        (
            [block("C 1s", 0), replace(block("C 1s", 1), start=1191.0)],
            "C 1s of cycle 1 has other energies",
        ),
        (
            [replace(block("C 1s", 0), abscissa=Label("time", "s"))],
            "export it over kinetic or binding energy",
        ),
        (
            [replace(block("C 1s", 0), source_energy=None, source="?")],
            "neither energy nor anode of the X-rays is known",
        ),
        (
            [replace(block("C 1s", 0), ordinates=(Ordinate("counts", "d", -np.ones(41)),))],
            "has negative values: a background was subtracted before",
        ),
        ([], "holds no spectrum"),
    ],
)
def test_a_file_that_is_no_depth_profile_is_refused_with_the_reason(
    tmp_path: Path, blocks: list[Any], told: str
) -> None:
    with pytest.raises(RecordingError, match=told):
        read_xps_recording(write(tmp_path / "p.vms", profile(blocks)))


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="there is no such file"):
        read_xps_recording(tmp_path / "none.nxs")
    other = tmp_path / "other.nxs"
    other.write_text("not HDF5")
    with pytest.raises(RecordingError, match="cannot be read as NeXus"):
        read_xps_recording(other)
    with h5py.File(tmp_path / "empty.nxs", "w"):
        pass
    with pytest.raises(RecordingError, match="holds no NXentry by NXmpes or NXxps"):
        read_xps_recording(tmp_path / "empty.nxs")


@pytest.mark.parametrize(
    ("label", "line"),
    [
        ("C1s", "C 1s"),
        ("Sn3d5", "Sn 3d5/2"),
        ("Si 2p", "Si 2p"),
        ("Su1s", "survey"),
        ("Wide scan", "survey"),
        ("VB", None),
    ],
)
def test_labels_are_read_as_vendors_write_them(label: str, line: str | None) -> None:
    assert known_line(label) == line


@shared
def test_a_depth_profile_of_phi_has_21_cycles_of_counts() -> None:
    recording = read_xps_recording(SNO2)
    assert recording.cycles == 21
    assert recording.etch_times is None
    assert set(recording.regions) == {"C 1s", "Si 2p", "Sn 3d5/2", "survey"}
    carbon, tin = recording.regions["C 1s"], recording.regions["Sn 3d5/2"]
    assert (carbon.start, carbon.stop, carbon.step) == (298, 278, 0.2)
    with h5py.File(SNO2) as file:
        rates = file["C1s/data/cycle0_scan_7"][()]
    np.testing.assert_allclose(carbon.counts[7], rates * 0.8, atol=0.01)
    assert carbon.dwell == 0.8
    assert tin.dwell == pytest.approx(0.08)  # not 0.8 s as the file says: see its values' grid
    assert recording.region("Sn 3d") is tin
    assert any("although it says 0.8 s" in note for note in recording.all_notes)


@shared
def test_a_line_is_cut_out_of_a_survey_where_the_file_has_nothing_finer() -> None:
    xps = opened(REGULAR)
    asked = region("O 1s", start=540, stop=522, step=1.0, dwell=0.1)
    spectrum = result_of(xps.acquire(asked, 1))
    survey = xps.recording.regions["survey"]
    np.testing.assert_array_equal(spectrum.counts, survey.counts[0][1350 - 540 : 1350 - 522 + 1])
    assert spectrum.start == 540
    xps.close()
