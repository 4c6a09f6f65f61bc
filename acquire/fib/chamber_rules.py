"""Interlocks of chamber, beams, gas and cold that many actions of a FIB share.

Reference sheet fib-and-tem.md section 6, checks 1 to 5.
"""

from __future__ import annotations

from collections.abc import Callable

from acquire.gate import Rule, Situation
from drivers.cryo import CryoLimits, CryoStatus
from drivers.fib import FibStatus, Milling
from protocols.fib import BeamImage
from protocols.lift_out import LiftOut

KELVIN = 273.15

ColdRule = Callable[[Situation, CryoStatus, CryoLimits], str | None]


def pumped(now: Situation) -> str | None:
    """Refuse in a chamber that is vented, or whose vacuum is bad."""
    fib = now.instrument("fib")
    if fib.status.vented:
        return "the chamber is vented or venting; pump it, then go on"
    pressure, limit = fib.status.chamber_pressure, fib.limits.chamber_pressure_max
    if pressure <= limit:
        return None
    return f"chamber pressure {pressure:.2g} Pa is above {limit:.2g} Pa; wait for the pumps"


def blanked(now: Situation) -> str | None:
    """Refuse to begin while a beam is on the specimen outside an action."""
    if now.running:
        return None
    return _unblanked(now.status, electrons=True, ions=True)


def blanked_throughout(now: Situation) -> str | None:
    """Refuse a beam on the specimen while something moves."""
    return _unblanked(now.status, electrons=True, ions=True)


def electrons_blanked(now: Situation) -> str | None:
    """Refuse ions while electrons are on the specimen too."""
    return _unblanked(now.status, electrons=True, ions=False)


def ions_blanked(now: Situation) -> str | None:
    """Refuse electrons while ions are on the specimen too."""
    return _unblanked(now.status, electrons=False, ions=True)


def _unblanked(status: FibStatus, *, electrons: bool, ions: bool) -> str | None:
    if ions and not status.ions_blanked:
        return "the ion beam is on the specimen though it is not to be; blank it at the console"
    if electrons and not status.electrons_blanked:
        return "the electron beam is on the specimen though it is not to be; blank it"
    return None


def ion_beam_on(now: Situation) -> str | None:
    """Refuse without an ion beam."""
    if now.status.ion_beam_on:
        return None
    return "the ion beam is off; switch it on at the console and let it settle"


def electron_beam_on(now: Situation) -> str | None:
    """Refuse without an electron beam."""
    if now.status.electron_beam_on:
        return None
    return "the electron beam is off; switch it on at the console and let it settle"


def not_milling(now: Situation) -> str | None:
    """Refuse while a pattern is being milled."""
    if now.status.milling:
        return "a pattern is still being milled; stop it at the console"
    return None


def milling_idle(now: Situation) -> str | None:
    """Refuse to begin a pattern while another one is being milled."""
    return None if now.running else not_milling(now)


def at_rest(now: Situation) -> str | None:
    """Refuse while the stage or the needle moves."""
    if now.status.stage_moving:
        return "the stage is moving; wait until it stands"
    if now.status.needle_moving:
        return "the needle is moving; wait until it stands"
    return None


def at_rest_to_begin(now: Situation) -> str | None:
    """Refuse to begin a move while another one goes on."""
    return None if now.running else at_rest(now)


def needle_at_rest_to_begin(now: Situation) -> str | None:
    """Refuse to begin a move of the needle while another one goes on."""
    if now.status.needle_moving and not now.running:
        return "the needle is moving; wait until it stands"
    return None


def stage_at_rest(now: Situation) -> str | None:
    """Refuse to move the needle while the stage moves."""
    if now.status.stage_moving:
        return "the stage is moving; wait until it stands"
    return None


def homed(now: Situation) -> str | None:
    """Refuse while the stage does not know where it is."""
    if now.status.stage_homed:
        return None
    return "the stage has lost its home position; home it at the console with the needle out"


def gas_out(now: Situation) -> str | None:
    """Refuse with the gas injector in or open."""
    status = now.instrument("fib").status
    if status.gis_open:
        return "the gas valve is open; close it at the console, then retract the injector"
    if status.gis_inserted:
        return "the gas injector is inserted; retract it"
    return None


