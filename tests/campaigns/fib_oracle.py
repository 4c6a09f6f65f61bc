"""What an operator would call unsafe at a FIB: an oracle to hold the interlocks against.

Written from reference sheet fib-and-tem.md, section 6, check by check (their numbers stand in the
names), and from the lab's limits. It shares no code with the interlocks: where they calculate, it
samples points.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from drivers.cryo import CryoStatus
from drivers.fib import FibStatus, Milling
from protocols.lift_out import LiftOut

IMAGES = ("fib.ion_image", "fib.electron_image")
IONS = ("fib.ion_image", "fib.mill")
NEEDLE = ("fib.insert_needle", "fib.move_needle")
WAYS_OUT = ("fib.retract_needle", "fib.retract_gis")


@dataclass(frozen=True)
class Call:
    """A call as it would reach an instrument, and the world in which it is made."""

    action: str
    arguments: tuple[Any, ...]
    running: bool
    fib: FibStatus
    cryo: CryoStatus
    facts: Mapping[str, float]
    """What was verified, each with its age in s."""
    step: LiftOut | None

    def has(self, fact: str) -> bool:
        """True if it was verified."""
        return fact in self.facts


def unsafe(call: Call) -> str | None:
    """Return the first thing that is unsafe about a call, None where nothing is."""
    for check in (
        _unknown,
        _vacuum,
        _beams,
        _cold,
        _nitrogen,
        _gas,
        _needle,
        _stage,
        _mill,
        _rest,
    ):
        for reason in check(call):
            return reason
    return None


def _unknown(call: Call) -> Iterator[str]:
    readings = [call.fib] if call.action.startswith("fib.") else [call.fib, call.cryo]
    if call.action in (*IONS, *NEEDLE, "fib.insert_gis"):
        readings = [call.fib, call.cryo]
    if "nan" in str(readings):
        yield "a reading that nobody knows"


def _vacuum(call: Call) -> Iterator[str]:
    if call.action in WAYS_OUT:
        return
    if call.fib.vented:
        yield "1: vented"
    if math.isnan(call.fib.chamber_pressure) or call.fib.chamber_pressure > 1e-3:
        yield "1: pressure"


def _beams(call: Call) -> Iterator[str]:
    s = call.fib
    on = not s.ions_blanked or not s.electrons_blanked
    if call.action.startswith("fib.") and call.action != "fib.retract_gis":
        if on and not call.running:
            yield "2: a beam is on the specimen before anything begins"
        if on and call.action not in (*IMAGES, "fib.mill"):
            yield "2: a beam is on the specimen while something moves"
        if s.milling and not (call.action == "fib.mill" and call.running):
            yield "15: already milling"
    if call.action in IONS and not (s.ion_beam_on and s.electrons_blanked):
        yield "2: ion beam off, or electrons beside it"
    if call.action == "fib.electron_image" and not (s.electron_beam_on and s.ions_blanked):
        yield "2: electron beam off, or ions beside it"
    if call.action in IONS and call.running:
        wanted = call.arguments[0].current
        if not 0.85 * wanted <= s.ion_current <= 1.15 * wanted:
            yield "8: the current differs from the one asked for"


def _cold(call: Call) -> Iterator[str]:
    c = call.cryo
    if call.action in IONS and not c.stage_temperature <= 273.15 - 150:
        yield "3: ions above -150 degC"
    if call.action in (*IONS, *NEEDLE) and not c.shield_temperature <= c.stage_temperature:
        yield "3: the shield is not the coldest"
    touches = call.action == "fib.move_needle" or (
        call.action == "fib.mill" and call.fib.needle_inserted
    )
    if touches and not c.needle_temperature <= 273.15 - 150:
        yield "3: warm needle"
    if call.action == "fib.mill" and call.step is not None:
        wanted = call.step.cold
        if not abs(c.stage_temperature - wanted.stage) <= wanted.within:
            yield "3: not at the temperature of the protocol"
        per_minute = abs(c.stage_slope) * 60
        if not per_minute <= (0.5 if call.running else min(0.5, wanted.slope * 60)):
            yield "3: drifting temperature"


def _nitrogen(call: Call) -> Iterator[str]:
    if call.action not in (*IONS, *NEEDLE, "cryo.cool"):
        return
    if call.running:
        if not call.cryo.ln2_hold >= 900:
            yield "4: nitrogen runs out"
        return
    if call.cryo.refilling:
        yield "4: refilling"
    lasts = 0.0
    if call.action == "fib.ion_image":
        image = call.arguments[0]
        lasts = image.pixels * image.pixels * image.frames * image.dwell
    if call.action == "fib.mill":
        job = call.arguments[0]
        lasts = (job.charge - job.done) / job.current if job.current else math.inf
    if not call.cryo.ln2_hold >= lasts + 1800:
        yield "4: nitrogen does not last"


def _gas(call: Call) -> Iterator[str]:
    s = call.fib
    if call.action == "fib.insert_gis":
        if not call.cryo.stage_temperature >= 273.15 - 50:
            yield "5: gas on a cold specimen"
        if s.needle_inserted:
            yield "5: gas with the needle in"
        if s.stage_moving or s.needle_moving:
            yield "5: gas while something moves"
    elif call.action == "fib.retract_gis":
        if s.stage_moving or s.needle_moving:
            yield "5: gas while something moves"
    elif s.gis_inserted or s.gis_open:
        yield "5: the gas injector is in or open"


def _needle(call: Call) -> Iterator[str]:
    s = call.fib
    carries = call.has("lamella on needle") or call.has("needle weld")
    in_or_out = call.action in ("fib.insert_needle", "fib.retract_needle")
    if in_or_out and carries and not call.has("released"):
        yield "10: needle out or in again with a lamella on it"
    moving = s.stage_moving or (s.needle_moving and not call.running)
    if moving and call.action in (*NEEDLE, "fib.retract_needle"):
        yield "6: something moves already"
    if call.action in NEEDLE and (call.step is None or not s.stage_homed):
        yield "6: nobody knows what the needle would meet"
    if call.action == "fib.move_needle":
        yield from _needle_move(call)


def _held_fast(call: Call) -> bool:
    """True while what the needle is welded to is not seen to be free of it."""
    if call.has("released"):
        return False
    return call.has("grid weld") or (call.has("needle weld") and not call.has("cut free"))


def _needle_move(call: Call) -> Iterator[str]:
    to, way = call.arguments
    here = call.fib.needle
    end = np.array([to.x, to.y, to.z])
    begin = np.array([here.x, here.y, here.z])
    if not call.fib.needle_inserted:
        yield "6: it is not inserted"
    if _held_fast(call):
        yield "10: it would tear at its weld"
    if not np.all(np.abs(end) <= 150e-6):
        yield "6: out of reach or no number"
        return
    if end[2] < -6.5e-6 and end[2] <= begin[2]:
        yield "6: into the surface"
    length = float(np.linalg.norm(end - begin))
    if call.running or call.step is None:
        return
    if not way + 50e-9 + length / 100 >= length:
        yield "6: the move is longer than the way that was said"
    if length > 30e-6 * (1 + 1e-5):
        yield "6: too far in one go"
    if _first_lift(call, begin, end):
        if not call.has("lamella on needle") and length > 1e-6 * (1 + 1e-5):
            yield "10: raise a little first"
    elif length > 0.5e-6 * (1 + 1e-5) and _comes_near(call, begin, end):
        yield "6: too far in one go near the lamella"


def _at(call: Call, x: float, y: float) -> bool:
    return math.hypot(call.fib.stage.x - x, call.fib.stage.y - y) < 100e-6


def _first_lift(call: Call, begin: Any, end: Any) -> bool:
    assert call.step is not None
    up = end - begin
    steep = up[2] > 0 and math.hypot(up[0], up[1]) <= up[2] / 5
    return call.has("cut free") and _at(call, call.step.site.x, call.step.site.y) and steep


def _comes_near(call: Call, begin: Any, end: Any) -> bool:
    step = call.step
    assert step is not None
    if _at(call, step.site.x, step.site.y):
        half = np.array([step.lamella.length, step.lamella.thickness + 2 * step.trench.leave]) / 2
        low, high = np.array([-half[0], -half[1], -step.lamella.depth]), np.array([*half, 0.0])
    elif _at(call, step.grid.x, step.grid.y):
        low = np.array([-20e-6, -5e-6, -50e-6])
        high = np.array([step.lamella.length + step.land.gap, 5e-6, 0.0])
    else:
        return False
    place = step.site if _at(call, step.site.x, step.site.y) else step.grid
    off = np.array([place.x - call.fib.stage.x, place.y - call.fib.stage.y, 0.0])
    points = begin - off + np.linspace(0, 1, 60)[:, None] * (end - begin)
    apart = points - np.clip(points, low, high)
    return bool(np.sqrt((apart**2).sum(axis=1)).min() < 5e-6)


def _stage(call: Call) -> Iterator[str]:
    if call.action != "fib.move_stage":
        return
    s, (to,) = call.fib, call.arguments
    place = (to.x, to.y, to.z, to.r, to.t)
    if not all(math.isfinite(each) for each in place):
        yield "7: no number"
        return
    degrees = math.degrees(to.t)
    if abs(to.x) > 55e-3 or abs(to.y) > 55e-3 or not -5e-3 <= to.z <= 8e-3:
        yield "7: out of range"
    if not -10 - 1e-9 <= degrees <= 60 + 1e-9 or abs(to.r) > 6.3:
        yield "7: out of range, or in degrees"
    if abs(degrees) > 15 and (to.z > 5e-3 or (s.stage.z > 5e-3 and not call.running)):
        yield "7: into the pole piece"
    if not s.stage_homed or ((s.stage_moving or s.needle_moving) and not call.running):
        yield "7: not homed, or moving"
    if not s.needle_inserted or call.running:
        return
    if _held_fast(call):
        yield "10: it would tear at its weld"
    way = math.sqrt((to.x - s.stage.x) ** 2 + (to.y - s.stage.y) ** 2 + (to.z - s.stage.z) ** 2)
    turns = abs(to.t - s.stage.t) > 1e-4 or abs(to.r - s.stage.r) > 1e-4
    high = call.has("lamella on needle") and s.needle.z >= 39e-6
    if (way > 3e-6 or turns) and not high:
        yield "6: the stage moves under the needle"


def _mill(call: Call) -> Iterator[str]:
    if call.action != "fib.mill":
        return
    job: Milling = call.arguments[0]
    s, step = call.fib, call.step
    if step is None:
        yield "only a lift-out mills"
        return
    numbers = (job.charge, job.current, job.done, job.voltage, *job.around)
    if not all(map(math.isfinite, numbers)) or job.charge <= 0 or job.current <= 0:
        yield "8: no number"
        return
    if job.done < 0 or job.done >= job.charge or not job.patterns:
        yield "8: nothing to mill"
    stages = {"weld": (step.weld, step.weld_grid)}.get(job.purpose, (getattr(step, job.purpose),))
    if job.current > min(15e-9, max(each.current for each in stages)) * (1 + 1e-5):
        yield "8: too much current"
    if abs(job.voltage - step.ions.voltage) > 1:
        yield "14: another voltage"
    if not s.stage_homed or s.stage_moving or s.needle_moving:
        yield "9: nothing stands"
    site, grid = (_at(call, place.x, place.y) for place in (step.site, step.grid))
    places = {"weld": site or grid, "release": grid, "thin": grid, "polish": grid}
    if not places.get(job.purpose, site):
        yield "9: not its place"
    if s.needle_inserted and job.purpose in ("trench", "undercut", "clean", "thin", "polish"):
        yield "6: needle in"
    if job.purpose == "sever" and not call.has("needle weld"):
        yield "10: sever without a weld"
    if job.purpose == "release" and not call.has("grid weld"):
        yield "10: release without a weld"
    if not call.facts.get("aligned", math.inf) <= 900:
        yield "9: not aligned"
    yield from _patterns(call, job, step)


def _patterns(call: Call, job: Milling, step: LiftOut) -> Iterator[str]:
    kept = _kept_points(call, job, step)
    if max(map(abs, job.around)) > step.views.wide.field / 2:
        yield "9: the lamella is outside the field"
    for pattern in job.patterns:
        wide, tall = pattern.width, pattern.height
        if pattern.shape == "array":
            more = (pattern.count - 1) * pattern.pitch
            wide, tall = wide + more * (pattern.along == "x"), tall + more * (pattern.along == "y")
        if (
            not max(abs(pattern.x) + wide / 2, abs(pattern.y) + tall / 2)
            <= step.views.wide.field / 2
        ):
            yield "9: outside the field"
        u = np.abs(kept[0] + job.around[0] - pattern.x)
        v = np.abs(kept[1] + job.around[1] - pattern.y)
        if bool(np.any((u < wide / 2) & (v < tall / 2 - 1e-12))):  # touching is not over
            yield "9: over what is kept"


def _kept_points(call: Call, job: Milling, step: LiftOut) -> tuple[Any, Any]:
    """Return points of what is kept as the ion image shows them, u and v from its middle (m)."""
    reach = step.lamella.kept / 2 + 100e-9
    x = np.linspace(-reach, reach, 41)
    beam = call.fib.stage.t - math.radians(52)
    if job.purpose in ("weld", "sever", "release"):
        v = np.linspace(-40e-6, 40e-6, 161)
    elif job.purpose in ("clean", "thin", "polish"):
        v = np.linspace(-1, 1, 9) * step.target.at_least / 2
    else:
        y = np.linspace(-1, 1, 9) * (step.target.thickness / 2 + 100e-9)
        depth = np.linspace(0, (step.interface + step.lamella.depth) / 2, 25)
        v = (y[:, None] * math.cos(beam) + depth[None, :] * math.sin(beam)).ravel()
    u, v = np.meshgrid(x, v)
    return u.ravel(), v.ravel()


def _rest(call: Call) -> Iterator[str]:
    if call.action == "cryo.cool" and not 77 <= call.arguments[0] <= 273.15 - 150:
        yield "3: no setpoint of a cold stage"
    if call.action not in IMAGES:
        return
    (image,) = call.arguments
    for number in (image.field, image.dwell, image.current):
        if not (math.isfinite(number) and number > 0):
            yield "8: no number"
    if call.action == "fib.ion_image" and image.current > 10e-12 * (1 + 1e-5):
        yield "8: too much current"
    if call.fib.stage_moving or call.fib.needle_moving:
        yield "9: something moves"
