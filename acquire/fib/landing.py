"""The grid: the lamella comes to the post, is welded to it on both faces, and is let go."""

from __future__ import annotations

import math
from dataclasses import replace

from acquire.fib.aligning import locate, remember, stand_still
from acquire.fib.bodies import Body, body_from_left
from acquire.fib.carrying import raise_to_park
from acquire.fib.cutting import in_electrons
from acquire.fib.edges import falling_edge, outer_edges
from acquire.fib.end_points import raise_flag
from acquire.fib.hanging import hanging, post_edge
from acquire.fib.joining import Joint, OpenJoint, cut_through, weld_joint
from acquire.fib.measured import Measured
from acquire.fib.reaching import NEAR_STEP
from acquire.fib.session import Session
from acquire.fib.views import compared_view, joint_view, plain_view
from drivers.fib import BeamPicture, NeedlePosition, seen
from protocols.fib import Array, BeamImage
from protocols.lift_out import LiftOut, Weld

HIGH = 0.3e-6
"""Height within which the lamella's top is brought to the post's, m; ours, to verify."""
BESIDE = 1.2e-6
"""Distance from the middle of the images within which the post is left where it is, m."""
ASIDE = 0.15e-6
"""Distance across within which the lamella is brought to the post's middle, m; ours."""
COARSE, LESS = 1e-6, 0.6
"""Gap (m) from which on the lamella goes in the protocol's small steps; from farther off it goes by
that share of what is left: encoders that are wrong by a third are seen before it meets the post."""
OVER = 12e-6
"""Height of the tip over the post when the lamella is first looked for there, m."""
OUT_OF_SIGHT = 22e-6
"""By which the lamella is moved aside while the post is looked for, m."""
CLEAR = 7e-6
"""Between post and lamella while it comes down, m: outside the lab's near zone."""
AWRY, NEARLY = 2.2e-6, 1.2e-6
"""How far the lamella may be from where it is expected along its length: after the long way over to
the grid, and from where it was last seen, m; ours, to verify."""
NEEDLES = 1.5e-6
"""What the weld and the needle take of the lamella's right end, m; ours."""
STAYS = 0.2e-6
"""Most that the lamella may move while the needle leaves it, m."""
ANYWHERE, NEAR_END = 1.1e-6, 0.45e-6
"""How far from where it is expected the lamella's free end is looked for, m: first (the needle's
weld may have dulled what is left of its top), and where it was seen: half the cut's width. Ours."""
LEAVE = (0.4e-6, 0.4e-6, 0.4e-6, 0.4e-6)
"""Steps by which the needle first leaves the lamella, m, each looked at."""
AWAY = 12e-6
"""Further that it goes in near steps before it is raised, m: out of the lab's near zone."""
JOINT_TALL = 2e-6
"""Of a joint at the post, m, as the needle's; ours, to verify."""
SPINE = 0.3
"""Share of the lamella's thickness that the welds at its two faces leave between them."""
BESIDE_JOINT = 0.1e-6
"""Between the joint and the first rectangle, m."""
KEEP_OFF = 0.2e-6
"""Between a weld's rectangles and the zone that is kept, m."""
INSIDE = 1e-6
"""From the lamella's right end to the cut that releases it, m."""
MOST_STEPS = 150
"""Of the needle towards the post."""


# -- land -----------------------------------------------------------------------------------------


def land(session: Session) -> None:
    """Bring the post under the beams and the lamella's left end to it."""
    step, run = session.step, session.run
    raise_to_park(session)
    session.needle_by(x=OUT_OF_SIGHT)
    _to_the_grid(session)
    run.verified("over the grid", True)
    end, gap = _come_down(session), math.inf
    stand_still(session, joint_view(session.step))  # else the gap that is set is another one later
    for _ in range(MOST_STEPS):
        found = _gap_to_post(session, end, joint_view(session.step))
        gap = found.right - found.left
        run.progress(0, 1, f"gap {gap * 1e6:.2f} um")
        if session.decide("at the post", gap <= 1.15 * step.land.gap):
            break
        left = max(gap - step.land.gap, 0.03e-6)
        nearer = min(step.land.step, left) if gap < COARSE else LESS * left
        session.needle_by(x=-nearer, step=NEAR_STEP)
        end = found.right - nearer
    else:
        session.ask(f"the lamella does not come to the post: {gap * 1e6:.2g} um are left")
    session.found["landing_gap_m"] = gap


