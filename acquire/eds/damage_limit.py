"""The dose that an earlier beam-damage step found bearable, as the limit of a line scan."""

from __future__ import annotations

from acquire.eds.fade import DoseSeries, dose_for_loss
from acquire.eds.fade_watch import AT_LEAST, IMAGING, series_of
from acquire.flags import Flag
from acquire.run import Run
from drivers.errors import BudgetError
from protocols.eds import EdsLineScan

CONFIDENCE = 0.95
"""Of the interval whose lower end is the limit."""
SHORTEST = 0.1
"""Share of the dwell below which a scan would answer something else than it was planned for."""


def within_damage_limit(step: EdsLineScan, run: Run) -> EdsLineScan:
    """Return the step with a dwell that keeps the dose which its `damage_limit` allows.

    Raises:
        BudgetError: the earlier step says nothing of the element, or even a tenth of the dwell
            gives too much.
    """
    if step.damage_limit is None:
        return step
    allowed = dose_allowed(step, run)
    before = float((run.earlier("beam_damage") or {}).get(IMAGING, 0.0))
    dwell = run.decide("dwell", dwell_allowed(step, allowed - before))
    if dwell < step.dwell:
        limit = step.damage_limit
        note = (
            f"dwell shortened from {step.dwell * 1e3:.4g} to {dwell * 1e3:.4g} ms: more than "
            f"{allowed:.4g} e/angstrom^2 may take {limit.loss:.0%} of {limit.element}"
        )
        run.flag(Flag("dose", limit.element, 0, {"dose_e_per_angstrom2": allowed}, note=note))
    return step.model_copy(update={"dwell": dwell, "dose_limit": allowed - before})


def dose_allowed(step: EdsLineScan, run: Run) -> float:
    """Return the smaller of `dose_limit` and what the earlier step found bearable, e/Å².

    Raises:
        BudgetError: there is no earlier step that says something of the element.
    """
    limit = step.damage_limit
    assert limit is not None
    series = _series(run, limit.element)
    if series is None:
        raise BudgetError(
            f"damage_limit: the beam_damage step before says nothing of {limit.element}; repeat it "
            "on an area that holds the element, or remove damage_limit and set dose_limit yourself"
        )
    return min(step.dose_limit, dose_for_loss(series, limit.loss, CONFIDENCE).low)


def _series(run: Run, element: str) -> DoseSeries | None:
    """Return what the earlier step measured of an element; None where that says nothing."""
    result = run.earlier("beam_damage") or {}
    figure = result.get("dose_for_loss", {}).get(element, {"none": ""})
    known = "none" not in figure or AT_LEAST in figure
    return series_of(result, element) if known else None


def dwell_allowed(step: EdsLineScan, dose: float) -> float:
    """Return the dwell (s), not above that of the step, at which no place gets more than `dose`.

    Raises:
        BudgetError: it would be less than a tenth of the step's.
    """
    share = min(1.0, (dose - step.imaging_dose) / step.dose)
    if share < SHORTEST:
        raise BudgetError(
            f"damage_limit: {dose:.4g} e/angstrom^2 leaves {max(share, 0):.1%} of the dwell; widen "
            "the strip, coarsen the pitch, or let damage_limit take a larger loss"
        )
    return step.dwell * share
