"""The needle's tip: found where it is, or not told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from acquire.fib.height import place_from
from acquire.fib.needle import Tip, needle_tip
from drivers.fib import BeamName, BeamPicture, Geometry, seen
from simulators.fib.scene import Look, Scene
from tests.acquire.fib.drawn import grid, noisy
from tests.simulators.fib.pictured import FACE, STACK, WIDE, picture, trenched, undercut

WORST = Look(contrast=0.5, per_ion=0.33, per_electron=0.08)
SOLID = undercut(trenched())
RADIUS = 0.2e-6


def cone(u: float, v: float, *, slope: float = 0.0, bright: float = 200.0) -> BeamPicture:
    """Return a cone with a round tip there over a film with two dark trenches."""
    at_u, at_v = grid(20e-6, 512)
    mean = np.where((np.abs(np.abs(at_v) - 3e-6) < 2e-6) & (np.abs(at_u) < 6e-6), 30.0, 100.0)
    length = math.hypot(1.0, slope)
    along = (at_u - u + slope * (at_v - v)) / length - RADIUS
    aside = np.abs(at_v - v - slope * (at_u - u)) / length
    inside = np.where(along > 0, aside < RADIUS + 0.12 * along, np.hypot(along, aside) < RADIUS)
    return noisy(np.where(inside, bright, mean), 20e-6, 30e-9, 1)


def rendered(
    tip: tuple[float, float, float], beam: BeamName, angle: float, look: Look, seed: int
) -> BeamPicture:
    scene = Scene(SOLID, STACK, needle=tip, texture=seed, blur=20e-9)
    view = WIDE if beam == "ion" else WIDE.model_copy(update={"current": 25e-12})
    pixels = picture(scene, view, beam, angle, look, seed)
    return BeamPicture(pixels, WIDE.field / WIDE.pixels, beam, angle, 0.0)


@pytest.mark.parametrize(
    ("slope", "u", "v"), [(0.0, 1e-6, 0.5e-6), (-0.5, 6.5e-6, -1e-6), (0.3, 1e-6, 0.5e-6)]
)
def test_the_tip_of_a_cone_is_found(slope: float, u: float, v: float) -> None:
    tip = needle_tip(cone(u, v, slope=slope))
    assert (tip.u.value, tip.v.value) == pytest.approx((u, v), abs=0.08e-6)


@pytest.mark.parametrize("look", [Look(), WORST], ids=["usual", "worst"])
def test_both_beams_together_tell_the_height_of_the_tip(look: Look) -> None:
    tip, geometry = (8e-6, 0.4e-6, 6e-6), Geometry()
    tips: list[Tip] = []
    for beam, angle in (("ion", 0.0), ("electron", FACE)):
        found = needle_tip(rendered(tip, beam, angle, look, 3))  # type: ignore[arg-type]
        u, v = seen(angle, *tip)
        assert abs(found.u.value - u) < 2.5 * found.u.sigma
        assert abs(found.v.value - v) < 2.5 * found.v.sigma
        tips.append(found)
    height = place_from(tips[0], tips[1], geometry, math.radians(52)).z
    assert abs(height.value - tip[2]) < 2.5 * height.sigma
    assert height.sigma < 0.2e-6


@pytest.mark.parametrize("look", [Look(), WORST], ids=["usual", "worst"])
def test_a_tip_that_touches_a_bright_lamella_is_found(look: Look) -> None:
    view = WIDE.model_copy(update={"field": 18e-6, "frames": 2})
    scene = Scene(SOLID, STACK, needle=(6e-6, 0.1e-6, -0.3e-6), blur=20e-9, in_contact=True)
    pixels = picture(scene, view, "ion", 0.0, look, 4)
    tip = needle_tip(BeamPicture(pixels, view.field / view.pixels, "ion", 0.0, 0.0))
    assert (tip.u.value, tip.v.value) == pytest.approx((6e-6, 0.1e-6), abs=0.3e-6)


def test_a_film_without_a_needle_shows_no_tip() -> None:
    pixels = picture(Scene(SOLID, STACK, texture=2), WIDE, seed=2)
    tip = needle_tip(BeamPicture(pixels, WIDE.field / WIDE.pixels, "ion", 0.0, 0.0))
    assert tip.u.refusal is not None
    assert tip.v.refusal is not None


def test_a_bright_bar_across_the_image_is_no_needle() -> None:
    u, v = grid(20e-6, 256)
    tip = needle_tip(noisy(np.where(np.abs(v) < 1e-6, 200.0, 50.0 + 0 * u), 20e-6, 30e-9, 1))
    assert "not the needle" in (tip.u.refusal or "")


def test_a_bright_bar_that_does_not_narrow_is_no_needle() -> None:
    u, v = grid(20e-6, 256)
    bar = (np.abs(v) < 1e-6) & (u > 2e-6)
    tip = needle_tip(noisy(np.where(bar, 200.0, 50.0), 20e-6, 30e-9, 1))
    assert "does not narrow" in (tip.u.refusal or "")


def test_a_site_in_a_narrow_field_is_not_taken_for_a_needle() -> None:
    view = WIDE.model_copy(update={"field": 12e-6})
    for seed in range(2):
        pixels = picture(Scene(SOLID, STACK, shift=(-6.2e-6, 0.0), texture=seed), view, seed=seed)
        tip = needle_tip(BeamPicture(pixels, view.field / view.pixels, "ion", 0.0, 0.0))
        assert tip.u.refusal is not None
