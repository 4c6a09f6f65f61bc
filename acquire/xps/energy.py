"""Binding energies with what they are sure to, and the chemical states they name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from acquire.xps.charge import Correction
from acquire.xps.region_fit import Peak
from protocols.xps import ExpectedState

SHAPE_ERROR = 0.03
"""eV by which a line's position depends on the shape that is fitted to it; ours."""


@dataclass(frozen=True)
class Energy:
    """A corrected binding energy in one cycle."""

    value: float
    """eV."""
    error: float
    """Of the two positions that it is the difference of, eV: differs from cycle to cycle."""
    known: float
    """Of the reference's true energy, eV: the same in each cycle; 0 without a reference."""
    state: str | None

    @property
    def uncertainty(self) -> float:
        """Standard uncertainty, eV."""
        return math.hypot(self.error, self.known)


def energy_of(
    peak: Peak, correction: Correction | None, states: Mapping[str, ExpectedState]
) -> Energy:
    """Return a peak's energy, corrected if there is a correction."""
    shift = correction.shift if correction else 0.0
    error = math.hypot(peak.position_error, SHAPE_ERROR, correction.error if correction else 0.0)
    value = peak.position - shift
    return Energy(value, error, correction.known if correction else 0.0, name(value, states))


def name(energy: float, states: Mapping[str, ExpectedState]) -> str | None:
    """Return the nearest state that the energy is within reach of."""
    near = {
        state: abs(energy - expected.energy)
        for state, expected in states.items()
        if abs(energy - expected.energy) <= expected.within
    }
    return min(near, key=lambda state: near[state], default=None)


def mean(energies: Sequence[Energy]) -> tuple[float, float]:
    """Return the mean of the same state's energies and its standard uncertainty, eV.

    What differs from cycle to cycle averages out, and counts for as much as it scatters; what is
    the same in each does not.
    """
    errors = np.array([each.error for each in energies])
    values = np.array([each.value for each in energies])
    weights = errors**-2 / (errors**-2).sum()
    value = float(weights @ values)
    chance = float((errors**-2).sum() ** -0.5)
    if len(values) > 1:
        seen = float(np.sqrt(weights @ (values - value) ** 2 / (len(values) - 1)))
        chance = max(chance, seen)
    known = float(weights @ np.array([each.known for each in energies]))
    return value, math.hypot(chance, known)