def _to_the_grid(session: Session) -> None:
    """Bring the post where the lamella's middle will be in the middle of the images."""
    step, places = session.step, session.places
    tilt = session.setup.geometry.milling_tilt
    session.go(step.grid, tilt)
    for _ in range(step.land.tries):
        ion, electron = _post(session)
        y = (ion.upper.value + ion.lower.value) / 2
        z = _height(session, ion.upper.value, electron)
        x = ion.end.value + post_to_middle(session)
        off = session.decide("post", (x, y, z))
        if max(abs(off[0]), abs(off[1])) <= BESIDE and abs(off[2]) <= HIGH:
            break
        aside = max(abs(off[0]), abs(off[1])) > BESIDE  # a stage that need not move does not miss
        x, y = (-off[0], -off[1]) if aside else (0.0, 0.0)
        session.shift(tilt, x=x, y=y, z=-off[2])
    else:
        session.ask(f"the post is not where it should be, by {[f'{o * 1e6:.2f}' for o in off]} um")
    places.u, places.v = off[0], off[1]


def post_to_middle(session: Session) -> float:
    """Return the distance from the post's edge to the middle of the landed lamella, m."""
    return session.step.land.gap + session.step.lamella.length / 2


def _post(session: Session) -> tuple[Body, Body]:
    """Return the post in the wide images of both beams."""
    view = session.step.views.wide

    def needed(post: Body) -> tuple[Measured, ...]:
        return post.parts

    return (
        session.known("the post", lambda n: body_from_left(session.ion(view, n)), needed),
        session.known("the post", lambda n: body_from_left(session.electron(view, n)), needed),
    )


def _height(session: Session, back: float, electron: Body) -> float:
    """Return the height of a body's top whose back edge the ion image shows at v = `back`."""
    tilt = session.setup.geometry.milling_tilt
    return (back * math.cos(tilt) - electron.upper.value) / math.sin(tilt)


def _come_down(session: Session) -> float:
    """Bring the lamella down beside the post until its top is at the post's and in its middle.

    Returns:
        u of its left end.
    """
    at, step = session.places, session.step
    tip = at.u + step.lamella.length / 2 + CLEAR
    session.needle(tip, at.v, session.setup.needle_park.z)
    session.needle(tip, at.v, OVER)
    expected = tip - step.lamella.length
    y, top = at.v, OVER
    for _ in range(6):
        ion, electron = _lamella(session, expected, y, top)
        expected, y = ion.end.value, (ion.upper.value + ion.lower.value) / 2
        top = _height(session, ion.upper.value, electron)
        aside, high = session.decide("lamella over the post", (y - at.v, top))
        if abs(high) <= HIGH and abs(aside) <= ASIDE:
            return session.decide("lamella's end", expected)
        session.needle_by(y=-aside, z=-high, step=NEAR_STEP)
        y, top = at.v, 0.0
    session.ask("the lamella does not come to the post's height")
    return session.decide("lamella's end", expected)


