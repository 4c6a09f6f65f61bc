"""What a measurement from an image says: a value with its standard error, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

ALIKE = 3.0
"""Standard errors by which two ways to see the same thing may differ; ours, to verify."""


@dataclass(frozen=True)
class Measured:
    """A quantity seen in an image, or a refusal to say it."""

    value: float
    """m where nothing else is said; 0.0 where it is refused."""
    sigma: float
    """Standard error of noise and pixels, with the stated systematic of the beam's spot; or 0.0."""
    refusal: str | None = None
    """Why it is not known and what to do, or None."""

    @property
    def known(self) -> bool:
        """True if there is a value."""
        return self.refusal is None

    def moved(self, by: float) -> Measured:
        """Return it with `by` added to its value."""
        return replace(self, value=self.value + by) if self.known else self


def refused(reason: str) -> Measured:
    """Return a measurement that says only why there is none."""
    return Measured(0.0, 0.0, reason)


def agreed(first: Measured, second: Measured, what: str, *, beyond: float = 0.0) -> Measured:
    """Return `first` if `second`, seen another way, agrees with it; else a refusal.

    They may differ by `beyond` and by ALIKE standard errors of their difference.
    """
    for each in (first, second):
        if not each.known:
            return each
    apart = abs(first.value - second.value)
    if apart > beyond + ALIKE * math.hypot(first.sigma, second.sigma):
        return refused(
            f"{what}: two ways to see it differ by {apart * 1e9:.3g} nm; use more dose, or look "
            "at the image"
        )
    return first


def first_refusal(parts: Iterable[Measured]) -> str | None:
    """Return the first reason for which one of them is not known, or None."""
    return next((part.refusal for part in parts if part.refusal is not None), None)
