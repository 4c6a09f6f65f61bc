"""Draws from a posterior by differential evolution: an ensemble of walkers, no tuning.

Each half of the ensemble proposes steps that are differences of walkers of the other half, so that
scales and correlations are learnt from the ensemble itself. Source: C. J. F. ter Braak, Stat.
Comput. 16, 239 (2006); the split into halves as in Foreman-Mackey et al., PASP 125, 306 (2013).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

JUMP = 10
"""Every so many steps the difference is taken whole, so that walkers may change between modes."""
GATHER, LEFT_BEHIND = 20, 15.0
"""While the ensemble settles: every so many steps, walkers so many nats below the best one (in 7
dimensions 1 of 10,000 is 15 below) join others, since alone in a small mode they never would."""


def draws(
    density: Callable[[Floats], Floats],
    start: Floats,
    rng: np.random.Generator,
    *,
    settle: int,
    keep: int,
) -> Floats:
    """Return `keep` states of the ensemble after `settle` steps, shape (keep * walkers, d).

    Args:
        density: log density of rows, shape (rows, d) -> (rows,); -inf where there is none.
        start: the walkers, shape (walkers, d), an even number and spread in every direction.
        rng: where chance comes from.
        settle: steps that are thrown away.
        keep: steps that are kept.
    """
    walkers = start.copy()
    values = density(walkers)
    half = len(walkers) // 2
    usual = 2.38 / math.sqrt(2 * walkers.shape[1])
    kept = []
    for step in range(settle + keep):
        scale = 1.0 if step % JUMP == JUMP - 1 else usual
        for mine, others in ((slice(0, half), half), (slice(half, 2 * half), 0)):
            pair = rng.integers(half, size=(2, half))
            pair[1] = (pair[0] + 1 + pair[1] % (half - 1)) % half
            moves = walkers[others + pair[0]] - walkers[others + pair[1]]
            moves *= scale * rng.normal(1.0, 0.1, (half, 1))
            proposed = walkers[mine] + moves
            found = density(proposed)
            taken = np.log(rng.random(half)) < found - values[mine]
            walkers[mine][taken] = proposed[taken]
            values[mine][taken] = found[taken]
        if step < settle * 3 // 4 and step % GATHER == GATHER - 1:
            _gather(walkers, values, rng)
        if step >= settle:
            kept.append(walkers.copy())
    return np.concatenate(kept)


def _gather(walkers: Floats, values: Floats, rng: np.random.Generator) -> None:
    """Put the walkers that are left behind where others are."""
    behind = np.flatnonzero(values < values.max() - LEFT_BEHIND)
    chosen = rng.choice(np.flatnonzero(values >= values.max() - LEFT_BEHIND), len(behind))
    walkers[behind], values[behind] = walkers[chosen], values[chosen]
