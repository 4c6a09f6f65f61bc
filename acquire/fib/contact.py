"""Contact of the needle: the lamella grows brighter against the rest of the image.

A needle that touches leads charge away, and the lamella brightens in the ion image. A jump of the
whole image (charging, gain) is none: each image is first brought to the levels of those before, by
what lies outside the lamella. Source of the factor 1.2: reference sheet fib-and-tem.md, 3.3.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.flags import Flag
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]

IN_A_ROW = 2
"""Pictures in a row that must be brighter."""
SURE = 6.0
"""Standard errors that the brightening must also stand out by."""
WEAK = 0.25
"""Share of the asked brightening that is taken as contact too, when it is seen SURE and twice:
where contrast is poor; ours, to verify."""
FIRST = 3
"""Pictures before which nothing is said: the running mean needs them."""
BLOCK = 8
"""Pixels of the side of a block that the levels are compared in."""


class ContactWatch:
    """Looks at one picture after the other while the needle comes nearer."""

    def __init__(self, brighter: float) -> None:
        """Flag when the box is `brighter` times its running mean, or surely a good part of it."""
        self._brighter = brighter
        self._ratios: list[float] = []
        self._blocks: list[Floats] = []
        self._in_a_row = 0
        self._pictures = 0

    @property
    def suspects(self) -> bool:
        """True if the last picture was bright and one more is needed to tell."""
        return 0 < self._in_a_row < IN_A_ROW

    @property
    def ready(self) -> bool:
        """True once it knows how bright the lamella is without contact."""
        return self._pictures >= FIRST

    def see(self, picture: BeamPicture, box: Box) -> Flag | None:
        """Take the next picture; return a flag of kind contact when it shows contact.

        `box` is left, right, top and bottom of the lamella in the image, m; not of the needle.
        """
        inside, blocks, outside = _split(picture, box)
        level, noise = inside
        gain, offset = self._levels(blocks, outside)
        ratio = (level - offset) / gain
        index = self._pictures
        self._pictures += 1
        if index < FIRST:
            self._keep(ratio, blocks)
            return None
        mean = float(np.mean(self._ratios))
        scatter = max(float(np.std(self._ratios, ddof=1)), noise / gain)
        sure = (ratio - mean) / (scatter * math.sqrt(1 + 1 / len(self._ratios)))
        strong = sure > SURE / 2 and ratio > self._brighter * mean
        weak = sure > SURE and ratio > (1 + WEAK * (self._brighter - 1)) * mean
        if not (strong or weak):
            self._in_a_row = 0
            self._keep(ratio, blocks)
            return None
        self._in_a_row += 1
        if self._in_a_row < IN_A_ROW:
            return None
        return Flag(
            "contact",
            "lamella",
            index,
            statistic=ratio / mean,
            threshold=self._brighter,
            note=f"{ratio / mean:.2f} times its mean, {sure:.0f} standard errors",
        )

    def _keep(self, ratio: float, blocks: Floats) -> None:
        self._ratios.append(ratio)
        self._blocks.append(blocks)

    def _levels(self, blocks: Floats, outside: npt.NDArray[np.bool_]) -> tuple[float, float]:
        """Return gain and offset of this picture against those before, by what is outside."""
        if not self._blocks:
            return 1.0, 0.0
        before = np.median(self._blocks, axis=0)[outside]
        now = blocks[outside]
        kept = np.ones(len(now), bool)
        gain, offset = 1.0, 0.0
        for _ in range(4):
            gain, offset = np.polyfit(before[kept], now[kept], 1)
            rest = np.abs(now - gain * before - offset)
            kept = rest <= 3 * 1.4826 * float(np.median(rest)) + 1e-9
        return float(max(gain, 1e-3)), float(offset)


def _split(
    picture: BeamPicture, box: Box
) -> tuple[tuple[float, float], Floats, npt.NDArray[np.bool_]]:
    """Return mean and its error inside the box, means of the blocks, which are outside."""
    from skimage.measure import block_reduce

    pixels = np.asarray(picture.pixels, float)
    v, u = (places(count, picture.pixel_size) for count in pixels.shape)
    left, right, top, bottom = box
    inside = ((v > top) & (v < bottom))[:, None] & ((u > left) & (u < right))[None, :]
    values = pixels[inside]
    if not len(values):
        raise ValueError("the box lies outside the picture; give left, right, top, bottom in m")
    blocks = block_reduce(pixels, BLOCK, np.mean)
    outside = block_reduce(inside, BLOCK, np.max) < 0.5
    error = math.sqrt(max(float(values.mean()), 1.0) / len(values))
    return (float(values.mean()), error), np.asarray(blocks), outside
