"""Edges of a lamella in an image."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.fib.edges import falling_edge, rising_edge
from drivers.fib import BeamPicture
from tests.acquire.fib.drawn import grid, noisy


def end_with_tip(half: float, tip: float, seed: int) -> BeamPicture:
    """Return the right end (at 6 um) of a lamella, and a bright tip that reaches over it."""
    u, v = grid(18e-6, 512)
    bright = np.where((np.abs(v) < half) & (u < 6e-6), 0.5, 0.35)
    bright = np.where((np.abs(v) < 0.2e-6) & (u > tip), 1.0, bright)
    return noisy(bright * 120.0, 18e-6, 20e-9, seed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tip", [5.8e-6, 6.5e-6])
def test_the_end_of_a_thin_lamella_is_seen_on_both_sides_of_the_tip(tip: float, seed: int) -> None:
    end = falling_edge(
        end_with_tip(0.6e-6, tip, seed),
        u=6.2e-6,
        v=0.0,
        reach=0.8e-6,
        width=1.1e-6,
        along="u",
        without=(-0.3e-6, 0.3e-6),
    )
    assert end.refusal is None
    assert end.value == pytest.approx(6e-6, abs=0.08e-6)


def test_where_only_the_tip_is_there_is_no_end() -> None:
    end = falling_edge(
        end_with_tip(0.0, 5.8e-6, 1),
        u=6.2e-6,
        v=0.0,
        reach=0.8e-6,
        width=1.1e-6,
        along="u",
        without=(-0.3e-6, 0.3e-6),
    )
    assert end.refusal is not None


@pytest.mark.parametrize("face", [0.35, 0.5])
def test_the_back_edge_is_seen_however_bright_the_face_is(face: float) -> None:
    _, v = grid(18e-6, 512)
    bright = np.where(v < -0.4e-6, 0.33, np.where(v < 0.5e-6, 0.5, face))
    picture = noisy(bright * 30.0, 18e-6, 20e-9, 2)
    edge = rising_edge(picture, u=0.0, v=-0.2e-6, reach=0.6e-6, width=5e-6)
    assert edge.value == pytest.approx(-0.4e-6, abs=0.05e-6)
