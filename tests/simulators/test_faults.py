from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.clock import JumpingClock
from drivers.errors import InstrumentFaultError, LinkError, ReadbackError
from protocols.units import ELEMENTARY_CHARGE
from simulators.faults import (
    BlankerStuck,
    DetectorTrip,
    DriftBurst,
    HolderWarms,
    LinkDrops,
    NanReading,
    ValveCloses,
    seconds_open,
)
from simulators.stem_settings import SimStemSettings
from simulators.truth import exposures
from tests.simulators.stems import AREA, LIPON, PICTURE, STILL, open_stem, run_through

CURRENT = 100e-12
PER_SECOND = CURRENT / ELEMENTARY_CHARGE


def test_a_closed_valve_shows_and_no_electron_reaches_the_specimen() -> None:
    stem = open_stem(faults=(ValveCloses(at=0.152, lasting=10.0),), noise_rate=0.0)
    assert stem.status().valve_open
    blocks, spectrum = run_through(stem.spectrum(LIPON, CURRENT, 0.3))
    assert not stem.status().valve_open
    assert spectrum.electrons == pytest.approx(0.15 * PER_SECOND)
    assert stem.electrons() == pytest.approx(0.15 * PER_SECOND)
    assert blocks[-1].counts.sum() == 0
    assert blocks[0].counts.sum() > 0
    _, image = run_through(stem.image(PICTURE))
    assert image.dose == 0
    assert not image.pixels.any()


@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 5)), max_size=4),
    st.floats(0, 10),
    st.floats(0.01, 10),
)
def test_open_seconds_are_those_in_which_no_fault_is_active(
    closed: list[tuple[float, float]], start: float, length: float
) -> None:
    faults = [ValveCloses(at=at, lasting=lasting) for at, lasting in closed]
    times = start + (np.arange(2000) + 0.5) / 2000 * length
    share = np.mean([not any(f.active(t) for f in faults) for t in times])
    assert seconds_open(faults, start, start + length) == pytest.approx(
        share * length, abs=0.01 * length
    )


def test_a_drift_burst_moves_the_picture() -> None:
    burst = DriftBurst(at=2.0, by=80e-9, angle=0.0)
    stem = open_stem(**STILL, faults=(burst,))
    _, before = run_through(stem.image(PICTURE))
    stem._world.wait_until(3.0)
    _, after = run_through(stem.image(PICTURE))
    moved = edge_of(after.pixels) - edge_of(before.pixels)
    assert moved * before.pixel_size == pytest.approx(80e-9, abs=5e-9)


def edge_of(pixels: np.ndarray[Any, Any]) -> float:
    """Column at which the mean over rows passes half way from the dark side to the bright one."""
    columns = pixels.mean(axis=0)
    half = (columns[:20].mean() + columns[-20:].mean()) / 2
    return float(np.interp(half, np.sort(columns), np.arange(len(columns))))


def test_shifting_the_scan_by_the_drift_brings_the_place_back() -> None:
    stem = open_stem(**STILL, faults=(DriftBurst(at=2.0, by=80e-9, angle=0.3),))
    _, before = run_through(stem.image(PICTURE))
    stem._world.wait_until(3.0)
    stem.shift_scan(80e-9 * math.cos(0.3), 80e-9 * math.sin(0.3))
    _, after = run_through(stem.image(PICTURE))
    assert edge_of(after.pixels) == pytest.approx(edge_of(before.pixels), abs=0.5)


def test_a_lost_thermometer_reads_nan_and_comes_back() -> None:
    stem = open_stem(faults=(NanReading(at=1.0, lasting=1.0),))
    assert stem.status().holder_temperature == pytest.approx(103.15, abs=0.5)
    stem._world.wait_until(1.5)
    assert math.isnan(stem.status().holder_temperature)
    stem._world.wait_until(2.5)
    assert stem.status().holder_temperature == pytest.approx(103.15, abs=0.5)


def test_a_warming_holder_reaches_its_temperature_in_time() -> None:
    stem = open_stem(faults=(HolderWarms(at=10.0, to=203.15, over=100.0),))
    stem._world.wait_until(60.0)
    assert stem.status().holder_temperature == pytest.approx(153.15, abs=0.5)
    stem._world.wait_until(1000.0)
    assert stem.status().holder_temperature == pytest.approx(203.15, abs=0.5)


def test_no_call_is_answered_while_the_link_is_down_and_the_dwell_ends_by_its_timer(
    tmp_path: Path,
) -> None:
    world = tmp_path / "world.db"
    stem = open_stem(world, faults=(LinkDrops(at=0.15, lasting=10.0),))
    action = stem.spectrum(AREA, CURRENT, 0.5)
    next(action)
    with pytest.raises(LinkError):
        next(action)
    for call in (stem.status, stem.electrons, stem.identity, stem.setup, stem.safe):
        with pytest.raises(LinkError):
            call()
    with pytest.raises(LinkError):
        run_through(stem.image(PICTURE))
    stem._world.wait_until(20.0)
    assert stem.electrons() == pytest.approx(0.5 * PER_SECOND)
    assert stem.status().beam_blanked
    (only,) = exposures(world)
    assert only.by_its_own_timer


def test_a_stuck_blanker_shows_and_its_electrons_are_counted(tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    stem = open_stem(world, faults=(BlankerStuck(at=0.2, lasting=4.8),))
    run_through(stem.spectrum(AREA, CURRENT, 0.3))
    assert not stem.status().beam_blanked
    with pytest.raises(ReadbackError, match="reads back as on"):
        stem.safe()
    with pytest.raises(ReadbackError):
        run_through(stem.image(PICTURE))
    stem._world.wait_until(3.002)
    assert not open_stem(world, faults=stem._faults).status().beam_blanked  # it outlives a crash
    stem._world.wait_until(6.002)
    stem.safe()
    assert stem.status().beam_blanked
    assert stem.electrons() == pytest.approx(6.0 * PER_SECOND, rel=1e-3)


def test_a_tripped_detector_ends_an_exposure_with_the_beam_blanked() -> None:
    stem = open_stem(faults=(DetectorTrip(at=0.15, lasting=1.0),))
    action = stem.spectrum(AREA, CURRENT, 0.5)
    next(action)
    with pytest.raises(InstrumentFaultError, match="tripped"):
        next(action)
    assert stem.status().beam_blanked
    spent = stem.electrons()
    assert spent == pytest.approx(0.2 * PER_SECOND)
    with pytest.raises(InstrumentFaultError):
        run_through(stem.spectrum(AREA, CURRENT, 0.5))
    assert stem.electrons() == spent
    stem._world.wait_until(2.0)
    run_through(stem.spectrum(AREA, CURRENT, 0.5))


def test_faults_are_settings_that_survive_being_written() -> None:
    settings = SimStemSettings(faults=(DriftBurst(at=1, by=1e-8), LinkDrops(at=3, lasting=1)))
    assert SimStemSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValidationError, match="gremlins"):
        SimStemSettings.model_validate({"faults": [{"kind": "gremlins", "at": 1}]})


def test_readings_of_the_state_do_not_disturb_the_data() -> None:
    quiet, asked = open_stem(clock=JumpingClock()), open_stem(clock=JumpingClock())
    _, expected = run_through(quiet.spectrum(AREA, CURRENT, 0.3))
    for _ in range(10):
        asked.status()
    _, got = run_through(asked.spectrum(AREA, CURRENT, 0.3))
    np.testing.assert_array_equal(got.counts, expected.counts)
