"""Faults on a schedule: what goes wrong with a simulated instrument, and when.

Times are seconds of the world: it begins at zero when the simulated instrument is first opened.
`lasting` left out means for good. Source of the list: reference sheet fib-and-tem.md, section 7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from protocols.model import Written
from protocols.units import Kelvin, Metres, Radians, Seconds


class Scheduled(Written):
    """When a fault happens."""

    at: Annotated[Seconds, Field(ge=0)]
    """World time at which it begins."""
    lasting: Annotated[Seconds, Field(gt=0)] | None = None
    """How long it lasts; left out, for good."""

    @property
    def until(self) -> float:
        """World time at which it is over, seconds."""
        return math.inf if self.lasting is None else self.at + self.lasting

    def active(self, t: float) -> bool:
        """True at the world time `t` (s): from its beginning to just before its end."""
        return self.at <= t < self.until


class ValveCloses(Scheduled):
    """The valve between gun and column closes: no electron reaches the specimen."""

    kind: Literal["valve_closes"] = "valve_closes"


class DriftBurst(Scheduled):
    """The specimen moves away and stays there; `lasting` is how long the move takes."""

    kind: Literal["drift_burst"] = "drift_burst"
    by: Metres = 30e-9
    """How far it moves; ours."""
    angle: Radians = 0.0
    """In which direction, clockwise from the image's x axis."""

    def share(self, t: float) -> float:
        """Return how much of the way it has gone at the world time `t` (s), 0 to 1."""
        if t < self.at:
            return 0.0
        return 1.0 if self.lasting is None else min(1.0, (t - self.at) / self.lasting)


class NanReading(Scheduled):
    """The holder's thermometer reads NaN."""

    kind: Literal["nan_reading"] = "nan_reading"


class LinkDrops(Scheduled):
    """No call is answered. The instrument itself goes on: a dwell ends by its own timer."""

    kind: Literal["link_drops"] = "link_drops"


class HolderWarms(Scheduled):
    """The holder warms evenly to `to` within `over`; after `lasting` it is cold again."""

    kind: Literal["holder_warms"] = "holder_warms"
    to: Kelvin = 150.0
    """Temperature that it reaches; ours."""
    over: Annotated[Seconds, Field(gt=0)] = 600.0
    """Time that it takes."""

    def temperature(self, cold: float, t: float) -> float:
        """Return the holder's temperature (K) at the world time `t` (s), from `cold` (K)."""
        if not self.active(t):
            return cold
        return cold + (self.to - cold) * min(1.0, (t - self.at) / self.over)


class BlankerStuck(Scheduled):
    """The blanker does not close; the beam stays on the last place until it does."""

    kind: Literal["blanker_stuck"] = "blanker_stuck"


class DetectorTrip(Scheduled):
    """The X-ray detector's protection has tripped: an exposure ends with an error."""

    kind: Literal["detector_trip"] = "detector_trip"


class Refill(Scheduled):
    """Somebody fills the holder's dewar: it is full at `at`, and shaken for `lasting`."""

    kind: Literal["refill"] = "refill"
    vibration: Annotated[Metres, Field(ge=0)] = 15e-9
    """Root mean square of the specimen's vibration meanwhile, along each axis. 10 to 50 nm is
    published for gas flow [lit]; for a dewar ours, to verify."""


Fault = Annotated[
    ValveCloses
    | DriftBurst
    | NanReading
    | LinkDrops
    | HolderWarms
    | BlankerStuck
    | DetectorTrip
    | Refill,
    Field(discriminator="kind"),
]


def active(faults: Sequence[Scheduled], kind: type[Scheduled], t: float) -> bool:
    """True if a fault of that kind is active at the world time `t` (s)."""
    return any(isinstance(fault, kind) and fault.active(t) for fault in faults)


def seconds_open(faults: Sequence[Scheduled], start: float, end: float) -> float:
    """Return for how many of the seconds between two world times the column valve is open."""
    closed = sorted(
        (max(fault.at, start), min(fault.until, end))
        for fault in faults
        if isinstance(fault, ValveCloses) and fault.at < end and fault.until > start
    )
    open_, reached = 0.0, start
    for begins, ends in closed:
        open_ += max(0.0, begins - reached)
        reached = max(reached, ends)
    return open_ + max(0.0, end - reached)
