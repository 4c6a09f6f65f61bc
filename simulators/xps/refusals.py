"""What the simulated XPS refuses, before anything moves or is exposed."""

from __future__ import annotations

import math

from drivers.errors import LimitError
from drivers.xps import XpsLimits
from protocols.core_levels import AL_KA_EV
from protocols.units import CURRENT, ENERGY, LENGTH, TIME
from protocols.xps import Etch, Region

PASS_ENERGIES = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
"""eV [lit], of AXIS instruments."""
SMALLEST_STEP = 0.01
"""eV; ours."""
LEAST_KINETIC = 10.0
"""eV: slower electrons are not analysed; ours."""
SHORTEST_DWELL, LONGEST_DWELL = 1e-3, 60.0
"""Seconds; ours."""
LEAST_ION_ENERGY = 500.0
"""eV; ours."""
SMALLEST_RASTER, LARGEST_RASTER = 0.3e-3, 5e-3
"""m; ours."""
STAGE_RANGE = 10e-3
"""m from the origin, both ways; ours."""


def check_region(region: Region, sweeps: int) -> None:
    """Refuse a region that the analyser cannot scan."""
    if region.pass_energy not in PASS_ENERGIES:
        known = ", ".join(f"{one:g}" for one in PASS_ENERGIES)
        raise LimitError(
            f"xps: a pass energy of {ENERGY.suggest(region.pass_energy)} cannot be set; choose "
            f"one of {known} eV"
        )
    if region.step < SMALLEST_STEP:
        raise LimitError(
            f"xps: {region.line}: a step of {region.step:g} eV is finer than the analyser's "
            f"{ENERGY.suggest(SMALLEST_STEP)}; widen it"
        )
    if region.start > AL_KA_EV - LEAST_KINETIC:
        raise LimitError(
            f"xps: {region.line}: at {region.start:g} eV electrons of the X-rays' {AL_KA_EV:g} eV "
            f"are slower than {ENERGY.suggest(LEAST_KINETIC)}; lower start"
        )
    if not SHORTEST_DWELL <= region.dwell <= LONGEST_DWELL:
        raise LimitError(
            f"xps: {region.line}: a dwell of {region.dwell:g} s is outside "
            f"{TIME.suggest(SHORTEST_DWELL)} .. {TIME.suggest(LONGEST_DWELL)}; choose another"
        )
    if sweeps < 1:
        raise LimitError(f"xps: {region.line}: {sweeps} sweeps measure nothing; ask for one")


def check_etch(etch: Etch, limits: XpsLimits) -> None:
    """Refuse an etch that the gun cannot do, or the lab file does not allow."""
    if not LEAST_ION_ENERGY <= etch.energy <= limits.ion_energy_max:
        raise LimitError(
            f"xps: ions of {etch.energy:g} eV are outside {ENERGY.suggest(LEAST_ION_ENERGY)} .. "
            f"{ENERGY.suggest(limits.ion_energy_max)} (ion_energy_max of the lab file); choose "
            "another energy"
        )
    if not 0 < etch.current <= limits.ion_current_max:
        raise LimitError(
            f"xps: an ion current of {CURRENT.suggest(etch.current)} is outside 0 .. "
            f"{CURRENT.suggest(limits.ion_current_max)} (ion_current_max of the lab file); lower it"
        )
    if etch.duration > limits.etch_max:
        raise LimitError(
            f"xps: an etch of {etch.duration:g} s is longer than {TIME.suggest(limits.etch_max)} "
            "(etch_max of the lab file); divide it"
        )
    for side in (etch.raster_width, etch.raster_height):
        if not SMALLEST_RASTER <= side <= LARGEST_RASTER:
            raise LimitError(
                f"xps: a raster side of {LENGTH.suggest(side)} is outside "
                f"{LENGTH.suggest(SMALLEST_RASTER)} .. {LENGTH.suggest(LARGEST_RASTER)}; choose "
                "another"
            )


def check_place(x: float, y: float) -> None:
    """Refuse a place (m) outside the stage's range."""
    if not (abs(x) <= STAGE_RANGE and abs(y) <= STAGE_RANGE and math.isfinite(x + y)):
        raise LimitError(
            f"xps: the stage cannot go to ({x:g}, {y:g}) m; its range is "
            f"±{LENGTH.suggest(STAGE_RANGE)}"
        )
