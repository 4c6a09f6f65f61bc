"""A dose series on an area that is given up: which element the beam takes away, and at what dose.

The paper showed that continuous cryo-STEM imaging did no obvious damage (Cheng et al., Joule 4(11),
2020, Figure S3); this step puts a figure to it before a scan.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from protocols.eds import DOSE, ImageSettings, LineStart, PointStart, WatchedLine
from protocols.model import Step, wrong
from protocols.units import (
    Amperes,
    ElectronsPerSquareAngstrom,
    Kelvin,
    Metres,
    Seconds,
    electrons_per_square_angstrom,
)

FEWEST = 5
"""Exposures that a series has at least."""
MOST = 500
"""As each exposure is looked at with all before it."""


class FadeWatch(WatchedLine):
    """An element whose loss is watched while the series goes on."""

    on_fade: Literal["note", "end_series", "ask", "stop"] = "note"
    """What the flag does when this element fades: note it and go on to the end of the series, end
    the series there as foreseen, ask the operator whether to go on, or stop the whole run."""


class BeamDamage(Step):
    """Expose one area again and again, and watch which element fades at which dose."""

    kind: Literal["beam_damage"] = "beam_damage"
    survey: ImageSettings
    """The dark-field image taken first, and once more at the end to see how far the area moved."""
    centre: LineStart
    """The middle of the area: an offset from an edge found in the survey image, on the side that
    the sign says, or a point of the image."""
    width: Annotated[Metres, Field(gt=0)]
    """Extent of the area at right angles to the edge (along `angle` for a point). Make it large
    beside the drift of the series: what drifts in is undamaged, and hides some of the loss."""
    height: Annotated[Metres, Field(gt=0)]
    """Extent of the area along the edge."""
    probe_current: Annotated[Amperes, Field(gt=0)]
    """Current in the probe while it is rastered over the area."""
    dwell: Annotated[Seconds, Field(gt=0)]
    """Time of the beam in each exposure, over the whole area."""
    exposures: Annotated[int, Field(ge=FEWEST, le=MOST)] | None = None
    """How many exposures of the area; left out, as many as `dose_limit` allows."""
    dose_limit: Annotated[ElectronsPerSquareAngstrom, Field(gt=0)]
    """Refuse, or end, before the area has received more than this. The area is given up: its dose
    does not count against later steps that only take it into an image."""
    watch: Annotated[tuple[FadeWatch, ...], Field(min_length=1)]
    """The elements whose fading is flagged while the series goes on."""
    loss: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of an element whose loss counts as damage, 0.1 for 10 %: the result says at which dose
    that much is gone."""
    false_alarm: Annotated[float, Field(ge=1e-4, le=0.1)] = 0.01
    """Chance that a series on a specimen that bears everything raises any fade flag."""
    confidence: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    """Of the intervals."""
    holder_temperature_max: Kelvin | None = None
    """Refuse to expose above this holder temperature; the lab file may be stricter."""

    @model_validator(mode="after")
    def _consistent(self) -> BeamDamage:
        elements = [watch.element for watch in self.watch]
        if len(set(elements)) < len(elements):
            raise wrong("watch: the same element twice; name each element once")
        if self.planned_exposures < FEWEST:
            raise wrong(
                f"dose_limit: {self.dose_limit:.4g} e/angstrom^2 allows {self.planned_exposures} "
                f"exposures of {self.dose:.4g} and the two survey images; a series needs {FEWEST}: "
                "raise it, widen the area or shorten the dwell"
            )
        if isinstance(self.centre, PointStart):
            self._stays_in_field(self.centre)
        elif max(self.width, self.height) > self.survey.field:
            raise wrong(
                f"width, height: an area of {self.width * 1e9:.4g} x {self.height * 1e9:.4g} nm "
                f"does not fit the survey field of {self.survey.field * 1e9:.4g} nm; make it "
                "smaller or widen survey.field"
            )
        return self

    def _stays_in_field(self, centre: PointStart) -> None:
        cos, sin = abs(math.cos(centre.angle)), abs(math.sin(centre.angle))
        reach_x = abs(centre.x) + (self.width * cos + self.height * sin) / 2
        reach_y = abs(centre.y) + (self.width * sin + self.height * cos) / 2
        if max(reach_x, reach_y) > self.survey.field / 2 * (1 + 1e-9):
            raise wrong(
                f"centre: the area reaches {max(reach_x, reach_y) * 1e9:.4g} nm from the image's "
                f"centre, out of the survey field of ±{self.survey.field * 5e8:.4g} nm; move it, "
                "make it smaller or widen survey.field"
            )

    @property
    def budgets(self) -> dict[str, float]:
        """The dose that any part of the specimen may receive."""
        return {DOSE: self.dose_limit}

    @property
    def gives_up(self) -> frozenset[str]:
        """The area is exposed to be spoiled."""
        return frozenset({"stem.spectrum"})

    @property
    def exposed_area(self) -> float:
        """The area over which electrons are spread, m²."""
        return self.width * self.height

    @property
    def dose(self) -> float:
        """Dose of one exposure, e/Å²."""
        return electrons_per_square_angstrom(self.probe_current, self.dwell, self.exposed_area)

    @property
    def planned_exposures(self) -> int:
        """Exposures of a whole series."""
        if self.exposures is not None:
            return self.exposures
        room = self.dose_limit * (1 + 1e-9) - 2 * self.survey.dose
        return max(0, min(MOST, math.floor(room / self.dose)))

    @property
    def planned_dose(self) -> float:
        """Dose on the area after a whole series, both survey images included, e/Å²."""
        return self.planned_exposures * self.dose + 2 * self.survey.dose
