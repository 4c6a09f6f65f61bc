from __future__ import annotations

import math

import numpy as np
import pytest

from simulators.faults import HolderWarms, Refill
from simulators.holder import Holder
from tests.simulators.stems import open_stem

COLD, HOLD, WARMING = 103.15, 3 * 3600.0, 17 * 60.0


def holder(*faults: HolderWarms | Refill) -> Holder:
    return Holder(COLD, HOLD, WARMING, faults)


def test_it_is_cold_while_the_dewar_lasts_and_warms_afterwards() -> None:
    one = holder()
    assert one.temperature(0) == one.temperature(HOLD) == pytest.approx(COLD)
    assert COLD + 5 < one.temperature(HOLD + 60) < COLD + 15
    assert one.temperature(HOLD + 20 * WARMING) == pytest.approx(295.15, abs=0.1)


def test_a_refill_in_time_keeps_it_cold_and_a_late_one_cools_it_again() -> None:
    in_time = holder(Refill(at=2.5 * 3600, lasting=60))
    assert in_time.temperature(5 * 3600) == pytest.approx(COLD)
    late = holder(Refill(at=HOLD + 600, lasting=60))
    warm = late.temperature(HOLD + 600)
    assert warm > COLD + 50
    assert COLD < late.temperature(HOLD + 1200) < warm
    assert late.temperature(HOLD + 600 + 10 * WARMING) == pytest.approx(COLD, abs=0.1)


def test_the_instrument_reads_the_warm_holder() -> None:
    stem = open_stem(hold_time=100.0)
    assert stem.status().holder_temperature == pytest.approx(COLD, abs=0.3)
    stem._world.wait_until(400.0)
    assert stem.status().holder_temperature > COLD + 30


def test_a_warming_holder_drifts_as_the_reference_says() -> None:
    """0.1 K/min is 20 nm/min."""
    one = holder(HolderWarms(at=0.0, to=COLD + 1.0, over=600.0))
    assert one.growth(120.0) - one.growth(60.0) == pytest.approx(20e-9, rel=1e-6)


def test_a_refill_shakes_the_specimen_while_it_lasts() -> None:
    one = holder(Refill(at=100.0, lasting=50.0, vibration=10e-9))
    assert one.shaking(99.0) == one.shaking(150.0) == (0.0, 0.0)
    shaken = np.array([one.shaking(t) for t in 100 + np.arange(0, 50, 0.0137)])
    assert np.sqrt((shaken**2).mean(axis=0)) == pytest.approx(np.full(2, 10e-9), rel=0.1)
    assert np.abs(shaken.mean(axis=0)).max() < 1e-9


def test_the_shaken_frame_is_where_it_was_before_afterwards() -> None:
    stem = open_stem(drift_rate=0.0, faults=(Refill(at=1.0, lasting=5.0),))
    before, during, after = (stem._frame_on_specimen(t) for t in (0.0, 2.0, 10.0))
    assert before == after
    assert 0.1e-9 < math.dist(before, during) < 100e-9
