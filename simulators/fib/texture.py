"""Grains of surfaces: fixed to the specimen, so that images of one place can be laid over another.

Shapes and sizes are ours, to look like evaporated lithium: hillocks of about 1 um, fine grains,
scattered bright particles.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from simulators.fib.raster import Floats, Reals

TILE = 1024
STEP = 40e-9
"""Pixel of the tile, m; it repeats after 41 um."""
FINER = 5.0
"""The tile is laid over itself, that many times smaller, for narrow fields."""
HILLOCKS, GRAINS, PARTICLES = 12.0, 3.0, 4.0
"""Standard deviations of the filters, pixels."""


@lru_cache(maxsize=4)
def _tile(seed: int) -> Reals:
    """Return the relative brightness of a surface, mean 0, shape (TILE, TILE)."""
    rng = np.random.default_rng(seed)

    def field(width: float) -> Floats:
        made = ndimage.gaussian_filter(rng.standard_normal((TILE, TILE)), width, mode="wrap")
        return np.asarray(made / made.std())

    hillocks, grains, particles = field(HILLOCKS), field(GRAINS), field(PARTICLES)
    spots = np.clip(particles - 1.9, 0, 1.0)
    made = 0.08 * np.tanh(hillocks) + 0.1 * np.tanh(grains) + 0.5 * spots
    return np.asarray(made - made.mean(), np.float32)


def surface(seed: int, x: Floats, y: Floats, depth: float = 1.0) -> Reals:
    """Return the factor of brightness at places (m), shape (len(y), len(x)); `depth` scales it."""
    tile = _tile(seed)
    seen = _sampled(tile, x, y, STEP)
    if x[1] - x[0] < STEP:  # wider pixels show nothing of the finer grains
        seen = seen + 0.5 * _sampled(tile, x, y, STEP / FINER)
    return np.asarray(1 + depth * seen, np.float32)


def _sampled(tile: Reals, x: Floats, y: Floats, step: float) -> Reals:
    rows, down = _between(y / step)
    columns, right = _between(x / step)
    lines = tile[rows] + down[:, None] * (tile[(rows + 1) % TILE] - tile[rows])
    left = np.take(lines, columns, axis=1)
    out: Reals = left + right * (np.take(lines, (columns + 1) % TILE, axis=1) - left)
    return out


def _between(at: Floats) -> tuple[npt.NDArray[np.intp], Reals]:
    whole = np.floor(at)
    return (whole % TILE).astype(np.intp), (at - whole).astype(np.float32)
