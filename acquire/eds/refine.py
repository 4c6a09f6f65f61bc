"""Where the passes after the first expose: where the draws of the fits say it narrows the answer.

The answer is where each element appears and how wide the interphase is; the width counts for
`WIDTH_COUNTS` onsets, as it is what a scan is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.eds.allotment import allotted
from acquire.eds.design import reach
from acquire.eds.interphase import ENDS, estimate
from acquire.eds.line_result import LineFindings
from protocols.eds import EdsLineScan, RefinePlan
from protocols.units import ELEMENTARY_CHARGE

Floats = npt.NDArray[np.float64]

DRAWS = 1500
"""Tuples of draws that the passes are laid out by."""
WIDTH_COUNTS = 6
"""Onsets that the width is worth; ours."""
SHORTEST = 0.02
"""Of the dwell: a shorter exposure is not worth going there."""
KEPT = 0.999
"""Of the dose that is left: rounding must not exceed the limit."""


class Passes:
    """Lays out the passes of a refined scan."""

    def __init__(self, step: EdsLineScan, plan: RefinePlan) -> None:
        """Take the step and its plan."""
        self.step = step
        self.plan = plan
        allowed = max(step.dose_limit - step.imaging_dose, 0.0)
        self.most = KEPT * step.dwell * allowed / step.dose
        """Seconds of beam that a position may have in all."""

    def next_pass(
        self, number: int, found: LineFindings, dwells: Sequence[float]
    ) -> list[list[float]]:
        """Return (index, dwell in s) of each position to expose in pass `number`, from 1 on.

        Empty where nothing is left to do: no element appears, the width is known well enough, or
        the electrons are spent.
        """
        if found.interphase is None or self._known(found):
            return []
        spent = np.asarray(dwells)
        left = self.plan.spend * self.step.dwell * self.step.points - spent.sum()
        more = left / (self.plan.passes - number + 1)
        if more <= SHORTEST * self.step.dwell:
            return []
        positions, added = self._laid_out(found, spent, more)
        return [
            [float(index), float(f"{seconds:.4g}")]
            for index, seconds in zip(positions, added, strict=True)
            if seconds >= SHORTEST * self.step.dwell
        ]

    def _known(self, found: LineFindings) -> bool:
        width = found.width
        if self.plan.width_within is None or "none" in width:
            return False
        low, high = width["interval_m"]
        value = width["value_m"]
        return bool(max(value - low, high - value) <= self.plan.width_within)

    def _laid_out(
        self, found: LineFindings, spent: Floats, more: float
    ) -> tuple[npt.NDArray[np.intp], Floats]:
        """Return the indices of the positions that all fits know, and what each is to get, s."""
        rng = np.random.default_rng(1)
        interphase = found.interphase
        assert interphase is not None
        tuples = interphase.sample(DRAWS, rng)
        fits = [found.fits[element] for element in interphase.elements]
        begin = max(float(fit.line.distance[0]) for fit in fits)
        end = min(float(fit.line.distance[-1]) for fit in fits)
        rates = []
        for fit, rows in zip(fits, interphase.rows[:, tuples], strict=True):
            inside = (fit.line.distance >= begin) & (fit.line.distance <= end)
            rates.append(fit.rates(rows)[:, inside])
        distances = fits[0].line.distance
        distances = distances[(distances >= begin) & (distances <= end)]
        positions = np.rint(distances / self.step.pitch).astype(np.intp)
        width = interphase.widths[tuples]
        answers = np.column_stack([*interphase.onsets[:, tuples], *[width] * WIDTH_COUNTS])
        room = np.maximum(self.most - spent[positions], 0.0)
        return positions, allotted(rates, answers, more, room)


def compared_with_uniform(
    step: EdsLineScan, found: LineFindings, dwells: Sequence[float]
) -> dict[str, Any]:
    """Return what was spent and reached, beside what an even scan would have reached with it.

    Standard deviations (m) by Fisher information at the fitted rises, the same for both; `reached`
    gives those of the posterior as well, which knows more shapes.
    """
    seconds = np.asarray(dwells)
    per_second = step.probe_current / ELEMENTARY_CHARGE
    told: dict[str, Any] = {
        "electrons": float(seconds.sum() * per_second),
        "uniform_electrons": float(step.dwell * step.points * per_second),
    }
    if found.interphase is None or not found.fits:
        return told
    by_design = _half_widths(found, seconds)
    even = _half_widths(found, np.full(len(seconds), seconds.sum() / len(seconds)))
    whole = _half_widths(found, np.full(len(seconds), step.dwell))
    return told | {
        "expected_interval_m": by_design,
        "same_electrons_evenly_interval_m": even,
        "uniform_interval_m": whole,
        "reached": _reached(found),
    }


def _half_widths(found: LineFindings, seconds: Floats) -> dict[str, float]:
    """Return half of the 95 % intervals to be expected of an exposure, by quantity, m."""
    rises = [fit.expected_rise() for fit in found.fits.values()]
    line = next(iter(found.fits.values())).line
    positions = np.rint(line.distance / line.pitch).astype(np.intp)
    bound = reach(rises, line.distance, seconds[np.minimum(positions, len(seconds) - 1)])
    onsets = {
        f"{element} onset": 1.96 * sd for element, sd in zip(found.fits, bound.onsets, strict=True)
    }
    return {**onsets, "width": 1.96 * bound.width}


def _reached(found: LineFindings) -> Mapping[str, float]:
    assert found.interphase is not None
    told = {}
    for element, fit in found.fits.items():
        onset = estimate(fit.onset)
        told[f"{element} onset"] = (onset.high - onset.low) / 2
    if all(found.interphase.ends_within(element) >= ENDS for element in found.fits):
        width = found.interphase.width()
        told["width"] = (width.high - width.low) / 2
    return told
