"""Thinning and polishing: slice after slice off either face, measured after each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from acquire.fib.aligning import SETTLE, mill, stand_still, strip_in
from acquire.fib.cutting import open_charge, slice_of
from acquire.fib.edges import falling_edge, outer_edges
from acquire.fib.end_points import interval, raise_flag
from acquire.fib.landing import released_end
from acquire.fib.lift_out_data import MEASURED
from acquire.fib.measured import Measured
from acquire.fib.result import species
from acquire.fib.session import Session
from acquire.fib.strip import Strip
from acquire.fib.views import joint_view
from drivers.fib import BeamPicture, Purpose
from protocols.fib import CleaningCrossSection
from protocols.lift_out import Polish, Thin

OUTSIDE: Mapping[Purpose, float] = MappingProxyType({"thin": 0.2e-6, "polish": 0.06e-6})
"""By which a slice begins outside the face, m: what leans out, and the error of the placement."""
BEYOND = 0.9e-6
"""By which a slice is longer than the zone that is kept, at either end, m: as well as the lamella
is placed along its length."""
LOOKS = 5
"""How often the strip is looked at, each time with twice the frames, before it is asked about."""
MORE = (4, 16)
"""Times the frames with which it is measured again where it is not sure enough."""
HELPS = 0.95
"""Of a standard error: a closer look that leaves more of it shows that noise is not what is unsure.
Four times the frames leave 98 to 100 % in usual images, 88 to 99 % in the worst; measured on
simulated ones."""
RESERVE = 0.3
"""Standard errors more by which it must be thin enough: it is measured once more at the end."""
OVER = (math.radians(0.5), math.radians(2.0))
"""Least and most over-tilt; 0.5 to 2 deg [lit]."""
SHOWN = math.radians(0.25)
"""What is left of the faces' slope, so that they are seen from above and do not overhang. Ours."""
AT_ONCE = 0.6
"""Share of what is left to remove, from both faces together, that one slice takes at most."""
LEARNING = (0.9, 0.6)
"""Share of a slice's seen error by which the next ones on that face are placed anew, after the
first slice of a current and after later ones: where a current lands is unknown by some 60 nm, what
drift and measurement make of one slice is 20 nm. Ours, to verify."""
MISSED = 0.8
"""Share of a slice that must be missing for it to have missed the face."""
LEARNED_MOST = 0.15e-6
"""Most that is learned from one slice, m."""
LEAST = 8e-9
"""Thickness of the thinnest slice that is tried, m."""
CENTRED = 6
"""How often the stage is corrected."""
ALONG = 0.5e-6
"""Distance along it that is left uncorrected, m: a stage comes no nearer in one move, slices are
placed where the lamella is, and the image still holds the zone that is kept."""
END_REACH = 2.5e-6
"""How far from where it is expected the lamella's free end is looked for, m."""
ASIDE = 0.8e-6
"""Distance across it from which on the stage brings the strip to the image's middle, m."""
DRIFTED = 1.4e-6
"""Distance across it from which on it is brought back there while it is thinned: every tilt moves
it a little further, and it is not looked for beyond 2.2 um. Ours."""
STRAYS = 0.8e-6
"""By which a tilt may displace the strip: the tilt axis is not quite at the surface, m."""
THIN_ENOUGH = 0.12
"""Share of a round's thickness by which it may be missed."""


# -- looking --------------------------------------------------------------------------------------


def look_at_strip(session: Session, frames: int, times: int = 1) -> BeamPicture:
    """Take the ion image in which the strip is measured: narrow, or wider where it may not hold it.

    What a narrow image, of `times` the frames of its view, did not show is looked for in a wider
    one.
    """
    views, at = session.step.views, session.places
    inside = 2 * (abs(at.v) + at.half + STRAYS) < views.thin.field
    return session.ion(views.thin if inside and frames == 1 else views.near, frames * times)


