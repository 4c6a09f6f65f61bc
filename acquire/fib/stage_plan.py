"""What each stage of a lift-out takes, counted as the procedure does it when all goes well.

Times of the instrument that a protocol does not say are usual ones, ours and to verify on the own
instrument. What is tried again comes on top: `AGAIN` has the most of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from acquire.fib.charge import charge_for, charge_of_slice, charge_of_weld, charge_through
from acquire.fib.views import MOST_FRAMES, compared_view, joint_view, plain_view
from protocols.fib import BeamImage
from protocols.lift_out import Cut, LiftOut, StageName, Weld
from protocols.units import ELEMENTARY_CHARGE

OVERHEAD = 0.5
"""s that an image or a pattern takes beside its beam time; ours."""
STAGE_SPEED, TILT_SPEED, STAGE_SETTLES = 200e-6, math.radians(2), 1.0
"""m/s, rad/s and s; ours."""
NEEDLE_SPEED, NEEDLE_SETTLES, NEEDLE_IN_S = 20e-6, 0.5, 20.0
"""m/s, s, and s for insertion or retraction; ours."""
FAR, NEAR = 25e-6, 0.45e-6
"""Steps of the needle away from and near the lamella, m, as the procedure takes them."""
PARK = 100e-6
"""Height at which the needle is parked, m; ours."""
MILLING_TILT = math.radians(52)
"""Of the stage, where the ion beam is normal; 52 deg TFS [lit]."""
APART, SETTLE = 60.0, 120.0
"""s between two images that tell drift, and to wait where it is too fast."""
EXTRA = 0.3
"""Mean number of waits for drift after the stage has moved; ours, to verify."""
LONGEST, LONGEST_POLISH = 600.0, 300.0
"""s of a pattern between two looks, and of a slice of the polish."""
WATCHED = 6e-6
"""Height from which on the tip is looked at after each near step, m."""
ROOM, SIDE = 0.5, 2e-6
"""Contact: the tip begins that share of the undercut's width away; joint: its height, m."""
GAPS = 3
"""How often the gap between lamella and needle is measured until it is right; ours."""
TAU, ROOM_K = 17 * 60.0, 295.0
"""s and K: the stage cools exponentially, fib-and-tem.md 5.4 [calc] from the published 90 min."""
SLOPE_OVER = 300.0
"""s over which the instrument averages the slope that it tells; ours."""
SIGMA = 12e-9
"""Standard error with which the thickness of a thin lamella is measured, m; ours, to verify."""
AFRESH = 0.5
"""Share of the planned charge that another try of a cut adds."""
CLOSER = (4, 16)
"""Times the frames with which a thickness is measured again that is not sure enough."""
LEAST = 8e-9
"""Thinnest slice that is tried, m."""
OUTSIDE, BEYOND = 0.2e-6, 0.9e-6
"""By which a slice begins outside the face, and goes on beyond the zone that is kept, m."""


@dataclass(frozen=True)
class Takes:
    """What a part of a lift-out takes."""

    seconds: float = 0.0
    ion_dose: float = 0.0
    """C/m², of images."""
    electron_dose: float = 0.0
    """e/angstrom², of images."""
    charge: float = 0.0
    """C, of patterns."""
    travel: float = 0.0
    """m, of the needle."""

    def __add__(self, other: Takes) -> Takes:
        return Takes(
            self.seconds + other.seconds,
            self.ion_dose + other.ion_dose,
            self.electron_dose + other.electron_dose,
            self.charge + other.charge,
            self.travel + other.travel,
        )

    def __mul__(self, times: float) -> Takes:
        return Takes(
            self.seconds * times,
            self.ion_dose * times,
            self.electron_dose * times,
            self.charge * times,
            self.travel * times,
        )

    __rmul__ = __mul__


# -- parts -----------------------------------------------------------------------------------


def ion(view: BeamImage) -> Takes:
    """Return what an ion image takes."""
    return Takes(view.duration + OVERHEAD, ion_dose=view.charge / view.field**2)


def electron(step: LiftOut, view: BeamImage) -> Takes:
    """Return what an electron image takes."""
    electrons = step.electrons.current * view.duration / ELEMENTARY_CHARGE
    return Takes(view.duration + OVERHEAD, electron_dose=electrons / (view.field**2 * 1e20))


