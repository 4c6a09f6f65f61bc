"""The voltage of a cell at rest against its charge, and back.

Each step is a lattice gas of equal sites: x(V) = share / (1 + exp((V0 - V) / width)); a small slope
beside them makes the curve's ends steep but not endless. Charge at a voltage is in closed form; the
voltage at a charge is read from a table of it, so that the table is the cell.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulators.cell.cell_file import OpenCircuit

Floats = npt.NDArray[np.float64]
LOWEST, HIGHEST, STEP = -2.0, 8.0, 0.5e-3
"""V: reach of the table, and between two of its rows."""


class OpenCircuitCurve:
    """x is the share of the capacity that is charged: 0 and 1 at the two voltages it counts by."""

    def __init__(self, said: OpenCircuit) -> None:
        """Tabulate what a cell's file says."""
        self._sites = tuple((site.share, site.voltage, site.width) for site in said.sites)
        self._slope = said.slope
        self._zero, self._span = 0.0, 1.0
        low, high = self.charge(np.array([said.from_voltage, said.to_voltage])).tolist()
        self._zero, self._span = low, high - low
        self._volts = np.arange(LOWEST, HIGHEST + STEP / 2, STEP)
        self._charges = self.charge(self._volts)

    def charge(self, volts: npt.ArrayLike) -> Floats:
        """Return x at each voltage at rest."""
        v = np.asarray(volts, float)
        total = self._slope * v
        for share, middle, width in self._sites:
            total = total + share / (1.0 + np.exp(np.clip((middle - v) / width, -500, 500)))
        found: Floats = (total - self._zero) / self._span
        return found

    def voltage(self, charges: npt.ArrayLike) -> Floats:
        """Return the voltage at rest at each x, V."""
        found: Floats = np.interp(np.asarray(charges, float), self._charges, self._volts)
        return found

    def charge_of(self, volts: float) -> float:
        """Return x at one voltage, by the table."""
        return float(np.interp(volts, self._volts, self._charges))
