"""Needle in and contact: the needle comes to the lamella's free end, seen at each part of the way.

Nothing but images tells where the tip is: its encoders may be wrong at any time. Near the film it
is looked at after every step, and what is seen elsewhere than it was sent is not moved on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from acquire.fib.aligning import locate, remember, stand_still
from acquire.fib.contact import Box, ContactWatch
from acquire.fib.edges import falling_edge
from acquire.fib.end_points import raise_flag
from acquire.fib.height import Place, place_from
from acquire.fib.measured import Measured, refused
from acquire.fib.needle import Tip, needle_tip
from acquire.fib.session import Session
from acquire.fib.surface import note_surface
from acquire.fib.views import compared_view, joint_view
from acquire.flags import Flag
from drivers.fib import BeamPicture, NeedlePosition, seen
from protocols.fib import BeamImage

CENTRED, CENTRED_IN = 0.5e-6, 3
"""Distance (m) of the lamella from the images' middle that is left, and how often it is corrected:
a stage misses by as much."""
LOST = 2e-6
"""How far from where it is expected the lamella's end is looked for after hours of drift, m."""
NO_TIP = Tip(refused("the needle is out"), refused("the needle is out"))
BESIDE = 7e-6
"""Beyond the lamella's right end where the needle comes down, m."""
HIGH = 40e-6
"""Height over the surface at which the tip is first looked for, m: far above what it may miss."""
MISSES = 12e-6
"""By which the tip may be off when it comes in, and still be in the image, m; ours."""
COMING_IN = 1e-6
"""Most that the tip may be elsewhere than its encoders say after it came in, m; ours."""
WAY_DOWN = (6e-6, 2.5e-6, 1e-6)
"""Heights at which the tip is seen on its way down, m: from each to the next an error of a third of
the way leaves it above the film."""
OFF, OFF_PER_WAY = 0.4e-6, 0.1
"""Most that the tip may be elsewhere than it was sent: m, and share of the way it went since it was
seen. Encoders err by about 1 %, tips are seen to 0.1 um. Ours, to verify."""
FORGOTTEN = 300.0
"""s after which an image tells nothing of how bright the next one is: a run was interrupted, ice
has grown, gains have drifted. Ours."""
DRIFTS = 10e-9 / 60
"""By which the needle may drift against its encoders, m/s, up to COMING_IN. Ours, to verify."""
FINE, FINER_TRIES = 0.12e-6, 4
"""Distance (m) from its place beside the end within which it goes in, and how often it is tried."""
DEEP = 0.8e-6
"""Below the free surface where the tip touches the lamella's end, m: with drift and noise at their
worst its height is seen to 0.35 um, and a tip above the surface slides over the lamella."""
NEAR_STEP = 0.45e-6
"""Of near moves, below the lab's 0.5 um, m."""
PAST = 0.4e-6
"""By which the tip may be seen beyond the lamella's end without contact, m: a tip gives way, then
it breaks what it pushes. Ours."""
TIP, CORE = 0.3e-6, 0.9
"""Half the width of the tip (m), which is left out where the lamella's end is looked for, and the
share of its thickness in which it is."""
AT_END = 0.8e-6
"""How far from where it is expected the lamella's end is looked for, m."""


@dataclass
class Watched:
    """Ion images of the approach, looked at for contact as they come.

    After an interruption the lamella is where the next image shows it, and the watch begins anew.
    """

    session: Session
    flag: Flag | None = field(default=None, init=False)
    begun: int = field(default=0, init=False)
    """How often it has begun."""
    watch: ContactWatch = field(init=False)
    box: Box = field(init=False)
    seen_at: float = field(default=0.0, init=False)
    """When the last image came, s since the run began."""
    drift: float = field(default=0.0, init=False)
    """By which the needle may have drifted between the last two images, m."""

    def begin(self, picture: BeamPicture, since: float) -> None:
        """Begin with an image in which the lamella is where it is known to be.

        It was taken after `since`, s since the run began.
        """
        at, half = self.session.places, self.session.step.lamella.length / 2
        self.box = (at.u - half + 1e-6, at.u + half - 1e-6, at.v - at.half, at.v + at.half)
        self.watch = ContactWatch(self.session.step.contact.brighter)
        self.begun += 1
        self.seen_at = since
        self.flag = self.watch.see(picture, self.box)

    def ion(self, view: BeamImage, frames: int = 1) -> BeamPicture:
        """Take and return the next image."""
        session = self.session
        picture, now = session.ion(view, frames), session.run.now()
        away, self.drift = now - self.seen_at, 0.0
        if away > FORGOTTEN:
            picture = session.ion(view, frames)  # the first may be of before the interruption
            locate(session, picture)
            self.drift = min(DRIFTS * away, COMING_IN - OFF)
            self.begin(picture, now)
        else:
            self.seen_at = now
            self.flag = self.watch.see(picture, self.box)
        return picture


