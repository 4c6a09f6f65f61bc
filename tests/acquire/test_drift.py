"""Drift: what an image determines is measured, the rest is left at zero, doubt is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from acquire.eds.drift import measure_shift
from drivers.stem import Image
from protocols.errors import InputError
from tests.acquire.test_edge import picture

NM = 1e-9
SIDE = 256
SIZE = 1e-6 / SIDE


def interface(angle: float, place: float, seed: int) -> Image:
    return picture(angle, place, dark=1.3, bright=8.0, pixels=SIDE, seed=seed)


def grains(dx: float, dy: float, seed: int, counts: float = 3.0, kind: int = 0) -> Image:
    """Return a Poisson image of grains moved by (dx, dy) metres."""
    noise = np.random.default_rng(kind).standard_normal((SIDE + 60, SIDE + 60))
    smooth = ndimage.gaussian_filter(noise, 4.0)
    expected = np.exp(0.5 * smooth / smooth.std())
    moved = ndimage.shift(expected, (dy / SIZE, dx / SIZE), order=3)[30:-30, 30:-30]
    pixels = np.random.default_rng(seed).poisson(counts * np.maximum(moved, 0.0))
    return Image(pixels, SIZE, 0.0, 0.0, 0.1)


@pytest.mark.parametrize("angle", [0.0, 0.17, -0.26, 1.9])
@pytest.mark.parametrize("moved", [0.0, 3e-9, -8e-9])
def test_the_shift_across_an_interface_is_measured(angle: float, moved: float) -> None:
    first, second = interface(angle, 20e-9, 1), interface(angle, 20e-9 + moved, 2)
    shift = measure_shift(first, second, largest=15e-9)
    assert shift.refusal is None
    assert shift.determined == "across"
    across = shift.dx * math.cos(angle) + shift.dy * math.sin(angle)
    assert across == pytest.approx(moved, abs=2.5 * NM)


def test_no_shift_along_an_interface_is_invented() -> None:
    for seed in range(10):
        shift = measure_shift(interface(0.3, 0.0, seed), interface(0.3, 4e-9, 99), largest=15e-9)
        along = shift.dy * math.cos(0.3) - shift.dx * math.sin(0.3)
        assert abs(along) < 0.3 * NM


def test_both_directions_are_measured_where_there_are_grains() -> None:
    shift = measure_shift(grains(0.0, 0.0, 1), grains(5e-9, -7e-9, 2), largest=15e-9)
    assert shift.refusal is None
    assert shift.determined == "both"
    assert (shift.dx, shift.dy) == pytest.approx((5e-9, -7e-9), abs=1.0 * NM)
    assert shift.quality > 0.8


def test_a_shift_larger_than_allowed_is_refused() -> None:
    shift = measure_shift(interface(0.1, 0.0, 1), interface(0.1, 13e-9, 2), largest=10e-9)
    assert shift.refusal is not None
    assert "is more than the 10 nm allowed" in shift.refusal
    assert (shift.dx, shift.dy) == (0.0, 0.0)


def test_a_peak_at_the_end_of_the_search_is_no_answer() -> None:
    shift = measure_shift(interface(0.1, -40e-9, 1), interface(0.1, 40e-9, 2), largest=10e-9)
    assert shift.refusal is not None
    assert "no peak within" in shift.refusal


def test_other_grains_are_refused() -> None:
    for kind in range(1, 6):
        shift = measure_shift(grains(0.0, 0.0, 1), grains(0.0, 0.0, 2, kind=kind), largest=10e-9)
        assert shift.refusal is not None


def test_noise_is_refused() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        blank = [Image(rng.poisson(3.0, (SIDE, SIDE)), SIZE, 0.0, 0.0, 0.1) for _ in range(2)]
        shift = measure_shift(blank[0], blank[1], largest=10e-9)
        assert shift.refusal is not None
        assert "shows no structure" in shift.refusal


def test_an_image_without_the_interface_is_refused() -> None:
    blank = Image(np.random.default_rng(4).poisson(2.0, (SIDE, SIDE)), SIZE, 0.0, 0.0, 0.1)
    assert measure_shift(interface(0.1, 0.0, 1), blank, largest=10e-9).refusal is not None


def test_images_of_different_size_are_no_pair() -> None:
    with pytest.raises(InputError, match="take both alike"):
        measure_shift(picture(0.0, 0.0, pixels=128), interface(0.0, 0.0, 1), largest=10e-9)
