from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from drivers.fib import NeedlePosition
from simulators.fib.beams import Pointing
from simulators.fib.motion import PARK, Motion, Stage
from simulators.fib.settings import WORST, SimFibSettings
from simulators.fib.thermal import Thermal
from tests.simulators.fib.fibs import GRID, SITE, UM

COLD = Thermal(start_cold=True)
USUAL = SimFibSettings(start_cold=True)


def moved(seed: int, settings: SimFibSettings = USUAL) -> tuple[Motion, Stage, float]:
    """Return a stage that has been to the grid and back at the site since 1,000 s."""
    motion = Motion(seed, settings)
    away = motion.arrived(Stage(SITE), GRID, 500.0)
    return motion, motion.arrived(away, SITE, 1000.0), 1000.0


def test_a_move_misses_by_about_a_micrometre_after_a_long_way() -> None:
    missed = [np.hypot(*moved(seed)[1].missed[:2]) for seed in range(200)]
    assert np.sqrt(np.mean(np.square(missed))) == pytest.approx(1.0 * UM, rel=0.15)


def test_the_specimen_creeps_after_a_move_and_comes_to_rest_within_minutes() -> None:
    first, late = [], []
    for seed in range(40):
        motion, stage, t = moved(seed)
        a, b, c, d = (motion.displaced(stage, t + s, COLD) for s in (0.0, 60.0, 600.0, 660.0))
        first.append(np.linalg.norm(b - a))
        late.append(np.linalg.norm(d - c))
    assert 20e-9 < np.mean(first) < 100e-9
    assert np.mean(late) < 3e-9


def test_a_stage_that_stands_does_not_miss_anew() -> None:
    motion, stage, t = moved(3)
    tilted = motion.arrived(stage, replace(SITE, t=0.1), t + 100.0)
    assert tilted.missed == stage.missed


def test_a_tilt_displaces_the_site_by_the_eucentric_error() -> None:
    settings = USUAL.model_copy(update={"creep": 0.0, "drift_scale": 0.0})
    motion = Motion(1, settings)
    flat = Stage(replace(SITE, t=0.0))
    off = motion.displaced(flat, 0.0, COLD) - motion.displaced(Stage(SITE), 0.0, COLD)
    assert np.linalg.norm(off) == pytest.approx(2 * UM * math.sin(math.radians(26)), rel=1e-6)


def test_the_worst_case_drifts_more() -> None:
    worst = SimFibSettings.model_validate({"start_cold": True, **WORST})
    ways = []
    for settings in (USUAL, worst):
        motion, stage, t = moved(5, settings)
        way = motion.displaced(stage, t + 60.0, COLD) - motion.displaced(stage, t, COLD)
        ways.append(np.linalg.norm(way))
    assert ways[1] == pytest.approx(3 * ways[0], rel=1e-6)


def test_needle_encoders_are_a_little_wrong() -> None:
    motion = Motion(1, USUAL)
    needle = motion.inserted(0.0)
    low = motion.steered(needle, NeedlePosition(10 * UM, 0.0, 5 * UM))
    way = motion.tip(low, 0.0) - motion.tip(needle, 0.0)
    asked = np.array([10 * UM, 0.0, 5 * UM - PARK.z])
    assert 0.1 * UM < np.linalg.norm(way - asked) < 4 * UM


def test_ion_images_of_two_currents_are_displaced_the_same_each_time() -> None:
    pointing, still = Pointing(USUAL, 1), np.zeros(3)
    low, high = (pointing.shift("ion", current, 0.0, still, 0.0) for current in (10e-12, 3e-9))
    assert low != high
    assert math.dist(low, high) < 300e-9
    assert pointing.shift("ion", 3e-9, 0.0, still, 1e4) == high
    assert pointing.shift("electron", 25e-12, 0.0, still, 0.0) == (0.0, 0.0)


def test_a_stage_too_far_right_shows_the_specimen_too_far_left() -> None:
    motion = Motion(1, USUAL.model_copy(update={"drift_scale": 0.0}))
    shown = motion.displaced(Stage(replace(SITE, x=SITE.x + 5 * UM)), 0.0, COLD)
    assert shown[0] == pytest.approx(-5 * UM)
