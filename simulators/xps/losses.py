"""Electrons that lost energy on their way out: the background under and behind each line.

A line's electrons that come from the depth x have scattered n times with Poisson's probability of
mean x/L. Source: Tougaard, Surf. Interface Anal. 11, 453 (1988). So the background is A1 K + A2
(K*K + K*K*K + ...): K the loss of one scattering, A1 and A2 the strengths of one and of more.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

B, C = 2866.0, 1643.0
"""eV²: the universal cross section. Source: Tougaard, Solid State Commun. 61, 547 (1987) [lit]."""
PLASMON, SPREAD = 7.2, 2.0
"""eV: the bulk plasmon of lithium, spaced by 7.1 to 7.5 eV [lit], and its width; width ours."""
PLASMONS = (0.35, 0.18, 0.08)
"""Strengths of one plasmon, two and three, in parts of the line; ours, to verify."""
METAL_SHARE = 0.5
"""Of the universal losses that the metal has beside its plasmons; ours, to verify."""
STEP = 0.5
"""eV between the losses of the table."""
FARTHEST = 1500.0
"""eV: largest loss of the table."""


def universal(loss: npt.ArrayLike) -> Floats:
    """Return the probability per eV of a loss (eV) in one scattering; zero for gains.

    It adds up to B / 2C = 0.87: what is missing are losses that leave the spectrum.
    """
    t = np.maximum(np.asarray(loss, float), 0.0)
    probability: Floats = B * t / (C + t * t) ** 2
    return probability


@lru_cache(maxsize=1)
def _table() -> tuple[Floats, Floats]:
    """Return losses (eV) and the probability per eV of two scatterings and more, summed."""
    losses = np.arange(0.0, FARTHEST + STEP, STEP)
    one = universal(losses) * STEP
    backwards = one[::-1].copy()
    any_number = np.zeros_like(one)
    for i in range(1, len(one)):  # all = one + one * all
        any_number[i] = one[i] + any_number[:i] @ backwards[-1 - i : -1]
    return losses, (any_number - one) / STEP


def background(energies: Floats, lines: Floats, once: Floats, more: Floats, metal: float) -> Floats:
    """Return the lossy electrons per eV at binding energies, shape of `energies`.

    Args:
        energies: binding energies, eV.
        lines: of the lines that they come from, shape (n,).
        once: strength of each line's electrons that scattered once, shape (n,).
        more: of those that scattered more often, each time the same, shape (n,).
        metal: share of lithium metal in what they came through, 0 to 1.
    """
    loss = energies[:, None] - lines[None, :]
    losses, several = _table()
    usual = universal(loss) @ once + np.interp(loss, losses, several, left=0.0) @ more
    if metal < 1e-3:
        return usual
    plasmons = np.zeros_like(loss)
    for number, strength in enumerate(PLASMONS, start=1):
        sigma = SPREAD * np.sqrt(number) / 2.3548
        peak = np.exp(-0.5 * ((loss - number * PLASMON) / sigma) ** 2)
        plasmons += strength * peak / (sigma * np.sqrt(2 * np.pi))
    total: Floats = usual * (1 - metal * (1 - METAL_SHARE)) + metal * (plasmons @ once)
    return total
