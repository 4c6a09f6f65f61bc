"""Trenches, undercut and clean faces: the lamella is cut free but for its bridge."""

from __future__ import annotations

import math

from acquire.fib.aligning import follow_other_face, locate, mill, stand_still, strip_in
from acquire.fib.charge import charge_for, charge_of_slice, charge_through
from acquire.fib.edges import falling_edge
from acquire.fib.end_points import electrolyte, electrolyte_in
from acquire.fib.face import Face, layers_on_face
from acquire.fib.measured import Measured
from acquire.fib.session import Session
from acquire.fib.slit import dark_slit, slit_seen
from acquire.fib.surveying import to_milling_tilt
from acquire.fib.views import joint_view
from drivers.fib import BeamPicture, seen
from protocols.fib import BeamImage, CleaningCrossSection, Pattern, Rectangle
from protocols.lift_out import Cut

OUTSIDE = 0.2e-6
"""By which a cleaning slice begins outside the face, m: what leans out."""
LEAST_OFF = 30e-9
"""Thinnest cleaning slice, m."""
OPEN = 0.35
"""Most of a slit's length that may look closed while it is through: what lies behind it is not
quite dark. What is not cut through looks closed all along. Ours, to verify."""
SEEN_THROUGH = 0.5
"""Share of the side's slit that must look unlike the face: what lies behind the rest may be as
bright as the face is. Whether all of it is through shows when the lamella is lifted. Ours."""
SHADED = 0.7
"""Share of a cut's length over which it is looked for; its ends lie beside other edges."""
CAREFULLY, MORE_CAREFULLY = 32, 128
"""Times the frames of a near image in which the electrolyte is looked for, and again: its contrast
to the metal is a tenth, and less where the detector shows little."""
TILTED_REACH = 1.6e-6
"""How far the lamella's top is looked for after the tilt: the tilt axis is a micrometre off, m."""
AFRESH = 0.5
"""Share of the planned charge that another try adds."""


def charge(
    session: Session, settings: Cut, width: float, height: float, depth: float, times: float = 1.0
) -> float:
    """Return the planned charge (C) of a cut of this size (m), `times` over."""
    step = session.step
    needed = charge_for(step.layers, step.ions.species, width, height, depth, settings.overdose)
    return session.decide("charge", needed * times)


def open_charge(session: Session, settings: Cut, width: float, thick: float, depth: float) -> float:
    """Return the charge of a slice `thick` (m) off a face: what is sputtered leaves sideways."""
    step = session.step
    needed = charge_of_slice(step.layers, step.ions.species, width, thick, depth, settings.overdose)
    return session.run.decide("charge", needed)


# -- trench -------------------------------------------------------------------------------------


def trench(session: Session) -> None:
    """Mill a trench on either side until the lamella stands between them in both images.

    How deep they are is not seen: the trench's near wall hides its floor from the electron beam.
    That they reach below the undercut is seen there.
    """
    step = session.step
    settings, lamella = step.trench, step.lamella
    width = lamella.length + settings.extra
    more = 1.0
    for _ in range(settings.tries):
        both = 2 * charge(session, settings, width, settings.height, settings.depth, more)
        mill(
            session,
            "trench",
            settings,
            both,
            lambda *_: _trenches(session),
            step.views.wide,
            again=more < 1.0,
        )
        session.places.half = lamella.thickness / 2 + settings.leave
        picture = session.ion(step.views.wide)
        stands = strip_in(session, picture).middle.known
        if session.decide("lamella stands", stands):
            locate(session, picture)
            session.electron(step.views.wide)
            return
        more = AFRESH
    session.ask("the lamella is not seen to stand between two dark trenches")


