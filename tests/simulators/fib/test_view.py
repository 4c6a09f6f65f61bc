from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from drivers.fib import Milling
from protocols.fib import Rectangle
from simulators.fib.account import open_account
from simulators.fib.material_stack import Stack
from simulators.fib.milling import Mill
from simulators.fib.scene import Look, Scene
from simulators.fib.solid import Bond, Solid
from simulators.fib.view import counts_for
from simulators.specimen import load_specimen
from tests.simulators.fib.pictured import (
    FACE,
    LENGTH,
    NEAR,
    STACK,
    THIN,
    UNDER,
    WIDE,
    Floats,
    at,
    mean,
    on_grid,
    picture,
    severed,
    trenched,
    undercut,
)
from tests.simulators.fib.sites import nominal_rates

PLAIN = Look(edge=0.0)


def width(profile: Floats, size: float) -> float:
    """Width at half height of a bright strip: its area over its height."""
    dark = np.median(profile)
    above = profile - dark
    return (
        float(above.sum() / np.percentile(above, 100 * (1 - 20e-9 / (size * len(profile))))) * size
    )


def test_the_same_seed_makes_the_same_image() -> None:
    scene = Scene(trenched(), STACK)
    assert np.array_equal(picture(scene, seed=3), picture(scene, seed=3))
    assert not np.array_equal(picture(scene, seed=3), picture(scene, seed=4))


def test_the_virgin_film_has_grains_that_stay_with_their_places() -> None:
    moved = Scene(Solid(), STACK, shift=(8 * WIDE.field / 512, -5 * WIDE.field / 512))
    still, other = picture(Scene(Solid(), STACK), seed=1), picture(moved, seed=2)
    inner = still[100:400, 100:400]
    there = np.corrcoef(inner.ravel(), other[95:395, 108:408].ravel())[0, 1]
    elsewhere = np.corrcoef(inner.ravel(), other[100:400, 100:400].ravel())[0, 1]
    assert there > 0.3
    assert there > 2 * abs(elsewhere)


@pytest.mark.parametrize("expected", [1.0, 4.5, 8.0, 40.0])
def test_counts_are_drawn_by_the_law_of_poisson(expected: float) -> None:
    many = np.full((400, 400), expected, np.float32)
    drawn = counts_for(many, np.random.default_rng(3)).astype(int)
    found = np.bincount(drawn.ravel()) / drawn.size
    law = stats.poisson.cdf(np.arange(len(found)), expected)
    assert np.abs(np.cumsum(found) - law).max() < 2 / math.sqrt(drawn.size)


def test_noise_is_that_of_the_counts() -> None:
    scene = Scene(Solid(), STACK)
    difference = picture(scene, seed=1) - picture(scene, seed=2)
    assert difference.var() / 2 == pytest.approx(picture(scene).mean(), rel=0.05)


def test_trenches_are_darker_than_the_film_and_lamella_between_them() -> None:
    image = picture(Scene(trenched(), STACK))
    lamella, film = mean(image, WIDE, 0, 0), mean(image, WIDE, 15e-6, 0, 2e-6)
    for v in (-6e-6, 6e-6):
        assert mean(image, WIDE, 0, v) < 0.65 * film
    assert lamella == pytest.approx(film, rel=0.2)


@pytest.mark.parametrize("thickness", [100e-9, 103e-9, 300e-9])
def test_the_strip_from_above_is_as_wide_as_the_lamella_is_thick(thickness: float) -> None:
    scene = Scene(on_grid(thickness), STACK, "grid", shift=(-LENGTH, 0.0))
    image = picture(scene, THIN, look=PLAIN)
    assert width(image.mean(axis=1), THIN.field / THIN.pixels) == pytest.approx(thickness, rel=0.06)


def test_leaning_faces_are_seen_beside_the_top_and_darker() -> None:
    scene = Scene(on_grid(0.6e-6, taper=0.05), STACK, "grid", shift=(-LENGTH, 0.0))
    image = picture(scene, THIN, look=PLAIN)
    top, face = mean(image, THIN, 0, 0, 0.1e-6), mean(image, THIN, 0, 0.35e-6, 15e-9)
    beyond = mean(image, THIN, 0, 0.8e-6, 0.1e-6)
    assert beyond < 0.5 * face < face < 0.9 * top


def test_the_electron_beam_sees_the_layers_down_the_front_face() -> None:
    scene = Scene(on_grid(), STACK, "grid", shift=(-LENGTH, 0.0))
    image = picture(scene, NEAR.model_copy(update={"frames": 64}), "electron", FACE)

    def at_depth(depth: float) -> float:
        v = 0.75e-6 * math.cos(FACE) + depth * math.sin(FACE)
        return mean(image, NEAR, 0, v, 0.03e-6)

    assert at_depth(1.0e-6) > 1.1 * at_depth(2.0e-6)
    assert at_depth(2.55e-6) > 1.5 * at_depth(2.0e-6)
    assert at_depth(5.0e-6) < 0.3 * at_depth(2.0e-6)


