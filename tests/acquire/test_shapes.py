"""The same rise by other curves: the right one is not excluded, and the widths differ."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.eds.rise_fit import Prior, fit
from acquire.eds.shapes import EXCLUDED, SHAPES, SIGMAS, Compared, compared
from tests.acquire.ramps import NM, line_of

WIDTH = 80 * NM
DISTANCE = np.arange(150) * 2 * NM


def by_shape(name: str, plateau: float, seed: int) -> Compared:
    rng = np.random.default_rng(seed)
    shape = SHAPES[name]((DISTANCE - 140 * NM) / (WIDTH / SIGMAS))
    line = line_of(rng, shape, level=4.0, plateau=plateau)
    return compared(fit(line, Prior(), rng))


@pytest.mark.parametrize("name", list(SHAPES))
def test_the_right_shape_is_not_excluded_and_has_the_right_width(name: str) -> None:
    found = by_shape(name, 300.0, 1)
    right = found["shapes"][name]
    assert right["nats"] < EXCLUDED
    assert right["width_m"] == pytest.approx(WIDTH, rel=0.1)


def test_many_counts_exclude_other_shapes_and_few_do_not() -> None:
    many = by_shape("linear", 3000.0, 2)
    assert many["shapes"]["exponential"]["nats"] > EXCLUDED
    few = by_shape("linear", 8.0, 2)
    assert all(shape["nats"] < EXCLUDED for shape in few["shapes"].values())


@pytest.mark.parametrize("plateau", [8.0, 60.0, 3000.0])
def test_the_spread_is_that_of_the_shapes_that_are_not_excluded(plateau: float) -> None:
    found = by_shape("linear", plateau, 3)
    allowed = [e["width_m"] for e in found["shapes"].values() if e["nats"] < EXCLUDED]
    assert found["spread_m"] == max(allowed) - min(allowed)
    assert min(shape["nats"] for shape in found["shapes"].values()) == 0.0
    assert (found["spread_m"] > 0) == (len(allowed) > 1)
