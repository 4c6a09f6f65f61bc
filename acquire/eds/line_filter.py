"""Net counts of a line in many spectra of one place, by one fixed linear filter.

Around the line the summed spectrum is described by Gaussians at the energies of the lines that are
there and a straight background, fitted by weighted least squares. The coefficient of the line is a
weighted sum of channels; these weights, which the sum alone decides, are then applied to each
spectrum. So neighbours' tails and background drop out of each, however they change by themselves,
and the error follows from Poisson counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.eds.background import channel_energies, seen_elements
from acquire.eds.windows import channels_between, line_width
from drivers.stem import StemSetup
from protocols.eds import WatchedLine
from protocols.xray_lines import LINE_ENERGIES_EV

Floats = npt.NDArray[np.float64]

REACH = 3.2
"""Widths of the line on either side that are described; neighbours' flanks are within."""
BEYOND = 1.2
"""Widths outside of that within which a neighbour's line still counts."""
APART = 0.2
"""Widths by which two lines must differ to be told apart; of closer ones the watched one is kept."""
ROUNDS = 3
"""Fits, each weighted by what the one before it expects."""


@dataclass(frozen=True)
class LineFilter:
    """Weights that give a line's net counts."""

    channels: slice
    weights: Floats
    """By channel of `channels`."""
    variances: Floats
    """The expected counts of those channels, summed over all spectra."""

    def counts(self, spectra: npt.NDArray[np.generic]) -> Floats:
        """Return the net counts of spectra, shape (n, channels of the detector)."""
        return np.asarray(spectra[:, self.channels] @ self.weights, float)

    def error(self, share: float | Floats) -> Floats:
        """Return the standard error of the net counts in a spectrum with `share` of the sum."""
        return np.asarray(np.sqrt(share * (self.weights**2 @ self.variances)))


def line_filter(
    watched: WatchedLine, others: Sequence[str], setup: StemSetup, total: Floats
) -> LineFilter:
    """Return the filter of a line for spectra whose sum is `total`, shape (channels,).

    `others` are further elements whose lines may be there.
    """
    width = line_width(watched.energy, setup.resolution)
    reach = REACH * width
    channels = channels_between(setup.energy_axis, watched.energy - reach, watched.energy + reach)
    energies = channel_energies(setup.energy_axis)[channels]
    scale = setup.energy_axis.scale
    parts = [_gaussian(energies, line, setup.resolution, scale) for line in _lines(watched, others)]
    tilt = (energies - watched.energy) / reach
    design = np.stack([*parts, np.ones_like(tilt), tilt], axis=1)
    counted = total[channels]
    expected = np.maximum(counted, 1.0)
    for _ in range(ROUNDS):
        scaled = design / np.sqrt(expected)[:, None]
        solve = np.linalg.pinv(scaled) / np.sqrt(expected)
        expected = np.maximum(design @ (solve @ counted), 0.5)
    return LineFilter(channels, solve[0], expected)


def elements_there(setup: StemSetup, total: Floats, watched: Sequence[str]) -> list[str]:
    """Return the elements, beside those watched, whose lines stand out of a summed spectrum."""
    return [each for each in seen_elements(setup, total) if each not in watched]


def _lines(watched: WatchedLine, others: Sequence[str]) -> list[float]:
    """Return the energies (eV) of the lines near the watched one, which comes first."""
    width = line_width(watched.energy, 130.0)
    found = [watched.energy]
    for element in dict.fromkeys((watched.element, *others)):
        for energy in LINE_ENERGIES_EV.get(element, {}).values():
            near = abs(energy - watched.energy) < (REACH + BEYOND) * width
            if near and all(abs(energy - each) > APART * width for each in found):
                found.append(energy)
    return found


def _gaussian(energies: Floats, line: float, resolution: float, scale: float) -> Floats:
    """Return the share of a line's counts in each channel."""
    sigma = line_width(line, resolution) / 2.3548
    return np.asarray(
        np.exp(-(((energies - line) / sigma) ** 2) / 2) * scale / (sigma * math.sqrt(2 * math.pi))
    )
