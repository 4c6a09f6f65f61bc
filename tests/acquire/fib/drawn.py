"""Pictures drawn for the tests: blurred polygons with Poisson counts, independent of any model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from drivers.fib import BeamName, BeamPicture

Floats = npt.NDArray[np.float64]


def grid(field: float, pixels: int) -> tuple[Floats, Floats]:
    """Return u and v of each pixel, m."""
    at = (np.arange(pixels) - (pixels - 1) / 2) * field / pixels
    v, u = np.meshgrid(at, at, indexing="ij")
    return u, v


def noisy(
    mean: Floats,
    field: float,
    blur: float,
    seed: int,
    beam: BeamName = "ion",
    angle: float = 0.0,
) -> BeamPicture:
    """Return a picture of mean counts, blurred by a Gaussian of standard deviation `blur`."""
    size = field / mean.shape[1]
    smooth = ndimage.gaussian_filter(mean, blur / size, mode="nearest")
    counts = np.random.default_rng(seed).poisson(np.maximum(smooth, 0.0))
    return BeamPicture(counts.astype(np.uint16), size, beam, angle, 0.0)


@dataclass(frozen=True)
class Drawn:
    """A lamella from above: true sizes, m."""

    thickness: float = 100e-9
    """Of its top."""
    leans: tuple[float, float] = (30e-9, 30e-9)
    """Width of each sloping face."""
    middle: float = 0.0
    turn: float = 0.0
    curtain: float = 0.0
    field: float = 3e-6
    counts: float = 400.0
    contrast: float = 1.0
    faces: tuple[float, float] = (0.8, 0.5)
    """Brightness of the faces above and below the interface, top 1 and trench 0."""
    share: float = 1 / 3
    """Depth of the interface by that of the bottom."""
    edge: float = 0.2
    """By how much the top is brighter at its edges, fading over `rim`."""
    rim: float = 20e-9
    sharp_rim: bool = False
    """The rim is as bright all over twice `rim`, and ends there."""
    blur: float = 12e-9
    pixels: int = 352
    seed: int = 0

    def picture(self) -> BeamPicture:
        """Return its picture; pixels are drawn four times as fine across."""
        fine = 4
        u = ((np.arange(self.pixels) + 0.5) / self.pixels - 0.5) * self.field
        n = self.pixels * fine
        v = ((np.arange(n) + 0.5) / n - 0.5) * self.field
        wave = 0.5 * self.curtain * np.sin(2 * np.pi * u / 0.7e-6 + self.seed)
        w = (v[:, None] - self.middle - math.tan(self.turn) * u) * math.cos(self.turn)
        half = self.thickness / 2 + wave
        dark = 1.0 - 0.8 * self.contrast
        out = np.abs(w) - half
        lean = np.where(w < 0, self.leans[0], self.leans[1])
        shape = np.where(out < lean, self.faces[1], 0.0)
        shape = np.where(out < lean * self.share, self.faces[0], shape)
        near = np.exp(np.minimum(out, 0.0) / self.rim)
        near = (out > -2 * self.rim) * 1.0 if self.sharp_rim else near
        shape = np.where(out <= 0, 1.0 + self.edge * near, shape)
        value = dark + (1 - dark) * shape
        size = self.field / n
        value = ndimage.gaussian_filter(value, (self.blur / size, self.blur / size / fine))
        mean = value.reshape(self.pixels, fine, self.pixels).mean(axis=1) * self.counts
        counts = np.random.default_rng(self.seed).poisson(mean)
        return BeamPicture(counts.astype(np.uint16), self.field / self.pixels, "ion", 0.0, 0.0)

    @property
    def at_interface(self) -> float:
        """The true thickness at the interface."""
        return self.thickness + self.share * sum(self.leans)
