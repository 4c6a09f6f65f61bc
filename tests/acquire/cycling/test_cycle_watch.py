"""Whether a resistance has risen: on series of figures, and on cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from acquire.cycling.coulometry import Cycle
from acquire.cycling.cycle_watch import CycleWatch
from acquire.cycling.rise import FIRST, Rise
from acquire.flags import Flag
from tests.campaigns.resistance_scores import flagged_at, run


def raised_in(ohms: np.ndarray) -> list[int]:
    """Return the cycles (from 1) in which a series is flagged."""
    rise = Rise()
    return [number for number, ohm in enumerate(ohms.tolist(), 1) if rise.update(number, ohm)]


def series(count: int, scatter: float, rises: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    draws = np.random.default_rng(3)
    return 1e3 * (1 + rises(np.arange(count))) * (1 + scatter * draws.standard_normal(count))


@pytest.mark.parametrize("scatter", [3e-4, 3e-3, 3e-2])
def test_a_resistance_that_is_level_is_not_flagged(scatter: float) -> None:
    assert raised_in(series(1000, scatter, lambda n: 0.0 * n)) == []


def test_what_half_a_kelvin_and_normal_ageing_do_is_no_rise() -> None:
    def daily(n: np.ndarray) -> np.ndarray:
        return 1e-5 * n + 0.015 * np.sin(n / 10.0)

    assert raised_in(series(1000, 1e-3, daily)) == []


@pytest.mark.parametrize("scatter", [3e-4, 3e-3, 3e-2])
@pytest.mark.parametrize("rise", [0.1, 0.2, 0.5])
def test_a_resistance_that_rises_evenly_is_flagged_once(scatter: float, rise: float) -> None:
    (cycle,) = raised_in(series(1000, scatter, lambda n: rise * n / 1000))
    assert 0.03 < rise * cycle / 1000 < 0.1


def test_a_few_cycles_that_are_out_raise_no_flag() -> None:
    ohms = series(200, 1e-3, lambda n: 0.0 * n)
    ohms[[50, 51, 120]] *= 2.0
    assert raised_in(ohms) == []


def test_first_cycles_that_are_out_hide_no_rise() -> None:
    ohms = series(200, 1e-3, lambda n: np.where(n < 100, 0.0, 0.2))
    ohms[:3] *= 1.5
    assert raised_in(ohms)[0] < 110


def seen(cycles: int, slow: int, rise: float) -> list[Flag]:
    """Return the flags of 5C cycles of which each `slow`th is at C/10."""
    watch, found = CycleWatch(), []
    for number in range(1, cycles + 1):
        is_slow = number % slow == 0
        after = (number - 1) % slow == 0
        ohm = (4e4 if is_slow else 8e3) * (1 + rise * number / cycles)
        lost = 0.02 if is_slow else 0.01 if after else 0.003
        passed = 5.4e-3 if is_slow else 5.2e-3 + 1e-4 * after
        found += watch.update(
            Cycle(number, passed, passed, 1 - lost, 1e-4, 0.1 if is_slow else 5.0, False, ohm)
        )
    return found


def test_cycles_at_another_rate_neither_raise_a_flag_nor_hide_one() -> None:
    assert seen(200, 10, 0.0) == []
    (flag,) = seen(200, 10, 0.3)
    assert flag.kind == "resistance"
    assert "polarisation" in flag.note
    assert "times that of the first cycles" in flag.note


def test_a_pulse_tells_a_rise_that_the_whole_polarisation_hides(tmp_path: Path) -> None:
    cycles = 4 * FIRST
    with_pulses = run(1, cycles, 0.15, pulses=True)
    flags = [flag for flag in with_pulses.heard.flags if flag.kind == "resistance"]
    assert [flag.note.split(":")[0] for flag in flags] == ["resistance of its pulses"]
    assert flagged_at(run(1, cycles, 0.15, pulses=False)) == []
    ohmic = with_pulses.column("ohmic_ohm")
    assert ohmic[-1] / ohmic[0] == pytest.approx(1.15, abs=0.03)
