"""Survey: both beams on the site, the height corrected until they agree, a reference image."""

from __future__ import annotations

import math
from dataclasses import replace

from acquire.fib.aligning import remember, stand_still
from acquire.fib.measured import Measured
from acquire.fib.session import Session
from acquire.fib.shift import shift_between
from drivers.fib import BeamPicture

COINCIDENT = 0.3e-6
"""Height (m) within which the beams cross on the surface; ours, to verify."""
FARTHEST = 8e-6
"""Largest disagreement of the beams that is looked for, m in the image."""


def survey(session: Session) -> None:
    """Bring the site under the beams and take the reference image."""
    session.go(session.step.site, session.setup.geometry.milling_tilt)
    coincide(session)
    session.electron(session.step.views.wide)
    remember(session, stand_still(session, session.step.views.wide))


def to_milling_tilt(session: Session) -> None:
    """Tilt until the ion beam is normal to the surface."""
    session.tilt(session.setup.geometry.milling_tilt)


def coincide(session: Session) -> None:
    """Correct the stage's height until both beams show the same place in the middle."""
    for _ in range(session.step.survey.tries):
        height = session.known("the height of the surface", lambda n: _height(session, n), _one)
        off = session.decide("height", height.value)
        if abs(off) <= COINCIDENT:
            return
        session.shift(session.setup.geometry.milling_tilt, z=-off)
    session.ask(f"the beams still cross {off * 1e6:.2g} um off the surface")


def _one(measured: Measured) -> tuple[Measured, ...]:
    return (measured,)


def _height(session: Session, frames: int) -> Measured:
    """Return how far the surface lies above the crossing of the beams (m).

    A surface too high by z is seen by the electron beam z sin(t) too far up, by the normal ion
    beam in its place.
    """
    view = session.step.views.wide
    ion, electron = session.ion(view, frames), session.electron(view, frames)
    shift = shift_between(ion, _as_if_normal(electron, ion), FARTHEST)
    if not shift.v.known:
        return shift.v
    tan = math.tan(electron.angle)
    return Measured(-shift.v.value / tan, shift.v.sigma / tan)


def _as_if_normal(picture: BeamPicture, like: BeamPicture) -> BeamPicture:
    """Return an electron image stretched down the image as a flat surface would look from above."""
    import numpy as np
    from scipy.ndimage import affine_transform

    rows = picture.pixels.shape[0]
    squeeze = math.cos(picture.angle)
    middle = (rows - 1) / 2
    stretched = affine_transform(
        picture.pixels.astype(np.float64),
        np.array([squeeze, 1.0]),
        offset=(middle * (1 - squeeze), 0.0),
        order=1,
        mode="nearest",
    )
    return replace(like, pixels=stretched)
