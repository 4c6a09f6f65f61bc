"""Cuts through a lamella, and what still crosses them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from acquire.fib.bridge import bridged_share, crossed_share
from drivers.fib import BeamPicture
from tests.acquire.fib.drawn import grid, noisy

WHERE = (2.8e-6, 3.2e-6, -0.5e-6, 0.5e-6)


def cut(
    middle: float, *, left: float = 0.0, foot: float = 0.0, counts: float = 40.0
) -> BeamPicture:
    """Return a lamella with a cut 0.9 um wide of which a share is `left`, dull beside it."""
    u, v = grid(18e-6, 512)
    lamella, across = np.abs(v) < 0.75e-6, np.abs(u - middle) < 0.45e-6
    bright = np.where(lamella & (u < 4.2e-6), 0.55, 0.3)
    bright = np.where(lamella & (np.abs(u - middle + 0.45e-6) < foot), 0.42, bright)
    crossing = across & (v > -0.5e-6 + left * 1e-6)
    return noisy(np.where(lamella & crossing, 0.3, bright) * counts, 18e-6, 20e-9, 1)


@pytest.mark.parametrize("off", [-0.25e-6, 0.0, 0.25e-6])
def test_a_cut_is_found_open_where_it_lies_off(off: float) -> None:
    picture = cut(3.0e-6 + off, foot=0.4e-6)
    assert crossed_share(picture, gap=WHERE, inwards=-1).value < 0.1


@pytest.mark.parametrize("left", [0.5, 1.0])
def test_what_still_crosses_a_cut_is_seen(left: float) -> None:
    found = crossed_share(cut(3.0e-6, left=left), gap=WHERE, inwards=-1)
    assert found.value == pytest.approx(left, abs=0.1)


def test_a_cut_in_too_dark_an_image_is_not_told() -> None:
    found = crossed_share(cut(3.0e-6, counts=0.3), gap=WHERE, inwards=-1)
    assert found.refusal is not None


def joint(bridged: float, frames: int, seed: int, behind: float = 0.42) -> BeamPicture:
    """Return a face beside a gap, `behind` which it is as dark, under a bright top.

    A share is bridged.
    """
    u, v = grid(18e-6, 512)
    lamella = (u < 6e-6) & (v > -0.5e-6)
    bright = np.where(lamella & (v < 0.5e-6), 0.52, np.where(u > 6.25e-6, 0.33, 0.42))
    bright = np.where(v < -0.5e-6, 0.3, bright)
    gap = (u > 6e-6) & (u < 6.25e-6)
    bright = np.where(gap & (v > -0.5e-6), behind, bright)
    metal = gap & (v > 0.6e-6) & (v < 0.6e-6 + bridged * 1.2e-6)
    picture = noisy(np.where(metal, 0.475, bright) * 26.0 * frames, 18e-6, 20e-9, seed)
    return replace(picture, charge=float(frames))


@pytest.mark.parametrize("bridged", [0.0, 0.5, 1.0])
def test_a_bridge_of_poor_contrast_is_told_with_more_frames(bridged: float) -> None:
    gap = (6.0e-6, 6.25e-6, 0.6e-6, 1.8e-6)
    before, noise = joint(0.0, 1, 1), joint(bridged, 1, 2)
    assert "more dose" in (bridged_share(before, noise, gap=gap, inwards=-1).refusal or "")
    found = bridged_share(before, joint(bridged, 32, 3), gap=gap, inwards=-1)
    assert found.value == pytest.approx(bridged, abs=0.12)
    assert found.refusal is None


@pytest.mark.parametrize("bridged", [0.0, 0.5, 1.0])
def test_a_bridge_beside_a_face_that_is_hardly_brighter_than_the_gap_is_told(
    bridged: float,
) -> None:
    gap = (6.0e-6, 6.25e-6, 0.6e-6, 1.8e-6)
    before, after = (joint(share, 32, 4, behind=0.4) for share in (0.0, bridged))
    found = bridged_share(before, after, gap=gap, inwards=-1)
    assert found.value == pytest.approx(bridged, abs=0.12)
    assert found.refusal is None
