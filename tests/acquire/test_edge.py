"""The edge of an image and the line across it: found where it is, refused where it is not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquire.eds.edge import NoEdgeError, find_edge, line_from
from drivers.stem import Image
from protocols.eds import EdgeStart, PointStart
from protocols.errors import InputError

FIELD = 1e-6
NM = 1e-9


def picture(
    angle: float,
    place: float,
    *,
    dark: float = 1.0,
    bright: float = 4.0,
    width: float = 76e-9,
    bend: float = math.inf,
    pixels: int = 512,
    seed: int = 1,
) -> Image:
    """Return a Poisson image of an edge `place` metres from the centre along its normal."""
    size = FIELD / pixels
    r = (np.arange(pixels) - (pixels - 1) / 2) * size
    x, y = np.meshgrid(r, r)
    along = y * math.cos(angle) - x * math.sin(angle)
    t = x * math.cos(angle) + y * math.sin(angle) - place + along**2 / bend
    share = np.clip(t / width + 0.5, 0.0, 1.0)
    counts = np.random.default_rng(seed).poisson(dark + (bright - dark) * share)
    return Image(counts.astype(np.uint16), size, 0.0, 0.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(
    angle=st.floats(-math.pi, math.pi),
    place=st.floats(-150e-9, 150e-9),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_edge_is_found_at_any_angle(angle: float, place: float, seed: int) -> None:
    edge = find_edge(picture(angle, place, seed=seed))
    away = edge.x * math.cos(angle) + edge.y * math.sin(angle) - place
    assert abs(away) < 3 * NM
    assert abs(math.remainder(edge.angle - angle, 2 * math.pi)) < 0.01
    assert edge.contrast == pytest.approx(0.6, abs=0.05)


def test_the_uncertainty_is_that_of_repeated_images() -> None:
    away = []
    for seed in range(60):
        edge = find_edge(picture(0.2, 30e-9, seed=seed))
        away.append((edge.x * math.cos(0.2) + edge.y * math.sin(0.2) - 30e-9) / edge.uncertainty)
    assert 0.7 < math.sqrt(np.mean(np.square(away))) < 1.4


def test_the_image_centre_moves_the_edge() -> None:
    image = picture(0.1, 20e-9)
    moved = Image(image.pixels, image.pixel_size, 5e-9, -7e-9, 1.0)
    first, second = find_edge(image), find_edge(moved)
    assert second.x - first.x == pytest.approx(5e-9)
    assert second.y - first.y == pytest.approx(-7e-9)


def test_noise_shows_no_edge() -> None:
    rng = np.random.default_rng(2)
    for counts in (0.05, 3.0, 50.0):
        for _ in range(5):
            image = Image(rng.poisson(counts, (512, 512)), 2e-9, 0.0, 0.0, 1.0)
            with pytest.raises(NoEdgeError, match=r"no edge.*more dose"):
                find_edge(image)


@pytest.mark.parametrize("value", [0, 7])
def test_a_flat_image_shows_no_edge(value: int) -> None:
    with pytest.raises(NoEdgeError):
        find_edge(Image(np.full((512, 512), value), 2e-9, 0.0, 0.0, 1.0))


def test_a_gradual_change_is_no_edge() -> None:
    with pytest.raises(NoEdgeError, match="not to be trusted"):
        find_edge(picture(0.4, 0.0, width=FIELD))


def test_a_bent_edge_is_not_trusted() -> None:
    with pytest.raises(NoEdgeError, match="not to be trusted"):
        find_edge(picture(0.4, 0.0, bend=3e-7))


def test_an_edge_through_half_the_image_is_not_trusted() -> None:
    y, x = np.indices((512, 512))
    counts = np.random.default_rng(3).poisson(1 + 4 * ((x > 250) & (y < 256)))
    with pytest.raises(NoEdgeError, match="not to be trusted"):
        find_edge(Image(counts, 2e-9, 0.0, 0.0, 1.0))


def test_the_line_crosses_the_edge_at_right_angles_from_the_dark_side() -> None:
    start = EdgeStart(edge_of="dark_field", offset=-200e-9)
    line = line_from(start, 350e-9, 351, picture(0.2, 30e-9), strip=600e-9)
    assert line.angle == pytest.approx(0.2, abs=0.01)
    x, y = line.at(200e-9)
    assert x * math.cos(0.2) + y * math.sin(0.2) == pytest.approx(30e-9, abs=3 * NM)
    assert line.position(350) == pytest.approx(line.at(350e-9))
    assert line.edge is not None


def test_the_line_may_come_from_the_bright_side() -> None:
    start = EdgeStart(edge_of="dark_field", offset=-200e-9, from_side="bright")
    line = line_from(start, 350e-9, 351, picture(0.2, 30e-9))
    assert line.angle == pytest.approx(0.2 - math.pi, abs=0.01)


def test_a_line_from_a_point_needs_no_edge() -> None:
    blank = Image(np.zeros((64, 64)), 1e-9, 0.0, 0.0, 0.0)
    line = line_from(PointStart(x=-20e-9, y=0.0, angle=0.0), 40e-9, 41, blank)
    assert line.position(40) == pytest.approx((20e-9, 0.0))
    assert line.edge is None


def test_a_line_that_leaves_the_image_says_by_how_much() -> None:
    blank = Image(np.zeros((64, 64)), 1e-9, 0.0, 0.0, 0.0)
    with pytest.raises(InputError, match=r"leaves the image by 8 nm; .* widen survey\.field"):
        line_from(PointStart(x=0.0, y=0.0, angle=0.0), 40e-9, 41, blank)
    with pytest.raises(InputError, match=r"10 nm wide, leaves the image by 3 nm"):
        line_from(PointStart(x=-20e-9, y=30e-9, angle=0.0), 40e-9, 41, blank, strip=10e-9)
