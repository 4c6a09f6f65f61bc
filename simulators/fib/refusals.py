"""What the columns of a simulated FIB have, and what it refuses before anything moves."""

from __future__ import annotations

import math

from drivers.errors import LimitError
from drivers.fib import Milling, NeedlePosition, StagePosition
from protocols.fib import BeamImage, extent
from protocols.units import CURRENT, LENGTH

ION_CURRENTS = tuple(
    1e-12 * i for i in (1.5, 10, 30, 50, 100, 300, 500, 1e3, 3e3, 5e3, 7e3, 15e3, 30e3, 50e3)
)
"""A; as gallium columns of this class have them [lit], to verify."""
ELECTRON_CURRENTS = tuple(1e-12 * i for i in (13, 25, 50, 100, 200, 400, 800, 1600))
ION_VOLTAGES = (5e3, 8e3, 16e3, 30e3)
ELECTRON_VOLTAGES = (2e3, 5e3, 10e3, 20e3, 30e3)
LARGEST_FIELD = 150e-6
ELECTRON_SPOT = 3e-9
"""Full width at half maximum, m; ours."""
PIXEL_DWELL = 100e-6
"""Longest dwell of a pixel, s; ours."""
STAGE_XY, STAGE_Z, STAGE_TILT = 60e-3, (-6e-3, 10e-3), (math.radians(-15), math.radians(65))
"""m, m, rad; ours."""
NEEDLE_REACH = 500e-6
"""m from the origin along each axis; ours."""

GAS_FREEZES = 223.15
"""K of the stage below which gas from the injector freezes on it: -50 degC."""


def chosen(current: float, known: tuple[float, ...], beam: str) -> float:
    """Return the current (A) of the instrument's list that is meant.

    Raises:
        LimitError: there is none.
    """
    for one in known:
        if math.isfinite(current) and math.isclose(one, current, rel_tol=1e-6):
            return one
    names = ", ".join(CURRENT.suggest(one) for one in known)
    raise LimitError(
        f"fib: the {beam} column has no current of {CURRENT.suggest(current)}; choose one of "
        f"{names}"
    )


def check_image(settings: BeamImage, known: tuple[float, ...], beam: str) -> None:
    """Refuse an image that the instrument cannot take."""
    chosen(settings.current, known, beam)
    if not settings.field <= LARGEST_FIELD * (1 + 1e-9):
        raise LimitError(
            f"fib: a field of {LENGTH.suggest(settings.field)} is more than "
            f"{LENGTH.suggest(LARGEST_FIELD)}; make it smaller"
        )
    if not settings.dwell <= PIXEL_DWELL:
        raise LimitError(f"fib: a dwell of {settings.dwell:g} s is more than {PIXEL_DWELL:g} s")


def check_job(job: Milling) -> None:
    """Refuse patterns that the instrument cannot mill."""
    chosen(job.current, ION_CURRENTS, "ion")
    if job.voltage not in ION_VOLTAGES:
        raise LimitError(
            f"fib: the ion column has no {job.voltage:g} V; choose one of "
            + ", ".join(f"{volts:g} V" for volts in ION_VOLTAGES)
        )
    if not job.patterns:
        raise LimitError("fib: there is no pattern to mill; give at least one")
    if not (0 < job.charge < 1e-3 and 0 <= job.done <= job.charge):
        raise LimitError(
            f"fib: patterns cannot get {job.charge:g} C of which {job.done:g} C are done; "
            "write a charge above what is done"
        )
    half = LARGEST_FIELD / 2
    for pattern in job.patterns:
        sides = extent(pattern)
        if not (all(abs(side) <= half for side in sides) and sides[0] < sides[1]):
            raise LimitError(
                f"fib: a pattern at ({pattern.x:g}, {pattern.y:g}) m is not within the largest "
                f"field of {LENGTH.suggest(LARGEST_FIELD)}; move the stage or make it smaller"
            )


def check_stage(to: StagePosition) -> None:
    """Refuse a place that the stage cannot reach."""
    inside = (
        abs(to.x) <= STAGE_XY
        and abs(to.y) <= STAGE_XY
        and STAGE_Z[0] <= to.z <= STAGE_Z[1]
        and STAGE_TILT[0] <= to.t <= STAGE_TILT[1]
        and abs(to.r) <= 2 * math.pi
    )
    if not inside:
        raise LimitError(
            f"fib: the stage cannot go to x {to.x:g} m, y {to.y:g} m, z {to.z:g} m, r {to.r:g} "
            f"rad, t {to.t:g} rad; it reaches |x|, |y| <= {STAGE_XY:g} m, z {STAGE_Z[0]:g} .. "
            f"{STAGE_Z[1]:g} m, t {STAGE_TILT[0]:.3g} .. {STAGE_TILT[1]:.3g} rad"
        )


def check_needle(to: NeedlePosition) -> None:
    """Refuse a place that the needle cannot reach."""
    if not all(abs(place) <= NEEDLE_REACH for place in (to.x, to.y, to.z)):
        raise LimitError(
            f"fib: the needle cannot go to ({to.x:g}, {to.y:g}, {to.z:g}) m; it reaches "
            f"{LENGTH.suggest(NEEDLE_REACH)} along each axis"
        )