def see_tip(session: Session, view: BeamImage, watched: Watched | None = None) -> Place:
    """Return where both beams see the needle's tip, in the frame of the beams.

    `watched` takes the ion images.
    """
    take = watched.ion if watched else session.ion

    def look(frames: int) -> Place:
        ion, electron = needle_tip(take(view, frames)), needle_tip(session.electron(view, frames))
        return place_from(
            ion, electron, session.setup.geometry, session.setup.geometry.milling_tilt
        )

    return session.known("the needle's tip", look, lambda place: (place.x, place.y, place.z))


def look_again(
    session: Session,
    view: BeamImage,
    way: float,
    watched: Watched | None = None,
    most: float = OFF,
) -> NeedlePosition:
    """Take note of where the tip is seen against its encoders; return where it is seen.

    Asks if it is not where it was sent, `way` (m) from where it was last seen. `watched` takes the
    ion images.
    """
    before = session.places.needle
    tip = see_tip(session, view, watched)
    most += watched.drift if watched else 0.0
    encoders = session.run.do(session.fib.status).needle
    error = (tip.x.value - encoders.x, tip.y.value - encoders.y, tip.z.value - encoders.z)
    session.places.needle = NeedlePosition(*session.decide("needle against encoders", error))
    off = before.to(session.places.needle)
    session.found["needle_error_m"] = off
    if not session.decide("needle as its encoders", off <= most + OFF_PER_WAY * way):
        session.ask(
            f"the needle's tip is seen {off * 1e6:.2g} um from where its encoders say it went; "
            "calibrate it before it goes nearer",
            ("stop",),
        )
    return NeedlePosition(tip.x.value, tip.y.value, tip.z.value)


# -- needle in ------------------------------------------------------------------------------------


def needle_in(session: Session) -> None:
    """Insert the needle, bring it beside and above the lamella's right end, find it twice."""
    step, at = session.step, session.places
    _centre(session)
    session.run.do(session.fib.insert_needle)
    beside = at.u + step.lamella.length / 2 + BESIDE
    _find_it_high(session, beside)
    for _ in range(2):
        session.needle(beside, at.v, step.needle_in.above)
        look_again(session, step.views.wide, HIGH, most=COMING_IN)


def _centre(session: Session) -> None:
    """Bring the lamella to the middle of the images: it cannot be once the needle is in.

    Drift of hours has moved it, and the cuts that follow are made at its ends.
    """
    at, view = session.places, joint_view(session.step)
    for _ in range(CENTRED_IN):
        picture = stand_still(session, view)
        locate(session, picture)
        end = lamella_end(session, picture, NO_TIP, reach=LOST)
        if end.known:
            at.u = end.value - session.step.lamella.length / 2
        at.u = session.decide("lamella's middle", at.u)
        remember(session, picture)
        if session.decide("lamella centred", max(abs(at.u), abs(at.v)) <= CENTRED):
            return
        session.shift(session.setup.geometry.milling_tilt, x=-at.u, y=-at.v)
        at.u = at.v = 0.0
    locate(session, stand_still(session, view))


def _find_it_high(session: Session, x: float) -> None:
    """See where the tip is while it is still high: its encoders may be far off."""
    at, wide = session.places, session.step.views.wide
    high = min(session.setup.needle_park.z, HIGH)
    session.needle(x, at.v, high)
    view = wide.model_copy(update={"field": max(wide.field, 2 * (high + MISSES))})
    look_again(session, view, 0.0, most=MISSES)


# -- contact --------------------------------------------------------------------------------------


def contact(session: Session) -> None:
    """Bring the tip down beside the lamella's free end and step towards it until it touches."""
    step, view = session.step, joint_view(session.step)
    still = stand_still(session, view)
    locate(session, still)
    note_surface(session, still)
    watched = Watched(session)
    watched.begin(still, session.places.stood_at)
    look_again(session, step.views.wide, 0.0)
    end = _down_to_the_slit(session, view, watched)
    if not _touch(session, view, watched, end):
        session.ask(
            "the needle is where the lamella's end is, and no contact is seen; look where the tip "
            "is",
            ("it touches", "stop"),
        )
    session.run.verified("contact", True)


