"""What the film is made of, depth by depth, and the charge that it takes to mill through it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from simulators.fib.solid import DZ, NZ, Floats
from simulators.fib.sputter import TrueRates
from simulators.specimen import Specimen

FINE = 5e-9
"""Step of the tables by depth, m."""
DEEPEST = 16e-6
"""The tables reach down to here, m; below the specimen's last layer its material goes on."""
LINES = round(DEEPEST / FINE)


class Stack:
    """The layers of a specimen by depth below the free surface."""

    def __init__(self, specimen: Specimen) -> None:
        self.materials: tuple[str, ...] = tuple(sorted(specimen.materials))
        """Order of the materials in every array of volumes."""
        middles: Floats = np.asarray((np.arange(LINES) + 0.5) * FINE, np.float64)
        self._fine = self._mixed(specimen, middles)
        self.volume: Floats = np.concatenate(
            [np.zeros((1, len(self.materials))), np.cumsum(self._fine, axis=0) * FINE]
        )
        """m³ per m² above each depth of the table, shape (LINES + 1, materials)."""
        per_cell = round(DZ / FINE)
        cells = self._fine[: NZ * per_cell].reshape(NZ, per_cell, -1)
        self.cells: Floats = cells.mean(axis=1)
        """Volume fractions in each cell of the band by depth, shape (NZ, materials)."""

    def _mixed(self, specimen: Specimen, depths: Floats) -> Floats:
        last = len(specimen.layers) - 1
        index = np.minimum(np.searchsorted(specimen.faces, depths, side="right") - 1, last)
        share = (depths - specimen.faces[index]) / np.diff(specimen.faces)[index]
        upper = np.array([self._row(each.phases) for each in specimen.layers])
        lower = np.array([self._row(each.graded_to or each.phases) for each in specimen.layers])
        mixed: Floats = upper[index] + (lower - upper)[index] * np.minimum(share, 1.0)[:, None]
        return mixed

    def _row(self, phases: Mapping[str, float]) -> list[float]:
        return [phases.get(name, 0.0) for name in self.materials]

    def fractions(self, depths: Floats) -> tuple[tuple[str, ...], Floats]:
        """Return materials and their volume fractions at each depth (m), shape (n, materials)."""
        lines = np.clip(np.asarray(depths) / FINE, 0, LINES - 1).astype(int)
        return self.materials, np.asarray(self._fine[lines])

    def above(self, depths: Floats) -> Floats:
        """Return m³ of each material per m² above each depth (m), shape (*depths, materials)."""
        line, part = _line(depths)
        share = part[..., None]
        there: Floats = self.volume[line] * (1 - share) + self.volume[line + 1] * share
        return there

    def between(self, upper: Floats, lower: Floats) -> Floats:
        """Return m³ of each material per m² between two depths (m) of columns, all together."""
        return np.asarray((_lines_of(lower) - _lines_of(upper)) @ self.volume)


def _line(depths: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the line of the table above each depth (m), and which part of a step is below it."""
    place = np.clip(depths / FINE, 0.0, LINES - 1e-9)
    line = place.astype(np.intp)
    return line, place - line


def _lines_of(depths: Floats) -> Floats:
    """Return how often the table's lines count in what is above some depths, shape (LINES + 1,)."""
    line, part = _line(depths)
    before, after = (np.bincount(line + 1, each, LINES + 2) for each in (1 - part, part))
    return np.asarray(before[1:] + after[:-1])


class Through:
    """The charge per area that it takes to mill through a stack at normal incidence.

    Phases of a mixture are milled one beside the other; the charge of each adds up (ours: the
    surface enriches in what is slow until the rates agree).
    """

    def __init__(self, stack: Stack, rates: TrueRates) -> None:
        slowness = np.array([1.0 / rates[name] for name in stack.materials])
        self._charge = stack.volume @ slowness
        self._depths = np.arange(LINES + 1) * FINE
        self.cells: Floats = 1.0 / (stack.cells @ slowness)
        """Rate (m³/C) in each cell of the band by depth, shape (NZ,)."""

    def rate(self, depth: float) -> float:
        """Return the rate (m³/C) at a depth (m)."""
        line = min(LINES - 1, max(0, int(depth / FINE)))
        return float(FINE / (self._charge[line + 1] - self._charge[line]))

    def charge(self, depths: Floats) -> Floats:
        """Return C/m² down to each depth (m)."""
        return np.asarray(np.interp(depths, self._depths, self._charge))

    def deeper(self, depths: Floats, charge: Floats | float) -> Floats:
        """Return the depths (m) after another `charge` (C/m²)."""
        return np.asarray(np.interp(self.charge(depths) + charge, self._charge, self._depths))
