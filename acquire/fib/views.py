"""Views of images: those of a joint, and the same with more frames."""

from __future__ import annotations

from protocols.fib import BeamImage
from protocols.lift_out import LiftOut

MOST_FRAMES = 256
"""Of an image that is taken again because the first did not show enough."""
ROOM = 3e-6
"""Beyond both ends of the lamella that an image of a joint shows, m."""
CLOSER, PLAIN = 4, 8
"""Times the frames of a near image in which joints are measured, with ions and with electrons:
these do no harm here."""


def more(view: BeamImage, times: int) -> BeamImage:
    """Return a view with `times` the frames."""
    return view.model_copy(update={"frames": min(view.frames * times, MOST_FRAMES)})


def joint_view(step: LiftOut) -> BeamImage:
    """Return the near view, wide enough for both ends of the lamella."""
    near = step.views.near
    field = max(near.field, step.lamella.length + 2 * ROOM)
    return near.model_copy(update={"field": field})


def compared_view(step: LiftOut) -> BeamImage:
    """Return the same with the frames in which an ion image of a joint is measured."""
    return more(joint_view(step), CLOSER)


def plain_view(step: LiftOut) -> BeamImage:
    """Return the same with those of an electron image."""
    return more(joint_view(step), PLAIN)