def _trenches(session: Session) -> tuple[Pattern, ...]:
    settings, lamella, at = session.step.trench, session.step.lamella, session.places
    middle = lamella.thickness / 2 + settings.leave + settings.height / 2
    width = lamella.length + settings.extra
    return (
        Rectangle(
            x=at.u, y=at.v - middle, width=width, height=settings.height, scan="top_to_bottom"
        ),
        Rectangle(
            x=at.u, y=at.v + middle, width=width, height=settings.height, scan="bottom_to_top"
        ),
    )


def in_electrons(session: Session, x: float, y: float, z: float) -> tuple[float, float]:
    """Return where the electron image at the milling tilt shows a place of the lamella (m)."""
    at = session.places
    return seen(session.setup.geometry.milling_tilt, x + at.u, y + at.v, z + at.z)


def front_face(session: Session, view: BeamImage, frames: int = 1) -> Face:
    """Look at the front face with the electron beam: its layers."""
    step = session.step
    u, top = in_electrons(session, 0.0, session.places.half, 0.0)

    def look(times: int) -> Face:
        picture = session.electron(view, frames * times)
        return layers_on_face(picture, v_top=top, u=u, width=SHADED * step.lamella.length)

    return session.known("the front face", look, lambda face: (face.top,))


# -- undercut -----------------------------------------------------------------------------------


def undercut(session: Session) -> None:
    """Cut under the lamella and up its right side, until daylight is seen under it."""
    step = session.step
    settings = step.undercut
    times = 1.0
    for _ in range(settings.tries):
        _cut_under(session, times)
        to_milling_tilt(session)
        locate(session, stand_still(session, step.views.wide))
        if under_and_side_open(session):
            return
        times = AFRESH
    session.ask("the undercut is not seen to be through")


def _cut_under(session: Session, times: float) -> None:
    step = session.step
    settings = step.undercut
    session.tilt(settings.tilt)
    patterns = under_patterns(session)
    area = sum(each.width * each.height for each in patterns)
    steep = abs(math.sin(session.setup.geometry.angle("ion", settings.tilt)))
    through = 2 * session.places.half / steep
    needed = charge_through(
        step.layers,
        step.ions.species,
        settings.width,
        area,
        through,
        step.lamella.depth,
        settings.overdose,
    )
    amount = session.decide("charge", needed * times)
    mill(
        session,
        "undercut",
        settings,
        amount,
        lambda *_: under_patterns(session),
        step.views.wide,
        locate_tilted,
        again=times < 1.0,
    )


def locate_tilted(session: Session, picture: BeamPicture) -> None:
    """Take note of where a tilted ion image shows the middle of the lamella's top."""
    at, step = session.places, session.step
    angle = session.setup.geometry.angle("ion", step.undercut.tilt)
    edge = seen(angle, 0.0, at.half, 0.0)[1]

    def look(frames: int) -> Measured:
        shown = picture if frames == 1 else session.ion(step.views.wide, frames)
        return falling_edge(
            shown,
            u=at.u,
            v=at.v + edge,
            reach=TILTED_REACH,
            width=step.lamella.kept,
            along="v",
        )

    found = session.known("the lamella's top at the undercut's tilt", look, lambda v: (v,))
    at.v = session.decide("tilted lamella at", found.value - edge)


def under_patterns(session: Session) -> tuple[Rectangle, ...]:
    """Return the cuts under the lamella, up its right side, and up its left as far as the bridge.

    Seen along the tilted ion beam, whose image shows the back face with its deeper parts up.
    """
    step, at = session.step, session.places
    settings, lamella = step.undercut, step.lamella
    angle = session.setup.geometry.angle("ion", settings.tilt)
    width, side = settings.width, (lamella.length + settings.width) / 2

    def down(z: float, y: float = -at.half) -> float:
        return seen(angle, 0.0, y, z)[1] + at.v

    def cut(u: float, across: float, deep: float, shallow: float) -> Rectangle:
        return Rectangle(
            x=at.u + u, y=(deep + shallow) / 2, width=across, height=abs(shallow - deep)
        )

    floor = down(-lamella.depth - width)
    return (
        cut(0.0, lamella.length + 2 * width, floor, down(-lamella.depth)),
        cut(side, width, down(-lamella.depth), down(0.0, at.half)),
        cut(-side, width, down(-lamella.depth), down(-settings.bridge)),
    )


