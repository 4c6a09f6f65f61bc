"""The lamella on its needle before the post: its end, borders and the post's edge, or refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquire.fib.bodies import Body
from acquire.fib.hanging import hanging, post_edge
from acquire.fib.measured import Measured
from drivers.fib import BeamPicture
from tests.acquire.fib.drawn import grid, noisy

NM = 1e-9


@dataclass(frozen=True)
class Before:
    """A lamella before the post, from above: true places, m."""

    post: float = -6.2e-6
    gap: float = 0.3e-6
    middle: float = 0.1e-6
    counts: tuple[float, float, float] = (11.0, 22.0, 37.0)
    """Per pixel: of what is empty, of the lamella, of post and needle, in the poorest contrast."""
    step: float = 0.0
    """By which the lower half of its end reaches less far."""
    seed: int = 0

    @property
    def end(self) -> float:
        return self.post + self.gap

    def picture(self, field: float = 18e-6) -> BeamPicture:
        u, v = grid(field, 512)
        empty, lamella, bright = self.counts
        mean = np.where((u < self.post) & (np.abs(v) < 5e-6), bright, empty)
        begins = self.end + np.where(v > self.middle, self.step, 0.0)
        inside = (u > begins) & (u < self.end + 12e-6) & (np.abs(v - self.middle) < 0.8e-6)
        mean = np.where(inside, lamella, mean)
        tip = self.end + 12e-6
        needle = (u >= tip) & (np.abs(v - self.middle) < 0.3e-6 + 0.2 * (u - tip))
        return noisy(np.where(needle, bright, mean), field, 22e-9, self.seed)

    def seen(self, picture: BeamPicture, wrong: float = 0.0) -> Body:
        """Return what is found where it is expected `wrong` off."""
        end = self.end + wrong
        return hanging(picture, surely=(end + 1.2e-6, end + 9e-6), v=(-2.1e-6, 2.3e-6))


@settings(max_examples=6, deadline=None)
@given(
    gap=st.floats(0.25e-6, 6e-6),
    wrong=st.floats(-1e-6, 1e-6),
    seed=st.integers(0, 1000),
)
def test_gap_and_borders_are_found_in_the_poorest_contrast(
    gap: float, wrong: float, seed: int
) -> None:
    before = Before(gap=gap, seed=seed)
    picture = before.picture()
    found = before.seen(picture, wrong)
    post = post_edge(picture, found, u=before.post + wrong, reach=1.2e-6)
    assert all(part.refusal is None for part in (*found.parts, post))
    assert post.value == pytest.approx(before.post, abs=20 * NM)
    assert found.end.value == pytest.approx(before.end, abs=80 * NM)
    assert found.upper.value == pytest.approx(before.middle - 0.8e-6, abs=40 * NM)
    assert found.lower.value == pytest.approx(before.middle + 0.8e-6, abs=70 * NM)


def test_the_end_is_where_its_foremost_part_reaches() -> None:
    before = Before(gap=0.5e-6, step=0.4e-6)
    assert before.seen(before.picture()).end.value == pytest.approx(before.end, abs=80 * NM)


def test_a_lamella_that_is_gone_is_not_made_of_the_needle() -> None:
    found = Before(counts=(11.0, 11.0, 37.0)).seen(Before(counts=(11.0, 11.0, 37.0)).picture())
    assert "no lamella" in (found.end.refusal or "")


def test_a_lamella_that_touches_the_post_has_no_end() -> None:
    before = Before(gap=0.0)
    assert not before.seen(before.picture()).end.known


def test_of_a_lamella_that_is_not_seen_no_post_is_told() -> None:
    no = Measured(0.0, 0.0, "nothing")
    edge = post_edge(Before().picture(), Body(no, no, no), u=-6.2e-6, reach=1e-6)
    assert edge.refusal == "nothing"
