"""Grains of surfaces: fixed to the specimen, so that images of one place can be laid over another.

Shapes and sizes are ours, to look like evaporated lithium: hillocks of about 1 um, fine grains,
scattered bright particles.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

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
    """Return the relative brightness of a surface, mean 0, shape (TILE, 2 TILE): twice the tile."""
    rng = np.random.default_rng(seed)
    down, across = np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)

    def field(width: float) -> Reals:
        noise = fft.rfft2(rng.standard_normal((TILE, TILE)).astype(np.float32))
        passed = np.exp(-2 * (math.pi * width) ** 2 * (down**2 + across**2))
        made = fft.irfft2(noise * passed.astype(np.float32), (TILE, TILE))
        return np.asarray(made / made.std())

    hillocks, grains, particles = field(HILLOCKS), field(GRAINS), field(PARTICLES)
    spots = np.clip(particles - 1.9, 0, 1.0)
    made = 0.08 * np.tanh(hillocks) + 0.1 * np.tanh(grains) + 0.5 * spots
    return np.tile(np.asarray(made - made.mean(), np.float32), 2)


def surface(seed: int, x: Floats, y: Floats, depth: float = 1.0) -> Reals:
    """Return the factor of brightness at places (m), shape (len(y), len(x)); `depth` scales it."""
    tile = _tile(seed)
    seen = _sampled(tile, x, y, STEP)
    if x[1] - x[0] < STEP:  # wider pixels show nothing of the finer grains
        seen += 0.5 * _sampled(tile, x, y, STEP / FINER)
    seen *= depth
    seen += 1
    return seen


def _sampled(tile: Reals, x: Floats, y: Floats, step: float) -> Reals:
    """Return the tile between its pixels, on lines; only the columns that are seen are read."""
    rows, down = _between(y / step)
    columns, right = _between(x / step)
    first = columns[0] % TILE
    columns = columns - columns[0]
    if columns[-1] < TILE:
        tile = tile[:, first : first + columns[-1] + 2]
    else:
        columns = (columns + first) % TILE
    lines = tile[rows % TILE]
    lines += down[:, None] * (tile[(rows + 1) % TILE] - lines)
    seen = np.take(lines, columns, axis=1)
    seen += right * (np.take(lines, columns + 1, axis=1) - seen)
    return np.asarray(seen)


def _between(at: Floats) -> tuple[npt.NDArray[np.intp], Reals]:
    whole = np.floor(at)
    return whole.astype(np.intp), (at - whole).astype(np.float32)
