from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.clock import JumpingClock
from drivers.errors import InputError, InstrumentFaultError, LimitError
from drivers.lab import OpenRequest, known_drivers
from drivers.stem import Area, StemLimits
from protocols.eds import ImageSettings
from protocols.units import ELEMENTARY_CHARGE
from simulators.eds_physics import channels
from simulators.stem import AXIS, SimStem
from simulators.stem_settings import SimStemSettings
from simulators.truth import exposures, ledger, truth
from tests.simulators.stems import (
    AREA,
    IDEAL,
    LIPON,
    LITHIUM,
    PICTURE,
    STILL,
    open_stem,
    run_through,
)

CURRENT, DWELL = 100e-12, 0.18


def counts_of(stem: SimStem, area: Area, dwell: float = DWELL) -> np.ndarray:
    return run_through(stem.spectrum(area, CURRENT, dwell))[1].counts


def window(counts: np.ndarray, energy: float) -> int:
    return int(counts[np.abs(channels(AXIS) - energy) < 60].sum())


def test_it_is_an_installed_driver() -> None:
    assert known_drivers()["simulated-stem"].simulated


def test_same_seed_same_numbers_and_another_seed_others() -> None:
    one, two, three = (counts_of(open_stem(seed=s, **STILL), LIPON) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != three).any()


def test_the_same_place_again_draws_anew() -> None:
    stem = open_stem(**STILL)
    assert (counts_of(stem, LIPON) != counts_of(stem, LIPON)).any()


def test_what_was_exposed_elsewhere_before_changes_nothing() -> None:
    alone, after = open_stem(**STILL), open_stem(**STILL)
    counts_of(after, LITHIUM)
    np.testing.assert_array_equal(counts_of(alone, LIPON), counts_of(after, LIPON))


def test_counts_are_poisson() -> None:
    stem = open_stem(**STILL, **IDEAL)
    spectra = np.array([counts_of(stem, LIPON, 0.3) for _ in range(400)])
    totals = spectra.sum(axis=1)
    assert totals.var(ddof=1) / totals.mean() == pytest.approx(1, abs=0.25)
    seen = spectra.mean(axis=0) > 1
    dispersion = spectra[:, seen].var(axis=0, ddof=1) / spectra[:, seen].mean(axis=0)
    assert dispersion.mean() == pytest.approx(1, abs=0.03)


def test_the_mean_is_that_of_the_physics() -> None:
    stem = open_stem(**STILL, **IDEAL)
    spectrum = sum(counts_of(stem, LIPON, 1.0) for _ in range(20))
    electrons = stem.electrons()
    expected = stem._scene.counts_per_electron(250e-9, 0, 1e-9, 600e-9, 0.0) * electrons
    difference = (spectrum - expected)[expected > 20]
    chi_squared = float((difference**2 / expected[expected > 20]).mean())
    assert chi_squared == pytest.approx(1, abs=0.3)


def test_lithium_shows_no_nitrogen_and_lipon_does() -> None:
    stem = open_stem(**STILL)
    lithium, lipon = counts_of(stem, LITHIUM, 2.0), counts_of(stem, LIPON, 2.0)
    for energy in (392, 525, 2010):
        assert window(lipon, energy) > 10 * window(lithium, energy)


@given(blocks=st.integers(0, 4))
@settings(max_examples=5, deadline=None)
def test_closing_an_exposure_anywhere_blanks_the_beam(blocks: int) -> None:
    stem = open_stem()
    action = stem.spectrum(AREA, CURRENT, 0.5)
    for _ in range(blocks):
        next(action)
    if blocks:
        assert not stem.status().beam_blanked
    action.close()
    assert stem.status().beam_blanked
    assert stem.electrons() == pytest.approx(blocks * 0.1 * CURRENT / ELEMENTARY_CHARGE)


