"""The site's shift between two images: measured, left open, or refused."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import pytest

from acquire.fib.shift import shift_between
from drivers.fib import BeamPicture
from simulators.fib.scene import Scene
from tests.simulators.fib.pictured import STACK, THIN, WIDE, on_grid, picture, trenched

SOLID = trenched()


VIEW = WIDE.model_copy(update={"field": 20e-6, "pixels": 256})


@lru_cache
def site(du: float, dv: float, seed: int) -> BeamPicture:
    pixels = picture(Scene(SOLID, STACK, shift=(du, dv)), VIEW, seed=seed)
    return BeamPicture(pixels, VIEW.field / VIEW.pixels, "ion", 0.0, 0.0)


@pytest.mark.parametrize(("du", "dv"), [(0.4e-6, -0.7e-6), (-1.2e-6, 0.1e-6)])
def test_the_site_has_moved_as_far_as_it_has(du: float, dv: float) -> None:
    shifted = shift_between(site(0.0, 0.0, 1), site(du, dv, 2), 2e-6)
    assert shifted.u.refusal is None
    assert (shifted.u.value, shifted.v.value) == pytest.approx((du, dv), abs=30e-9)
    assert shifted.length.value == pytest.approx(math.hypot(du, dv), abs=40e-9)


def test_pictures_of_few_and_of_many_frames_are_compared_as_well() -> None:
    found = []
    for frames, du, seed in ((1, 0.0, 1), (16, 70e-9, 2)):
        view = VIEW.model_copy(update={"field": 18e-6, "frames": frames})
        scene = Scene(on_grid(1.5e-6), STACK, place="grid", shift=(-6e-6 + du, 0.0))
        pixels = picture(scene, view, seed=seed)
        size = view.field / view.pixels
        found.append(BeamPicture(pixels, size, "ion", 0.0, view.charge))
    for first, second, moved in ((0, 1, 70e-9), (1, 0, -70e-9)):
        shifted = shift_between(found[first], found[second], 0.6e-6)
        assert shifted.u.value == pytest.approx(moved, abs=30e-9)


def test_more_than_allowed_is_refused() -> None:
    shifted = shift_between(site(0.0, 0.0, 1), site(1.5e-6, 0.0, 2), 0.5e-6)
    assert shifted.u.refusal is not None
    assert shifted.v.refusal is not None
    assert shifted.length.refusal is not None


def test_a_thin_lamella_tells_its_shift_across_only() -> None:
    solid = on_grid(0.1e-6)
    view, found = THIN.model_copy(update={"pixels": 256}), []
    for dv, seed in ((0.0, 1), (60e-9, 2)):
        scene = Scene(solid, STACK, place="grid", shift=(-6e-6, dv))
        found.append(BeamPicture(picture(scene, view, seed=seed), 4e-6 / 256, "ion", 0.0, 0.0))
    shifted = shift_between(found[0], found[1], 0.3e-6)
    assert shifted.v.value == pytest.approx(60e-9, abs=10e-9)
    assert shifted.u.refusal is not None


def test_pictures_of_two_beams_are_not_compared() -> None:
    first = site(0.0, 0.0, 1)
    shifted = shift_between(first, replace(first, beam="electron"), 1e-6)
    assert "two beams" in (shifted.u.refusal or "")