def both(step: LiftOut, view: BeamImage) -> Takes:
    """Return what an image with either beam takes."""
    return ion(view) + electron(step, view)


def stand_still(view: BeamImage, *, moved: bool = False) -> Takes:
    """Return what it takes to see that the site stands still; it may not, after a move."""
    once = 2 * ion(view) + Takes(APART)
    return once + EXTRA * (once + Takes(SETTLE)) if moved else once


def stage(way: float = 0.0, turn: float = 0.0) -> Takes:
    """Return what a move of the stage takes."""
    return Takes(way / STAGE_SPEED + turn / TILT_SPEED + STAGE_SETTLES)


def needle(way: float, step: float = FAR) -> Takes:
    """Return what a move of the needle takes, in steps."""
    steps = max(1, math.ceil(way / step - 1e-9))
    return Takes(way / NEEDLE_SPEED + steps * NEEDLE_SETTLES, travel=way)


def measured(step: LiftOut) -> Takes:
    """Return what it takes to measure a joint in both beams' images."""
    return ion(compared_view(step)) + electron(step, plain_view(step))


def milled(
    cut: Cut, charge: float, view: BeamImage, *, moved: bool = False, longest: float = LONGEST
) -> Takes:
    """Return what patterns take, in parts that each begin with a look."""
    parts = max(1, math.ceil(charge / cut.current / longest - 1e-9))
    looks = stand_still(view, moved=moved) + (parts - 1) * stand_still(view)
    return looks + Takes(charge / cut.current + parts * OVERHEAD, charge=charge)


def _charge(step: LiftOut, cut: Cut, width: float, height: float, depth: float) -> float:
    return charge_for(step.layers, step.ions.species, width, height, depth, cut.overdose)


def _slice_charge(step: LiftOut, cut: Cut, width: float, thick: float, depth: float) -> float:
    return charge_of_slice(step.layers, step.ions.species, width, thick, depth, cut.overdose)


# -- stages ----------------------------------------------------------------------------------


def cool(step: LiftOut) -> Takes:
    """Exponential cooling until near and steady, and as long as it is to be so."""
    warmer = ROOM_K - step.cold.stage
    near = TAU * math.log(warmer / step.cold.within)
    lag = SLOPE_OVER / 2
    steady = TAU * math.log(max(1.0, warmer / TAU / step.cold.slope)) + lag
    return Takes(max(near, steady, 0.0) + step.cold.steady)


def survey(step: LiftOut) -> Takes:
    """Tilt; two looks at the height with a correction between them; the reference."""
    wide = step.views.wide
    looks = 2 * both(step, wide) + electron(step, wide)
    return 2 * stage(turn=MILLING_TILT / 2) + looks + stand_still(wide, moved=True)


def trench(step: LiftOut, share: float = 1.0) -> Takes:
    """Both trenches, with that share of their charge, and a look at the front face."""
    cut, wide = step.trench, step.views.wide
    one = _charge(step, cut, step.lamella.length + cut.extra, cut.height, cut.depth)
    return milled(cut, 2 * one * share, wide) + both(step, wide)


def undercut(step: LiftOut, share: float = 1.0) -> Takes:
    """Tilt, the cuts under the lamella and up its sides, tilt back, and a look."""
    cut, lamella, wide = step.undercut, step.lamella, step.views.wide
    steep = math.sin(MILLING_TILT - cut.tilt)
    thick = lamella.thickness + 2 * step.trench.leave
    under = (lamella.length + 2 * cut.width) * cut.width * steep
    right = cut.width * (lamella.depth * steep + thick * math.cos(MILLING_TILT - cut.tilt))
    left = cut.width * (lamella.depth - cut.bridge) * steep
    area = under + right + left
    species, path = step.ions.species, thick / steep
    charge = charge_through(
        step.layers, species, cut.width, area, path, lamella.depth, cut.overdose
    )
    tilts = 2 * stage(turn=MILLING_TILT - cut.tilt)
    seen = stand_still(wide, moved=True) + electron(step, wide)
    return tilts + milled(cut, charge * share, wide, moved=True) + seen


