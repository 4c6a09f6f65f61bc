"""Which channels belong to a line: its window, and whether it stands out of what is beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.stem import EnergyAxis, StemSetup
from protocols.eds import WatchedLine
from protocols.errors import InputError

FANO_FACTOR = 0.12
"""Of silicon. Source: reference/xps-and-eds.md 5."""
ELECTRON_HOLE_PAIR_EV = 3.64
"""Energy per electron-hole pair in silicon. Source: reference/xps-and-eds.md 5."""
MN_KA_EV = 5895.0
"""At which detectors state their resolution."""
CURVATURE = 0.2
"""How much the background under a line may exceed the straight line through its sides, relative.

The yield of bremsstrahlung and the detector's efficiency bend by less within two line widths."""


def line_width(energy: float, resolution: float) -> float:
    """Return the full width at half maximum (eV) of a line at `energy` (eV).

    FWHM^2 = noise^2 + 2.355^2 * 0.12 * 3.64 eV * E, the noise from `resolution`, the width at
    Mn Ka. Source: reference/xps-and-eds.md 5.
    """
    per_ev = 8 * math.log(2) * FANO_FACTOR * ELECTRON_HOLE_PAIR_EV
    noise = max(resolution**2 - per_ev * MN_KA_EV, 0.0)
    return math.sqrt(noise + per_ev * energy)


def channels_between(axis: EnergyAxis, low: float, high: float) -> slice:
    """Return the channels whose centres lie in [low, high) eV and on the axis."""
    first = math.ceil((low - axis.offset) / axis.scale)
    end = math.ceil((high - axis.offset) / axis.scale)
    return slice(min(max(first, 0), axis.channels), min(max(end, 0), axis.channels))


@dataclass(frozen=True)
class Window:
    """The channels that belong to an element's line."""

    counted: slice
    """One width on either side of the line: what is counted."""
    core: slice
    """Half a width on either side: what is compared with the sides."""
    sides: tuple[slice, ...]
    """From 1 to 1.5 widths below and above; a side that is off the axis is left out."""


def window_of(watch: WatchedLine, setup: StemSetup) -> Window:
    """Return the channels of an element's line.

    Raises:
        InputError: the line is not on the detector's energy axis.
    """
    axis, energy = setup.energy_axis, watch.energy
    width = line_width(energy, setup.resolution)
    last = axis.offset + (axis.channels - 1) * axis.scale
    if not axis.offset <= energy - width < energy + width <= last:
        raise InputError(
            f"watch: {watch.element}: its line {watch.xray_line} at {energy:g} eV is not within "
            f"the energy axis of {axis.offset:g} to {last:g} eV; watch another line or element, or "
            "record with another energy range"
        )
    sides = (
        channels_between(axis, energy - 1.5 * width, energy - width),
        channels_between(axis, energy + width, energy + 1.5 * width),
    )
    return Window(
        channels_between(axis, energy - width, energy + width),
        channels_between(axis, energy - width / 2, energy + width / 2),
        tuple(side for side in sides if side.stop > side.start),
    )


def stands_out(window: Window, spectrum: npt.NDArray[np.float64], risk: float) -> bool:
    """Return whether a summed spectrum has the line on top of what its sides say.

    If it has not, the counts of the core are binomial in those of core and sides together, in
    proportion to their channels, the core's counted `CURVATURE` more. True where chance would do
    that with a probability below `risk`.
    """
    from scipy.special import bdtrc  # of scipy.stats.binom, without its 0.4 s of import

    core = int(spectrum[window.core].sum())
    beside = int(sum(spectrum[side].sum() for side in window.sides))
    channels = sum(side.stop - side.start for side in window.sides)
    if not channels:
        return False
    expected = (1 + CURVATURE) * (window.core.stop - window.core.start)
    chance = bdtrc(core - 1, core + beside, expected / (expected + channels))
    return bool((chance if core > 0 else 1.0) < risk)
