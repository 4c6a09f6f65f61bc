"""What a lift-out answers, as `show --json` gives it, and the record that goes with the grid."""

from __future__ import annotations

from typing import Any

from acquire.fib.session import Session
from drivers.cryo import CryoStatus
from drivers.fib import FibSetup
from protocols.lift_out import (
    ELECTRON_DOSE,
    ION_CHARGE,
    ION_DOSE,
    NEEDLE_TRAVEL,
    LiftOut,
)

ICE = (2e-9 / 3600, 20e-9 / 3600)
"""Growth of ice on a shielded cold lamella, m/s: 2 to 20 nm/h [lit], fib-and-tem.md 5.4."""
LITRE = 1e-3


def result(session: Session, begun: float, status: CryoStatus) -> dict[str, Any]:
    """Return the result of the stages that were done."""
    run, found = session.run, session.found
    cold_since = session.temperatures[0]["time_s"] if session.temperatures else begun
    now = run.now()
    success, reason = verdict(session)
    return {
        "stage": session.stage,
        "success": success,
        "reason": reason,
        "thickness_m": None,
        "interval_m": None,
        **found,
        "welds": session.welds,
        "duration_s": now - begun,
        "ln2_l": status.ln2_used / LITRE,
        "time_cold_s": now - cold_since,
        "ice_m": [rate * (now - cold_since) for rate in ICE],
        "temperatures": session.temperatures,
        "species": species(session.step, session.setup),
        "retries": {
            "count": session.retries.count,
            ION_CHARGE: session.retries.charge,
            ION_DOSE: session.retries.ion_dose,
            "milling_s": session.retries.seconds,
        },
        **{kind: run.spent(kind) for kind in (ION_CHARGE, ION_DOSE, ELECTRON_DOSE, NEEDLE_TRAVEL)},
    }


def verdict(session: Session) -> tuple[bool, str]:
    """Return whether the lamella is claimed a success, and why or why not."""
    step, found = session.step, session.found
    target = step.target
    if session.stage not in ("polish", "final"):
        return False, f"the lift-out was taken as far as {session.stage}"
    if session.doubts:
        return False, "; ".join(session.doubts)
    thick, sigma = found.get("thickness_m"), found.get("thickness_sigma_m")
    if thick is None or sigma is None:
        return False, "the thickness was not measured"
    upper = thick + target.sigmas * sigma
    if upper > target.at_most:
        return False, (
            f"{thick * 1e9:.0f} nm with a standard error of {sigma * 1e9:.0f} nm is not surely "
            f"below {target.at_most * 1e9:.0f} nm"
        )
    return True, (
        f"on the grid, {thick * 1e9:.0f} nm thick at the interface "
        f"(standard error {sigma * 1e9:.0f} nm)"
    )


def species(step: LiftOut, setup: FibSetup) -> dict[str, str | None]:
    """Return which ions the protocol wants, a publication states, and the instrument reports."""
    return {
        "written": step.ions.species,
        "as_stated": step.ions.as_stated,
        "as_reported": setup.ion_species,
    }
