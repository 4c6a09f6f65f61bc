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
from drivers.stem import Area
from protocols.eds import ImageSettings
from protocols.units import electrons_per_square_angstrom
from simulators.damage import Damage
from simulators.dose_map import DoseMap
from simulators.eds_physics import channels
from simulators.stem import AXIS, SimStem
from tests.simulators.stems import AREA, LIPON, LITHIUM, STILL, open_stem, run_through
from tests.simulators.test_world import kill_during

CURRENT, DWELL = 100e-12, 0.18
ONE = electrons_per_square_angstrom(CURRENT, DWELL, 600e-18)
"""Dose of one published position, e/Å²."""
FRAIL: dict[str, Any] = {"damage": {"critical_dose": {"N": 2e3, "P": 2e4}, "retained": {"N": 0.1}}}
FIELD = Area(x=250e-9, y=0.0, along=50e-9, across=50e-9, angle=0.0)


def expected(stem: SimStem, area: Area) -> np.ndarray[Any, Any]:
    """Counts per electron that the next exposure of the area would begin with."""
    stem._doses.look(stem._stage.creeps)
    dx, dy = stem._frame_on_specimen(stem._world.now())
    x, y, *extent = area.place
    places = stem._scene.places(x + dx, y + dy, *extent)
    before = stem._doses.before(*places, area.angle, 10**9)
    return stem._scene.counts_per_electron(x + dx, y + dy, *extent, before=before)


def element(stem: SimStem, counts: np.ndarray[Any, Any], energy: float) -> float:
    return float(counts[np.abs(channels(AXIS) - energy) < 30].sum())


def test_the_published_scan_loses_a_few_per_cent_of_nitrogen() -> None:
    left = Damage().left(("Li", "N", "O", "P"), np.array([1900.0]), 0.0)[0]
    assert left[0] == 1
    assert 0.95 < left[1] < 0.99
    assert left[1] < left[2] < left[3] < 1


@given(before=st.floats(0, 1e5), during=st.floats(0, 1e5), critical=st.floats(100, 1e6))
def test_the_mean_over_an_exposure_is_that_of_many_short_ones(
    before: float, during: float, critical: float
) -> None:
    damage = Damage(critical_dose={"N": critical}, retained={"N": 0.3})
    whole = damage.left(("N",), np.array([before]), during)[0, 0]
    doses = before + during * (np.arange(1000) + 0.5) / 1000
    parts = (0.3 + 0.7 * np.exp(-doses / critical)).mean()
    assert whole == pytest.approx(parts, rel=1e-2 if during > 100 * critical else 1e-3)


def test_nitrogen_fades_before_phosphorus_where_the_beam_was_and_nowhere_else() -> None:
    stem = open_stem(**STILL, **FRAIL)
    elsewhere = Area(x=250e-9, y=300e-9, along=50e-9, across=50e-9, angle=0.0)
    fresh, beside = expected(stem, FIELD), expected(stem, elsewhere)
    run_through(stem.spectrum(FIELD, CURRENT, 4.0))
    dose = electrons_per_square_angstrom(CURRENT, 4.0, 50e-9 * 50e-9)
    assert dose == pytest.approx(1e4, rel=0.01)
    after = expected(stem, FIELD)
    n, p = (element(stem, after, e) / element(stem, fresh, e) for e in (392.4, 2009.9))
    assert n < 0.6
    assert 0.6 < p < 0.75
    np.testing.assert_array_equal(expected(stem, elsewhere), beside)


def test_many_short_exposures_do_what_one_long_one_does() -> None:
    long, short = (open_stem(**STILL, **FRAIL) for _ in range(2))
    run_through(long.spectrum(FIELD, CURRENT, 2.0))
    for _ in range(20):
        run_through(short.spectrum(FIELD, CURRENT, 0.1))
    np.testing.assert_allclose(expected(short, FIELD), expected(long, FIELD), rtol=1e-9)


def test_a_series_of_spectra_finds_the_critical_dose() -> None:
    stem = open_stem(**STILL, damage={"critical_dose": {"P": 2e4}, "retained": {"P": 0.0}})
    doses, rates = [], []
    for index in range(40):
        _, spectrum = run_through(stem.spectrum(FIELD, CURRENT, 0.5))
        doses.append((index + 0.5) * spectrum.electrons / (FIELD.square_metres * 1e20))
        background = element(stem, spectrum.counts, 1800) + element(stem, spectrum.counts, 2250)
        rates.append(element(stem, spectrum.counts, 2009.9) - background / 2)
    slope = np.polyfit(doses, np.log(rates), 1)[0]
    assert -1 / slope == pytest.approx(2e4, rel=0.15)


def test_images_count_as_dose_too() -> None:
    stem = open_stem(**STILL, **FRAIL)
    fresh = expected(stem, FIELD)
    run_through(stem.image(ImageSettings(field=500e-9, pixels=256, dwell=1e-3, probe_current=1e-9)))
    assert element(stem, expected(stem, FIELD), 392.4) < 0.9 * element(stem, fresh, 392.4)


