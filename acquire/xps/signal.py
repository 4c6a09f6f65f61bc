"""XPS spectra as HyperSpy signals. HyperSpy itself imports this; the run never does.

The signal axis is the binding energy, eV, from high to low as spectra are drawn: its scale is
negative, so slices run that way too: `s.isig[290.0:280.0]`. A depth profile has the etch time, s,
as its navigation axis. `metadata.Acquisition_instrument.XPS` has energies in eV, times in s, angles
in degrees and lengths in mm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import LazySignal1D, Signal1D


class XPSSpectrum(Signal1D):  # type: ignore[misc]
    """One region of an XPS measurement, or of every cycle of a depth profile."""

    _signal_type = "XPS"

    @property
    def energies(self) -> npt.NDArray[np.float64]:
        """Binding energy of each channel, eV, not corrected for charging."""
        axis: Any = self.axes_manager.signal_axes[0]
        return np.asarray(axis.axis, np.float64)

    @property
    def kinetic_energies(self) -> npt.NDArray[np.float64]:
        """Kinetic energy of each channel, eV: photon energy less binding energy."""
        photon: float = self.metadata.Acquisition_instrument.XPS.photon_energy
        return photon - self.energies

    def integrate1D(  # noqa: N802
        self, axis: Any, out: Any = None, rechunk: bool = False
    ) -> Any:
        """Integrate as HyperSpy does, but upwards: areas over falling energies are positive too."""
        result = super().integrate1D(axis, out=out, rechunk=rechunk)
        if getattr(self.axes_manager[axis], "scale", 1.0) < 0:
            changed = result if out is None else out
            changed.data = -changed.data
        return result

    def correct_charging(self, measured: float, true: float) -> None:
        """Shift the binding energies (eV) so that what was measured at `measured` is at `true`."""
        axis: Any = self.axes_manager.signal_axes[0]
        axis.offset += true - measured


class LazyXPSSpectrum(XPSSpectrum, LazySignal1D):  # type: ignore[misc]
    """The same, its data read when they are used."""
