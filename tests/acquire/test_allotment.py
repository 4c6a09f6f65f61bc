"""Where further exposures go: all is spent, no position gets too much, the ramp before the flat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from acquire.eds.allotment import allotted
from tests.acquire.ramps import straight

Floats = npt.NDArray[np.float64]
POINTS = 200
DISTANCE = np.arange(POINTS, dtype=float)


def draws(seed: int, onset: float = 80.0, knee: float = 130.0) -> tuple[Floats, Floats]:
    """Return rates of ramps that differ a little, (draws, POINTS), and their onsets."""
    rng = np.random.default_rng(seed)
    onsets, knees = rng.normal(onset, 4.0, 400), rng.normal(knee, 6.0, 400)
    levels, plateaus = rng.normal(4.0, 0.1, 400), rng.normal(30.0, 1.0, 400)
    shapes = np.array([straight(DISTANCE, *at) for at in zip(onsets, knees, strict=True)])
    return levels[:, None] + plateaus[:, None] * shapes, onsets[:, None]


@pytest.mark.parametrize("more", [1.0, 20.0, 150.0])
def test_it_spends_what_it_is_given(more: float) -> None:
    rates, onsets = draws(1)
    given = allotted([rates], onsets, more, np.full(POINTS, 2.0))
    assert given.shape == (POINTS,)
    assert given.min() >= 0
    assert given.sum() == pytest.approx(more, rel=0.01)
    assert given.sum() <= more * (1 + 1e-9)


@pytest.mark.parametrize("more", [20.0, 1000.0])
def test_no_position_gets_more_than_it_has_room_for(more: float) -> None:
    room = np.random.default_rng(2).uniform(0.0, 1.0, POINTS)
    room[90:100] = 0.0
    rates, onsets = draws(2)
    given = allotted([rates], onsets, more, room)
    assert (given <= room + 1e-12).all()
    assert not given[90:100].any()


def test_the_ramp_is_preferred_to_the_flat() -> None:
    rates, onsets = draws(3)
    given = allotted([rates], onsets, 10.0, np.full(POINTS, 2.0))
    ramp = (DISTANCE > 60) & (DISTANCE < 140)
    assert given[ramp].sum() > 0.85 * given.sum()
    assert given[:40].max() < 0.1 * given.max()


def test_only_what_tells_of_the_answer_is_exposed() -> None:
    """The ramp of another element, whose places nobody asks for, tells nothing of it."""
    asked, onsets = draws(4)
    other, _ = draws(5, onset=150.0, knee=190.0)
    given = allotted([asked, other], onsets, 10.0, np.full(POINTS, 2.0))
    assert given[DISTANCE < 140].sum() > 0.85 * given.sum()
    assert given[150:].sum() < 0.1 * given.sum()


def test_nothing_is_laid_out_where_there_is_no_room() -> None:
    rates, onsets = draws(6)
    assert not allotted([rates], onsets, 10.0, np.zeros(POINTS)).any()
