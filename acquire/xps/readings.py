"""What one cycle tells of one line."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LineReading:
    """A watched line in one cycle."""

    area: float
    """Counts above the background, of the whole peak; a pair's both lines."""
    sigma: float
    """Standard error of the area."""
    background: float
    """Counts of the fitted background within ± the width around the peak."""
    statistic: float
    """Log-likelihood ratio of peak against none, nats."""
    seen: bool
    """There is a peak, by the test of the run's false-alarm rate or because it was there before."""
    binding_energy: float | None = None
    """Corrected for charging, eV; None where there is no peak or no reference."""
    uncertainty: float | None = None
    """Of that energy, the reference's included, eV."""
    state: str | None = None
    """The protocol's name of the chemical state; None if none fits."""

    @property
    def significance(self) -> float:
        """Area in units of the square root of the background under the peak."""
        return self.area / math.sqrt(max(self.background, 1.0))
