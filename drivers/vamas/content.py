"""What a VAMAS file holds, in the words of ISO 14976; units are the standard's own.

The standard writes 1E37 for a figure that is not known, and -1 for a date; here both are None.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

FORMAT = "VAMAS Surface Chemical Analysis Standard Data Transfer Format 1988 May 4"
"""The first line of every file."""
TERMINATOR = "end of experiment"
UNKNOWN = 1e37
"""What the standard writes for a figure that is not known."""

Mode = Literal["NORM", "SDP", "SDPSV", "MAPSVDP"]
SPUTTERED: tuple[Mode, ...] = ("SDP", "SDPSV", "MAPSVDP")
"""Experiment modes whose blocks say which ions sputtered."""


@dataclass(frozen=True)
class Label:
    """The name and the unit of a variable."""

    label: str
    unit: str


@dataclass(frozen=True)
class Parameter:
    """A figure that the standard has no place for."""

    label: str
    unit: str
    value: float | None


@dataclass(frozen=True)
class Sputtering:
    """The ions of a depth profile."""

    atomic_number: int
    atoms: float | None = 1.0
    """In one particle."""
    charge: float | None = 1.0
    energy: float | None = None
    """eV."""
    current: float | None = None
    """nA."""
    width_x: float | None = None
    """Of the area over which they are rastered, um."""
    width_y: float | None = None
    polar: float | None = None
    """Of incidence, degrees from the surface normal."""
    azimuth: float | None = None
    mode: str | None = "cyclic"
    """`cyclic` when it rests while spectra are taken; None where a file leaves it out."""


@dataclass(frozen=True, eq=False)
class Ordinate:
    """A quantity that was measured at each point of the abscissa."""

    label: str
    unit: str
    values: npt.NDArray[np.float64]
    """Shape (points,)."""


@dataclass(frozen=True, eq=False)
class Block:
    """One spectrum."""

    name: str
    """The block identifier."""
    sample: str
    taken: datetime | None
    """When, aware; None where the file does not say."""
    comment: tuple[str, ...]
    technique: str
    variables: tuple[float | None, ...]
    """Of each experimental variable of the file its value at this block."""
    source: str
    """Such as Al."""
    source_energy: float | None
    """eV."""
    species: str
    """Such as N."""
    transition: str
    """Such as 1s."""
    abscissa: Label
    points: npt.NDArray[np.float64]
    """The abscissa, shape (points,), in the order of the file."""
    start: float
    step: float | None
    """Between two points, with its sign; None where they are not evenly spaced."""
    ordinates: tuple[Ordinate, ...]
    dwell: float | None
    """Seconds on each point in one scan."""
    scans: int
    source_power: float | None = None
    """W."""
    source_width: tuple[float | None, float | None] = (None, None)
    """um."""
    source_polar: float | None = None
    """Degrees from the surface normal."""
    source_azimuth: float | None = None
    analyser_mode: str = "FAT"
    pass_energy: float | None = None
    """eV."""
    differential_width: float | None = None
    """eV; of the technique `AES diff` only."""
    magnification: float | None = None
    work_function: float | None = None
    """eV."""
    target_bias: float | None = None
    analysis_width: tuple[float | None, float | None] = (None, None)
    """um."""
    take_off_polar: float | None = None
    """Degrees from the surface normal."""
    take_off_azimuth: float | None = None
    charge: int = -1
    """Of the particles that are detected."""
    signal_mode: str = "pulse counting"
    time_correction: float | None = 0.0
    """Dead time, s."""
    tilt_polar: float | None = None
    tilt_azimuth: float | None = None
    rotation: float | None = None
    sputtering: Sputtering | None = None
    """In the modes of `SPUTTERED` only."""
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, eq=False)
class VamasFile:
    """A whole file."""

    institute: str
    instrument: str
    operator: str
    experiment: str
    comment: tuple[str, ...]
    mode: Mode
    variables: tuple[Label, ...]
    """The experimental variables, such as `Etch Time` in s."""
    blocks: tuple[Block, ...]
    regions: int | None = None
    """How many spectral regions it says there are; the modes NORM and SDP say so."""


def evenly(start: float, step: float, count: int) -> npt.NDArray[np.float64]:
    """Return `count` points from `start` on, `step` apart."""
    return start + step * np.arange(count, dtype=np.float64)
