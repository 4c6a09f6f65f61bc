"""How far the site has moved between two images of the same beam."""

from __future__ import annotations

import math
from dataclasses import dataclass

from acquire.eds.drift import measure_shift
from acquire.fib.measured import Measured, refused
from drivers.fib import BeamPicture
from drivers.stem import Image

SPOT = 0.1
"""Pixels that no correlation is taken to be better than; ours, to verify."""
ENOUGH = 128
"""Pixels along a side that a shift is found from; more of them take long and tell no more."""


@dataclass(frozen=True)
class Shifted:
    """How far what a reference shows has moved, to the right (u) and down (v)."""

    u: Measured
    v: Measured

    @property
    def length(self) -> Measured:
        """How far it has moved along what is known of it; refused if nothing is."""
        if not self.u.known and not self.v.known:
            return self.v
        known = [each for each in (self.u, self.v) if each.known]
        return Measured(
            math.hypot(*(each.value for each in known)), max(each.sigma for each in known)
        )


def shift_between(reference: BeamPicture, picture: BeamPicture, largest: float) -> Shifted:
    """Return how far the site has moved from `reference` to `picture`.

    Two filter scales must agree; more than `largest` (m), or a peak at the edge of the window that
    was searched, is refused. Of a site that shows straight edges only along u, u is refused and v
    is known.

    Raises:
        InputError: the pictures differ in shape or pixel size.
    """
    if reference.beam != picture.beam or abs(reference.angle - picture.angle) > math.radians(0.2):
        reason = "the pictures are of two beams or tilts; compare pictures taken alike"
        return Shifted(refused(reason), refused(reason))
    least = min(reference.charge, picture.charge)
    shift = measure_shift(_image(reference, least), _image(picture, least), largest=largest)
    if shift.refusal is not None:
        return Shifted(refused(shift.refusal), refused(shift.refusal))
    sigma = math.hypot(shift.uncertainty, SPOT * picture.pixel_size)
    u, v = Measured(shift.dx, sigma), Measured(shift.dy, sigma)
    if shift.determined == "both":
        return Shifted(u, v)
    straight = refused("the image shows straight edges in one direction only; show an end too")
    return Shifted(straight, v) if abs(math.sin(shift.angle)) > 0.9 else Shifted(u, straight)


def _image(picture: BeamPicture, charge: float) -> Image:
    """Return the picture in blocks of pixels: nothing is lost below a tenth of a block.

    As bright as one of `charge` (C): where two differ in level, what is common is misjudged.
    """
    import numpy as np
    from skimage.measure import block_reduce

    block = max(1, picture.pixels.shape[0] // ENOUGH)
    pixels = np.asarray(picture.pixels, np.float64)
    if block > 1:
        pixels = np.asarray(block_reduce(pixels, block, np.sum))
    if 0 < charge < picture.charge:
        pixels = pixels * (charge / picture.charge)
    return Image(pixels, picture.pixel_size * block, 0.0, 0.0, 1.0)
