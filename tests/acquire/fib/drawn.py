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
    *,
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
    field: float = 4e-6
    counts: float = 400.0
    contrast: float = 1.0
    face: float = 0.45
    edge: float = 0.0
    blur: float = 12e-9
    pixels: int = 512
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
        shape = np.where(np.abs(w) < half, 1.0, 0.0)
        shape = np.where((w <= -half) & (w > -half - self.leans[0]), self.face, shape)
        shape = np.where((w >= half) & (w < half + self.leans[1]), self.face, shape)
        near = np.exp(-(((np.abs(w) - half) / 15e-9) ** 2)) * (np.abs(w) < half)
        value = dark + (1 - dark) * (shape + self.edge * near)
        size = self.field / n
        value = ndimage.gaussian_filter(value, (self.blur / size, self.blur / size / fine))
        mean = value.reshape(self.pixels, fine, self.pixels).mean(axis=1) * self.counts
        counts = np.random.default_rng(self.seed).poisson(mean)
        return BeamPicture(counts.astype(np.uint16), self.field / self.pixels, "ion", 0.0, 0.0)

    def at_interface(self, share: float) -> float:
        """Return the true thickness at the interface."""
        return self.thickness + share * sum(self.leans)