def measure(session: Session, times: int = 1) -> Strip:
    """Measure the lamella from above; its middle is where patterns are placed from then on."""
    strip = session.known(
        "the lamella's thickness",
        lambda n: strip_in(session, look_at_strip(session, n, times)),
        lambda strip: (strip.middle, strip.top, strip.at_interface),
        LOOKS,
    )
    at = session.places
    thick = strip.at_interface
    seen = session.decide(MEASURED, (strip.middle.value, thick.value / 2, thick.sigma))
    at.v, at.half, _ = seen
    return strip


# -- slices ---------------------------------------------------------------------------------------


def tilt_to(session: Session, front: bool | None) -> None:
    """Tilt the stage towards a face against the taper, or back to the milling tilt."""
    sign = 0 if front is None else (1 if front else -1)
    wanted = session.setup.geometry.milling_tilt + sign * session.over_tilt
    if abs(session.run.do(session.fib.status).stage.t - wanted) > 1e-6:
        session.tilt(wanted)
        if front is None:  # before a pattern the site is seen to stand still anyway
            session.run.sleep(SETTLE)


def adapt_over_tilt(session: Session, strip: Strip, cut_at: float) -> None:
    """Choose by how much to tilt over so that faces cut at `cut_at` (rad) hardly lean any more.

    What is left of their slope stays on the side on which it is seen: what overhangs is not, from
    above.
    """
    lean = (strip.outer.value - strip.top.value) / (2 * session.step.lamella.depth)
    wanted = cut_at + math.atan(lean) - SHOWN
    session.over_tilt = session.decide("over-tilt", min(max(wanted, OVER[0]), OVER[1]))


def slice_off(
    session: Session,
    purpose: Purpose,
    settings: Thin | Polish,
    front: bool,
    before: Strip,
    thick: float,
) -> Strip:
    """Take `thick` (m) off one face of a lamella, tilted towards it; measure after it, and learn.

    Tilted, one face hides itself and the other shows all of its slope: thickness is measured at the
    milling tilt only. The hidden face is seen as the top's edge, by which the slice is placed.
    """
    step = session.step
    tilt_to(session, front)
    sign, learned = (1 if front else -1), _learned(session, purpose, front)
    height, length = thick + OUTSIDE[purpose], step.lamella.kept + 2 * BEYOND
    charge = open_charge(session, settings, length, height, step.lamella.depth)

    def pattern(part: int, parts: int) -> tuple[CleaningCrossSection, ...]:
        face = before.at_interface.value / 2 - thick - learned
        return (slice_of(session, front, face, height, length, part, parts),)

    def place(session: Session, picture: BeamPicture) -> None:
        along = _end_in(session, picture)
        u = along.value - released_end(step) if along.known else session.places.u
        v = _other_edge(session, front) + sign * before.top.value / 2
        session.places.u, session.places.v = session.decide("lamella at", (u, v))

    aside = -sign * (learned + thick / 2)  # the middle of what is left, as the slice lands
    mill(session, purpose, settings, charge, pattern, joint_view(session.step), place, aside)
    tilt_to(session, None)
    after = measure(session)
    learning = LEARNING[(purpose, True) in session.misplaced]
    lesson = _lesson(before.at_interface.value, thick, after.at_interface.value, learning)
    session.misplaced[purpose, front] = session.decide("misplaced", learned + lesson)
    return after


def _other_edge(session: Session, front: bool) -> float:
    """Return v of the top's edge at the face that a slice off the other one leaves as it is (m)."""
    kept = session.step.lamella.kept
    upper, lower = session.known(
        "the lamella's edges",
        lambda n: outer_edges(look_at_strip(session, n), kept=kept, u=session.places.u),
        lambda both: both,
        LOOKS,
    )
    return upper.value if front else lower.value


def _lesson(before: float, wanted: float, after: float, learning: float) -> float:
    """Return by how much further in the next slice of that face is to be placed, m.

    A slice that took next to nothing has missed the face by at least what it was to take.
    """
    missed = wanted - (before - after)
    share = 1.0 if missed > MISSED * wanted else learning
    return share * max(-LEARNED_MOST, min(LEARNED_MOST, missed))


