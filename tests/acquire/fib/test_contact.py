"""Contact is seen; a charging jump of the whole image is not taken for it."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.fib.contact import ContactWatch
from acquire.flags import Flag
from drivers.fib import BeamPicture
from tests.acquire.fib.drawn import grid, noisy

BOX = (-4e-6, 4e-6, -0.6e-6, 0.6e-6)


def picture(
    seed: int, *, lamella: float = 1.0, gain: float = 1.0, offset: float = 0.0, tip: float = 7e-6
) -> BeamPicture:
    """Return a lamella of that brightness among film and needle, all times gain, and offset."""
    u, v = grid(20e-6, 256)
    mean = np.where(np.abs(v) > 8e-6, 0.7, 0.2)
    mean = np.where((np.abs(v) < 0.75e-6) & (np.abs(u) < 6e-6), 0.6 * lamella, mean)
    mean = np.where(np.abs(v) < 0.3 * (u - tip), 1.0, mean)
    return noisy((mean * gain + offset) * 100, 20e-6, 50e-9, seed)


def watched(pictures: list[BeamPicture], brighter: float = 1.2) -> list[Flag | None]:
    watch = ContactWatch(brighter)
    return [watch.see(each, BOX) for each in pictures]


def approach(count: int) -> list[BeamPicture]:
    return [picture(k, tip=7e-6 - 0.1e-6 * k) for k in range(count)]


@pytest.mark.parametrize("brightening", [1.25, 1.4, 1.12])
def test_contact_is_flagged_at_the_second_bright_picture(brightening: float) -> None:
    touched = [picture(50 + k, lamella=brightening, tip=6e-6) for k in range(2)]
    flags = watched(approach(8) + touched)
    assert flags[:9] == [None] * 9
    assert flags[9] is not None
    assert flags[9].kind == "contact"
    assert flags[9].index == 9


def test_an_approach_without_contact_raises_nothing() -> None:
    assert watched(approach(30)) == [None] * 30


@pytest.mark.parametrize(("gain", "offset"), [(1.5, 0.0), (1.0, 0.3), (0.7, 0.1)])
def test_a_jump_of_the_whole_image_is_no_contact(gain: float, offset: float) -> None:
    jumped = [picture(50 + k, gain=gain, offset=offset) for k in range(6)]
    assert watched(approach(8) + jumped) == [None] * 14


def test_one_bright_picture_alone_is_no_contact() -> None:
    flash = [picture(60, lamella=1.4), *(picture(61 + k) for k in range(4))]
    assert watched(approach(6) + flash) == [None] * 11


def test_contact_during_a_charging_jump_is_still_seen() -> None:
    touched = [picture(50 + k, lamella=1.3, gain=1.4) for k in range(2)]
    assert watched(approach(8) + touched)[-1] is not None