def test_an_overlap_has_the_dose_of_both(tmp_path: Path) -> None:
    stem = open_stem(tmp_path / "w.db", **STILL)
    for x in (250e-9, 250.5e-9):
        run_through(stem.spectrum(Area(x, 0, 1e-9, 600e-9, 0.0), CURRENT, DWELL))
    doses = DoseMap(stem._world, stem._hidden.path)
    doses.look(())
    x = np.array([249.75e-9, 250.25e-9, 250.75e-9, 252e-9])
    found = doses.before(x, np.zeros(4), 0.0, 10**9)
    np.testing.assert_allclose(found, np.array([1, 2, 1, 0]) * ONE, rtol=1e-9)


def test_the_map_keeps_every_electron() -> None:
    """Sum of dose times area over a grid, turned rectangles and drift included."""
    stem = open_stem(drift_rate=1e-9, drift_direction=0.5)
    for x, angle in ((0.0, 0.0), (10e-9, 0.5), (-20e-9, 2.0)):
        run_through(stem.spectrum(Area(x, 0, 40e-9, 60e-9, angle), CURRENT, DWELL))
    stem._doses.look(())
    axis = np.arange(-150e-9, 150e-9, 1e-9)
    x, y = (grid.ravel() for grid in np.meshgrid(axis, axis))
    total = stem._doses.before(x, y, 0.0, 10**9).sum() * 1e-18 * 1e20
    assert total == pytest.approx(stem.electrons(), rel=0.03)


def test_dose_stays_with_the_specimen_and_not_with_the_frame() -> None:
    stem = open_stem(**STILL, **FRAIL)
    fresh = expected(stem, FIELD)
    run_through(stem.spectrum(FIELD, CURRENT, 4.0))
    burnt = expected(stem, FIELD)
    stem.shift_scan(0.0, 100e-9)
    np.testing.assert_allclose(expected(stem, FIELD), fresh)
    moved = Area(FIELD.x, -100e-9, FIELD.along, FIELD.across, 0.0)
    np.testing.assert_allclose(expected(stem, moved), burnt)
    stem.shift_scan(0.0, 0.0)
    run_through(stem.move_stage(0.0, 200e-9))
    moved = Area(FIELD.x, -200e-9, FIELD.along, FIELD.across, 0.0)
    np.testing.assert_allclose(expected(stem, moved), burnt)


def test_carbon_grows_with_the_dose() -> None:
    stem = open_stem(**STILL, carbon=0.0, contamination=0.1e-9)
    fresh = element(stem, expected(stem, LITHIUM), 277.4)
    for _ in range(10):
        run_through(stem.spectrum(LITHIUM, CURRENT, DWELL))
    grown = element(stem, expected(stem, LITHIUM), 277.4)
    for _ in range(10):
        run_through(stem.spectrum(LITHIUM, CURRENT, DWELL))
    assert grown > 2 * fresh
    assert element(stem, expected(stem, LITHIUM), 277.4) - grown == pytest.approx(
        grown - fresh, rel=1e-6
    )


def test_dose_outlives_the_process(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.db", tmp_path / "cut.db"
    stem = open_stem(whole, **FRAIL)
    for _ in range(4):
        run_through(stem.spectrum(LIPON, CURRENT, 0.25))
    first = open_stem(cut, **FRAIL)
    run_through(first.spectrum(LIPON, CURRENT, 0.25))
    abandoned = first.spectrum(LIPON, CURRENT, 0.25)
    next(abandoned)  # and the process is gone
    second = open_stem(cut, **FRAIL)
    for _ in range(2):
        _, got = run_through(second.spectrum(LIPON, CURRENT, 0.25))
    np.testing.assert_allclose(expected(second, LIPON), expected(stem, LIPON), rtol=1e-12)
    again = open_stem(whole, **FRAIL)
    np.testing.assert_array_equal(expected(again, LIPON), expected(stem, LIPON))
    assert got.counts.sum() > 0


@pytest.mark.parametrize("sleep", ["2", "3", "after"])
def test_a_killed_exposure_has_done_its_damage(tmp_path: Path, sleep: str) -> None:
    world = tmp_path / "world.db"
    kill_during(world, sleep)
    resumed = open_stem(world)
    whole = open_stem(clock=JumpingClock())
    run_through(whole.spectrum(AREA, CURRENT, 0.25))
    np.testing.assert_allclose(
        element(resumed, expected(resumed, AREA), 524.9),
        element(whole, expected(whole, AREA), 524.9),
        rtol=1e-9,
    )
    doses = resumed._doses.before(np.zeros(1), np.zeros(1), 0.0, 10**9)
    assert doses[0] == pytest.approx(electrons_per_square_angstrom(CURRENT, 0.25, 600e-18))


def test_an_unknown_element_or_no_dose_is_refused() -> None:
    with pytest.raises(ValidationError, match="not an element"):
        Damage(critical_dose={"Xx": 1e4})
    with pytest.raises(ValidationError, match="greater than 0"):
        Damage(critical_dose={"N": 0.0})
    with pytest.raises(ValidationError, match="write it like"):
        Damage.model_validate({"critical_dose": {"N": 1e4}}, context={"written": True})
    assert math.isclose(
        Damage.model_validate({"critical_dose": {"N": "2e4 e/angstrom^2"}}).critical_dose["N"], 2e4
    )
