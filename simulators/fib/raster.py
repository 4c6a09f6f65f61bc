"""Image coordinates, and layers of an image that cover each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Reals = npt.NDArray[np.float32]

AT_ONCE = 64
"""Pixels along a row."""


@dataclass(frozen=True)
class Raster:
    """The pixels of an image in the frame's u and v, for a beam from +y: angle 0 or more.

    A beam from -y sees the mirrored scene, upside down.
    """

    left: float
    top: float
    """u and v of the image's left and top border, m."""
    size: float
    """Of a pixel, m."""
    pixels: int
    angle: float

    @property
    def cos(self) -> float:
        """Cosine of the angle."""
        return math.cos(self.angle)

    @property
    def sin(self) -> float:
        """Sine of the angle."""
        return math.sin(self.angle)

    @property
    def right(self) -> float:
        """Border of the image, u (m)."""
        return self.left + self.pixels * self.size

    @property
    def u(self) -> Floats:
        """Middles of the pixels, m."""
        return np.asarray(self.left + (np.arange(self.pixels) + 0.5) * self.size)

    @property
    def v(self) -> Floats:
        """Middles of the pixels, m."""
        return np.asarray(self.top + (np.arange(self.pixels) + 0.5) * self.size)

    @property
    def v_edges(self) -> Floats:
        """Borders of the pixels, m, shape (pixels + 1,)."""
        return np.asarray(self.top + np.arange(self.pixels + 1) * self.size)

    def overlap(self, edges: Floats) -> Reals:
        """Return how much of each pixel lies in each column, shape (columns, pixels)."""
        low, high = edges[:-1, None], edges[1:, None]
        begin = self.u - self.size / 2
        shared = np.minimum(high, begin + self.size) - np.maximum(low, begin)
        return np.asarray(np.clip(shared / self.size, 0, 1), np.float32)


@dataclass(frozen=True)
class Layer:
    """What one body shows, already times its coverage; arrays of one shape (columns, rows)."""

    plain: Reals
    """Brightness of faces and floors."""
    film: Reals
    """Brightness of the free surface, which has grains."""
    cover: Reals
    """Share of the pixel that it covers."""

    def over(self, behind: Layer) -> Layer:
        """Return this layer with another one behind it."""
        free = 1 - self.cover
        return Layer(
            self.plain + free * behind.plain,
            self.film + free * behind.film,
            self.cover + free * behind.cover,
        )

    def spread(self, weights: Reals) -> Layer:
        """Return it with the columns shared out to pixels, shape (pixels, pixels): rows first."""
        return Layer(*(_spread(each, weights) for each in (self.plain, self.film, self.cover)))


def _spread(columns: Reals, weights: Reals) -> Reals:
    """Return the columns' rows times weights, some pixels at once: few columns lie under those."""
    out = np.zeros((columns.shape[1], weights.shape[1]), np.float32)
    if columns.any():
        for begin in range(0, weights.shape[1], AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            under = np.flatnonzero(weights[:, part].any(axis=1))
            if len(under):
                some = slice(int(under[0]), int(under[-1]) + 1)
                np.matmul(columns[some].T, weights[some, part], out=out[:, part])
    return out


def empty(shape: tuple[int, int]) -> Layer:
    """Return a layer that shows nothing."""
    return Layer(*np.zeros((3, *shape), np.float32))


@dataclass(frozen=True)
class Shown:
    """Something with its grains: brightness times coverage, and coverage, shape (rows, columns)."""

    bright: Reals
    cover: Reals

    def over(self, behind: Shown) -> Shown:
        """Return it with something else behind it."""
        free = 1 - self.cover
        return Shown(self.bright + free * behind.bright, self.cover + free * behind.cover)