def _lamella(session: Session, end: float, y: float, top: float) -> tuple[Body, Body]:
    """Return the lamella in wide images of both beams, whose left end is expected at u = `end`."""
    view, tilt = session.step.views.wide, session.setup.geometry.milling_tilt
    surely = _surely(session, end, AWRY)
    upper = seen(tilt, 0.0, y - session.places.half, top)[1]

    def from_above(frames: int) -> Body:
        return hanging(session.ion(view, frames), surely=surely, v=(y - 2 * AWRY, y + 2 * AWRY))

    def from_the_front(frames: int) -> Body:
        picture = session.electron(view, frames)
        return hanging(picture, surely=surely, v=(upper - 2 * AWRY, upper + _deep(session)))

    what = "the lamella on the needle"
    return (
        session.known(what, from_above, lambda body: body.parts),
        session.known(what, from_the_front, lambda body: (body.upper,)),
    )


def _surely(session: Session, end: float, awry: float) -> tuple[float, float]:
    """Return the columns that a lamella covers whose left end is within `awry` (m) of `end`."""
    return end + awry, end + session.step.lamella.length - awry - NEEDLES


def _deep(session: Session) -> float:
    """Return how far below its upper border the electron image shows nothing of the lamella, m."""
    lamella = session.step.lamella
    steep = math.sin(session.setup.geometry.milling_tilt)
    return lamella.depth * steep + lamella.thickness + 2 * AWRY


def _gap_to_post(session: Session, end: float, view: BeamImage) -> OpenJoint:
    """Return the gap between post and lamella, whose left end is expected at u = `end`."""
    at, surely = session.places, _surely(session, end, NEARLY)

    def look(frames: int) -> tuple[Measured, Measured, BeamPicture]:
        picture = session.ion(view, frames)
        lamella = hanging(picture, surely=surely, v=(at.v - AWRY, at.v + AWRY))
        return *_facing(session, picture, lamella), picture

    post, lamella, picture = session.known("the gap to the post", look, lambda found: found[:2])
    left, right = session.decide("gap", (post.value, lamella.value))
    return OpenJoint(left, right, picture, picture)


def _facing(session: Session, picture: BeamPicture, lamella: Body) -> tuple[Measured, Measured]:
    """Return u of the post's edge and of the lamella's end before it."""
    expected = session.places.u - post_to_middle(session)
    return post_edge(picture, lamella, u=expected, reach=BESIDE), lamella.end


# -- weld -----------------------------------------------------------------------------------------


def weld_grid(session: Session) -> None:
    """Weld the left end to the post at both faces, each with its own pass."""
    step, half = session.step, session.places.half
    settings = step.weld_grid
    x = -(step.lamella.length + step.land.gap) / 2
    end = session.places.u - step.lamella.length / 2
    before = _in_both(session, _gap_to_post(session, end, compared_view(session.step)))
    session.places.u = session.decide("lamella along", before.right + step.lamella.length / 2)
    locate(session, before.ion)  # the welds follow what moves from this image on
    for name, side in (("post_front", 1), ("post_back", -1)):
        joint = Joint(name, x, side * half / 2, half, 0.0, JOINT_TALL, half)
        array = _array(session, settings, side)
        inwards = _inwards(session, settings)
        if not weld_joint(session, joint, settings, array, inwards, "weld_grid", before):
            session.ask(f"the {name} weld is not seen to be large enough")
            session.doubts.append(f"the {name} weld was not verified")
    verified = all(each["verified"] for each in session.welds if each["joint"] != "needle")
    session.run.verified("grid weld", verified)


def _in_both(session: Session, gap: OpenJoint) -> OpenJoint:
    """Return the gap to the post with the electron image of it, and where that shows it."""
    view, at = plain_view(session.step), session.places
    surely = _surely(session, gap.right, NEARLY)
    upper = in_electrons(session, 0.0, -at.half, 0.0)[1]

    def look(frames: int) -> tuple[Measured, Measured, BeamPicture]:
        picture = session.electron(view, frames)
        lamella = hanging(picture, surely=surely, v=(upper - AWRY, upper + _deep(session)))
        return *_facing(session, picture, lamella), picture

    post, lamella, picture = session.known(
        "the gap to the post from the front", look, lambda found: found[:2]
    )
    sides = session.decide("gap from the front", (post.value, lamella.value))
    return replace(gap, electron=picture, sides=sides)


