"""Net counts of watched lines: a small linear model of peaks and background.

Around each watched line a spectrum is a sum of Gaussians of known width (the line, its neighbours)
and a smooth continuum. Their weighted least squares solution is linear in the counts, so an
element's net counts are one dot product with a vector of weights that is fixed once, from the
summed spectrum: neither the tails of neighbouring lines (C, N and O are two widths apart) nor a
thicker specimen count as the element, on average, and errors are those of counted X-rays.

Left out: minor lines (Ll, Lb, Mb), escape and sum peaks, an energy axis that is off by more than
a few eV.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from acquire.eds.background import MEASURED_NEIGHBOURS, channel_energies, seen_elements
from acquire.eds.windows import line_width, window_of
from drivers.stem import StemSetup
from protocols.eds import WatchedLine
from protocols.xray_lines import LINE_ENERGIES_EV, line_energy

Floats = npt.NDArray[np.float64]

REACH = 6.0
"""Widths to either side of a line that are fitted: enough continuum beside C, N and O; ours."""
LOWEST_EV = 190.0
"""Nothing below is fitted: there a detector's noise and the fall of its efficiency begin; ours."""
CARBON_EDGE_EV = 284.2
"""Where the absorption of a polymer window steps. Source: K edge of carbon, xraylib 4.3.0."""
SAME_LINE = 1.0
"""Widths within which another element's line is taken as that of an element known to be there."""
ROUNDS = 3
"""Fits of the summed spectrum, each weighted with the one before."""


class NetCounts:
    """Turns spectra into net counts of each watched line."""

    def __init__(self, setup: StemSetup, watched: Sequence[WatchedLine], summed: Floats) -> None:
        """Fix the weights by `summed`, the summed spectrum of a scan or map, shape (channels,).

        Raises:
            InputError: a watched line is not on the detector's energy axis.
        """
        for each in watched:
            window_of(each, setup)
        self._setup = setup
        self._energies = channel_energies(setup.energy_axis)
        lines = list(_lines(setup, watched, summed))
        self._weights = {
            each.element: self._weights_of(each.energy, lines, np.asarray(summed, float))
            for each in watched
        }
        self._peaks = {
            each.element: _peak(self._energies, each.energy, setup.resolution)
            * setup.energy_axis.scale
            for each in watched
        }

    def of(self, counts: npt.NDArray[np.generic]) -> dict[str, tuple[Floats, Floats]]:
        """Return each element's net counts and their standard errors, two arrays of shape (n,).

        `counts` has shape (n, channels). Net counts are those of the whole line and may be
        negative. Where hardly anything was counted the error, from the counts, is too small.
        """
        found = {}
        for element, weights in self._weights.items():
            used = np.flatnonzero(weights)  # few of all channels, and a map has many spectra
            held, factors = counts[:, used].astype(np.float64), weights[used]
            found[element] = (held @ factors, np.sqrt(held @ factors**2))
        return found

    def detection_limit(self, element: str, background_spectrum: Floats) -> float:
        """Return the net counts that are detected in 95 % of cases, with 5 % false ones.

        `background_spectrum`, shape (channels,), is what is counted without the element.
        Source: Currie, Anal. Chem. 40, 586 (1968): L_D = 2.71 + 3.29 sigma_0.
        """
        variance = float(np.asarray(background_spectrum, float) @ self._weights[element] ** 2)
        return 2.71 + 3.29 * math.sqrt(variance)

    def without(self, element: str, spectrum: Floats) -> Floats:
        """Return what a spectrum, shape (channels,), would be without the element's net counts."""
        net = max(float(spectrum @ self._weights[element]), 0.0)
        return np.maximum(spectrum - net * self._peaks[element], 0.0)

    def _weights_of(self, energy: float, lines: Sequence[float], summed: Floats) -> Floats:
        """Return the weights, shape (channels,), that give the net counts of the line there."""
        reach = REACH * line_width(energy, self._setup.resolution)
        near = (self._energies >= max(energy - reach, LOWEST_EV)) & (
            self._energies <= energy + reach
        )
        fitted, counted = self._energies[near], summed[near]
        model = self._model(fitted, energy, lines)
        expected = np.full(len(counted), max(float(counted.mean()), 1.0))
        for _ in range(ROUNDS):
            inverse = _weighted_inverse(model, expected)
            lowest = max(0.1 * float(np.median(counted)), 1e-3 * float(counted.max()), 1.0)
            expected = np.maximum(model @ (inverse @ counted), lowest)
        weights = np.zeros(len(summed))
        weights[near] = _weighted_inverse(model, expected)[0]
        return weights

    def _model(self, energies: Floats, energy: float, lines: Sequence[float]) -> Floats:
        """Return the model's columns, shape (len(energies), parts); the first is the line's."""
        resolution, scale = self._setup.resolution, self._setup.energy_axis.scale
        widths = {each: line_width(each, resolution) for each in lines if each != energy}
        beside = [
            each
            for each, width in widths.items()
            if energies[0] - 1.5 * width < each < energies[-1] + 1.5 * width
        ]
        peaks = [_peak(energies, each, resolution) * scale for each in (energy, *beside)]
        level = [energy / energies, np.ones(len(energies)), energies / energy]
        if energies[0] < CARBON_EDGE_EV < energies[-1]:
            level.append(_below(energies, CARBON_EDGE_EV, resolution) * energy / energies)
        return np.stack([*peaks, *level], axis=1)


def _lines(setup: StemSetup, watched: Sequence[WatchedLine], summed: Floats) -> Iterator[float]:
    """Yield the energies (eV) of the lines that may be in the spectra, each once.

    Those of watched elements, of C, N and O, whose tails reach each other's windows, and of what
    stands out of the summed spectrum; but not an element whose usual line could as well be one of
    those (Zr La beside P Ka).
    """
    known = dict.fromkeys([*(each.element for each in watched), *MEASURED_NEIGHBOURS])
    certain = [energy for element in known for energy in LINE_ENERGIES_EV[element].values()]
    for element in seen_elements(setup, summed):
        usual = line_energy(element)[1]
        width = line_width(usual, setup.resolution)
        if all(abs(usual - energy) > SAME_LINE * width for energy in certain):
            known[element] = None
    yield from dict.fromkeys(
        energy for element in known for energy in LINE_ENERGIES_EV[element].values()
    )


def _weighted_inverse(model: Floats, expected: Floats) -> Floats:
    """Return what gives a model's amplitudes from counts of that expectation: (A' W A)^-1 A' W."""
    root = 1 / np.sqrt(expected)
    inverse: Floats = np.linalg.pinv(model * root[:, None]) * root
    return inverse


def _peak(energies: Floats, energy: float, resolution: float) -> Floats:
    """Return a line of one count, counts per eV."""
    sigma = line_width(energy, resolution) / 2.3548
    shape: Floats = np.exp(-0.5 * ((energies - energy) / sigma) ** 2)
    return shape / (sigma * math.sqrt(2 * math.pi))


def _below(energies: Floats, edge: float, resolution: float) -> Floats:
    """Return 1 below an edge and 0 above it, as blurred as lines are."""
    sigma = line_width(edge, resolution) / 2.3548
    return np.array([0.5 * math.erfc((e - edge) / (sigma * math.sqrt(2))) for e in energies])
