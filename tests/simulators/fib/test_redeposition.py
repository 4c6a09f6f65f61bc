"""Closed forms against a count of atoms that leave a floor with a cosine distribution."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from simulators.fib.redeposition import captured, sticking, to_wall
from simulators.fib.solid import NX
from tests.simulators.fib.sites import at, weld

ATOMS = 40_000
PIT = 0.5e-12
"""Area of a pit, m²."""


def flights(
    width: float, height: float, seed: int, atoms: int = ATOMS
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return where atoms start on a floor, and their slopes dx/dz, dy/dz."""
    draws = np.random.default_rng(seed)
    x, y = width * draws.random(atoms), height * draws.random(atoms)
    sine2 = draws.random(atoms)  # of the polar angle; cosine emission has it evenly spread
    slope = np.sqrt(sine2 / (1 - sine2))
    turn = 2 * np.pi * draws.random(atoms)
    return x, y, slope * np.cos(turn), slope * np.sin(turn)


def counted(width: float, height: float, depth: float, seed: int = 1) -> float:
    x, y, dx, dy = flights(width, height, seed)
    at_x, at_y = x + depth * dx, y + depth * dy
    out = (at_x > 0) & (at_x < width) & (at_y > 0) & (at_y < height)
    return float(1 - out.mean())


@pytest.mark.parametrize(
    ("width", "height", "depth"),
    [(1, 1, 0.2), (1, 1, 1), (1, 2, 2), (0.5, 1, 2), (14, 8, 6), (5, 0.3, 0.5)],
)
def test_the_captured_share_of_a_pit_is_that_of_counted_atoms(
    width: float, height: float, depth: float
) -> None:
    assert captured(width, height, depth) == pytest.approx(counted(width, height, depth), rel=0.03)


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_a_long_trench_captures_what_crossed_strings_say(aspect: float) -> None:
    without_ends = 1.0 + aspect - math.hypot(1.0, aspect)
    assert captured(1.0, 2000.0, aspect) == pytest.approx(without_ends, abs=2e-3)


@pytest.mark.parametrize(("along", "across", "tall"), [(5, 0.3, 0.5), (1, 1, 1), (2, 4, 1)])
def test_one_wall_catches_what_atoms_counted_on_it_say(
    along: float, across: float, tall: float
) -> None:
    x, y, dx, dy = flights(along, across, 3, 10 * ATOMS)
    rise = np.where(dy < 0, -y / np.where(dy < 0, dy, -1), np.inf)
    at_x = x + np.where(np.isfinite(rise), rise, 0) * dx
    hits = float(((rise < tall) & (at_x > 0) & (at_x < along)).mean())
    assert to_wall(along, across, tall) == pytest.approx(hits, rel=0.03)


def test_four_walls_catch_what_does_not_escape() -> None:
    walls = 2 * to_wall(1, 2, 1.5) + 2 * to_wall(2, 1, 1.5)
    assert walls == pytest.approx(captured(1, 2, 1.5), rel=1e-9)


def test_everything_sticks_in_the_cold_only() -> None:
    assert sticking(88.0) == 1.0
    assert sticking(293.0) == pytest.approx(0.8)


def test_a_weld_bridges_after_the_charge_that_counted_atoms_say() -> None:
    """Pit after pit, slice after slice of depth, atoms counted; no formula of the simulator."""
    site = at("sever")
    (bond,) = site.solid.bonds
    bond.gap, bond.filled = 0.25e-6, 0.0
    job = weld(8e-9)
    marks = np.linspace(0, job.charge, 400)
    bridged = None
    for begin, end in pairwise(marks):
        site.mill.advance(job, begin, end, angle=0.0)
        if bond.share >= 1:
            bridged = end
            break
    volume, charge, wanted = 0.0, 0.0, bond.gap * bond.height * bond.width
    rate, thin = site.rates["Li"], 25e-9
    across = site.solid.front[NX // 2 + 22, 0]
    for middle in (-1.125e-6, -0.375e-6, 0.375e-6, 1.125e-6):
        width = max(0.0, min(across, middle + 0.25e-6) - max(-across, middle - 0.25e-6))
        for k in range(round(job.charge / 4 * rate / PIT / thin)):
            if volume >= wanted:
                break
            share = counted(1.0, 0.5, (k + 0.5) * thin * 1e6, seed=k)
            volume += share * width * 1e-6 * thin
            charge += PIT * thin / rate
    assert volume >= wanted
    assert bridged == pytest.approx(charge, rel=0.1)
