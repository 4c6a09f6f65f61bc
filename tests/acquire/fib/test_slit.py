"""Slits in a face: what is cut through is told from what is not, however dim the contrast."""

from __future__ import annotations

import math

import numpy as np
import pytest

from acquire.fib.slit import dark_slit, slit_seen
from drivers.fib import BeamPicture
from protocols.fib import BeamImage
from simulators.fib.scene import Look, Scene
from simulators.fib.solid import Solid
from tests.simulators.fib.pictured import FACE, LENGTH, STACK, picture, trenched, undercut

VIEW = BeamImage(field=18e-6, pixels=512, dwell=1e-6, frames=64, current=25e-12)
HALF = 0.75e-6


def seen(solid: Solid, contrast: float) -> BeamPicture:
    """Return the electron image of the front face."""
    pixels = picture(Scene(solid, STACK), VIEW, "electron", FACE, Look(contrast=contrast))
    return BeamPicture(pixels.astype(np.uint16), VIEW.field / VIEW.pixels, "electron", FACE, 0.0)


def down(depth: float) -> float:
    """Return v of a depth on the front face, m."""
    return HALF * math.cos(FACE) + depth * math.sin(FACE)


@pytest.mark.parametrize("contrast", [1.0, 0.5])
@pytest.mark.parametrize("cut", [True, False])
def test_an_undercut_is_seen_if_it_is_there_whatever_the_contrast(
    contrast: float, cut: bool
) -> None:
    image = seen(undercut(trenched()) if cut else trenched(), contrast)
    under = dark_slit(image, u=0.0, v=down(5e-6), length=8.4e-6, width=math.sin(FACE) * 1e-6)
    side = slit_seen(image, u=LENGTH + 0.5e-6, top=down(0.0), bottom=down(4.5e-6), width=1e-6)
    assert (under.value >= 0.65) is cut
    assert (side.value >= 0.5) is cut
