"""The front face: where one layer ends and the next begins, and where the face ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from acquire.fib.face import Face, layers_on_face
from drivers.fib import BeamPicture
from simulators.fib.scene import Look, Scene
from tests.acquire.fib.drawn import grid, noisy
from tests.simulators.fib.pictured import FACE, NEAR, STACK, picture, trenched, undercut

SINE = math.sin(FACE)
TOP = 0.75e-6 * math.cos(FACE)


def drawn(steps: list[tuple[float, float]], bottom: float, seed: int = 0) -> BeamPicture:
    """Return a face whose layers begin at depths with brightnesses, dark below `bottom`."""
    _, v = grid(12e-6, 512)
    depth = (v - TOP) / SINE
    mean = np.where(v < -TOP, 25.0, 110.0)
    for begin, bright in steps:
        mean = np.where(depth > begin, bright, mean)
    return noisy(np.where(depth > bottom, 20.0, mean), 12e-6, 20e-9, seed, "electron", FACE)


def look_at(picture_: BeamPicture) -> Face:
    return layers_on_face(picture_, v_top=TOP, u=0.0, width=5e-6)


def test_steps_and_bottom_of_a_face_are_measured_along_the_face() -> None:
    face = look_at(drawn([(0.0, 80.0), (1.5e-6, 60.0), (2.5e-6, 90.0)], 4.5e-6))
    assert face.top.value == pytest.approx(TOP, abs=30e-9)
    assert [s.depth.value for s in face.steps] == pytest.approx([1.5e-6, 2.5e-6], abs=40e-9)
    assert [s.contrast for s in face.steps] == pytest.approx([-1 / 7, 0.2], abs=0.03)
    assert face.bottom.value == pytest.approx(4.5e-6, abs=40e-9)


@pytest.mark.parametrize("look", [Look(), Look(contrast=0.5, per_electron=0.08)])
def test_the_electrolyte_is_seen_as_a_darker_layer(look: Look) -> None:
    scene = Scene(undercut(trenched()), STACK, blur=20e-9)
    view = NEAR.model_copy(update={"current": 25e-12})
    pixels = picture(scene, view, "electron", FACE, look)
    face = look_at(BeamPicture(pixels, NEAR.field / NEAR.pixels, "electron", FACE, 0.0))
    first = next(step for step in face.steps if step.depth.value > 1.0e-6)
    assert first.depth.value == pytest.approx(1.5e-6, abs=60e-9)
    assert first.contrast < -0.02
    assert face.bottom.value == pytest.approx(4.5e-6, abs=60e-9)


def test_a_face_of_one_material_has_no_steps() -> None:
    face = look_at(drawn([(0.0, 70.0)], 3e-6))
    assert face.steps == ()
    assert face.bottom.value == pytest.approx(3e-6, abs=40e-9)


def test_a_face_that_has_no_bottom_is_refused() -> None:
    face = look_at(drawn([(0.0, 70.0)], 20e-6))
    assert "bottom" in (face.bottom.refusal or "")
    assert face.steps == ()


def test_noise_has_no_face() -> None:
    picture_ = noisy(np.full((256, 256), 50.0), 12e-6, 20e-9, 1, "electron", FACE)
    assert "top edge" in (look_at(picture_).top.refusal or "")


def test_a_beam_from_above_does_not_see_the_face() -> None:
    picture_ = noisy(np.full((256, 256), 50.0), 12e-6, 20e-9, 1, "electron", 0.0)
    assert "milling tilt" in (look_at(picture_).top.refusal or "")