def clean(step: LiftOut) -> Takes:
    """A slice off either face, and looks at the thickness and at the front face."""
    cut, lamella, wide = step.clean, step.lamella, step.views.wide
    width, deep = lamella.length + step.trench.extra, lamella.depth + step.undercut.width
    charge = _slice_charge(step, cut, width, step.trench.leave + OUTSIDE, deep)
    looks = 2 * ion(wide) + stand_still(wide) + ion(step.views.near) + electron(step, wide)
    return 2 * milled(cut, charge, wide) + looks


def needle_in(step: LiftOut) -> Takes:
    """The lamella centred, insertion, the way down, and the tip found thrice."""
    way = math.hypot(PARK - step.needle_in.above, step.lamella.length / 2)
    centred = stand_still(joint_view(step)) + 0.5 * (
        stage(1e-6) + stand_still(joint_view(step), moved=True)
    )
    found = needle(way) + 3 * both(step, step.views.wide) + needle(1e-6)
    return centred + Takes(NEEDLE_IN_S) + found


def contact(step: LiftOut) -> Takes:
    """Down beside the lamella's end, the tip seen at each step, and steps until it touches."""
    view = joint_view(step)
    down = needle(step.needle_in.above, NEAR) + needle(1.5e-6, NEAR)
    looks = both(step, step.views.wide) + 4 * both(step, view) + measured(step)
    steps = ROOM * step.undercut.width / step.contact.step + 1
    touch = steps * (both(step, view) + needle(step.contact.step)) + ion(view)
    return stand_still(view) + down + looks + WATCHED / NEAR * electron(step, view) + touch


def _weld(step: LiftOut, cut: Weld, width: float, height: float) -> Takes:
    view = joint_view(step)
    charge = charge_of_weld(step.layers, step.ions.species, width, height, cut)
    return milled(cut, charge, view) + measured(step)


def weld(step: LiftOut) -> Takes:
    """The gap set between steps of the needle, the array, and the joint before and after."""
    gap = GAPS * measured(step) + (GAPS - 1) * needle(step.contact.step)
    return (
        gap
        + electron(step, plain_view(step))
        + _weld(step, step.weld, step.weld.reach, step.weld.width)
    )


def sever(step: LiftOut, share: float = 1.0) -> Takes:
    """The slit through the bridge, and a look."""
    cut, view = step.sever, joint_view(step)
    charge = _charge(step, cut, cut.width, step.lamella.thickness + 1e-6, step.undercut.bridge)
    return milled(cut, charge * share, view) + measured(step)


def lift(step: LiftOut) -> Takes:
    """The protocol's steps, a look before each and after the small ones, and up to the park."""
    low = sum(each for each in step.lift.steps if each <= 2e-6)
    high = sum(step.lift.steps) - low
    looks = len(step.lift.steps) + sum(1 for each in step.lift.steps if each <= 2e-6)
    way = needle(low, NEAR) + needle(high, 10e-6) + needle(max(0.0, PARK - low - high))
    return way + looks * electron(step, plain_view(step))


def land(step: LiftOut) -> Takes:
    """Stage to the grid, the lamella down beside the post, and steps until the gap is right."""
    wide, view = step.views.wide, joint_view(step)
    way = math.dist((step.site.x, step.site.y), (step.grid.x, step.grid.y))
    there = stage(way) + 3 * both(step, wide) + 2 * stage(5e-6)
    down = needle(PARK - 12e-6) + 3 * both(step, wide) + needle(14e-6, NEAR)
    coarse, fine = 3, (0.7e-6 - step.land.gap) / step.land.step
    to_post = stand_still(view) + (coarse + fine + 1) * ion(view) + needle(6.7e-6, NEAR)
    return there + down + to_post


def weld_grid(step: LiftOut) -> Takes:
    """An array at either face of the left end."""
    height = min(step.weld_grid.reach, 0.7 * step.lamella.thickness / 2)
    return measured(step) + 2 * _weld(step, step.weld_grid, step.weld_grid.width, height)


def release(step: LiftOut) -> Takes:
    """The slit through the right end; the needle leaves, watched, and is retracted."""
    view = joint_view(step)
    leaves = stand_still(view) + 5 * ion(view) + needle(14e-6, NEAR) + needle(PARK)
    return _released(step) + leaves + Takes(NEEDLE_IN_S)


def _released(step: LiftOut, share: float = 1.0) -> Takes:
    cut, view = step.release, joint_view(step)
    charge = _charge(step, cut, cut.width, step.lamella.thickness + 1e-6, step.lamella.depth)
    return milled(cut, charge * share, view) + measured(step)