def test_a_thin_face_is_darker_to_electrons() -> None:
    thick, thin = (
        mean(
            picture(Scene(on_grid(t), STACK, "grid", shift=(-LENGTH, 0)), NEAR, "electron", FACE),
            NEAR,
            0,
            t / 2 * math.cos(FACE) + 1e-6 * math.sin(FACE),
        )
        for t in (1.5e-6, 100e-9)
    )
    assert 0.3 < thin / thick < 0.7


def test_the_undercut_is_a_dark_slit_in_the_tilted_ion_image() -> None:
    solid = undercut(trenched())
    image = picture(Scene(solid, STACK), WIDE, "ion", UNDER)

    def at_depth(depth: float) -> float:
        v = -0.75e-6 * math.cos(UNDER) + depth * math.sin(-UNDER) * -1
        return mean(image, WIDE, 0, v, 0.1e-6)

    assert at_depth(5.0e-6) < 0.6 * at_depth(4.0e-6)
    assert at_depth(5.0e-6) < 0.6 * at_depth(1.0e-6)


def test_a_cut_through_the_end_is_a_dark_slit_from_above() -> None:
    image = picture(Scene(undercut(trenched()), STACK), NEAR.model_copy(update={"field": 20e-6}))
    view = NEAR.model_copy(update={"field": 20e-6})
    assert mean(image, view, LENGTH + 0.5e-6, 0, 0.2e-6) < 0.6 * mean(image, view, 5e-6, 0, 0.2e-6)


@pytest.mark.parametrize(("angle", "beam"), [(0.0, "ion"), (FACE, "electron"), (UNDER, "ion")])
def test_the_tip_of_the_needle_is_where_it_is(angle: float, beam: str) -> None:
    x, y, z = 3e-6, 1e-6, 4e-6
    scene = Scene(Solid(), STACK, needle=(x, y, z))
    image = picture(scene, WIDE, "ion" if beam == "ion" else "electron", angle)
    v = y * math.cos(angle) - z * math.sin(angle)
    film = image[:100, :100].mean()
    row, column = at(WIDE, x, v)
    assert image[row - 1 : row + 2, column + 2 : column + 6].mean() > 1.3 * film
    assert image[row - 1 : row + 2, column - 6 : column - 2].mean() < 1.25 * film


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_bond_closes_its_share_of_the_gap(share: float) -> None:
    gap, height, across = 0.4e-6, 2e-6, 1.5e-6
    solid = undercut(trenched(across))
    solid.bonds = [Bond("needle", gap, height, across, LENGTH, share * gap * height * across)]
    tip = (LENGTH + gap, 0.0, 5e-6)
    image = picture(Scene(solid, STACK, needle=tip, shift=(-LENGTH, 0)), NEAR, look=PLAIN)
    rows = slice(at(NEAR, 0, -across / 2)[0], at(NEAR, 0, across / 2)[0])
    line = image[rows, at(NEAR, gap * 0.2, 0)[1] : at(NEAR, gap * 0.7, 0)[1]].mean(axis=1)
    lamella = mean(image, NEAR, -1e-6, 0)
    assert np.mean(line > 0.75 * lamella) == pytest.approx(share, abs=0.08)


def test_a_lamella_that_touches_the_needle_is_brighter() -> None:
    scene = Scene(undercut(trenched()), STACK)
    apart, touching = picture(scene), picture(replace(scene, in_contact=True))
    assert mean(touching, WIDE, 0, 0) / mean(apart, WIDE, 0, 0) == pytest.approx(1.35, rel=0.06)
    assert mean(touching, WIDE, 15e-6, 0) == pytest.approx(mean(apart, WIDE, 15e-6, 0), rel=0.06)


def test_poor_contrast_brings_the_lamella_and_the_trench_nearer() -> None:
    scene = Scene(trenched(), STACK)
    usual, poor = picture(scene), picture(scene, look=Look(contrast=0.5))
    step = [mean(i, WIDE, 0, 0) - mean(i, WIDE, 0, 6e-6) for i in (usual, poor)]
    assert step[1] == pytest.approx(0.5 * step[0], rel=0.15)


def test_a_lifted_lamella_leaves_a_hole_and_is_seen_where_it_is() -> None:
    solid = severed(trenched())
    solid.held, solid.moved = "needle", (0.0, 5e-6, 10e-6)
    view = WIDE.model_copy(update={"frames": 64})
    image = picture(Scene(solid, STACK), view)
    assert mean(image, WIDE, 0, 0) < 0.7 * mean(image, WIDE, 0, 5e-6)
    solid.held = "lost"
    gone = picture(Scene(solid, STACK), view)
    assert mean(gone, WIDE, 0, 5e-6) < 0.8 * mean(image, WIDE, 0, 5e-6)


