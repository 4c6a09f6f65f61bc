"""How a cell and its leads fare: soundly, or with one of the faults that cells have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from protocols.units import Ohms, Volts, VoltsPerSecond
from simulators.cell.cell import SOUND, Stress
from simulators.faults import LinkDrops, Scheduled

View = Literal["cell", "open", "shorted"]


class SoftShort(Scheduled):
    """A dendrite that touches now and then: charge leaks, and the voltage spikes down on charge."""

    kind: Literal["soft_short"] = "soft_short"
    leak: Annotated[float, Field(gt=0, le=5)] = 0.1
    """A of the leak per A of 5C (five nominal capacities per hour). 0.02 to 0.2 is an efficiency of
    95 to 60 % at 5C [lit]; at 1 a charge at 5C never ends."""
    spikes: Annotated[float, Field(ge=0)] = 0.03
    """Per second; ours, to verify."""
    depth: Annotated[Volts, Field(gt=0)] = 0.03
    """Mean of the spikes' depth; ours, to verify."""


class HardShort(Scheduled):
    """The electrodes touch: the cell is at the current times this resistance."""

    kind: Literal["hard_short"] = "hard_short"
    resistance: Annotated[Ohms, Field(gt=0)] = 20.0
    """Of the contact; ours, to verify."""


class ContactLost(Scheduled):
    """A lead comes off: no current, and a driven voltage runs to where the device can go."""

    kind: Literal["contact_lost"] = "contact_lost"


class NoCell(Scheduled):
    """Nothing between the leads: the open voltage floats and drifts."""

    kind: Literal["no_cell"] = "no_cell"


class ResistanceRises(Scheduled):
    """Ohmic and interface resistances grow evenly."""

    kind: Literal["resistance_rises"] = "resistance_rises"
    per_day: Annotated[float, Field(gt=0)] = 0.5
    """So many first resistances a day; ours."""


class LithiumDepletes(Scheduled):
    """Part of what is plated cannot be stripped again, until a discharge ends for lack of it."""

    kind: Literal["lithium_depletes"] = "lithium_depletes"
    share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Of what is plated; ours."""


class ReversedLeads(Scheduled):
    """Plus is where minus should be."""

    kind: Literal["reversed_leads"] = "reversed_leads"


class ReferenceDrifts(Scheduled):
    """The voltage that is read leaves the cell's."""

    kind: Literal["reference_drifts"] = "reference_drifts"
    rate: VoltsPerSecond = 5e-3 / 3600
    """How fast; ours."""


class Overloads(Scheduled):
    """The current range is overloaded: samples say so, and what they count is not the charge."""

    kind: Literal["overloads"] = "overloads"


class NanSamples(Scheduled):
    """Samples are NaN."""

    kind: Literal["nan_samples"] = "nan_samples"


class StaleSamples(Scheduled):
    """The device repeats its last sample, and says how old it is."""

    kind: Literal["stale_samples"] = "stale_samples"


class Trips(Scheduled):
    """The device ends a hold by an error of its own, cell off."""

    kind: Literal["trips"] = "trips"
    error: str = "0032: critical cell overload"
    """What it says."""


CellFault = Annotated[
    SoftShort
    | HardShort
    | ContactLost
    | NoCell
    | ResistanceRises
    | LithiumDepletes
    | ReversedLeads
    | ReferenceDrifts
    | Overloads
    | NanSamples
    | StaleSamples
    | Trips
    | LinkDrops,
    Field(discriminator="kind"),
]


@dataclass(frozen=True)
class Condition:
    """How the cell fares for a while."""

    view: View = "cell"
    stress: Stress = SOUND
    contact: float = 0.0
    """Ohm of a hard short."""
    spikes: float = 0.0
    """Per second of charge."""
    depth: float = 0.0
    """V, mean of a spike."""


_SOUND = Condition()


@dataclass(frozen=True)
class Fate:
    """What happens to one cell, and when."""

    faults: Sequence[Scheduled]
    fast: float
    """A: five capacities of the cell per hour."""

    def at(self, t: float) -> tuple[Condition, float]:
        """Return how the cell fares at the world time `t` (s), and until when."""
        if not self.faults:
            return _SOUND, math.inf
        on = [fault for fault in self.faults if fault.active(t)]
        short = sum(f.leak * self.fast for f in on if isinstance(f, SoftShort))
        spiking = [f for f in on if isinstance(f, SoftShort)]
        rises = [f for f in on if isinstance(f, ResistanceRises)]
        stress = Stress(
            short,
            1.0 + sum(f.per_day * (t - f.at) / 86400.0 for f in rises),
            min(1.0, sum(f.share for f in on if isinstance(f, LithiumDepletes))),
        )
        hard = [f.resistance for f in on if isinstance(f, HardShort)]
        is_open = any(isinstance(f, (ContactLost, NoCell)) for f in on)
        view: View = "open" if is_open else "shorted" if hard else "cell"
        condition = Condition(
            view,
            stress if stress != SOUND else SOUND,
            min(hard, default=0.0),
            sum(f.spikes for f in spiking),
            max((f.depth for f in spiking), default=0.0),
        )
        return condition, self.changes_after(t)

    def changes_after(self, t: float) -> float:
        """Return the next world time at which a fault begins or ends; infinite without."""
        moments = [m for f in self.faults for m in (f.at, f.until) if m > t]
        return min(moments, default=math.inf)