def test_electrons_that_came_before_a_late_close_are_counted() -> None:
    clock = JumpingClock()
    stem = open_stem(clock=clock)
    action = stem.spectrum(AREA, CURRENT, 0.5)
    next(action)
    clock.sleep(0.15)  # the caller looks elsewhere while the dwell goes on
    action.close()
    assert stem.electrons() == pytest.approx(0.25 * CURRENT / ELEMENTARY_CHARGE, rel=1e-4)


def test_an_exposure_never_outlasts_its_dwell_however_slow_the_caller() -> None:
    clock = JumpingClock()
    stem = open_stem(clock=clock)
    action = stem.spectrum(AREA, CURRENT, 0.5)
    next(action)
    clock.sleep(60.0)
    _, spectrum = run_through(action)
    assert spectrum.electrons == pytest.approx(0.5 * CURRENT / ELEMENTARY_CHARGE)
    assert stem.electrons() == pytest.approx(spectrum.electrons)


def test_an_exposure_ended_by_another_call_says_so() -> None:
    stem = open_stem()
    action = stem.spectrum(AREA, CURRENT, 0.5)
    next(action)
    stem.safe()
    with pytest.raises(InstrumentFaultError, match="ended by another call"):
        next(action)
    assert stem.status().beam_blanked


def test_a_turned_strip_sees_over_the_boundary() -> None:
    stem = open_stem(**STILL)
    straight = Area(x=0.0, y=0, along=1e-9, across=600e-9, angle=0)
    turned = Area(x=0.0, y=0, along=1e-9, across=600e-9, angle=math.radians(10))
    expected = [
        stem._scene.counts_per_electron(*area.place)[np.abs(channels(AXIS) - 2010) < 60].sum()
        for area in (straight, turned)
    ]
    assert expected[1] > 2 * expected[0]


def test_drift_moves_the_specimen_under_the_frame() -> None:
    stem = open_stem(**{**STILL, "drift_rate": 1e-9, "drift_direction": 0.0})
    place = Area(x=150e-9, y=0, along=1e-9, across=600e-9, angle=0)
    early = window(counts_of(stem, place, 2.0), 2010)
    stem._world.wait_until(200.0)
    late = window(counts_of(stem, place, 2.0), 2010)
    assert early > 10 * max(1, late)  # 200 nm of drift have brought lithium under the beam
    followed = Area(x=350e-9, y=0, along=1e-9, across=600e-9, angle=0)
    assert window(counts_of(stem, followed, 2.0), 2010) > 10 * max(1, late)


def test_image_pixels_lie_evenly_about_the_centre() -> None:
    stem = open_stem(**STILL)
    _, image = run_through(stem.image(PICTURE, x=100e-9))
    assert image.pixels.shape == (128, 128)
    assert image.pixel_size == pytest.approx(1e-6 / 128)
    assert image.dose == pytest.approx(PICTURE.dose)
    columns = 100e-9 + (np.arange(128) - 63.5) * image.pixel_size
    expected = stem._scene.brightness(columns, np.zeros(1))[0]
    per_pixel = PICTURE.probe_current * PICTURE.dwell / ELEMENTARY_CHARGE
    difference = image.pixels.mean(axis=0) - expected * per_pixel
    assert (difference**2 / (expected * per_pixel / 128)).mean() == pytest.approx(1, abs=0.5)


def test_an_image_yields_at_least_every_half_second() -> None:
    stem = open_stem()
    slow = ImageSettings(field=1e-6, pixels=64, dwell=1e-3, probe_current=25e-12)
    blocks, image = run_through(stem.image(slow))
    assert len(blocks) >= slow.duration / 0.5
    assert image.pixels.all(axis=1).any()


