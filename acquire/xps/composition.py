"""Atomic percent from areas: each divided by its line's sensitivity.

Sensitivity is Scofield's cross section times the analyser's transmission times the inelastic mean
free path, which goes as the kinetic energy to the power 0.75 in any one material (Seah, Practical
Surface Analysis, 2nd ed., 1990 [lit], to verify). It takes the depth that is seen for homogeneous,
which an interphase is not; and says nothing of elements that are not watched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from acquire.xps.line_cycle import LineCycle
from acquire.xps.readings import LineReading
from drivers.xps import XpsSetup
from protocols.xps import DepthProfile

Floats = npt.NDArray[np.float64]

PATH_EXPONENT = 0.75
"""Of the mean free path with the kinetic energy."""
SENSITIVITY_ERROR = 0.1
"""Relative, of each sensitivity: of Scofield's tables and the transmission [lit], to verify."""


def sensitivities(step: DepthProfile, setup: XpsSetup) -> dict[str, float]:
    """Return the sensitivity of each watched line, in any unit.

    Where the transmission is not known it is taken as the same for all.
    """
    found = {}
    for watched in step.watch:
        kinetic = max(step.photon_energy - watched.level.energy, 1.0)
        exponent = PATH_EXPONENT + (setup.transmission_exponent or 0.0)
        found[watched.line] = watched.level.cross_section * kinetic**exponent
    return found


def composition(
    step: DepthProfile,
    setup: XpsSetup,
    readings: Mapping[str, Sequence[LineReading]],
    cycles: Mapping[str, Sequence[LineCycle]],
) -> dict[str, object]:
    """Return atomic percent by element and cycle, with standard uncertainties, for `findings`.

    Of the cycles that have all regions and any line. Of an element with several lines the first
    counts. Errors are those of counting and of the sensitivities.
    """
    of_element = {w.level.element: w.line for w in reversed(step.watch)}
    lines = [
        of_element[w.level.element] for w in step.watch if of_element[w.level.element] == w.line
    ]
    factors = sensitivities(step, setup)
    numbers = [{one.cycle: i for i, one in enumerate(cycles.get(line, ()))} for line in lines]
    common = sorted(set.intersection(*(set(each) for each in numbers)) if numbers else ())
    amounts, errors = np.zeros((2, len(lines), len(common)))
    for row, (line, index) in enumerate(zip(lines, numbers, strict=True)):
        region = step.region(line)
        for column, cycle in enumerate(common):
            reading, one = readings[line][index[cycle]], cycles[line][index[cycle]]
            scale = region.step / (factors[line] * one.sweeps * region.dwell)
            amounts[row, column] = max(reading.area, 0.0) * scale
            errors[row, column] = reading.sigma * scale
    there = amounts.sum(axis=0) > 0  # of nothing there is no composition
    common = [cycle for cycle, any_is in zip(common, there, strict=True) if any_is]
    share, error = _percent(amounts[:, there], errors[:, there])
    elements = [line.split()[0] for line in lines]
    return {
        "cycles": common,
        "atomic_percent": _table(elements, share),
        "uncertainty": _table(elements, error),
        "sensitivities": {line: factors[line] / max(factors.values()) for line in lines},
        "transmission_known": setup.transmission_exponent is not None,
    }


def _percent(amounts: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Return percent of the sum and their standard uncertainties, shape (lines, cycles)."""
    total = amounts.sum(axis=0)
    share = amounts / total
    own = errors**2 + (SENSITIVITY_ERROR * amounts) ** 2
    variance = ((1 - share) ** 2 * own + share**2 * (own.sum(axis=0) - own)) / total**2
    return 100 * share, 100 * np.sqrt(variance)


def _table(elements: Sequence[str], values: Floats) -> dict[str, list[float]]:
    return {e: [round(float(v), 3) for v in row] for e, row in zip(elements, values, strict=True)}
