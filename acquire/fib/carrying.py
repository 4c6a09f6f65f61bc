"""Weld, sever and lift: the lamella goes from the film to the needle."""

from __future__ import annotations

import math
from functools import partial

from acquire.fib.aligning import locate
from acquire.fib.cutting import in_electrons
from acquire.fib.edges import rising_edge
from acquire.fib.end_points import raise_flag
from acquire.fib.joining import Joint, OpenJoint, cut_through, weld_joint
from acquire.fib.measured import Measured
from acquire.fib.needle import needle_tip
from acquire.fib.reaching import NEAR_STEP, lamella_end
from acquire.fib.session import Session
from acquire.fib.surface import note_surface
from acquire.fib.views import compared_view, plain_view
from protocols.fib import Array

BACK_OFF = 0.2e-6
"""By which the tip goes back after contact, m."""
SEEN_GAP = 0.12e-6
"""Narrowest gap whose bridge is seen: a few pixels of an image of the joint, m."""
WIDE_GAP, WANTED_GAP = 0.45e-6, 0.3e-6
"""Of a gap, above which the tip goes nearer again, and to which, m: a narrow one is bridged with
less. Ours."""
SET_IN = 8
"""How often the gap is corrected; the first steps may be lost in the backlash."""
BESIDE_JOINT = 0.1e-6
"""Between the lamella's end and the rectangles of the weld, m."""
LOOKED_AT = 2e-6
"""Longest step of the lift after which the lamella is looked for, m."""
SLOW_BELOW = 2e-6
"""Height of the tip below which it is raised in near steps, m."""
AROUND = 0.6e-6
"""How far from where it is expected the lamella's edge is looked for in the lift, m."""
SPRINGS, CAME = 0.25e-6, 0.33
"""By which a lamella that comes free springs to where the tip has drifted since it was welded (m),
and the share of the way that it comes at least: one that stays is not seen to move. Ours."""
TALL = 2e-6
"""Of the needle's joint, m: what the tip covers of the lamella's end; ours, to verify."""


# -- weld and sever -------------------------------------------------------------------------------


def weld(session: Session) -> None:
    """Fill the gap to the needle with what is sputtered beside it, until enough is bridged."""
    settings, half = session.step.weld, session.places.half
    before, gap = _open_gap(session)
    locate(session, before.ion)  # the weld follows what moves from this image on
    note_surface(session, before.ion)
    if gap > settings.gap_max:
        session.ask(
            f"the gap to the needle is {gap * 1e6:.2g} um, more than "
            f"{settings.gap_max * 1e6:.2g} um: redeposition would not bridge it"
        )
    joint = Joint("needle", session.step.lamella.length / 2, 0.0, 2 * half, 0.0, TALL, half)
    array = Array(
        x=before.left - session.places.u - settings.reach / 2 - BESIDE_JOINT,
        y=0.0,
        count=settings.count,
        along="y",
        pitch=settings.pitch,
        width=settings.reach,
        height=settings.width,
        passes=settings.passes,
        scan="right_to_left" if settings.scan == "away_from_joint" else "left_to_right",
    )
    if not weld_joint(session, joint, settings, array, -settings.reach, "weld", before):
        session.ask("the weld to the needle is not seen to be large enough")
        session.doubts.append("the weld to the needle was not verified")
    session.run.verified("needle weld", session.welds[-1]["verified"])


def _open_gap(session: Session) -> tuple[OpenJoint, float]:
    """Open a gap after contact, wide enough that its bridge is seen, and return it with its width.

    A small step may be lost in the needle's backlash, so the image says when it is enough; after
    one too many the tip goes nearer again.
    """
    for _ in range(SET_IN):
        found, gap = _known_gap(session)
        if session.decide("gap as it should be", SEEN_GAP <= gap <= WIDE_GAP):
            return found, gap
        nearer = max(-session.step.contact.step, WANTED_GAP - gap)
        session.needle_by(x=BACK_OFF if gap < SEEN_GAP else nearer, step=NEAR_STEP)
    return _known_gap(session)  # the last step has moved the tip, too


