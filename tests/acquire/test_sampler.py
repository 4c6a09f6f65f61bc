"""Draws of posteriors that are known."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.eds.sampler import draws

MEAN = np.array([1.0, -20.0, 1e-3])
COVARIANCE = np.array([[1.0, 9.5, 0.0], [9.5, 100.0, 0.0], [0.0, 0.0, 1e-8]])
"""Two are correlated to 95 %; the scales differ by 10,000."""


def gaussian(rows: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    away = rows - MEAN
    return np.asarray(-0.5 * np.einsum("ij,jk,ik->i", away, np.linalg.inv(COVARIANCE), away))


def spread(seed: int) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    return np.asarray(MEAN + rng.normal(size=(80, 3)) * (5.0, 30.0, 5e-4))


def test_mean_and_covariance_of_a_correlated_gaussian_are_found() -> None:
    drawn = draws(gaussian, spread(1), np.random.default_rng(2), settle=150, keep=300)
    assert drawn.shape == (300 * 80, 3)
    sigma = np.sqrt(np.diag(COVARIANCE))
    assert (drawn.mean(axis=0) - MEAN) / sigma == pytest.approx(np.zeros(3), abs=0.1)
    found = np.cov(drawn, rowvar=False) / np.outer(sigma, sigma)
    assert found == pytest.approx(COVARIANCE / np.outer(sigma, sigma), abs=0.12)


def test_two_modes_get_their_shares() -> None:
    def density(rows: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        modes = [-0.5 * (rows[:, 0] + 4) ** 2, np.log(3.0) - 0.5 * (rows[:, 0] - 4) ** 2]
        return np.asarray(np.logaddexp(*modes) - 0.5 * rows[:, 1] ** 2)

    start = np.random.default_rng(3).normal(0, 4, (100, 2))
    drawn = draws(density, start, np.random.default_rng(4), settle=150, keep=400)
    right = drawn[:, 0] > 0
    assert right.mean() == pytest.approx(0.75, abs=0.05)
    assert drawn[right, 0].mean() == pytest.approx(4.0, abs=0.1)
    assert drawn[right, 0].std() == pytest.approx(1.0, abs=0.1)


def test_a_boundary_is_never_crossed() -> None:
    def density(rows: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.where(rows[:, 0] > 0, -rows[:, 0] - 0.5 * rows[:, 1] ** 2, -np.inf)

    start = np.abs(np.random.default_rng(5).normal(1, 1, (80, 2)))
    drawn = draws(density, start, np.random.default_rng(6), settle=100, keep=300)
    assert drawn[:, 0].min() > 0
    assert drawn[:, 0].mean() == pytest.approx(1.0, abs=0.1)


def test_walkers_left_behind_in_a_small_mode_join_the_others() -> None:
    def density(rows: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        far = -40 - 0.5 * ((rows[:, 0] - 1000) ** 2)
        return np.asarray(np.logaddexp(far, -0.5 * rows[:, 0] ** 2) - 0.5 * rows[:, 1] ** 2)

    start = np.random.default_rng(7).normal(size=(60, 2))
    start[:3, 0] += 1000
    drawn = draws(density, start, np.random.default_rng(8), settle=60, keep=20)
    assert np.abs(drawn[:, 0]).max() < 10


def test_the_same_seed_gives_the_same_draws() -> None:
    first, again, other = (
        draws(gaussian, spread(1), np.random.default_rng(seed), settle=20, keep=5)
        for seed in (9, 9, 10)
    )
    assert (first == again).all()
    assert not (first == other).all()