def _array(session: Session, settings: Weld, side: int) -> Array:
    """Return rectangles in a row along the lamella, from the joint on, in one face's half of it.

    A spine between both halves is left standing.
    """
    half = session.places.half
    height = min(settings.reach, (1 - SPINE) * half)
    along = (settings.count - 1) * settings.pitch + settings.width
    return Array(
        x=(along - session.step.lamella.length) / 2 + BESIDE_JOINT,
        y=side * (half - height / 2),
        count=settings.count,
        along="x",
        pitch=settings.pitch,
        width=settings.width,
        height=height,
        passes=settings.passes,
        scan="left_to_right" if settings.scan == "away_from_joint" else "right_to_left",
    )


def _inwards(session: Session, settings: Weld) -> float:
    """Return how far (m) a later try lies inwards: half a pitch, if that keeps off what is kept."""
    lamella = session.step.lamella
    along = (settings.count - 1) * settings.pitch + settings.width
    room = (lamella.length - lamella.kept) / 2 - BESIDE_JOINT - along - KEEP_OFF
    return max(0.0, min(settings.pitch / 2, room / max(1, settings.tries - 1)))


# -- release --------------------------------------------------------------------------------------


def release(session: Session) -> None:
    """Cut the needle's end off, and move the needle away while the lamella stays."""
    step, run = session.step, session.run
    half = session.places.half
    joint = Joint(
        "release", step.lamella.length / 2 - INSIDE, 0.0, 2 * half, 0.0, step.lamella.depth, half
    )
    width = cut_through(session, joint, step.release, step.lamella.depth, "release")
    run.verified("released", width is not None)
    if width is None:
        session.ask("the lamella is not seen to be free of the needle")
    _leave(session)
    run.do(session.fib.retract_needle)
    figures = {"gap_m": width}
    raise_flag(session, "released", "lamella", "release", figures, "the needle is away, it stays")


def released_end(step: LiftOut) -> float:
    """Return x of the end at which the lamella was cut off the needle, m."""
    return step.lamella.length / 2 - INSIDE - step.release.width / 2


def _leave(session: Session) -> None:
    """Move the needle away in small steps, each time seeing that the lamella stays."""
    run, at = session.run, session.places
    remember(session, stand_still(session, joint_view(session.step)))
    before = _where_it_is(session, at.u + released_end(session.step), ANYWHERE)
    for way in LEAVE:
        session.needle_by(x=way, step=NEAR_STEP)
        moved = math.dist(before, _where_it_is(session, before[0], NEAR_END))
        if session.decide("lamella moved", moved > STAYS):
            run.verified("released", False)
            session.ask(
                "the lamella does not stay when the needle leaves it: it moved by "
                f"{moved * 1e6:.2g} um",
                ("stop",),
            )
    session.needle_by(x=AWAY, step=NEAR_STEP)
    park = session.setup.needle_park
    here = run.do(session.fib.status).needle
    session.needle_encoders(NeedlePosition(here.x, here.y, park.z))


def _where_it_is(session: Session, end: float, reach: float) -> tuple[float, float]:
    """Return u of the lamella's free end and v of its middle (m): of itself, not of post or needle.

    The needle goes away in the same image, and the post stays anyway. The end is expected at u =
    `end` and looked for within `reach` (m).
    """
    at, lamella = session.places, session.step.lamella

    def look(frames: int) -> tuple[Measured, Measured, Measured]:
        picture = session.ion(joint_view(session.step), frames)
        wide = lamella.thickness / 2
        free = falling_edge(picture, u=end, v=at.v, reach=reach, width=wide, along="u")
        return free, *outer_edges(picture, kept=lamella.kept, u=at.u)

    free, upper, lower = session.known("the lamella that is let go", look, lambda found: found)
    return session.decide("it is at", (free.value, (upper.value + lower.value) / 2))
