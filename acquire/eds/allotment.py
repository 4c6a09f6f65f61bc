"""Where along a line a further exposure narrows the answer most.

The posterior's draws say what each of them expects at each position, and what it says of the answer
(onsets, width). Where these go together, counts tell draws apart. Taken as jointly Gaussian, an
exposure t of a position with the mean rate m lowers the variance of an answer q by

    cov(q, m)^2 / (var(m) + mean(m) / t)

(the Kalman update; Poisson noise of the rate is its mean over t), and all covariances with it; so
exposures are laid out in small parts, each where the ones before leave it worth most. Other than
the information of one ramp (`design`), this also tells other shapes apart that the counts allow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PARTS = 120
"""In which an exposure is laid out."""
BLOCKS = 120
"""Neighbouring positions are exposed alike, so many blocks on a line at most."""
TAIL = 0.01
"""Share of the draws on either side whose answer counts as that of the rest's last."""


def allotted(rates: Sequence[Floats], answers: Floats, more: float, room: Floats) -> Floats:
    """Return the exposure to add to each position, shape (n,).

    Args:
        rates: for each element what each draw expects, counts per exposure, shape (draws, n).
        answers: what each draw says of each quantity that is asked for, shape (draws, quantities).
        more: exposure to lay out in all.
        room: exposure that each position may be given at most, shape (n,).
    """
    size = max(1, math.ceil(len(room) / BLOCKS))
    starts = np.arange(0, len(room), size)
    sizes = np.diff(np.append(starts, len(room)))
    blocks = [np.add.reduceat(rate, starts, axis=1) / sizes for rate in rates]
    kept = len(starts)
    means = np.concatenate([block.mean(axis=0) for block in blocks])
    low, high = np.quantile(answers, (TAIL, 1 - TAIL), axis=0)
    joint = np.concatenate([*blocks, np.clip(answers, low, high)], axis=1)
    covariance = np.cov(joint, rowvar=False)
    quantities = slice(len(means), None)
    begun = np.maximum(np.diag(covariance)[quantities], 1e-300)
    least = np.minimum.reduceat(room, starts)
    given = np.zeros(kept)
    left, part = more, more / PARTS
    while left > part / 2 and (given < least).any():
        step = np.minimum(np.minimum(part, left) / sizes, least - given)
        worth = _worth(covariance, means, np.maximum(step, 1e-12 * part), quantities, begun)
        worth = worth.reshape(len(rates), kept).sum(axis=0) / np.maximum(sizes * step, 1e-300)
        best = int(np.argmax(np.where(step * sizes > part / 20, worth, -1.0)))
        if step[best] * sizes[best] <= part / 20:
            break
        for element in range(len(rates)):
            row = element * kept + best
            noise = means[row] / (step[best] * sizes[best])
            column = covariance[:, row].copy()
            covariance -= np.outer(column, column / (column[row] + noise))
        given[best] += step[best]
        left -= step[best] * sizes[best]
    return np.repeat(given, sizes)


def _worth(
    covariance: Floats, means: Floats, step: Floats, quantities: slice, begun: Floats
) -> Floats:
    """Return by how much each element's counts of each block lower the answers' variances.

    Relative to what is left of each, so that one answer is not bought with another.
    """
    exposure = np.tile(step, len(means) // len(step))
    observed = slice(0, len(means))
    left = np.maximum(np.diag(covariance)[quantities], 1e-12 * begun)
    noise = np.maximum(means, 1e-300) / exposure
    falls = covariance[observed, quantities] ** 2
    falls /= (np.diag(covariance)[observed] + noise)[:, None]
    return np.asarray((falls / left).sum(axis=1))