def _learned(session: Session, purpose: Purpose, front: bool) -> float:
    """Return how much too far out a slice on this face ends, as far as it is known.

    Two things add up: what taper and tilt make of it, on both faces alike, known from any current;
    and where this current lands, as much outwards on one face as inwards on the other.
    """
    known = session.misplaced
    if (purpose, front) in known:
        return known[purpose, front]
    alike = 0.0
    if ("thin", True) in known and ("thin", False) in known:
        alike = (known["thin", True] + known["thin", False]) / 2
    other = known.get((purpose, not front))
    return alike if other is None else 2 * alike - other


def centre(session: Session) -> Strip:
    """Bring the lamella's middle into the middle of the images, where its thickness is measured.

    Along it the end where it was cut off the needle tells: a slice that lies off the zone that is
    kept would leave a part of it thick, and unseen.

    Returns:
        What is measured there.
    """
    at, tilt = session.places, session.setup.geometry.milling_tilt
    off = (0.0, 0.0)
    for _ in range(CENTRED):
        strip = measure(session)
        at.u = session.decide("lamella along", _right_end(session) - released_end(session.step))
        if abs(at.u) <= ALONG and abs(at.v) <= ASIDE:
            return strip
        off = (at.u * 1e6, at.v * 1e6)
        session.shift(tilt, x=-at.u, y=-at.v)
        at.u = at.v = 0.0
        stand_still(session, joint_view(session.step))
    session.ask(
        f"the lamella lies {off[0]:.2g} um off along its length and {off[1]:.2g} um across, and "
        f"{CENTRED} moves of the stage did not bring it to the middle; look at the stage"
    )
    return measure(session)


def back_in_the_middle(session: Session, strip: Strip) -> Strip:
    """Return a strip measured in the images' middle: one that has drifted off is brought back."""
    if session.decide("drifted off", abs(session.places.v) > DRIFTED):
        return centre(session)
    return strip


def _right_end(session: Session) -> float:
    """Return u of the lamella's free end (m)."""
    return session.known(
        "the lamella's free end",
        lambda n: _end_in(session, session.ion(joint_view(session.step), n)),
        lambda edge: (edge,),
    ).value


def _end_in(session: Session, picture: BeamPicture) -> Measured:
    """Return u of the lamella's free end, which is not thinned, in an image of all of it (m)."""
    at, step = session.places, session.step
    end, wide = at.u + released_end(step), step.lamella.thickness / 2
    return falling_edge(picture, u=end, v=at.v, reach=END_REACH, width=wide, along="u")


def thin(session: Session) -> None:
    """Thin the kept zone in rounds, from both faces alternately."""
    settings = session.step.thin
    strip, front = centre(session), True
    session.over_tilt = settings.over_tilt
    for number, wanted in enumerate(settings.to):
        for turn in range(2 * settings.tries):
            strip = back_in_the_middle(session, strip)
            left = strip.at_interface.value - wanted
            if session.decide("thin enough", left <= THIN_ENOUGH * wanted):
                break
            off = left / 2 if turn == 0 else left
            strip = slice_off(session, "thin", settings, front, strip, max(off, LEAST))
            front = not front
            stop_if_too_thin(session, strip.at_interface)
            if turn:
                adapt_over_tilt(session, strip, session.over_tilt)
        session.run.progress(number + 1, len(settings.to), "thinning")


def polish(session: Session) -> None:
    """Take slices off until the thickness is surely below what is asked."""
    step = session.step
    settings, target = step.polish, step.target
    session.over_tilt = session.over_tilt or settings.over_tilt
    front = True
    strip = measure(session)
    for _ in range(settings.tries):
        strip = surer(session, back_in_the_middle(session, strip))
        keep(session, strip.at_interface)
        stop_if_too_thin(session, strip.at_interface)
        if session.decide("thin enough", is_reached(session, strip.at_interface)):
            reached(session, strip.at_interface)
            return
        left = strip.at_interface.value - target.thickness
        off = session.decide("slice", max(min(settings.slice, left * AT_ONCE), LEAST))
        strip = slice_off(session, "polish", settings, front, strip, off)
        front = not front
    keep(session, strip.at_interface)
    session.ask(
        f"after {settings.tries} slices the lamella is {strip.at_interface.value * 1e9:.0f} nm "
        f"thick (standard error {strip.at_interface.sigma * 1e9:.0f} nm)"
    )