def under_and_side_open(session: Session) -> bool:
    """True if the electron image shows the slits under the lamella and at its right end."""
    step = session.step
    lamella, width = step.lamella, step.undercut.width
    face = session.places.half

    def look(frames: int) -> tuple[Measured, Measured]:
        picture = session.electron(joint_view(session.step), CAREFULLY * frames)
        u, v = in_electrons(session, 0.0, face, -lamella.depth - width / 2)
        tall = width * math.sin(session.setup.geometry.milling_tilt)
        under = dark_slit(picture, u=u, v=v, length=SHADED * lamella.length, width=tall)
        right = (lamella.length + width) / 2
        u, top = in_electrons(session, right, face, 0.0)
        bottom = in_electrons(session, right, face, -lamella.depth)[1]
        return under, slit_seen(picture, u=u, top=top, bottom=bottom, width=width)

    under, side = session.known("the undercut", look, lambda both: both)
    return session.decide("undercut open", under.value >= 1 - OPEN and side.value >= SEEN_THROUGH)


# -- clean --------------------------------------------------------------------------------------


def clean(session: Session) -> None:
    """Clean both faces down to the lamella's thickness; the electrolyte is seen there."""
    step = session.step
    lamella = step.lamella
    for front, share in ((True, 0.5), (False, 1.0)):
        strip = session.known(
            "the lamella's thickness",
            lambda n: strip_in(session, session.ion(step.views.wide, n)),
            lambda strip: (strip.middle, strip.top),
        )
        top = strip.top.value
        off = session.decide("slice", share * (top - lamella.thickness))
        session.places.v = session.decide("lamella at", strip.middle.value)
        if off > LEAST_OFF:
            _clean_face(session, front, top, off)
    session.places.half = lamella.thickness / 2
    picture = stand_still(session, step.views.wide)
    locate(session, picture)
    strip = session.known(
        "the lamella's thickness",
        lambda n: strip_in(session, session.ion(step.views.near, n)),
        lambda strip: (strip.top,),
    )
    session.places.half = session.decide("half thickness", strip.top.value / 2)
    session.found["cleaned_thickness_m"] = strip.top.value
    for times in (CAREFULLY, MORE_CAREFULLY):
        face = front_face(session, joint_view(session.step), times)
        if session.decide("electrolyte in the face", electrolyte_in(session, face) is not None):
            break
    electrolyte(session, face)


def _clean_face(session: Session, front: bool, top: float, off: float) -> None:
    """Take `off` (m) off one face of a lamella whose top is `top` thick (m)."""
    step = session.step
    settings = step.clean
    width, thick = step.lamella.length + step.trench.extra, off + OUTSIDE
    deep = step.lamella.depth + step.undercut.width
    mill(
        session,
        "clean",
        settings,
        open_charge(session, settings, width, thick, deep),
        lambda part, parts: (slice_of(session, front, top / 2 - off, thick, width, part, parts),),
        step.views.wide,
        follow_other_face(front, top),
    )


def slice_of(
    session: Session,
    front: bool,
    face: float,
    thick: float,
    width: float,
    part: int = 0,
    parts: int = 1,
) -> CleaningCrossSection:
    """Return part of a slice `thick` (m) outside the face wanted at distance `face` of the middle.

    The parts follow each other from outside towards the face.
    """
    at = session.places
    height = thick / parts
    middle = face + thick - (part + 0.5) * height
    return CleaningCrossSection(
        x=at.u,
        y=at.v + (middle if front else -middle),
        width=width,
        height=height,
        scan="bottom_to_top" if front else "top_to_bottom",
    )
