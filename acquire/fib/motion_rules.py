"""Interlocks of stage, needle, gas injector and cooling.

Reference sheet fib-and-tem.md section 6, checks 5, 6, 7 and 10. They refuse; none reroutes.
"""

from __future__ import annotations

import math

from acquire.fib.places import at_site, in_the_way
from acquire.gate import Situation
from drivers.fib import FibLimits, NeedlePosition, StagePosition
from protocols.lift_out import LiftOut

LARGEST = 1.0
"""Metres beyond which a stage target was meant in another unit."""
FLAT = math.radians(15)
"""Tilt up to which the stage may stand high (`FibLimits.tilt_needs_z_below`)."""
STILL = 1e-4
"""Change of tilt or rotation (rad) that counts as none while the needle is in; ours, to verify."""
LIFT_STEP = 1e-6
"""Steps of a lift until the lamella was seen to come along, m; ours, to verify."""
HEIGHT_READ = 1e-6
"""By which the needle's height may fall short of its park height (m): its backlash."""
COLDEST, WARMEST = 77.0, 310.0
"""Setpoints between liquid nitrogen and a warm room, K."""

# -- stage -----------------------------------------------------------------------------------


def stage_target_sane(now: Situation) -> str | None:
    """Refuse a target that is no number, or that was meant in another unit."""
    (to,) = now.arguments
    for name in ("x", "y", "z", "r", "t"):
        value = getattr(to, name)
        if not math.isfinite(value):
            return f"stage target {name} is {value}; give a finite number"
        if name in "rt" and abs(value) > 2 * math.pi:
            return f"stage target {name} = {value:g} rad is more than a turn; was it in degrees?"
        if name in "xyz" and abs(value) > LARGEST:
            return f"stage target {name} = {value:g} m is more than 1 m; was it in mm or um?"
    return None


def stage_in_range(now: Situation) -> str | None:
    """Refuse a target outside the lab's limits."""
    (to,), most = now.arguments, now.limits
    bounds = {
        "x": (-most.stage_x_max, most.stage_x_max),
        "y": (-most.stage_y_max, most.stage_y_max),
        "z": (most.stage_z_min, most.stage_z_max),
        "t": (most.tilt_min, most.tilt_max),
    }
    for name, (low, high) in bounds.items():
        value = getattr(to, name)
        if not low <= value <= high:
            unit = "rad" if name == "t" else "m"
            return (
                f"stage target {name} = {value:g} {unit} is outside {low:g} .. {high:g} {unit}; "
                f"choose a place within the lab file's limits"
            )
    return None


def clear_of_pole_piece(now: Situation) -> str | None:
    """Refuse a steep tilt high up, where the move begins or ends."""
    (to,), limit = now.arguments, now.limits.tilt_needs_z_below
    highest = to.z if now.running else max(to.z, now.status.stage.z)
    if abs(to.t) <= FLAT or highest <= limit:
        return None
    return (
        f"tilt {math.degrees(to.t):.0f} deg at z = {highest * 1e3:.3g} mm comes near the pole "
        f"piece (beyond 15 deg z stays below {limit * 1e3:.3g} mm); lower the stage first"
    )


def needle_out_of_the_way(now: Situation) -> str | None:
    """Refuse to move the stage under a needle that is in, but a little or with it high up."""
    (to,), status, limits = now.arguments, now.status, now.limits
    if not status.needle_inserted or now.running:
        return None
    if attached(now):
        return "the needle is attached to what the stage holds; cut it free before the stage moves"
    if _little(status.stage, to, limits):
        return None
    if now.facts.hold("lamella on needle"):
        if status.needle.z >= limits.needle_park_height - HEIGHT_READ:
            return None
        return (
            f"the needle with the lamella is {status.needle.z * 1e6:.1f} um above the surface, "
            f"below {limits.needle_park_height * 1e6:g} um; raise it first"
        )
    return (
        f"the needle is in and the stage would move by more than "
        f"{limits.stage_step_with_needle * 1e6:g} um or turn; retract the needle first"
    )


def _little(here: StagePosition, to: StagePosition, limits: FibLimits) -> bool:
    way = math.dist((here.x, here.y, here.z), (to.x, to.y, to.z))
    turned = max(abs(to.r - here.r), abs(to.t - here.t))
    return way <= limits.stage_step_with_needle and turned <= STILL


# -- needle ----------------------------------------------------------------------------------


def attached(now: Situation) -> bool:
    """True while the needle is welded to what stage or grid holds."""
    bulk = now.facts.hold("needle weld") and not now.facts.hold("cut free")
    return (bulk or now.facts.hold("grid weld")) and not now.facts.hold("released")


def only_in_a_lift_out(now: Situation) -> str | None:
    """Refuse where the protocol does not say what stands in the way."""
    if isinstance(now.step, LiftOut):
        return None
    return "only a lift_out step may do this; its places and sizes are what is kept clear of"


