"""What a detector's pulse processor makes of X-rays: dead time, and noise near zero energy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.stem import EnergyAxis

Floats = npt.NDArray[np.float64]

NOISE_FWHM = 51.0
"""eV: that of the detector's resolution at zero energy. Source: reference xps-and-eds.md 5."""
TAIL, TAIL_FALLS = 0.1, 45.0
"""Share of the noise counts in a tail towards higher energies, and the eV over which that falls to
1/e; ours, to verify against the detector at hand."""
THRESHOLD = 110.0
"""eV; below it nothing but noise is counted, and noise does not make the processor busy."""


@dataclass(frozen=True)
class PulseProcessor:
    """Counts pulses, each of which it is busy with for `dead_time`, one that does not extend.

    At the few per cent of a low-dose scan an extending dead time differs by (rate x time)² / 2.
    The dwell of an exposure is real time: the electrons, and so the dose, are as they were asked
    for, and the live time is shorter than the dwell by the dead time.
    """

    dead_time: float
    """Seconds per pulse."""
    noise_rate: float
    """Counts per second in the noise peak."""
    axis: EnergyAxis

    def passed(self, pulses: float, seconds: float) -> float:
        """Return the share of so many expected pulses that is counted: 1 / (1 + rate x time)."""
        return 1 / (1 + pulses / seconds * self.dead_time)

    def live_time(self, counts: npt.NDArray[Any], seconds: float) -> float:
        """Return the seconds in which it was not busy, by its own clock."""
        first = math.ceil((THRESHOLD - self.axis.offset) / self.axis.scale)
        return max(0.0, seconds - int(counts[first:].sum()) * self.dead_time)

    def noise(self) -> Floats:
        """Return the noise counts per second and channel, shape (channels,).

        A Gaussian at zero energy with an exponential tail above it.
        """
        axis = self.axis
        energies = axis.offset + axis.scale * np.arange(axis.channels, dtype=float)
        sigma = NOISE_FWHM / 2.355
        peak = np.exp(-0.5 * (energies / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
        tail = np.where(energies >= 0, np.exp(-np.maximum(energies, 0) / TAIL_FALLS), 0.0)
        shape: Floats = (1 - TAIL) * peak + TAIL * tail / TAIL_FALLS
        return self.noise_rate * axis.scale * shape
