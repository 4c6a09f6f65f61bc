"""Interlocks of the XPS spectrometer and its ion gun (reference `xps-and-eds.md` section 2.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acquire.gate import Rule, Situation
from drivers.xps import XpsStatus


def _status(now: Situation) -> XpsStatus:
    status: XpsStatus = now.status
    return status


def pumped(now: Situation) -> str | None:
    """Refuse X-rays and ions in bad vacuum."""
    pressure, most = _status(now).pressure, now.limits.pressure_max
    if pressure <= most:
        return None
    return (
        f"the chamber is at {pressure:.2g} Pa, above {most:.2g} Pa; find the leak or close the gas "
        "valve, wait for the pumps, then go on"
    )


def clean(now: Situation) -> str | None:
    """Refuse to measure while residual gas would cover the surface; the protocol may be stricter.

    Looked at before a region only: argon that is still being pumped passes in its first seconds.
    """
    most = now.limits.measuring_pressure_max
    stricter = getattr(now.step, "pressure_max", None)
    most = most if stricter is None else min(most, stricter)
    pressure = _status(now).pressure
    if now.running or pressure <= most:
        return None
    return (
        f"the chamber is at {pressure:.2g} Pa, above the {most:.2g} Pa for measuring; wait for the "
        "pumps, or raise measuring_pressure_max in the lab file"
    )


def source_on(now: Situation) -> str | None:
    """Refuse a region without X-rays: it would be counted as a spectrum of nothing."""
    if _status(now).source_on:
        return None
    return "the X-ray source is off or has tripped; look at it, switch it on, then go on"


def no_ions(now: Situation) -> str | None:
    """Refuse while ions are on the specimen outside an etch."""
    if not _status(now).ions_on:
        return None
    return "the ion gun is on though nothing is etched; switch it off at the console"


def idle(now: Situation) -> str | None:
    """Refuse to begin while a region is being scanned, by whomever."""
    if now.running or not _status(now).acquiring:
        return None
    return "a region is being scanned; wait for its end, or abort it at the console"


def detector_safe(now: Situation) -> str | None:
    """Refuse ions while the detector's high voltage is up: they would harm it."""
    if not _status(now).detector_on:
        return None
    return "the detector's high voltage is up; bring the analyser into its safe state first"


def gun_within(now: Situation) -> str | None:
    """Refuse an etch beyond what the lab lets the gun do."""
    (etch,) = now.arguments
    for value, most, what, unit in (
        (etch.energy, now.limits.ion_energy_max, "etch.energy", "eV"),
        (etch.current, now.limits.ion_current_max, "etch.current", "A"),
        (etch.duration, now.limits.etch_max, "etch.duration", "s"),
    ):
        if not value <= most:
            return (
                f"{what} {value:g} {unit} is above the lab's limit of {most:g} {unit}; lower it, "
                "or raise the limit in the lab file"
            )
    return None


MEASURE: tuple[Rule, ...] = (pumped, clean, source_on, no_ions, idle)

RULES: Mapping[str, Sequence[Rule]] = {
    "xps.acquire": MEASURE,
    "xps.etch": (gun_within, pumped, idle, detector_safe),
    "xps.set_source": (no_ions, idle),
    "xps.set_neutraliser": (no_ions, idle),
    "xps.move_stage": (no_ions, idle),
}
