"""What the images of a simulated FIB show: the chamber at one moment, seen by one beam."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from protocols.fib import BeamImage
from simulators.draws import generator
from simulators.fib.chamber import Chamber
from simulators.fib.faults import ChargingJump, at
from simulators.fib.motion import triple
from simulators.fib.scene import Look, Scene
from simulators.fib.settings import SimFibSettings
from simulators.fib.solid import SITE
from simulators.fib.view import render

if TYPE_CHECKING:
    from simulators.fib.exposing import Exposure

CHARGING, CHARGED = 0.03, 0.3
"""Scatter of the insulators' brightness from image to image, usual and in a fault; ours."""
USUAL_EFFICIENCY = 0.9
"""Of the detector, for which the view's counts are."""
NOTHING = 1e-18
"""A: of a beam that does not reach the specimen."""


def look_of(settings: SimFibSettings) -> Look:
    """Return how bright things are with these settings."""
    usual = Look()
    share = settings.detector_efficiency / USUAL_EFFICIENCY
    return replace(
        usual,
        contrast=settings.contrast,
        per_ion=usual.per_ion * share,
        per_electron=usual.per_electron * share,
    )


class Pictures:
    """Takes images of a chamber."""

    def __init__(self, chamber: Chamber) -> None:
        """Look into that chamber."""
        self._chamber = chamber
        self._look = look_of(chamber.settings)

    def take(self, exposure: Exposure, image: BeamImage) -> npt.NDArray[Any]:
        """Return the counts of an image that has been exposed, shape (pixels, pixels)."""
        chamber = self._chamber
        t = exposure.begin + exposure.done / 2
        angle = chamber.geometry.angle(exposure.beam, exposure.tilt)
        flowed = max(NOTHING, exposure.charge / max(exposure.done, 1e-9))
        seen = image.model_copy(update={"current": flowed})
        draws = generator(chamber.world.seed, "fib", "image", exposure.number)
        scene = self.scene(exposure, angle, t)
        if scene.place == "site" and abs(scene.shift[0]) > SITE + image.field / 2:
            scene = _beside(scene, angle)
        return render(scene, seen, exposure.beam, angle, self._look, draws)

    def scene(self, exposure: Exposure, angle: float, t: float) -> Scene:
        """Return what is seen of the chamber at the world time `t` (s)."""
        chamber = self._chamber
        tip = chamber.tip(t)
        shift = chamber.pointing.shift(
            exposure.beam, exposure.current, angle, chamber.displaced(t), t
        )
        return Scene(
            solid=chamber.solid,
            stack=chamber.stack,
            place=chamber.place,
            needle=None if tip is None else triple(tip),
            stub=chamber.stub(t),
            in_contact=chamber.in_contact(t),
            shift=shift,
            blur=chamber.settings.vibration,
            charging=CHARGED if at(chamber.faults, ChargingJump, t) else CHARGING,
            texture=chamber.world.seed,
        )


def _beside(scene: Scene, angle: float) -> Scene:
    """Return what is seen of a place so far from the site that only untouched film is there."""
    needle = scene.needle
    if needle is not None:
        u, v = scene.shift
        needle = (needle[0] + u, needle[1] + v / math.cos(angle), needle[2])
    return replace(scene, place="elsewhere", needle=needle, shift=(0.0, 0.0))
