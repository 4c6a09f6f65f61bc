"""The lamella's thickness from above: right, as sure as it says, or refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from acquire.fib import strip_model
from acquire.fib.strip import Strip, lamella_strip
from drivers.fib import BeamPicture
from tests.acquire.fib.drawn import Drawn, grid, noisy

NM = 1e-9


def test_the_model_of_the_strip_changes_as_its_slopes_say() -> None:
    v, scale = np.linspace(-0.3e-6, 0.3e-6, 60), strip_model.sizes(90.0)
    metres = [3e-9, 0.1e-6, 30e-9, 50e-9, 20e-9]
    x = np.array([*metres, 10, 14, 100, 0.7, 0.4, 0.45, 0.3, 25e-9, 12e-9, 2e-9])

    def seen(x: np.ndarray) -> np.ndarray:
        return np.append(strip_model.Course(x, v, 0.3).values, strip_model.unusual(x))

    slopes = np.append(
        strip_model.Course(x, v, 0.3).slopes().T, strip_model.unusual_slopes(x), axis=0
    )
    for index, step in enumerate(np.diag(1e-5 * scale)):
        by = (seen(x + step) - seen(x - step)) / 2e-5
        assert scale[index] * slopes[:, index] == pytest.approx(by, abs=1e-6)


def strip(drawn: Drawn) -> Strip:
    return lamella_strip(drawn.picture(), kept=5e-6, depth=4.5e-6, interface=1.5e-6)


@pytest.mark.parametrize("thickness", [60 * NM, 100 * NM, 300 * NM, 1500 * NM])
def test_the_thickness_at_the_interface_is_measured(thickness: float) -> None:
    drawn = Drawn(thickness=thickness, field=8e-6 if thickness > 500 * NM else 3e-6)
    found = strip(drawn).at_interface
    assert found.refusal is None
    assert abs(found.value - drawn.at_interface) < max(2.5 * found.sigma, 3 * NM)
    assert found.sigma < 20 * NM


@pytest.mark.parametrize(("turn", "middle"), [(-2.0, 0.5e-6), (0.4, -0.5e-6), (2.0, -0.3e-6)])
def test_a_turned_and_displaced_lamella_is_as_thick(turn: float, middle: float) -> None:
    drawn = Drawn(turn=math.radians(turn), middle=middle)
    found = strip(drawn)
    # flat faces, where the fit expects the beam's: half a standard error or two too thick
    assert abs(found.at_interface.value - drawn.at_interface) < 2 * found.at_interface.sigma
    assert found.at_interface.sigma < 10 * NM
    assert found.middle.value == pytest.approx(middle, abs=10 * NM)


def test_two_standard_errors_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    off, held = [], []
    for seed in range(12):
        drawn = Drawn(
            thickness=math.exp(rng.uniform(math.log(60 * NM), math.log(400 * NM))),
            leans=(rng.uniform(0, 80 * NM), rng.uniform(0, 80 * NM)),
            turn=math.radians(rng.uniform(-2, 2)),
            curtain=rng.uniform(0, 8 * NM),
            counts=rng.uniform(80, 500),
            faces=(rng.uniform(0.5, 1.05), rng.uniform(0.25, 0.8)),
            edge=rng.uniform(0, 0.5),
            sharp_rim=bool(seed % 2),
            blur=rng.uniform(6 * NM, 20 * NM),
            seed=seed,
        )
        found = strip(drawn).at_interface
        off.append(found.value - drawn.at_interface)
        held.append(abs(off[-1]) < 2 * found.sigma)
    assert abs(float(np.mean(off))) < 5 * NM
    assert sum(held) >= 10


def test_poor_contrast_and_vibration_widen_the_error() -> None:
    good, poor = strip(Drawn()), strip(Drawn(contrast=0.5, blur=35 * NM))
    assert poor.at_interface.refusal is None
    assert poor.at_interface.sigma > 1.5 * good.at_interface.sigma
    assert abs(poor.at_interface.value - Drawn().at_interface) < 2.5 * poor.at_interface.sigma


def test_curtains_show_as_waviness_and_a_thinnest_piece() -> None:
    even, wavy = strip(Drawn()), strip(Drawn(curtain=40 * NM, thickness=150 * NM))
    assert even.waviness < 3 * NM
    assert wavy.waviness > 10 * NM
    assert wavy.thinnest.value < wavy.at_interface.value - 15 * NM


def test_the_ends_of_a_short_lamella_are_seen() -> None:
    u, v = grid(20e-6, 512)
    mean = np.where((np.abs(v) < 0.75e-6) & (u > -6.5e-6) & (u < 5.5e-6), 300.0, 60.0)
    found = lamella_strip(noisy(mean, 20e-6, 20 * NM, 1), kept=5e-6, depth=4e-6, interface=1e-6)
    assert found.left.value == pytest.approx(-6.5e-6, abs=60 * NM)
    assert found.right.value == pytest.approx(5.5e-6, abs=60 * NM)


def test_an_end_outside_the_image_is_not_told() -> None:
    found = strip(Drawn())
    assert "not in the image" in (found.left.refusal or "")


def test_noise_alone_shows_no_lamella() -> None:
    pixels = np.random.default_rng(0).poisson(50, (256, 256)).astype(np.uint16)
    found = lamella_strip(
        BeamPicture(pixels, 8 * NM, "ion", 0.0, 0.0), kept=5e-6, depth=4e-6, interface=1e-6
    )
    assert found.at_interface.refusal is not None
    assert found.middle.refusal is not None


def test_a_lamella_beside_only_one_trench_is_refused() -> None:
    _, v = grid(4e-6, 256)
    picture = noisy(np.where(v < 0.3e-6, 300.0, 60.0), 4e-6, 15 * NM, 2)
    found = lamella_strip(picture, kept=5e-6, depth=4e-6, interface=1e-6)
    assert "border" in (found.at_interface.refusal or "")


def test_a_blur_as_wide_as_the_lamella_is_refused() -> None:
    found = strip(Drawn(thickness=90 * NM, blur=110 * NM))
    assert found.at_interface.refusal is not None


@pytest.mark.parametrize("wrong", [{"beam": "electron"}, {"angle": math.radians(10)}])
def test_only_an_ion_image_from_above_shows_a_thickness(wrong: dict[str, object]) -> None:
    picture = replace(Drawn().picture(), **wrong)  # type: ignore[arg-type]
    found = lamella_strip(picture, kept=5e-6, depth=4e-6, interface=1e-6)
    assert "normal to the surface" in (found.at_interface.refusal or "")


def test_an_offset_of_the_detector_leaves_the_thickness_as_it_is() -> None:
    picture = Drawn(thickness=90 * NM).picture()
    lifted = replace(picture, pixels=picture.pixels + np.uint16(400))
    there, here = (
        lamella_strip(each, kept=5e-6, depth=4.5e-6, interface=1.5e-6).at_interface
        for each in (picture, lifted)
    )
    assert here.value == pytest.approx(there.value, abs=2 * NM)