def cold(*checks: ColdRule) -> Rule:
    """Return the rule that takes one reading of the cold stage and passes it to each check."""

    def rule(now: Situation) -> str | None:
        cryo = now.instrument("cryo")
        for check in checks:
            reason = check(now, cryo.status, cryo.limits)
            if reason is not None:
                return reason
        return None

    return rule


def stage_cold(now: Situation, status: CryoStatus, limits: CryoLimits) -> str | None:
    """Refuse ions on a stage that is not cold."""
    limit, kelvin = limits.milling_temperature_max, status.stage_temperature
    if kelvin <= limit:
        return None
    return f"the stage is at {_degrees(kelvin)}, above {_degrees(limit)}; cool it and let it settle"


def stage_in_window(now: Situation, status: CryoStatus, limits: CryoLimits) -> str | None:
    """Refuse away from the temperature that the protocol asks for."""
    if not isinstance(now.step, LiftOut):
        return None
    asked, within = now.step.cold.stage, now.step.cold.within
    if abs(status.stage_temperature - asked) <= within:
        return None
    return (
        f"the stage is at {_degrees(status.stage_temperature)}, more than {within:g} K from "
        f"{_degrees(asked)}; let it settle, or widen cold.within"
    )


def stage_steady(now: Situation, status: CryoStatus, limits: CryoLimits) -> str | None:
    """Refuse while the temperature drifts; the protocol's own limit counts to begin with."""
    limit = limits.slope_max
    if isinstance(now.step, LiftOut) and not now.running:
        limit = min(limit, now.step.cold.slope)
    if abs(status.stage_slope) <= limit:
        return None
    return (
        f"the stage changes by {status.stage_slope * 60:+.3g} K/min, more than "
        f"{limit * 60:.3g} K/min; let it settle"
    )


def shield_colder(now: Situation, status: CryoStatus, limits: CryoLimits) -> str | None:
    """Refuse where the specimen is colder than its shield: ice would grow on it instead."""
    if status.shield_temperature <= status.stage_temperature:
        return None
    return (
        f"the shield is at {_degrees(status.shield_temperature)}, warmer than the stage at "
        f"{_degrees(status.stage_temperature)}; cool the shield first"
    )


def needle_cold(now: Situation, status: CryoStatus, limits: CryoLimits) -> str | None:
    """Refuse the needle at the specimen while it is warm."""
    limit, kelvin = limits.needle_temperature_max, status.needle_temperature
    if kelvin <= limit:
        return None
    return (
        f"the needle is at {_degrees(kelvin)}, above {_degrees(limit)}: it would warm the "
        f"lamella; check its cooling and wait"
    )


def needle_cold_if_in(now: Situation, status: CryoStatus, limits: CryoLimits) -> str | None:
    """Refuse milling with a warm needle at the specimen."""
    return needle_cold(now, status, limits) if now.status.needle_inserted else None


def nitrogen(now: Situation, status: CryoStatus, limits: CryoLimits) -> str | None:
    """Refuse what the nitrogen would not outlast, and to begin during a refill."""
    if now.running:
        least = limits.ln2_reserve / 2
        if status.ln2_hold >= least:
            return None
        return f"nitrogen lasts {status.ln2_hold:.0f} s, below {least:.0f} s; refill, then go on"
    if status.refilling:
        return "nitrogen is being refilled, which shakes the stage; wait until that is done"
    needed = _duration(now) + limits.ln2_reserve
    if status.ln2_hold >= needed:
        return None
    return f"nitrogen lasts {status.ln2_hold:.0f} s, this needs {needed:.0f} s; refill it first"


def _duration(now: Situation) -> float:
    """Return the seconds that the action takes, 0 for moves."""
    first = now.arguments[0] if now.arguments else None
    return float(first.duration) if isinstance(first, (Milling, BeamImage)) else 0.0


def _degrees(kelvin: float) -> str:
    return f"{kelvin - KELVIN:.1f} degC"