def _slice(step: LiftOut, cut: Cut, thick: float, turn: float) -> Takes:
    """Return what a slice off one face takes: tilt, wait, place, mill, tilt back, measure."""
    near, thin = joint_view(step), step.views.thin
    long, deep = step.lamella.kept + 2 * BEYOND, step.lamella.depth
    thick += 0.06e-6 if cut is step.polish else OUTSIDE
    charge = _slice_charge(step, cut, long, thick, deep)
    longest = LONGEST_POLISH if cut is step.polish else LONGEST
    parts = max(1, math.ceil(charge / cut.current / longest - 1e-9))
    cutting = milled(cut, charge, near, moved=True, longest=longest)
    return 2 * stage(turn=turn) + Takes(SETTLE) + (1 + parts) * ion(thin) + cutting


def thin(step: LiftOut) -> Takes:
    """The lamella centred, then rounds, each a slice off either face."""
    taken, now = 3 * ion(step.views.thin), step.lamella.thickness
    for wanted in step.thin.to:
        half = (now - wanted) / 2
        taken += 2 * _slice(step, step.thin, half, step.thin.over_tilt)
        now = wanted
    return taken


def polish(step: LiftOut) -> Takes:
    """Slices until it is surely thin enough."""
    return ion(step.views.thin) + sum(
        (_slice(step, step.polish, off, step.polish.over_tilt) for off in _polished(step)), Takes()
    )


def _polished(step: LiftOut) -> list[float]:
    """Return how thick (m) each slice of the polish is: at most 60 % of what is left."""
    now, target, slices = step.thin.to[-1], step.target, list[float]()
    while len(slices) < step.polish.tries and now + target.sigmas * SIGMA > target.at_most:
        slices.append(max(min(step.polish.slice, 0.6 * (now - target.thickness)), LEAST))
        now -= slices[-1]
    return slices


def thin_again(step: LiftOut) -> Takes:
    """Slices of each round that are left for what the first two have missed."""
    more = sum(2 * step.thin.tries - 2 for _ in step.thin.to)
    return more * _slice(step, step.thin, LEAST, step.thin.over_tilt)


def polish_again(step: LiftOut) -> Takes:
    """Slices that are left when it should be thin enough, each looked at more closely."""
    more = step.polish.tries - len(_polished(step))
    one = _slice(step, step.polish, LEAST, step.polish.over_tilt)
    return more * (one + closer(step)) + closer(step)


def closer(step: LiftOut) -> Takes:
    """Return what it takes to measure the thickness again with more frames, twice."""
    views = (step.views.thin.model_copy(update={"frames": n}) for n in _more(step.views.thin))
    return sum((ion(view) for view in views), Takes())


def _more(view: BeamImage) -> tuple[int, ...]:
    return tuple(min(view.frames * times, MOST_FRAMES) for times in CLOSER)


def final(step: LiftOut) -> Takes:
    """The last measurement and images."""
    return ion(step.views.thin) + both(step, step.views.wide)


TAKEN: Mapping[StageName, Callable[[LiftOut], Takes]] = {
    "cool": cool,
    "survey": survey,
    "trench": trench,
    "undercut": undercut,
    "clean": clean,
    "needle_in": needle_in,
    "contact": contact,
    "weld": weld,
    "sever": sever,
    "lift": lift,
    "land": land,
    "weld_grid": weld_grid,
    "release": release,
    "thin": thin,
    "polish": polish,
    "final": final,
}

AGAIN: Mapping[StageName, Callable[[LiftOut], Takes]] = {
    "trench": lambda step: (step.trench.tries - 1) * trench(step, AFRESH),
    "undercut": lambda step: (step.undercut.tries - 1) * undercut(step, AFRESH),
    "weld": lambda step: (step.weld.tries - 1) * weld(step),
    "sever": lambda step: (step.sever.tries - 1) * sever(step, AFRESH),
    "weld_grid": lambda step: (step.weld_grid.tries - 1) * weld_grid(step),
    "release": lambda step: (step.release.tries - 1) * _released(step, AFRESH),
    "thin": thin_again,
    "polish": polish_again,
    "final": closer,
}
"""What a stage takes beyond that if each of its tries is needed."""