def nothing_on_needle(now: Situation) -> str | None:
    """Refuse to retract or insert a needle with something on it."""
    if now.facts.hold("released"):
        return None
    if now.facts.hold("lamella on needle") or now.facts.hold("needle weld"):
        return "there is a lamella on the needle; land and release it first, or ask for help"
    return None


def needle_inserted(now: Situation) -> str | None:
    """Refuse to move a needle that is out."""
    if now.status.needle_inserted:
        return None
    return "the needle is not inserted; insert it first"


def needle_free(now: Situation) -> str | None:
    """Refuse to move a needle that would tear at what it is welded to."""
    if not attached(now):
        return None
    cut = "the release at the grid" if now.facts.hold("grid weld") else "the cut"
    return f"the needle is attached and {cut} is not verified; cut and look before it moves"


def needle_in_reach(now: Situation) -> str | None:
    """Refuse a target that is no number or out of reach, and a way that is less than the move's.

    More it may be: a move that was cut off is made again, and the needle may be there already.
    """
    to, way = now.arguments
    reach = now.limits.needle_reach
    for name in ("x", "y", "z"):
        value = getattr(to, name)
        if not abs(value) <= reach:  # NaN is not
            return (
                f"needle target {name} = {value * 1e6:.4g} um is beyond {reach * 1e6:g} um of the "
                f"origin; go nearer"
            )
    if now.running:
        return None
    true = now.status.needle.to(to)
    if not way >= true - (0.01 * true + 50e-9):  # NaN is not
        return f"the move is {true * 1e6:.3g} um long, not {way * 1e6:.3g} um; give its true way"
    return None


def above_the_surface(now: Situation) -> str | None:
    """Refuse to drive the tip into the surface."""
    to, here = now.arguments[0], now.status.needle
    lowest = -(now.limits.needle_below_surface + now.limits.needle_height_error)
    if to.z >= lowest or to.z > here.z:
        return None
    return (
        f"needle target z = {to.z * 1e6:.2f} um is below the surface (lowest "
        f"{lowest * 1e6:.2f} um); find the tip in both images again"
    )


def needle_step(now: Situation) -> str | None:
    """Refuse a step that is too long for how near the lamella is."""
    if now.running or not isinstance(now.step, LiftOut):
        return None
    to, here = now.arguments[0], now.status.needle
    most, why = _longest_step(now, here, to, now.step)
    way = here.to(to)
    if way <= most * (1 + 1e-6):
        return None
    return f"a needle step of {way * 1e6:.3g} um is above {most * 1e6:.3g} um {why}; go in parts"


def _longest_step(
    now: Situation, here: NeedlePosition, to: NeedlePosition, step: LiftOut
) -> tuple[float, str]:
    """Return the longest step (m) that is allowed now, and in which case that is."""
    status, limits = now.status, now.limits
    far = (limits.needle_step_far, "in one go")
    box = in_the_way(status.stage, step)
    if box is None:
        return far
    if at_site(status.stage, step) and now.facts.hold("cut free") and _up(here, to):
        if now.facts.hold("lamella on needle"):
            return far
        return (LIFT_STEP, "before the lamella was seen to come along")
    if box.distance(_place(here), _place(to)) > limits.needle_near:
        return far
    return limits.needle_step_near, f"within {limits.needle_near * 1e6:g} um of the lamella"


def _up(here: NeedlePosition, to: NeedlePosition) -> bool:
    """True for a move that goes up, and aside by no more than a fifth of that."""
    return math.dist((here.x, here.y), (to.x, to.y)) <= 0.2 * (to.z - here.z)


def _place(needle: NeedlePosition) -> tuple[float, float, float]:
    return (needle.x, needle.y, needle.z)


# -- gas and cold ----------------------------------------------------------------------------


def warm_enough_for_gas(now: Situation) -> str | None:
    """Refuse gas at a cold specimen: it would condense all over it."""
    cryo = now.instrument("cryo")
    kelvin, limit = cryo.status.stage_temperature, cryo.limits.gis_temperature_min
    if kelvin >= limit:
        return None
    return (
        f"the stage is at {kelvin - 273.15:.0f} degC, below {limit - 273.15:.0f} degC: gas would "
        f"condense; attach by redeposition, or warm the stage"
    )


def needle_out(now: Situation) -> str | None:
    """Refuse gas with the needle in: they would meet."""
    if now.status.needle_inserted:
        return "the needle is in; retract it before the gas injector moves"
    return None


def setpoint_sane(now: Situation) -> str | None:
    """Refuse a setpoint that is no temperature in kelvin, or that would warm a specimen."""
    (setpoint,) = now.arguments
    if not COLDEST <= setpoint <= WARMEST:  # NaN is not
        return f"setpoint {setpoint:g} K is outside {COLDEST:g} .. {WARMEST:g} K; was it in degC?"
    limit = now.limits.milling_temperature_max
    if setpoint > limit:
        return f"setpoint {setpoint:g} K is above {limit:g} K; warm up by hand, without a specimen"
    return None
