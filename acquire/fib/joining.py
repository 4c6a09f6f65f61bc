"""Joints: welds by redeposition and cuts through, and what both beams show of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from acquire.fib.aligning import locate, mill, remember
from acquire.fib.bridge import bridged_share, crossed_share
from acquire.fib.charge import charge_for, charge_of_weld
from acquire.fib.cutting import OPEN, SHADED, in_electrons
from acquire.fib.end_points import raise_flag
from acquire.fib.joint import joint_gap
from acquire.fib.measured import Measured
from acquire.fib.session import Session
from acquire.fib.slit import slit_seen
from acquire.fib.views import compared_view, joint_view, plain_view
from drivers.fib import BeamPicture, Purpose
from protocols.fib import Array, Rectangle
from protocols.lift_out import STAGES, Sever, StageName, Weld

INNER = 0.25e-6
"""Half the width of a cut's middle, where nothing may be left, m."""
DOUBLED = 6
"""How often the frames of an image are doubled until a narrow bridge is told from the noise."""
JUMP = 0.35e-6
"""Most that the lamella drifts along itself between two parts of a pattern, m; ours."""
REACH = 1.2e-6
"""How far on each side of a joint its two bodies are looked for, m."""


@dataclass(frozen=True)
class Joint:
    """A gap along x between two bodies, in the lamella's frame (m)."""

    name: str
    x: float
    """Of its middle."""
    y: float
    """Of its middle across."""
    thick: float
    """Across, as the ion beam sees it from above."""
    top: float
    """z of its upper end."""
    tall: float
    """Down from there, as the electron beam sees it."""
    face: float
    """y of the face that the electron beam sees."""


def seen_from_above(session: Session, joint: Joint, wanted: float) -> tuple[float, float]:
    """Return the share of a cut that the ion image shows closed, and its width (m).

    Where nothing faces the cut its width is told as `wanted` if nothing crosses so wide a strip.
    """
    at, view = session.places, compared_view(session.step)
    u, v, along = at.u + joint.x, at.v + joint.y, SHADED * joint.thick

    def look(frames: int) -> tuple[Measured, Measured]:
        picture = session.ion(view, frames)
        if joint.name == "release":
            box = (u - wanted / 2, u + wanted / 2, v - along / 2, v + along / 2)
            return crossed_share(picture, gap=box, inwards=-1), Measured(wanted, 0.0)
        gap = joint_gap(picture, u=u, v=v, reach=REACH, across="u", along=along)
        return gap.closed, gap.width

    closed, width = session.known(f"the {joint.name} from above", look, lambda both: both)
    return closed.value, width.value


def crossed_in_front(session: Session, joint: Joint) -> float:
    """Return the share of a cut's height over which the electron image shows it closed."""
    view = plain_view(session.step)
    tall = SHADED * joint.tall * math.sin(session.setup.geometry.milling_tilt)
    u, v = in_electrons(session, joint.x, joint.face, joint.top - joint.tall / 2)

    def look(frames: int) -> Measured:
        picture = session.electron(view, frames)
        if joint.name == "release":
            box = (u - INNER, u + INNER, v - tall / 2, v + tall / 2)
            return crossed_share(picture, gap=box, inwards=-1)
        dark = joint_gap(picture, u=u, v=v, reach=REACH, across="u", along=tall).closed
        if dark.known and dark.value <= OPEN:
            return dark
        width = session.step.sever.width  # what is behind may be as bright as what is dark here
        unlike = slit_seen(picture, u=u, top=v - tall / 2, bottom=v + tall / 2, width=width, side=1)
        if unlike.known and unlike.value == 1.0:
            return Measured(0.0, unlike.sigma)
        return dark

    return session.known(f"the {joint.name} from the front", look, lambda share: (share,)).value


