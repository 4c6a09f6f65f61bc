"""Interlocks of images and patterns.

Reference sheet fib-and-tem.md section 6, checks 8, 9, 10 and 14. Patterns are checked against the
lamella where it was last seen (`Milling.around`), at the stage's present tilt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from acquire.fib.places import at_grid, at_site
from acquire.gate import OutOfDate, Situation
from drivers.fib import Geometry, Milling, Purpose, seen
from protocols.fib import Array, CleaningCrossSection, Rectangle, extent
from protocols.lift_out import Cut, LiftOut

Shape = Rectangle | CleaningCrossSection | Array
Bounds = tuple[float, float, float, float]

AT_SITE: tuple[Purpose, ...] = ("trench", "undercut", "clean", "weld", "sever")
AT_GRID: tuple[Purpose, ...] = ("weld", "release", "thin", "polish")
WITH_NEEDLE: tuple[Purpose, ...] = ("weld", "sever", "release")
"""Purposes for which the needle may be in."""
ON_FACES: tuple[Purpose, ...] = ("clean", "thin", "polish")
"""Purposes that cut along the faces of what is kept."""
AT_ENDS: tuple[Purpose, ...] = ("weld", "sever", "release")
"""Purposes that cut beside what is kept, along the lamella."""
NEEDED: Mapping[Purpose, tuple[str, str]] = {
    "sever": ("needle weld", "weld the needle and see that it holds"),
    "release": ("grid weld", "weld the lamella to the grid and see that it holds"),
}
"""The fact without which a purpose would lose the lamella, and the way out."""
SAME = 1e-6
"""Relative difference up to which two settings are the same."""

# -- images ----------------------------------------------------------------------------------


def image_sane(now: Situation) -> str | None:
    """Refuse an image whose field, dwell or current is no positive number."""
    (image,) = now.arguments
    for name in ("field", "dwell", "current"):
        value = getattr(image, name)
        if not (math.isfinite(value) and value > 0):
            return f"{name} of the image is {value}; give a positive number"
    return None


def imaging_current(now: Situation) -> str | None:
    """Refuse an ion image at more current than lab and protocol allow."""
    (image,), most = now.arguments, now.limits.imaging_current_max
    if isinstance(now.step, LiftOut):
        most = min(most, now.step.ions.imaging_current)
    if image.current <= most * (1 + SAME):
        return None
    return f"ion image at {_amperes(image.current)}, above {_amperes(most)}; choose less current"


def ion_current_as_asked(now: Situation) -> str | None:
    """Stop when the measured ion current is not the one that was asked for."""
    if not now.running:
        return None
    asked, most = float(now.arguments[0].current), now.limits.current_error_max
    if abs(now.status.ion_current - asked) <= most * asked:
        return None
    return (
        f"the ion current is {_amperes(now.status.ion_current)}, {_amperes(asked)} was asked for "
        f"(difference above {most:.0%}); look at source and aperture"
    )


# -- patterns --------------------------------------------------------------------------------

JobRule = Callable[[Situation, Milling, LiftOut], str | None]


def milling(now: Situation) -> str | None:
    """Refuse a pattern that could harm what is kept, by the first of `CHECKS` that objects."""
    (job,) = now.arguments
    if not isinstance(now.step, LiftOut):
        return "only a lift_out step may mill; it says what is to be kept"
    for check in CHECKS:
        reason = check(now, job, now.step)
        if reason is not None:
            return reason
    return None


def job_sane(now: Situation, job: Milling, step: LiftOut) -> str | None:
    """Refuse numbers that are none, and voltages or currents that were not asked for."""
    for name in ("charge", "current"):
        value = getattr(job, name)
        if not (math.isfinite(value) and value > 0):
            return f"{name} of the pattern is {value}; give a positive number"
    if not 0 <= job.done < job.charge:
        return f"{job.done:g} C of {job.charge:g} C are done; nothing is left to mill"
    if not job.patterns:
        return "there is no pattern to mill; give one"
    if not abs(job.voltage - step.ions.voltage) <= SAME * step.ions.voltage:
        return (
            f"the pattern is for {job.voltage:g} V, the protocol says {step.ions.voltage:g} V; "
            f"use one of them"
        )
    return None


def current_capped(now: Situation, job: Milling, step: LiftOut) -> str | None:
    """Refuse more current than the lab, or the protocol's stage of that purpose, allows."""
    stage = cast(Cut, step.stage(job.purpose))
    most = max(stage.current, step.weld_grid.current) if job.purpose == "weld" else stage.current
    most = min(now.limits.ion_current_max, most)
    if job.current <= most * (1 + SAME):
        return None
    return (
        f"{job.purpose} at {_amperes(job.current)}, above {_amperes(most)}; choose less current, "
        f"or change the stage's current in the protocol"
    )


