"""A depth profile made of lines that are drawn, with charging, for tests of its analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.flags import Flag
from acquire.xps.depth_watch import DepthWatch
from acquire.xps.peak_shape import peak_shapes
from drivers.xps import RegionSpectrum, XpsSetup
from protocols.core_levels import core_level
from protocols.xps import DepthProfile

Floats = npt.NDArray[np.float64]

SETUP = XpsSetup(
    photon_energy=1486.7,
    anode="Al Ka",
    work_function=4.5,
    pass_energies=(),
    smallest_step=0.01,
    spot_width=3e-4,
    spot_height=7e-4,
    take_off_angle=0.0,
    source_angle=0.955,
    transmission_exponent=-0.6,
)
BACKGROUND = 40.0
"""Counts a channel in one sweep."""
COUNTED = {"dwell": 0.2, "pass_energy": 40}
REGIONS = {"C 1s": (296.0, 279.0), "N 1s": (406.0, 388.0), "P 2p": (142.0, 124.0)}


def made_step(**changes: object) -> DepthProfile:
    """Return a step that watches C 1s, N 1s and P 2p."""
    step = {
        "kind": "depth_profile",
        "regions": [
            {"line": line, "start": start, "stop": stop, "step": 0.1} | COUNTED
            for line, (start, stop) in REGIONS.items()
        ],
        "etch": {"energy": 5000, "current": 1e-6, "raster_width": 2e-3, "raster_height": 2e-3}
        | {"duration": 60},
        "max_cycles": 42,
        "xray_budget": 1e6,
        "etch_budget": 1e5,
        "watch": [
            {"line": "C 1s", "states": {"adventitious": {"energy": 284.6}}},
            {"line": "N 1s", "states": {"nitride": {"energy": 394.4}, "LiPON": {"energy": 398.0}}},
            {"line": "P 2p", "states": {"phosphate": {"energy": 132.8}}},
        ],
        "references": [{"line": "C 1s", "energy": 284.6, "uncertainty": 0.1}],
    }  # fmt: skip
    return DepthProfile.model_validate(step | changes)


@dataclass(frozen=True)
class Line:
    """A drawn line: where it is, and its counts in each cycle."""

    level: str
    energy: float
    areas: Sequence[float]
    width: float = 1.5


def drawn(
    lines: Sequence[Line], cycle: int, rng: np.random.Generator, shift: float = 0.0, sweeps: int = 1
) -> dict[str, RegionSpectrum]:
    """Return the regions of a cycle, all lines moved by `shift` eV."""
    found = {}
    for region, (start, stop) in REGIONS.items():
        energies: Floats = start - 0.1 * np.arange(round((start - stop) / 0.1) + 1.0)
        expected = np.full_like(energies, BACKGROUND)
        for line in lines:
            if line.level == region:
                place = np.array([line.energy + shift])
                shape = peak_shapes(energies, place, line.width, core_level(region))[0]
                expected += line.areas[cycle] * shape
        counts = rng.poisson(sweeps * expected).astype(np.uint32)
        found[region] = RegionSpectrum(counts, start, 0.1, 0.2, sweeps)
    return found


def watched(
    lines: Sequence[Line], cycles: int, shifts: Mapping[int, float] | None = None, seed: int = 1
) -> tuple[DepthWatch, list[Flag]]:
    """Return the watch of a whole profile and the flags that it raised."""
    rng, watch, flags = np.random.default_rng(seed), DepthWatch(made_step(), SETUP), []
    for cycle in range(cycles):
        shift = (shifts or {}).get(cycle, 0.0)
        flags += watch.update(cycle, 60.0 * cycle, drawn(lines, cycle, rng, shift))
    return watch, flags


def ramp(begin: float, slope: float, most: float, cycles: int = 40) -> list[float]:
    """Return areas that rise by `slope` a cycle from `begin` (cycles) to `most`."""
    return [float(np.clip(slope * (cycle - begin), 0.0, most)) for cycle in range(cycles)]
