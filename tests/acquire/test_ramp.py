"""The ramp: its shape, what binning keeps, and its best levels beside a general optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from acquire.eds.ramp import STRAIGHT, LineCounts, best_levels, rise
from acquire.eds.rise_fit import RiseFit
from tests.acquire.ramps import NM, ramp_line, straight

DISTANCE = np.arange(200) * NM
thetas = st.builds(
    lambda onset, width, bend, steep: np.array([[onset, np.log(width), bend, steep, 0, 0, 0.0]]),
    st.floats(0, 150 * NM),
    st.floats(0.5 * NM, 300 * NM),
    st.floats(0.05, 0.95),
    st.floats(-6, 6),
)


@given(thetas)
def test_a_rise_is_nothing_before_its_onset_and_one_from_its_plateau_on(theta: np.ndarray) -> None:  # type: ignore[type-arg]
    onset, knee = theta[0, 0], theta[0, 0] + np.exp(theta[0, 1])
    shape = rise(DISTANCE, theta)[0]
    assert (shape[onset >= DISTANCE] == 0).all()
    assert shape[knee + 1e-15 <= DISTANCE] == pytest.approx(1.0)
    assert (np.diff(shape) >= -1e-12).all()


@given(thetas)
def test_the_midpoint_lies_within_the_rise(theta: np.ndarray) -> None:  # type: ignore[type-arg]
    theta[:, [4, 5]] = np.log((4.0, 30.0))
    fitted = RiseFit(ramp_line(1, 50 * NM, 90 * NM, pitch=NM, points=200), theta, 0.0, 200 * NM)
    middle = fitted.midpoint()[0]
    assert fitted.onset[0] - NM <= middle <= fitted.knee[0] + NM


@pytest.mark.parametrize("steep", [0.0, STRAIGHT, -STRAIGHT])
def test_a_ramp_that_is_hardly_steeper_on_one_piece_is_straight(steep: float) -> None:
    theta = np.array([[50 * NM, np.log(40 * NM), 0.3, steep, 0, 0, 0]])
    assert rise(DISTANCE, theta)[0] == pytest.approx(straight(DISTANCE, 50 * NM, 90 * NM))


@given(
    st.integers(1, 90),
    st.integers(1, 12),
    st.tuples(st.floats(-10 * NM, 200 * NM), st.floats(-10 * NM, 200 * NM)),
)
def test_binning_keeps_the_sums_and_what_is_to_be_kept(
    points: int, most: int, keep: tuple[float, float]
) -> None:
    line = ramp_line(3, 50 * NM, 90 * NM, points=max(points, 2)).part(slice(0, points))
    binned = line.binned(keep, most)
    for name in ("counts", "background", "live_time"):
        assert getattr(binned, name).sum() == pytest.approx(getattr(line, name).sum())
    assert (np.diff(binned.distance) > 0).all()
    assert binned.live_time.max() <= most
    kept = line.distance[(line.distance >= keep[0]) & (line.distance <= keep[1])]
    assert np.isclose(binned.distance, kept[:, None], atol=1e-15).any(axis=1).all()


@pytest.mark.parametrize("seed", range(5))
def test_best_levels_are_those_that_an_optimiser_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = ramp_line(seed, 60 * NM, 130 * NM, points=80, level=3.0, plateau=[0.5, 20.0][seed % 2])
    time = rng.uniform(0.5, 2.0, 80)
    line = LineCounts(drawn.distance, drawn.counts, rng.uniform(0.5, 2.0, 80), time)
    shape = straight(line.distance, 70 * NM, 120 * NM)

    def cost(levels: np.ndarray) -> float:  # type: ignore[type-arg]
        expected = levels[0] * line.background + levels[1] * time * shape
        return float(expected.sum() - line.counts @ np.log(expected))

    should = minimize(
        cost, (2.0, 2.0), bounds=[(1e-6, None), (0, None)], method="L-BFGS-B", options={"ftol": 0}
    )
    found = best_levels(shape[None], line)
    assert found.likelihood[0] == pytest.approx(-should.fun, abs=1e-3)
    assert [found.level[0], found.plateau[0]] == pytest.approx(should.x, rel=2e-3, abs=0.01)


def test_counts_that_fall_have_no_plateau_and_never_a_negative_one() -> None:
    line = ramp_line(None, 60 * NM, 130 * NM)
    found = best_levels(1 - straight(line.distance, 60 * NM, 130 * NM)[None], line)
    assert 0 <= found.plateau[0] < 0.01
    assert found.level[0] == pytest.approx(line.counts.mean(), rel=1e-3)