def surer(session: Session, strip: Strip) -> Strip:
    """Measure again with more frames where one more slice hangs on how sure the thickness is.

    Where that makes it no surer, what is unsure is not the noise: still more frames are not spent.
    """
    for times in MORE:
        thick = strip.at_interface
        if not session.decide("unsure", is_unsure(session, thick)):
            break
        closer = measure(session, times)
        helps = closer.at_interface.sigma < HELPS * thick.sigma
        strip = closer
        if not session.decide("more dose helps", helps):
            break
    return strip


def is_unsure(session: Session, thick: Measured) -> bool:
    """True if a surer thickness might end it: one that is too thick anyway is cut once more."""
    target = session.step.target
    low, high = (thick.value + sign * target.sigmas * thick.sigma for sign in (-1, 1))
    if thick.value < target.at_least:
        return False
    near = thick.value <= _enough(session) + thick.sigma
    return near and (high > target.at_most or low < target.at_least)


def _enough(session: Session) -> float:
    """Return how thick (m) it may be: nearer to what is aimed at than to the bound."""
    target = session.step.target
    return (target.thickness + target.at_most) / 2


def is_reached(session: Session, thick: Measured) -> bool:
    """True if it is surely below the bound, and nearer to what is aimed at than to the bound."""
    target = session.step.target
    near = thick.value <= _enough(session)
    return near and thick.value + (target.sigmas + RESERVE) * thick.sigma <= target.at_most


def keep(session: Session, thick: Measured) -> None:
    """Keep a thickness for the result."""
    session.found["thickness_m"] = thick.value
    session.found["thickness_sigma_m"] = thick.sigma
    session.found["interval_m"] = interval(thick)


def stop_if_too_thin(session: Session, thick: Measured) -> None:
    """Ask where the lower end of the thickness falls below the least."""
    target = session.step.target
    low = thick.value - target.sigmas * thick.sigma
    if session.decide("too thin", low < target.at_least):
        session.doubts.append("the lamella may be thinner than target.at_least")
        session.ask(
            f"the lamella is {thick.value * 1e9:.0f} nm thick, perhaps as little as "
            f"{low * 1e9:.0f} nm, below {target.at_least * 1e9:.0f} nm: one more slice may cut it"
        )


def reached(session: Session, thick: Measured) -> None:
    """Flag the end-point."""
    raise_flag(
        session,
        "thickness",
        "lamella",
        "polish",
        {"thickness_m": thick.value, "interval_m": interval(thick)},
        f"{thick.value * 1e9:.0f} nm at the interface, standard error {thick.sigma * 1e9:.0f} nm",
    )


def with_the_last(session: Session, thick: Measured) -> Measured:
    """Return the mean with what was measured last, where the two agree: nothing was milled since.

    Each counts by how sure it is; the error is as theirs, most of it is the same in both.
    """
    if "thickness_m" not in session.found:
        return thick
    last = Measured(session.found["thickness_m"], session.found["thickness_sigma_m"])
    if abs(last.value - thick.value) > 2 * math.hypot(last.sigma, thick.sigma):
        return thick
    share = thick.sigma**2 / (last.sigma**2 + thick.sigma**2)  # of the last one
    return Measured(
        share * last.value + (1 - share) * thick.value,
        share * last.sigma + (1 - share) * thick.sigma,
    )


# -- final ----------------------------------------------------------------------------------------


def final(session: Session) -> None:
    """Take the last images, measure once more, and write the record that goes with the grid."""
    views = session.step.views
    keep(session, with_the_last(session, surer(session, measure(session)).at_interface))
    session.ion(views.wide)
    session.electron(views.wide)
    session.found["species"] = species(session.step, session.setup)