def test_a_stage_move_is_read_back_and_the_specimen_creeps_on() -> None:
    stem = open_stem(drift_rate=0.0)
    run_through(stem.move_stage(2e-6, -1e-6))
    status = stem.status()
    assert (status.stage_x, status.stage_y) == pytest.approx((2e-6, -1e-6))
    stage = stem._stage
    assert 0 < math.dist(stage.true, stage.read) < 200e-9
    t = stem._world.now()
    soon, late = (stem._hidden.path.at(t + dt, stage.creeps) for dt in (0.0, 1000.0))
    assert 1e-9 < math.dist(soon, late) < 100e-9


def test_stage_and_scan_shift_outlive_the_process(tmp_path: Path) -> None:
    stem = open_stem(tmp_path / "w.db")
    run_through(stem.move_stage(1e-6, 0))
    stem.shift_scan(5e-9, -3e-9)
    again = open_stem(tmp_path / "w.db")
    status = again.status()
    assert (status.stage_x, status.shift_x, status.shift_y) == pytest.approx((1e-6, 5e-9, -3e-9))
    assert again._stage == stem._stage


def test_the_lab_may_limit_the_current() -> None:
    stem = open_stem()
    with pytest.raises(LimitError, match=r"2 nA is outside 0 A \.\. 1 nA|2 nA is outside 0"):
        stem.spectrum(AREA, 2e-9, DWELL)


def test_the_specimen_as_used_is_kept_with_the_run() -> None:
    kept = {}
    SimStem(
        OpenRequest(
            "stem",
            None,
            SimStemSettings(),
            StemLimits(),
            JumpingClock(),
            0,
            None,
            kept.__setitem__,
        )
    )
    assert "LiPON" in kept["specimen.yaml"]


def test_a_wrong_specimen_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'li-lipon-stem'"):
        open_stem(specimen="li-lipon-stm")


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_hidden_boundary_is_near_the_centre(seed: int) -> None:
    face = open_stem(seed=seed)._hidden.face
    assert abs(face.offset) <= 60e-9
    assert abs(face.tilt) <= math.radians(10)
    assert face.depth == pytest.approx(1.5e-6)


def test_truth_tells_profile_and_onset_of_a_line(tmp_path: Path) -> None:
    world = tmp_path / "w.db"
    open_stem(world, **{**STILL, "interface_offset": 20e-9}).close()
    known = truth(world)
    onset = {e: known.onset(e, -100e-9, 0, 0) for e in ("N", "O", "P", "Au")}
    assert onset == pytest.approx({"O": 120e-9, "N": 141.1e-9, "P": 152.7e-9, "Au": None})
    profile = known.profile(-100e-9, 0, 0, np.array([0, 140e-9, 143e-9, 300e-9]))
    assert (profile["N"] > 0).tolist() == [False, False, True, True]
    assert known.onset("N", 0, 0, math.pi / 2) is None


def test_truth_follows_drift_and_shift(tmp_path: Path) -> None:
    world = tmp_path / "w.db"
    stem = open_stem(world, **{**STILL, "drift_rate": 1e-9, "drift_direction": 0.0})
    stem._world.wait_until(10.0)
    stem.shift_scan(4e-9, 0)
    stem.close()
    known = truth(world)
    start = known.onset("N", -100e-9, 0, 0, t=0.0)
    assert start is not None
    assert known.onset("N", -100e-9, 0, 0, t=20.0) == pytest.approx(start + 20e-9 - 4e-9)


def test_the_ledger_tells_each_exposure(tmp_path: Path) -> None:
    world = tmp_path / "w.db"
    stem = open_stem(world)
    for area in (LITHIUM, LIPON, LIPON):
        run_through(stem.spectrum(area, CURRENT, DWELL))
    told = exposures(world)
    assert [e.number for e in told] == [1, 2, 3]
    assert told[1].key == told[2].key != told[0].key
    assert sum(e.electrons for e in told) == pytest.approx(stem.electrons())
    assert all(e.blanked and not e.by_its_own_timer for e in told)
    assert told[1].place == LIPON.place
    assert [e.kind for e in ledger(world)[:4]] == ["unblank", "electrons", "electrons", "blank"]
