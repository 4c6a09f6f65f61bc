"""The end-points of a lift-out, each flagged once with its figures and the protocol's policy."""

from __future__ import annotations

from collections.abc import Mapping

from acquire.fib.face import Face, Step
from acquire.fib.measured import Measured
from acquire.fib.session import Session
from acquire.flags import Flag
from protocols.lift_out import STAGES, EndPoint, StageName

CONFIDENCE = 0.95
"""Of the intervals that are flagged: 1.96 standard errors."""
SIGMAS = 1.96
NEAR = 0.4
"""Share of the expected depth by which the electrolyte may be found from where it was expected."""


def raise_flag(
    session: Session,
    kind: EndPoint,
    of: str,
    stage: StageName,
    figures: Mapping[str, float | tuple[float, float] | None],
    note: str,
) -> None:
    """Flag an end-point and do what the protocol says of it."""
    flag = Flag(kind, of, STAGES.index(stage), dict(figures), CONFIDENCE, note=note)
    session.run.flag(flag, session.step.flags.get(kind, "note"))


def interval(measured: Measured) -> tuple[float, float]:
    """Return the interval of a measurement at CONFIDENCE."""
    return (
        measured.value - SIGMAS * measured.sigma,
        measured.value + SIGMAS * measured.sigma,
    )


def electrolyte_in(session: Session, face: Face) -> Step | None:
    """Return the front face's change of contrast near where the electrolyte is expected."""
    expected = session.step.interface
    near = [
        each
        for each in face.steps
        if each.depth.known and abs(each.depth.value - expected) <= NEAR * expected
    ]
    return min(near, key=lambda each: abs(each.depth.value - expected), default=None)


def electrolyte(session: Session, face: Face) -> None:
    """Flag the electrolyte where the front face's contrast changes near where it is expected."""
    expected, step = session.step.interface, electrolyte_in(session, face)
    session.run.verified("electrolyte seen", step is not None)
    if step is None:
        session.doubts.append("the interface was not seen in the clean face")
        session.ask(
            f"no change of contrast within {NEAR:.0%} of the expected depth of "
            f"{expected * 1e6:.3g} um: the electrolyte is not seen"
        )
        return
    session.found["interface_depth_m"] = step.depth.value
    raise_flag(
        session,
        "electrolyte",
        "lamella",
        "clean",
        {"depth_m": step.depth.value, "interval_m": interval(step.depth)},
        f"the contrast changes {step.depth.value * 1e6:.3g} um below the free surface",
    )
