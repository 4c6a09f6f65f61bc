"""What a session of a script or a notebook may spend, and the step that its record holds."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from protocols.cycling import CHARGE
from protocols.eds import DOSE
from protocols.lift_out import ELECTRON_DOSE, ION_CHARGE, ION_DOSE, NEEDLE_TRAVEL
from protocols.model import Step, Written
from protocols.protocol import OneStep
from protocols.units import (
    Coulombs,
    CoulombsPerSquareMetre,
    ElectronsPerSquareAngstrom,
    Metres,
    Seconds,
)
from protocols.xps import ETCH_TIME, XRAY_TIME


class SpendingLimits(Written):
    """What calls by hand may spend together. What is left out is counted, not limited."""

    dose_limit: Annotated[ElectronsPerSquareAngstrom, Field(gt=0)] | None = None
    """At the STEM: no place receives more."""
    ion_dose_limit: Annotated[CoulombsPerSquareMetre, Field(gt=0)] | None = None
    """Of images with the ion beam, together."""
    electron_dose_limit: Annotated[ElectronsPerSquareAngstrom, Field(gt=0)] | None = None
    """Of images with the electron beam of the FIB, together."""
    ion_charge_limit: Annotated[Coulombs, Field(gt=0)] | None = None
    """Of patterns with the ion beam, together."""
    needle_travel_limit: Annotated[Metres, Field(gt=0)] | None = None
    """Way of the needle."""
    xray_time_limit: Annotated[Seconds, Field(gt=0)] | None = None
    """Under the X-rays."""
    etch_time_limit: Annotated[Seconds, Field(gt=0)] | None = None
    """Of etching."""
    charge_limit: Annotated[Coulombs, Field(gt=0)] | None = None
    """Through the cell, either way."""


_KINDS = {
    DOSE: "dose_limit",
    ION_DOSE: "ion_dose_limit",
    ELECTRON_DOSE: "electron_dose_limit",
    ION_CHARGE: "ion_charge_limit",
    NEEDLE_TRAVEL: "needle_travel_limit",
    XRAY_TIME: "xray_time_limit",
    ETCH_TIME: "etch_time_limit",
    CHARGE: "charge_limit",
}


class ByHand(Step):
    """Calls by hand, one after the other: what a session's record has in place of a protocol."""

    kind: Literal["session"] = "session"
    limits: SpendingLimits = SpendingLimits()

    @property
    def budgets(self) -> dict[str, float]:
        """What may be spent by kind of budget; infinite where only the lab's limits hold."""
        given: dict[str, Any] = self.limits.model_dump()
        return {
            kind: math.inf if given[name] is None else given[name] for kind, name in _KINDS.items()
        }


IN_A_RECORD: TypeAdapter[OneStep | ByHand] = TypeAdapter(
    Annotated[OneStep | ByHand, Field(discriminator="kind")]
)
"""A step as the record of a run holds it."""
