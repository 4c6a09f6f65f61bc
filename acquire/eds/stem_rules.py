"""Interlocks of the STEM (reference `fib-and-tem.md` section 6, checks 1, 2, 3, 7 and 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acquire.gate import Rule, Situation

KELVIN = 273.15


def valve_open(now: Situation) -> str | None:
    """Refuse while the column valve is closed: no electrons reach the specimen."""
    if now.status.valve_open:
        return None
    return "the column valve is closed; find out why, open it, then go on"


def pumped(now: Situation) -> str | None:
    """Refuse a beam in bad vacuum."""
    pressure, limit = now.status.column_pressure, now.limits.column_pressure_max
    if pressure <= limit:
        return None
    return f"column pressure {pressure:.2g} Pa is above {limit:.2g} Pa; wait for the pumps"


def cold(now: Situation) -> str | None:
    """Refuse a beam on a specimen that has become warm; the protocol may be stricter."""
    limit = now.limits.holder_temperature_max
    stricter = getattr(now.step, "holder_temperature_max", None)
    if stricter is not None:
        limit = min(limit, stricter)
    temperature = now.status.holder_temperature
    if temperature <= limit:
        return None
    return (
        f"the holder is at {temperature - KELVIN:.2f} degC, above {limit - KELVIN:.2f} degC; "
        f"fill the dewar and let it settle"
    )


def blanked(now: Situation) -> str | None:
    """Refuse to begin while the beam is on the specimen outside an action."""
    if now.running or now.status.beam_blanked:
        return None
    return "the beam is on though nothing is measured; blank it at the console"


BEAM: tuple[Rule, ...] = (valve_open, pumped, cold, blanked)

RULES: Mapping[str, Sequence[Rule]] = {
    "stem.image": BEAM,
    "stem.spectrum": BEAM,
    "stem.shift_scan": (blanked,),
    "stem.move_stage": (blanked,),
}
