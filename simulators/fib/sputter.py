"""How fast ions take a solid off, and how wide they land: the truth of one instrument."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from protocols.errors import InputError
from protocols.milling_rates import rates
from protocols.units import closest
from simulators.fib.solid import Floats

REDEPOSIT = "redeposit"
"""What has been redeposited, whatever it was before: nearly all of it is lithium."""
STEEPEST = math.radians(78)
"""Angle of the largest rate; 75 to 82 deg [lit]."""
LARGEST = 5.0
"""Largest enhancement; 5 to 10 [lit]."""
EXPONENT = 1.6
"""cos^-1.5 to cos^-2 [lit]."""
_CURRENTS = (10e-12, 30e-12, 100e-12, 1e-9, 3e-9)
_SPOTS = (8e-9, 12e-9, 20e-9, 45e-9, 80e-9)
"""Full widths at half maximum by current, m; ours, to verify."""


@dataclass(frozen=True)
class TrueRates:
    """Milling rates (m³/C) at normal incidence, as they are on one instrument."""

    of: Mapping[str, float]

    def __getitem__(self, material: str) -> float:
        """Return the rate of a material.

        Raises:
            InputError: none is known.
        """
        if material not in self.of:
            near = closest(material, list(self.of)) or f"; known: {', '.join(self.of)}"
            raise InputError(
                f"no milling rate is known for {material!r}{near}. Use a specimen of other "
                "materials, or add its rate, with a source, to protocols/milling_rates.py"
            )
        return self.of[material]


def draw_rates(species: str, draws: np.random.Generator) -> TrueRates:
    """Draw the rates of one instrument: log-normal about the nominal ones, within low and high.

    A quarter of the logarithmic range is one standard deviation; what falls outside is at the
    range's end. Source of the ranges: `protocols.milling_rates`; of the distribution: ours.
    """
    drawn = {}
    for name, rate in rates(species).items():
        sigma = math.log(rate.high / rate.low) / 4
        value = rate.value * math.exp(sigma * draws.standard_normal())
        drawn[name] = min(rate.high, max(rate.low, value))
    drawn[REDEPOSIT] = drawn["Li"]
    return TrueRates(MappingProxyType(drawn))


def enhancement(angle: float) -> float:
    """Return how much faster ions mill at `angle` (rad) to the surface's normal.

    cos^-1.6 up to 5 times, then down to 0 at 90 deg. Source: reference sheet fib-and-tem.md,
    section 5.1 [lit]; that it falls linearly beyond the largest rate is ours.
    """
    steep = abs(angle)
    if steep >= math.pi / 2:
        return 0.0
    if steep > STEEPEST:
        return LARGEST * (math.pi / 2 - steep) / (math.pi / 2 - STEEPEST)
    return min(LARGEST, float(math.cos(steep) ** -EXPONENT))


def spot(current: float) -> float:
    """Return the ion beam's full width at half maximum (m) at a current (A), 30 kV.

    Between and beyond the currents of the table on a line in log-log. Ours, to verify.
    """
    logs = np.log(_CURRENTS), np.log(_SPOTS)
    if current > _CURRENTS[-1]:
        slope = (logs[1][-1] - logs[1][-2]) / (logs[0][-1] - logs[0][-2])
        return float(_SPOTS[-1] * (current / _CURRENTS[-1]) ** slope)
    return float(np.exp(np.interp(math.log(current), *logs)))


def recession(current: float, overdose: Floats) -> Floats:
    """Return by how much (m) edges stand back behind the pattern's at overdoses (times).

    Where a Gaussian beam's tail has given as much as the cut needed:
    exp(-4 ln2 y²/spot²) overdose = 1.
    """
    tail = np.log(np.maximum(overdose, 1.0)) / (4 * math.log(2))
    return np.asarray(spot(current) * np.sqrt(tail))


def curtain(current: float) -> float:
    """Return the rms waviness (m) that a current leaves on a face.

    3 nm at 0.1 nA and below, 30 nm at 3 nA, a power between and beyond; ours, to verify.
    """
    return float(3e-9 * max(1.0, current / 100e-12) ** (math.log(10) / math.log(30)))
