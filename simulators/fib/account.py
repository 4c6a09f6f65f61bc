"""Where everything went that was milled: m³ by material."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.fib.material_stack import Stack
from simulators.fib.solid import (
    BAND_X,
    HALF,
    Floats,
    column_places,
)

SIDE = np.abs(column_places())
OUTSIDE = ~((SIDE < BAND_X)[:, None] & (SIDE < HALF)[None, :])
"""True for the columns that lie outside the band, shape (COLUMNS, COLUMNS)."""


@dataclass
class Account:
    """Volumes by material (m³), the stack's materials first, redeposited metal last."""

    milled: Floats
    """All that was sputtered; what came back and was sputtered again counts again."""
    escaped: Floats
    """Of it, what left for good."""
    returned: Floats
    """Of it, what landed where it had been milled, and is there as before."""
    deposited: Floats
    """Of it, what landed elsewhere: on faces, floors, bonds; there it is redeposited metal."""

    def book(self, removed: Floats, *, back: float, away: float) -> float:
        """Book what has gone and return the volume (m³) that has to be put elsewhere.

        Args:
            removed: what is missing now, m³ by material.
            back: share of the sputtered atoms that returned, 0 to below 1.
            away: share that landed elsewhere.
        """
        sputtered = removed / (1.0 - back)
        self.milled += sputtered
        self.returned += back * sputtered
        self.deposited += away * sputtered
        self.escaped += (1.0 - back - away) * sputtered
        return float(away * sputtered.sum())


def open_account(stack: Stack) -> Account:
    """Return an account with nothing in it."""
    return Account(*(np.zeros(len(stack.materials) + 1) for _ in range(4)))