def _known_gap(session: Session) -> tuple[OpenJoint, float]:
    """Return the gap to the needle and its width, m."""
    found = session.known("the gap to the needle", partial(_gap, session), _gap_parts)[0]
    return found, session.decide("gap", found.right - found.left)


def _gap_parts(looked: tuple[OpenJoint, tuple[Measured, ...]]) -> tuple[Measured, ...]:
    return looked[1]


def _gap(session: Session, frames: int) -> tuple[OpenJoint, tuple[Measured, ...]]:
    """Return the gap between the lamella's right end and the tip, and what was measured of it."""
    ion = session.ion(compared_view(session.step), frames)
    electron = session.electron(plain_view(session.step), frames)
    tip = needle_tip(ion)
    end = lamella_end(session, ion, tip)
    return OpenJoint(end.value, max(tip.u.value, end.value), ion, electron), (end, tip.u)


def sever(session: Session) -> None:
    """Cut the bridge at the lamella's left end and see that the cut is through."""
    step = session.step
    settings, half = step.sever, session.places.half
    x = -(step.lamella.length + settings.width) / 2
    joint = Joint("bridge", x, 0.0, 2 * half, 0.0, step.undercut.bridge, half)
    width = cut_through(session, joint, settings, step.undercut.bridge, "sever")
    session.run.verified("cut free", width is not None)
    if width is None:
        session.ask("the bridge is not seen to be cut through")
        return
    session.found["severed"] = {"gap_m": width}
    note = f"a gap of {width * 1e6:.2g} um is seen from both sides"
    raise_flag(session, "severed", "bridge", "sever", {"gap_m": width}, note)


# -- lift -----------------------------------------------------------------------------------------


def lift(session: Session) -> None:
    """Raise the needle a little, see that the lamella comes with it, then raise it away."""
    step, run = session.step, session.run
    edge = in_electrons(session, 0.0, -session.places.half, 0.0)[1]
    for number, height in enumerate(step.lift.steps):
        if height > LOOKED_AT:
            _up(session, height)
            continue
        before = back_edge(session, edge)
        _up(session, height)
        comes = session.decide("comes with the needle", _came(session, before, height))
        edge = before.value - height * math.sin(session.setup.geometry.milling_tilt)
        if not comes:
            for fact in ("needle weld", "cut free", "lamella on needle"):
                run.verified(fact, False)
            session.ask(
                f"the lamella did not come with the needle in step {number + 1} of the lift",
                ("stop",),
            )
        run.verified("lamella on needle", True)
    raise_to_park(session)


def raise_to_park(session: Session) -> None:
    """Raise the needle, straight up, to where the stage may move under it."""
    here = session.run.do(session.fib.status).needle
    _up(session, max(0.0, session.setup.needle_park.z - here.z))


def back_edge(session: Session, v: float) -> Measured:
    """Return where the electron image shows the back edge of the lamella's top, expected at v.

    Behind it the trench lies in the shadow, whereas the face before it brightens as it comes out.
    """
    at, kept = session.places, session.step.lamella.kept

    def look(frames: int) -> Measured:
        picture = session.electron(plain_view(session.step), frames)
        return rising_edge(picture, u=at.u, v=v, reach=AROUND, width=kept)

    return session.known("the lamella on the needle", look, lambda edge: (edge,))


def _up(session: Session, height: float) -> None:
    here = session.run.do(session.fib.status).needle
    slow = min(height, max(0.0, SLOW_BELOW - here.z))
    if slow > 0:
        session.needle_by(z=slow, step=NEAR_STEP)
    if height > slow:
        session.needle_by(z=height - slow, step=25e-6)


def _came(session: Session, before: Measured, height: float) -> bool:
    """True if the electron image shows the lamella as much higher as the needle went."""
    wanted = -height * math.sin(session.setup.geometry.milling_tilt)
    after = back_edge(session, before.value + wanted)
    moved, sigma = after.value - before.value, math.hypot(before.sigma, after.sigma)
    as_far = abs(moved - wanted) <= max(0.3 * abs(wanted), SPRINGS, 3 * sigma)
    return as_far and moved / wanted >= CAME
