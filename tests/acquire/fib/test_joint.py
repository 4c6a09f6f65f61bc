"""Gaps: their width, and how much of them is closed."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.fib.joint import joint_gap
from drivers.fib import BeamPicture
from simulators.fib.scene import Look, Scene
from simulators.fib.solid import Bond
from tests.acquire.fib.drawn import grid, noisy
from tests.simulators.fib.pictured import LENGTH, NEAR, STACK, on_grid, picture

FIELD = 12e-6


def gap(width: float, closed: float = 0.0, *, contrast: float = 1.0, seed: int = 0) -> BeamPicture:
    """Return two bars that meet at u = 1 um with a gap; its lower part is closed."""
    u, v = grid(FIELD, 512)
    bar = np.abs(v) < 0.75e-6
    dark = 1 - 0.8 * contrast
    mean = np.where(bar & (u < 1e-6), 0.8, dark)
    mean = np.where(bar & (u >= 1e-6 + width), 1.0, mean)
    bridged = (v > 0.75e-6 - closed * 1.5e-6) & bar & (u >= 1e-6) & (u < 1e-6 + width)
    return noisy(np.where(bridged, 0.8, mean) * 150, FIELD, 20e-9, seed)


@pytest.mark.parametrize("width", [0.2e-6, 0.45e-6, 0.8e-6])
@pytest.mark.parametrize("contrast", [1.0, 0.5])
def test_the_width_of_an_open_gap_is_seen(width: float, contrast: float) -> None:
    found = joint_gap(
        gap(width, contrast=contrast), u=1.2e-6, v=0.0, reach=1.5e-6, across="u", along=1.2e-6
    )
    assert found.width.refusal is None
    assert abs(found.width.value - width) < 2.5 * found.width.sigma
    assert found.width.sigma < 30e-9
    assert found.closed.value < 0.05


@pytest.mark.parametrize("closed", [0.3, 0.6])
def test_the_closed_share_of_a_gap_is_seen(closed: float) -> None:
    found = joint_gap(gap(0.3e-6, closed), u=1.1e-6, v=0.0, reach=1e-6, across="u", along=1.5e-6)
    assert found.closed.value == pytest.approx(closed, abs=0.08)


def test_a_wide_gap_over_a_floor_that_is_not_the_darkest_is_seen() -> None:
    u, v = grid(FIELD, 512)
    bodies = np.where(u < 1e-6, 0.4, 0.55)
    mean = np.where((u > 1e-6) & (u < 1.9e-6), 0.24, bodies)
    picture = noisy(np.where(v > 2e-6, 0.16, mean) * 500, FIELD, 20e-9, 1)
    found = joint_gap(picture, u=1.4e-6, v=0.0, reach=1.2e-6, across="u", along=1.2e-6)
    assert found.width.value == pytest.approx(0.9e-6, abs=40e-9)
    assert found.closed.value < 0.05


def test_a_gap_that_is_wholly_closed_has_no_width() -> None:
    found = joint_gap(gap(0.3e-6, 1.0), u=1.1e-6, v=0.0, reach=1e-6, across="u", along=1.2e-6)
    assert found.closed.value == 1.0
    assert found.width.value == 0.0


def test_a_gap_across_v_is_the_same_turned() -> None:
    across_u = gap(0.4e-6)
    turned = BeamPicture(across_u.pixels.T.copy(), across_u.pixel_size, "ion", 0.0, 0.0)
    found = joint_gap(turned, u=0.0, v=1.2e-6, reach=1.5e-6, across="v", along=1.2e-6)
    assert found.width.value == pytest.approx(0.4e-6, abs=30e-9)


def test_where_there_is_only_trench_no_gap_is_told() -> None:
    found = joint_gap(gap(0.4e-6), u=1.2e-6, v=3e-6, reach=1e-6, across="u", along=1e-6)
    assert "bodies" in (found.width.refusal or "")


def test_one_body_alone_is_no_joint() -> None:
    found = joint_gap(gap(4e-6), u=1.2e-6, v=0.0, reach=1e-6, across="u", along=1e-6)
    assert found.width.refusal is not None
    assert found.closed.refusal is not None


@pytest.mark.parametrize("look", [Look(), Look(contrast=0.5, per_ion=0.33)], ids=["usual", "worst"])
@pytest.mark.parametrize("share", [0.0, 0.35, 1.0])
def test_the_bond_at_the_post_is_seen_as_wide_as_it_is(look: Look, share: float) -> None:
    solid, gap = on_grid(), 0.3e-6
    volume = share * gap * 2e-6 * 0.75e-6
    solid.bonds = [
        Bond(joint, gap, 2e-6, 0.75e-6, -LENGTH, volume) for joint in ("post_front", "post_back")
    ]
    pixels = picture(Scene(solid, STACK, place="grid", blur=20e-9), NEAR, look=look)
    seen = BeamPicture(pixels, NEAR.field / NEAR.pixels, "ion", 0.0, 0.0)
    found = joint_gap(seen, u=0.15e-6, v=0.0, reach=1e-6, across="u", along=1.4e-6)
    assert found.closed.value == pytest.approx(share, abs=0.1)
    assert found.width.value == pytest.approx(0.0 if share == 1.0 else gap, abs=30e-9)