# -- welds ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenJoint:
    """A joint before it is welded, as both images show it."""

    left: float
    """u of the gap's left and right side, m."""
    right: float
    ion: BeamPicture
    electron: BeamPicture
    sides: tuple[float, float] | None = None
    """u of the gap's sides in the electron image, where it shows them elsewhere than the ion's."""


def locate_welded(session: Session, picture: BeamPicture) -> None:
    """Locate a lamella that is held at both ends: where it seems to jump along, it has not moved.

    The pits of a weld that was tried again are taken for a move by the correlation.
    """
    at, before = session.places, session.places.u
    locate(session, picture)
    if abs(at.u - before) > JUMP:
        at.u = session.decide("lamella still at", before)
        remember(session, picture)


def bridged_area(session: Session, joint: Joint, before: OpenJoint, least: float) -> Measured:
    """Return the bridged area of a joint (m²): the shares of its width and of its height.

    Where the width alone allows less than `least` (m²), what it allows at most.
    """
    from_ions, from_electrons, at = (
        compared_view(session.step),
        plain_view(session.step),
        session.places,
    )
    steep = math.sin(session.setup.geometry.milling_tilt)
    inwards = -1 if joint.x > 0 else 1
    half = SHADED * joint.thick / 2
    _, top = in_electrons(session, joint.x, joint.face, joint.top)
    from_above = (before.left, before.right, at.v + joint.y - half, at.v + joint.y + half)
    left, right = before.sides or (before.left, before.right)
    from_front = (
        left,
        right,
        top + (1 - SHADED) / 2 * joint.tall * steep,
        top + (1 + SHADED) / 2 * joint.tall * steep,
    )

    wide = session.known(
        f"the {joint.name} weld from above",
        lambda n: bridged_share(
            before.ion, session.ion(from_ions, n), gap=from_above, inwards=inwards
        ),
        lambda share: (share,),
        DOUBLED,
    )
    whole = joint.thick * joint.tall
    if session.decide("too little from above", wide.value * whole < least):
        return Measured(wide.value * whole, wide.sigma * whole)
    tall = session.known(
        f"the {joint.name} weld from the front",
        lambda n: bridged_share(
            before.electron, session.electron(from_electrons, n), gap=from_front, inwards=inwards
        ),
        lambda share: (share,),
        DOUBLED,
    )
    sigma = whole * math.hypot(wide.sigma * tall.value, tall.sigma * wide.value)
    return Measured(wide.value * tall.value * whole, sigma)


def weld_joint(
    session: Session,
    joint: Joint,
    settings: Weld,
    array: Array,
    inwards: float,
    stage: StageName,
    before: OpenJoint,
) -> bool:
    """Weld until the bridged area is seen to be enough; return whether it is.

    Every try is a single pass over fresh material: a second pass over the same would mill the bond
    away again. A later try lies `inwards` (m, along x) of the one before.
    """
    layers, species = session.step.layers, session.step.ions.species
    charge = session.decide(
        "charge", charge_of_weld(layers, species, array.width, array.height, settings)
    )
    for tries in range(1, settings.tries + 1):
        fresh = partial(_fresh, session, array, inwards, tries - 1)
        view, again = joint_view(session.step), tries > 1
        mill(session, "weld", settings, charge, fresh, view, again=again)
        area = bridged_area(session, joint, before, settings.area_min)
        if session.decide("bridged", area.value >= settings.area_min):
            break
    verified = area.value >= settings.area_min
    _keep_weld(session, joint, area, before.right - before.left, tries, verified, stage)
    return verified


def _fresh(
    session: Session, array: Array, inwards: float, number: int, part: int, parts: int
) -> tuple[Array, ...]:
    """Return the array placed at the lamella; each later try lies further inwards."""
    at = session.places
    x = array.x + at.u + number * inwards
    return (array.model_copy(update={"x": x, "y": array.y + at.v}),)