def _down_to_the_slit(session: Session, view: BeamImage, watched: Watched) -> float:
    """Bring the tip into the slit beside the lamella's end, as deep as it touches; return u of it.

    It is seen at each height, and goes in only where it is seen in the middle of the slit.
    """
    at, width = session.places, session.step.undercut.width
    above = session.step.needle_in.above
    for height in WAY_DOWN:
        end = at.u + session.step.lamella.length / 2
        _near(session, watched, view, NeedlePosition(end + width / 2, at.v, at.z + height))
        look_again(session, view, above - height, watched)
        above = height
    end = end_seen(session)
    for _ in range(FINER_TRIES):
        over = NeedlePosition(end + width / 2, at.v, at.z + above)
        _near(session, watched, view, over)
        off = look_again(session, view, 0.0, watched).to(over)
        if session.decide("needle over the slit", off <= FINE):
            break
    else:
        session.ask(f"the needle does not come over the slit: {off * 1e6:.2g} um are left")
    _near(session, watched, view, NeedlePosition(end + width / 2, at.v, at.z - DEEP))
    return end


def _near(session: Session, watched: Watched, view: BeamImage, to: NeedlePosition) -> None:
    """Bring the tip to a place of the frame in near steps; after each it must be where it went."""
    error = session.places.needle
    goal = NeedlePosition(to.x - error.x, to.y - error.y, to.z - error.z)
    here = session.run.do(session.fib.status).needle
    parts = max(1, math.ceil(here.to(goal) / NEAR_STEP - 1e-9))
    for part in range(1, parts + 1):
        now = session.needle_encoders(_between(here, goal, part / parts), NEAR_STEP)
        if part < parts and now.z + error.z - session.places.z < WAY_DOWN[0]:
            _still_there(session, watched, view, now)


def _between(begin: NeedlePosition, end: NeedlePosition, share: float) -> NeedlePosition:
    return NeedlePosition(
        begin.x + (end.x - begin.x) * share,
        begin.y + (end.y - begin.y) * share,
        begin.z + (end.z - begin.z) * share,
    )


def _still_there(
    session: Session, watched: Watched, view: BeamImage, encoders: NeedlePosition
) -> None:
    """Look with the electron beam alone, which sees height and place; where in doubt with both."""
    error = session.places.needle
    u, v = seen(
        session.setup.geometry.milling_tilt,
        encoders.x + error.x,
        encoders.y + error.y,
        encoders.z + error.z,
    )
    tip = needle_tip(session.electron(view))
    there = tip.u.known and tip.v.known and math.hypot(tip.u.value - u, tip.v.value - v) <= OFF
    if not session.decide("needle still there", there):
        look_again(session, view, 0.0, watched)


def _touch(session: Session, view: BeamImage, watched: Watched, end: float) -> bool:
    """Step towards the lamella, looking at every step; return whether it was seen to touch."""
    step = session.step.contact
    now = session.run.do(session.fib.status).needle
    begun = watched.begun
    for number in range(step.at_most):
        watched.ion(view)
        while not watched.watch.ready:
            watched.ion(view)
        if watched.begun > begun:  # it was interrupted
            begun, end = watched.begun, end_seen(session)
        if watched.watch.suspects:
            watched.ion(view)
        flag = watched.flag
        if session.decide("touches", flag is not None) and flag is not None:
            figures = {"step": float(number)}
            raise_flag(session, "contact", "needle", "contact", figures, flag.note)
            session.found["contact"] = {"steps": number, "note": flag.note}
            return True
        _still_there(session, watched, view, now)
        if session.decide("beyond the end", now.x + session.places.needle.x < end - PAST):
            return False
        now = session.needle_by(x=-step.step)
    return False


# -- the lamella's end beside the tip -------------------------------------------------------------


def end_seen(session: Session) -> float:
    """Return u of the lamella's right end in the ion image, with the tip beside it, m."""

    def look(frames: int) -> Measured:
        picture = session.ion(compared_view(session.step), frames)
        return lamella_end(session, picture, needle_tip(picture))

    found = session.known("the lamella's right end", look, lambda end: (end,))
    return session.decide("lamella ends at", found.value)


def lamella_end(
    session: Session, picture: BeamPicture, tip: Tip, reach: float = AT_END
) -> Measured:
    """Return u of the lamella's right end in an ion image, on both sides of the tip, m."""
    at, v = session.places, tip.v
    return falling_edge(
        picture,
        u=at.u + session.step.lamella.length / 2,
        v=at.v,
        reach=reach,
        width=2 * CORE * at.half,
        along="u",
        without=(v.value - TIP, v.value + TIP) if v.known else None,
    )