def at_its_place(now: Situation, job: Milling, step: LiftOut) -> str | None:
    """Refuse to mill where the stage is not at the site or grid that the purpose is for."""
    stage = now.status.stage
    if job.purpose in AT_SITE and at_site(stage, step):
        return None
    if job.purpose in AT_GRID and at_grid(stage, step):
        return None
    return (
        f"{job.purpose} with the stage at x = {stage.x * 1e6:.0f} um, y = {stage.y * 1e6:.0f} um, "
        f"which is not its place; move the stage there first"
    )


def needle_only_for_joints(now: Situation, job: Milling, step: LiftOut) -> str | None:
    """Refuse to mill beside a needle that has nothing to do with it."""
    if now.status.needle_inserted and job.purpose not in WITH_NEEDLE:
        return f"{job.purpose} with the needle in; retract it first"
    return None


def verified_before(now: Situation, job: Milling, step: LiftOut) -> str | None:
    """Refuse a cut that would lose the lamella unless what holds it was verified."""
    fact, cure = NEEDED.get(job.purpose, (None, ""))
    if fact is None or now.facts.hold(fact):
        return None
    return f"{job.purpose} without a verified {fact}; {cure}"


def aligned(now: Situation, job: Milling, step: LiftOut) -> str | None:
    """Refuse a pattern whose place was not seen to stand still lately."""
    age, limit = now.facts.age("aligned"), now.limits.alignment_age_max
    if age <= limit:
        return None
    told = "not verified" if math.isinf(age) else f"{age:.0f} s old, above {limit:.0f} s"
    reason = f"the alignment is {told}; take two images and place the pattern again"
    return reason if now.running or math.isinf(age) else OutOfDate(reason)


def in_the_field(now: Situation, job: Milling, step: LiftOut) -> str | None:
    """Refuse patterns outside the field of view."""
    half = step.views.wide.field / 2
    for pattern in job.patterns:
        edges = extent(pattern)
        if not all(abs(edge) <= half for edge in edges):  # NaN is not
            return (
                f"a pattern reaches from ({edges[0] * 1e6:.4g}, {edges[2] * 1e6:.4g}) to "
                f"({edges[1] * 1e6:.4g}, {edges[3] * 1e6:.4g}) um, outside the field of "
                f"+-{half * 1e6:g} um; move the stage, or widen views.wide"
            )
    return None


def off_what_is_kept(now: Situation, job: Milling, step: LiftOut) -> str | None:
    """Refuse patterns over the zone that is kept."""
    if not all(abs(each) <= step.views.wide.field / 2 for each in job.around):
        return f"the lamella is said to be at {job.around} m, outside the field; look again"
    angle = Geometry(now.limits.column_angle).angle("ion", now.status.stage.t)
    for left, right, top, bottom in _about_lamella(job):
        reach = step.lamella.kept / 2 + now.limits.pattern_margin
        if left >= reach or right <= -reach:
            continue
        if job.purpose in AT_ENDS:
            return (
                f"{job.purpose} reaches {min(abs(left), abs(right)) * 1e6:.3g} um from the "
                f"lamella's middle, nearer than {reach * 1e6:.3g} um; move it to the end"
            )
        low, high = _kept(step, angle, now.limits.pattern_margin, faces=job.purpose in ON_FACES)
        if bottom > low and top < high:
            return (
                f"{job.purpose} reaches over v = {top * 1e9:.0f} .. {bottom * 1e9:.0f} nm from the "
                f"lamella's middle; {low * 1e9:.0f} .. {high * 1e9:.0f} nm are kept; move it off"
            )
    return None


def _kept(step: LiftOut, angle: float, margin: float, *, faces: bool) -> tuple[float, float]:
    """Return from where to where the image at `angle` shows what is kept, v in m.

    Cuts along the faces must leave half the least thickness on either side of the middle; that they
    lean against the taper is theirs. The others keep off the lamella as it is to be, down to
    halfway between interface and undercut.
    """
    if faces:
        return -step.target.at_least / 2, step.target.at_least / 2
    half, deep = step.target.thickness / 2 + margin, (step.interface + step.lamella.depth) / 2
    across = [seen(angle, 0.0, y, -z)[1] for y in (-half, half) for z in (0.0, deep)]
    return min(across), max(across)


def _about_lamella(job: Milling) -> Iterator[Bounds]:
    """Yield left, right, top and bottom of each pattern from the lamella's middle, m."""
    u, v = job.around
    for pattern in job.patterns:
        left, right, top, bottom = extent(pattern)
        yield left - u, right - u, top - v, bottom - v


def _amperes(current: float) -> str:
    return f"{current * 1e12:.4g} pA"


CHECKS: tuple[JobRule, ...] = (
    job_sane,
    current_capped,
    at_its_place,
    needle_only_for_joints,
    verified_before,
    aligned,
    in_the_field,
    off_what_is_kept,
)
