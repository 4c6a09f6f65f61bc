"""How high the free surface stands: both beams see the front edge of the lamella's top."""

from __future__ import annotations

from acquire.fib.cutting import in_electrons
from acquire.fib.edges import falling_edge, outer_edges
from acquire.fib.height import Place, Seen, place_from
from acquire.fib.measured import Measured
from acquire.fib.session import Session
from acquire.fib.views import compared_view, plain_view
from drivers.fib import BeamPicture

REACH = 1.2e-6
"""How far from where it is expected the edge is looked for in the electron image, m: a stage that
was moved has the surface up to 1 um too high or too low. Ours."""


def note_surface(session: Session, ion: BeamPicture) -> None:
    """Take note of the surface's height in the frame, where an ion image shows the lamella.

    The tip must come so deep below it, and joints are looked for there in electron images.
    """
    at = session.places

    def look(frames: int) -> Place:
        seen_from_above = ion if frames == 1 else session.ion(compared_view(session.step), frames)
        return _front_edge(
            session, seen_from_above, session.electron(plain_view(session.step), frames)
        )

    found = session.known("the surface's height", look, lambda place: (place.z,))
    at.z = session.decide("surface at", found.z.value)


def _front_edge(session: Session, ion: BeamPicture, electron: BeamPicture) -> Place:
    """Return where the front edge of the lamella's top is in its middle."""
    at, kept, geometry = session.places, session.step.lamella.kept, session.setup.geometry
    v = in_electrons(session, 0.0, at.half, 0.0)[1]
    middle = Measured(at.u, 0.0)
    return place_from(
        Seen(middle, outer_edges(ion, kept=kept, u=at.u)[1]),
        Seen(middle, falling_edge(electron, u=at.u, v=v, reach=REACH, width=kept, along="v")),
        geometry,
        geometry.milling_tilt,
    )