def test_the_grid_shows_post_gap_and_lamella() -> None:
    image = picture(Scene(on_grid(gap=1e-6), STACK, "grid"))
    post, gap, lamella = (mean(image, WIDE, u, 0, 0.2e-6) for u in (-3e-6, 0.5e-6, 5e-6))
    assert gap < 0.3 * lamella < lamella < post
    assert mean(image, WIDE, 0.5e-6 + 13e-6, 0, 0.2e-6) < 0.3 * lamella


def test_charging_changes_the_insulator_from_image_to_image() -> None:
    scene = Scene(on_grid(), STACK, "grid", shift=(-LENGTH, 0), charging=0.3)
    small = NEAR.model_copy(update={"pixels": 256})
    v = 0.75e-6 * math.cos(FACE) + 2e-6 * math.sin(FACE)
    metal = 0.75e-6 * math.cos(FACE) + 0.8e-6 * math.sin(FACE)
    images = [picture(scene, small, "electron", FACE, seed=seed) for seed in range(4)]
    assert np.std([mean(i, small, 0, v) for i in images]) > 3
    assert np.std([mean(i, small, 0, metal) for i in images]) < 1


def test_the_grains_of_a_lamella_move_with_it() -> None:
    solid = severed(trenched())
    solid.held = "needle"
    size = NEAR.field / NEAR.pixels
    here = picture(Scene(solid, STACK), NEAR, seed=1)
    solid.moved = (0.0, 60 * size, 1e-6)
    there = picture(Scene(solid, STACK), NEAR, seed=2)
    rows, columns = slice(236, 276), slice(100, 400)
    lamella, moved = here[rows, columns], there[296:336, columns]
    assert np.corrcoef(lamella.ravel(), moved.ravel())[0, 1] > 0.3


def test_pits_are_dark_and_a_worn_surface_is_not() -> None:
    solid = trenched()
    whole = mean(picture(Scene(solid, STACK)), WIDE, 0, 0)
    solid.cut[:, 0] = 0.6
    assert mean(picture(Scene(solid, STACK)), WIDE, 0, 0) == pytest.approx(whole, rel=0.05)
    solid.cut[:, :20] = 0.6
    assert mean(picture(Scene(solid, STACK)), WIDE, 0, 0) < 0.7 * whole


def test_elsewhere_is_film_as_it_was() -> None:
    image = picture(Scene(trenched(), STACK, "elsewhere", needle=(8e-6, 0, 5e-6)))
    assert mean(image, WIDE, 0, 6e-6, 2e-6) == pytest.approx(
        mean(image, WIDE, -15e-6, 0, 2e-6), rel=0.1
    )
    assert mean(image, WIDE, 15e-6, 0) > 1.3 * mean(image, WIDE, -15e-6, 0, 2e-6)


def test_looking_changes_nothing() -> None:
    solid = trenched(0.5e-6)
    before = solid.front.copy(), solid.cut.copy(), solid.floor.copy()
    picture(Scene(solid, STACK), NEAR, "electron", FACE)
    picture(Scene(solid, STACK), WIDE, "ion", UNDER)
    for array, was in zip((solid.front, solid.cut, solid.floor), before, strict=True):
        assert np.array_equal(array, was)


def test_a_milled_trench_is_seen_as_deep_as_it_is() -> None:
    stack = Stack(load_specimen("li-lipon-stem"))
    rectangle = Rectangle(x=0.0, y=6e-6, width=14e-6, height=8e-6)
    job = Milling("trench", (rectangle,), 3e-9, 30e3, 500e-9)
    solid = Solid()
    rates = nominal_rates()
    Mill(solid, stack, rates, open_account(stack), seed=1).advance(job, 0.0, job.charge, angle=0.0)
    depth = float(solid.floor.max())
    image = picture(Scene(solid, stack), WIDE, "electron", FACE)
    assert 0.5e-6 < depth < 3e-6
    wall = 2e-6 * math.cos(FACE)  # the far wall is seen from its edge down to the floor
    rows = image[:, at(WIDE, -3e-6, 0)[1] : at(WIDE, 3e-6, 0)[1]].mean(axis=1)
    film = rows[: at(WIDE, 0, -5e-6)[0]].mean()
    edge = at(WIDE, 0, wall)[0]
    assert rows[edge - 12 : edge - 3].mean() > 0.9 * film
    assert rows[edge + 2 : edge + 8].mean() < 0.9 * film