def _keep_weld(
    session: Session,
    joint: Joint,
    area: Measured,
    gap: float,
    tries: int,
    verified: bool,
    stage: StageName,
) -> None:
    weld: dict[str, Any] = {
        "joint": joint.name,
        "area_m2": area.value,
        "area_sigma_m2": area.sigma,
        "gap_m": gap,
        "tries": tries,
        "verified": verified,
    }
    session.welds.append(session.decide(f"weld {joint.name}", weld))
    if verified:
        note = f"{area.value * 1e12:.2g} um² of the {joint.name} joint are bridged"
        figures = {"area_m2": area.value, "gap_m": gap}
        raise_flag(session, "bridged", joint.name, stage, figures, note)


# -- cuts through ---------------------------------------------------------------------------------


def cut_through(
    session: Session, joint: Joint, settings: Sever, depth: float, purpose: Purpose
) -> float | None:
    """Cut until both beams show the slit over all its length; return its width, None if not."""
    height = 2 * session.places.half + 1e-6
    times, width = 1.0, 0.0
    for _ in range(settings.tries):
        one = charge_for(
            session.step.layers,
            session.step.ions.species,
            settings.width,
            height,
            depth,
            settings.overdose,
        )
        charge = session.decide("charge", one * times)
        mill(
            session,
            purpose,
            settings,
            charge,
            lambda *_: (_slit(session, joint, settings, height),),
            joint_view(session.step),
            again=times < 1.0,
        )
        crossed, width = seen_from_above(session, joint, settings.gap_min)
        through = width >= settings.gap_min and crossed <= OPEN
        through = through and crossed_in_front(session, joint) <= OPEN
        if session.decide(f"{purpose} through", through):
            return width
        times = 0.5
    return None


def _slit(session: Session, joint: Joint, settings: Sever, height: float) -> Rectangle:
    at = session.places
    return Rectangle(x=at.u + joint.x, y=at.v + joint.y, width=settings.width, height=height)


# -- what is done already -------------------------------------------------------------------------

DONE_BY: dict[StageName, str] = {
    "cool": "cold",
    "clean": "electrolyte seen",
    "contact": "contact",
    "weld": "needle weld",
    "sever": "cut free",
    "lift": "lamella on needle",
    "weld_grid": "grid weld",
    "release": "released",
}
"""What each stage leaves verified."""


def facts_before(session: Session) -> None:
    """Ask whether the stages before the first are done, and take the operator's word for it."""
    step, run = session.step, session.run
    if step.first == STAGES[0]:
        return
    before = STAGES[: STAGES.index(step.first)]
    session.stage = step.first
    held = _held_by(before)
    session.ask(
        f"this run begins here: are {', '.join(before)} done, and is the lamella {held}?",
        ("they are done", "stop"),
    )
    _stand_where_it_is(session, before)
    if "trench" in before:  # nothing stands in an untouched film
        leave = 0.0 if "clean" in before else step.trench.leave
        session.places.half = step.lamella.thickness / 2 + leave
    for name in before:
        if name in DONE_BY:
            run.verified(DONE_BY[name], True)


def _stand_where_it_is(session: Session, before: tuple[StageName, ...]) -> None:
    """Bring the stage to where the first stage begins; with the needle in it is there already."""
    step, status = session.step, session.run.do(session.fib.status)
    place = step.grid if "land" in before else step.site
    tilt = session.setup.geometry.milling_tilt
    if status.needle_inserted:
        session.places.stage = place.model_copy(
            update={"x": status.stage.x, "y": status.stage.y, "z": status.stage.z}
        )
    elif before[-1] != "cool":
        session.go(place, tilt)
        if "land" in before:
            session.shift(tilt, x=-(step.land.gap + step.lamella.length / 2))


def _held_by(before: tuple[StageName, ...]) -> str:
    if "release" in before:
        return "on the grid, the needle away"
    if "weld_grid" in before:
        return "on the grid, with the needle still welded to it"
    if "sever" in before:
        return "on the needle"
    return "still in the film"
