"""Placing patterns: the site must stand still, and patterns follow the lamella where it is seen."""

from __future__ import annotations

import math
from collections.abc import Callable

from acquire.fib.measured import Measured
from acquire.fib.session import Session
from acquire.fib.shift import Shifted, shift_between
from acquire.fib.strip import Strip, lamella_strip
from drivers.errors import OutOfDateError
from drivers.fib import BeamPicture, Milling, Purpose
from protocols.fib import BeamImage, Pattern
from protocols.lift_out import Cut

APART = 60.0
"""Seconds between the two images from which drift is told."""
SETTLE = 120.0
"""Seconds to wait where it drifts too fast; a move's drift decays over 2-5 min [lit]."""
PATIENCE = 15
"""How often to wait before the operator is asked."""
LONGEST, LONGEST_POLISH = 600.0, 300.0
"""Seconds of a pattern between two looks; less for the last slices, which end where the site has
drifted to since: 80 nm of creep after a tilt decay over 2 to 5 min [lit]."""
FARTHEST = 3e-6
"""Most that the site can have moved since it was last seen and still be the same (m)."""

Patterns = Callable[[int, int], tuple[Pattern, ...]]
"""(part, of how many) -> the patterns, placed where the lamella is seen now."""


def strip_in(session: Session, picture: BeamPicture) -> Strip:
    """Return the lamella in an ion image at the milling tilt."""
    step = session.step
    return lamella_strip(
        picture,
        kept=step.lamella.kept,
        depth=step.lamella.depth,
        interface=step.interface,
        u=session.places.u,
    )


def stand_still(session: Session, view: BeamImage) -> BeamPicture:
    """Wait until two ion images a minute apart agree within the protocol's drift.

    Returns:
        The second of them.
    """
    step, run = session.step, session.run
    while True:
        for _ in range(PATIENCE):
            first = session.ion(view)
            run.sleep(APART)
            session.places.stood_at = run.now()
            second = session.ion(view)
            drift = shift_between(first, second, FARTHEST).length
            still = drift.known and drift.value <= step.drift_max
            if run.verified("aligned", still):
                session.found["drift_m_per_min"] = drift.value
                return second
            run.sleep(SETTLE)
        told = drift.refusal or f"{drift.value * 1e9:.3g} nm in a minute"
        session.ask(f"the site does not stand still: {told}", ("look again", "stop"))


def locate(session: Session, picture: BeamPicture) -> None:
    """Take note of where an ion image shows the lamella; it is the reference from then on.

    Across it the strip itself tells; along it the image before, if it shows the same.
    """
    places = session.places
    moved = _moved(session, picture)
    v: Measured = strip_in(session, picture).middle if places.half else moved.v
    if places.half and not v.known and moved.v.known:
        v = moved.v.moved(places.reference_v)
    elif not places.half:
        v = v.moved(places.reference_v)
    u = moved.u.moved(places.reference_u)
    known = (u.value if u.known else places.u, v.value if v.known else places.v)
    places.u, places.v = session.decide("lamella at", known)
    remember(session, picture)


def follow_other_face(front: bool, top: float) -> Callable[[Session, BeamPicture], None]:
    """Return what places a slice off one face by the other one, which it leaves as it is.

    The middle moves while a face is milled back; `v` stays where the middle of the lamella was,
    whose top was `top` thick (m).
    """
    sign = 1 if front else -1

    def place(session: Session, picture: BeamPicture) -> None:
        strip, at = strip_in(session, picture), session.places
        if strip.middle.known and strip.top.known:
            v = strip.middle.value - sign * (strip.top.value - top) / 2
        else:
            v = at.v
        at.v = session.decide("lamella at", v)

    return place


def _moved(session: Session, picture: BeamPicture) -> Shifted:
    reference = session.places.reference
    if reference is None or reference.pixel_size != picture.pixel_size:
        unknown = Measured(0.0, 0.0, "there is no earlier image to compare with")
        return Shifted(unknown, unknown)
    return shift_between(reference, picture, FARTHEST)


def remember(session: Session, picture: BeamPicture) -> None:
    """Compare later images with this one, in which the lamella is where it was last seen."""
    places = session.places
    places.reference = picture
    places.reference_u, places.reference_v = places.u, places.v


def parts_of(seconds: float, purpose: Purpose) -> int:
    """Return in how many parts a pattern of that long is milled."""
    longest = LONGEST_POLISH if purpose == "polish" else LONGEST
    return max(1, math.ceil(seconds / longest - 1e-9))


def mill(
    session: Session,
    purpose: Purpose,
    settings: Cut,
    charge: float,
    patterns: Patterns,
    view: BeamImage,
    place: Callable[[Session, BeamPicture], None] = locate,
    aside: float = 0.0,
    again: bool = False,
) -> None:
    """Mill with `charge` (C) in parts of some minutes, each placed afresh.

    `again` is True where a first try was not enough.
    `aside` is by how much (m, along v) patterns of this current are known to land off where images
    show the lamella: the interlocks keep them off its middle as they land.
    """
    step, run = session.step, session.run
    if again:
        session.retries.count += 1
        session.retries.charge += charge
        session.retries.seconds += charge / settings.current
    parts = session.decide("parts", parts_of(charge / settings.current, purpose))
    for part in range(parts):
        done: float | None = 0.0
        while done is not None:
            place(session, stand_still(session, view))
            job = Milling(
                purpose,
                patterns(part, parts),
                settings.current,
                step.ions.voltage,
                charge / parts,
                done,
                around=(session.places.u, session.places.v + aside),
            )
            done = _mill(session, job)
        run.progress(part + 1, parts, session.stage)


def _mill(session: Session, job: Milling) -> float | None:
    """Mill what is left of a job; return the charge (C) done so far if it must be placed afresh.

    So it is where a run goes on long after it was cut off.
    """
    try:
        session.run.do(session.fib.mill, job)
    except OutOfDateError as early:
        return float(early.done.charge)
    return None
