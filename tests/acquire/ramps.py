"""Counts along a line whose rise is known, for tests of its analysis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquire.eds.ramp import LineCounts

Floats = npt.NDArray[np.float64]
NM = 1e-9


def straight(distance: Floats, onset: float, knee: float) -> Floats:
    """Return a ramp from 0 at `onset` to 1 at `knee`."""
    return np.asarray(np.clip((distance - onset) / (knee - onset), 0.0, 1.0))


def line_of(
    rng: np.random.Generator | None,
    shape: Floats,
    *,
    level: float,
    plateau: float,
    pitch: float = 2 * NM,
    wedge: float = 0.0,
) -> LineCounts:
    """Return Poisson counts (expected ones without `rng`) of a rise with the values `shape`.

    `level` and `plateau` are counts at each position; the live time of each is 1 s.
    """
    points = len(shape)
    thickness = 1 + wedge * (np.arange(points) / (points - 1) - 0.5)
    expected = level + plateau * shape * thickness
    counts = expected if rng is None else rng.poisson(expected).astype(float)
    return LineCounts(np.arange(points) * pitch, counts, np.ones(points), np.ones(points))


def ramp_line(
    seed: int | None,
    onset: float,
    knee: float,
    *,
    points: int = 120,
    level: float = 4.0,
    plateau: float = 30.0,
    pitch: float = 2 * NM,
    wedge: float = 0.0,
) -> LineCounts:
    """Return counts of a straight ramp from `onset` to `knee`, m; the expected ones for no seed."""
    rng = None if seed is None else np.random.default_rng(seed)
    shape = straight(np.arange(points) * pitch, onset, knee)
    return line_of(rng, shape, level=level, plateau=plateau, pitch=pitch, wedge=wedge)
