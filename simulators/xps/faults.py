"""What goes wrong with a simulated XPS spectrometer and its ion gun, and when.

Times are seconds of the world. Each fault has a symptom that an operator could see, in a reading,
an error or the data. The sizes are ours, to verify.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from protocols.units import ElectronVolts, Pascals
from simulators.faults import LinkDrops, Scheduled


class GunTrips(Scheduled):
    """The ion gun's supply trips: ions stop at once, an etch ends with an error."""

    kind: Literal["gun_trips"] = "gun_trips"


class EmissionDrops(Scheduled):
    """The gun's emission falls: fewer ions; its reading shows it, its timer does not."""

    kind: Literal["emission_drops"] = "emission_drops"
    to: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Part of the usual that is left."""


class WrongRaster(Scheduled):
    """The raster is smaller than set: deeper, and its edge in the analysed spot. Data show it."""

    kind: Literal["wrong_raster"] = "wrong_raster"
    to: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Part of the width and height that were set."""


class PressureRises(Scheduled):
    """The chamber's pressure rises: the gauge shows it; residual gas covers the surface."""

    kind: Literal["pressure_rises"] = "pressure_rises"
    to: Annotated[Pascals, Field(gt=0)] = 1e-5


class ChargingJumps(Scheduled):
    """The specimen charges suddenly: every line moves. The data show it."""

    kind: Literal["charging_jumps"] = "charging_jumps"
    by: ElectronVolts = 1.5


class DetectorSaturates(Scheduled):
    """The detector counts no faster than `at_most`: strong lines have flat tops."""

    kind: Literal["detector_saturates"] = "detector_saturates"
    at_most: Annotated[float, Field(gt=0)] = 5000.0
    """Counts per second."""


class SourceTrips(Scheduled):
    """The X-ray source goes off: a scan ends with an error, its reading shows it."""

    kind: Literal["source_trips"] = "source_trips"


class PressureNan(Scheduled):
    """The pressure gauge reads NaN."""

    kind: Literal["pressure_nan"] = "pressure_nan"


XpsFault = Annotated[
    GunTrips
    | EmissionDrops
    | WrongRaster
    | PressureRises
    | ChargingJumps
    | DetectorSaturates
    | SourceTrips
    | PressureNan
    | LinkDrops,
    Field(discriminator="kind"),
]

Kind = TypeVar("Kind", bound=Scheduled)


def at(faults: Sequence[Scheduled], kind: type[Kind], t: float) -> Kind | None:
    """Return the fault of that kind which is active at the world time `t` (s), if any."""
    return next((one for one in faults if isinstance(one, kind) and one.active(t)), None)


def next_change(faults: Sequence[Scheduled], t: float) -> float:
    """Return the world time (s) after `t` at which a fault next begins or ends; or infinity."""
    changes = [change for one in faults for change in (one.at, one.until) if change > t]
    return min(changes, default=math.inf)
