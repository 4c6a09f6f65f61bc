"""Thinning and polishing: slice after slice off either face, measured after each."""

from __future__ import annotations

from acquire.fib.aligning import mill, stand_still, strip_in
from acquire.fib.cutting import joint_view, open_charge
from acquire.fib.end_points import interval, raise_flag
from acquire.fib.measured import Measured
from acquire.fib.result import species
from acquire.fib.session import Session
from acquire.fib.strip import Strip
from drivers.fib import BeamPicture, Purpose
from protocols.fib import BeamImage, CleaningCrossSection
from protocols.lift_out import Polish, Thin

OUTSIDE = 0.2e-6
"""By which a slice begins outside the face, m: what leans out, and the error of the placement."""
AT_ONCE = 0.6
"""Share of what is left to remove, from both faces together, that one slice takes at most."""
LEARNING = 0.6
"""Share of a slice's seen error by which the next ones on that face are placed anew."""
LEARNED_MOST = 0.15e-6
"""Most that is learned from one slice, m."""
LEAST = 8e-9
"""Thickness of the thinnest slice that is tried, m."""
THIN_ENOUGH = 0.12
"""Share of a round's thickness by which it may be missed."""


# -- looking --------------------------------------------------------------------------------------


def thin_view(session: Session) -> BeamImage:
    """Return the view in which the lamella's thickness is measured now."""
    views, half = session.step.views, session.places.half
    return views.thin if 2 * half + 2 * 1.0e-6 < views.thin.field else views.near


def measure(session: Session) -> Strip:
    """Measure the lamella from above; its middle is where patterns are placed from then on."""
    strip = session.known(
        "the lamella's thickness",
        lambda n: strip_in(session, session.ion(thin_view(session), n)),
        lambda strip: (strip.middle, strip.top, strip.at_interface),
    )
    at = session.places
    at.v, at.half = session.decide("lamella", (strip.middle.value, strip.at_interface.value / 2))
    return strip


def _place(session: Session, picture: BeamPicture) -> None:
    """Take note of where the strip is, from an image of its own: nearer than the one before."""
    strip = strip_in(session, session.ion(thin_view(session)))
    at = session.places
    at.v = session.decide("lamella at", strip.middle.value if strip.middle.known else at.v)


# -- slices ---------------------------------------------------------------------------------------


def tilt_to(session: Session, front: bool | None, over_tilt: float) -> None:
    """Tilt the stage towards a face against the taper, or back to the milling tilt."""
    sign = 0 if front is None else (1 if front else -1)
    wanted = session.setup.geometry.milling_tilt + sign * over_tilt
    if abs(session.run.do(session.fib.status).stage.t - wanted) > 1e-6:
        session.tilt(wanted)
        stand_still(session, joint_view(session))


def slice_off(
    session: Session, purpose: Purpose, settings: Thin | Polish, front: bool, thick: float
) -> Strip:
    """Take `thick` (m) off one face, tilted towards it; measure, and learn where it ended."""
    step, at = session.step, session.places
    tilt_to(session, front, settings.over_tilt)
    sign, before = (1 if front else -1), measure(session).at_interface.value
    learned = session.misplaced.get(front, 0.0)
    inner = before / 2 - thick - learned
    height = thick + OUTSIDE
    charge = open_charge(session, settings, step.lamella.kept, height, step.lamella.depth)

    def pattern(part: int, parts: int) -> tuple[CleaningCrossSection, ...]:
        each = height / parts
        middle = inner + height - (part + 0.5) * each
        return (
            CleaningCrossSection(
                x=at.u,
                y=at.v + sign * middle,
                width=step.lamella.kept,
                height=each,
                scan="bottom_to_top" if front else "top_to_bottom",
            ),
        )

    view, aside = thin_view(session), -sign * learned
    mill(session, purpose, settings, charge, pattern, view, _place, aside)
    strip = measure(session)
    error = before - thick - strip.at_interface.value
    error = max(-LEARNED_MOST, min(LEARNED_MOST, error))
    session.misplaced[front] = session.decide("misplaced", learned - LEARNING * error)
    return strip


def thin(session: Session) -> None:
    """Thin the kept zone in rounds, from both faces alternately."""
    settings = session.step.thin
    strip = measure(session)
    front = True
    for number, wanted in enumerate(settings.to):
        for _ in range(2 * settings.tries):
            left = strip.at_interface.value - wanted
            if session.decide("thin enough", left <= THIN_ENOUGH * wanted):
                break
            strip = slice_off(session, "thin", settings, front, max(left / 2, LEAST))
            strip = slice_off(
                session,
                "thin",
                settings,
                front := not front,
                max(strip.at_interface.value - wanted, LEAST),
            )
            stop_if_too_thin(session, strip.at_interface)
        session.run.progress(number + 1, len(settings.to), "thinning")


def polish(session: Session) -> None:
    """Take slices off until the thickness is surely below what is asked."""
    step = session.step
    settings, target = step.polish, step.target
    front = True
    strip = measure(session)
    for _ in range(settings.tries):
        keep(session, strip.at_interface)
        stop_if_too_thin(session, strip.at_interface)
        if session.decide("thin enough", is_reached(session, strip.at_interface)):
            tilt_to(session, None, 0.0)
            strip = measure(session)
            keep(session, strip.at_interface)
            if session.decide("thin enough", is_reached(session, strip.at_interface)):
                reached(session, strip.at_interface)
                return
        left = strip.at_interface.value - target.thickness
        off = session.decide("slice", max(min(settings.slice, left * AT_ONCE), LEAST))
        strip = slice_off(session, "polish", settings, front, off)
        front = not front
    keep(session, strip.at_interface)
    session.ask(
        f"after {settings.tries} slices the lamella is {strip.at_interface.value * 1e9:.0f} nm "
        f"thick (standard error {strip.at_interface.sigma * 1e9:.0f} nm)"
    )


def is_reached(session: Session, thick: Measured) -> bool:
    """True if it is surely below the bound."""
    target = session.step.target
    return thick.value + target.sigmas * thick.sigma <= target.at_most


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


# -- final ----------------------------------------------------------------------------------------


def final(session: Session) -> None:
    """Take the last images, measure once more, and write the record that goes with the grid."""
    views = session.step.views
    strip = measure(session)
    keep(session, strip.at_interface)
    session.ion(views.wide)
    session.electron(views.wide)
    session.found["species"] = species(session.step, session.setup)
