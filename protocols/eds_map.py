"""A step at a STEM with an EDS detector: element maps across an interface, pixel by pixel."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from protocols.eds import (
    DOSE,
    DriftCorrection,
    ImageSettings,
    LineStart,
    PointStart,
    WatchedLine,
)
from protocols.model import Step, wrong
from protocols.units import (
    Amperes,
    ElectronsPerSquareAngstrom,
    Kelvin,
    Metres,
    Seconds,
    electrons_per_square_angstrom,
)

MOST_PIXELS = 2**16
"""Each pixel is an action of its own, with its record; more would take hours."""


class EdsMap(Step):
    """Element maps: a low-dose EDS spectrum at each pixel of a rectangle."""

    kind: Literal["eds_map"] = "eds_map"
    survey: ImageSettings
    """The dark-field image taken first; the map is drawn in it."""
    centre: LineStart
    """The middle of the map: an offset from an edge found in the survey image, on the side that
    the sign says, or a point of the image."""
    width: Annotated[Metres, Field(gt=0)]
    """Extent of the map at right angles to the edge (along `angle` for a point)."""
    height: Annotated[Metres, Field(gt=0)]
    """Extent of the map along the edge."""
    columns: Annotated[int, Field(ge=2, le=1024)]
    """Pixels along the width."""
    rows: Annotated[int, Field(ge=2, le=1024)]
    """Pixels along the height."""
    probe_current: Annotated[Amperes, Field(gt=0)]
    """Current in the probe while dwelling."""
    dwell: Annotated[Seconds, Field(gt=0)]
    """Time of the beam on each pixel, over whose whole area it is rastered; the detector's live
    time is shorter by its dead time."""
    dose_limit: Annotated[ElectronsPerSquareAngstrom, Field(gt=0)]
    """Refuse, or stop, before any part of the map has received more than this."""
    watch: Annotated[tuple[WatchedLine, ...], Field(min_length=1)]
    """The elements that are mapped."""
    drift: DriftCorrection | None = None
    """Correction of the specimen's drift, every so many rows; left out, none."""
    holder_temperature_max: Kelvin | None = None
    """Refuse to expose above this holder temperature; the lab file may be stricter."""

    @model_validator(mode="after")
    def _consistent(self) -> EdsMap:
        elements = [watch.element for watch in self.watch]
        if len(set(elements)) < len(elements):
            raise wrong("watch: the same element twice; name each element once")
        if self.columns * self.rows > MOST_PIXELS:
            raise wrong(
                f"columns, rows: {self.columns} x {self.rows} pixels are more than {MOST_PIXELS}; "
                "write fewer"
            )
        if isinstance(self.centre, PointStart):
            self._stays_in_field(self.centre)
        elif max(self.width, self.height) > self.survey.field:
            raise wrong(
                f"width, height: a map of {self.width * 1e9:.4g} x {self.height * 1e9:.4g} nm does "
                f"not fit the survey field of {self.survey.field * 1e9:.4g} nm; make it smaller or "
                "widen survey.field"
            )
        if self.pixel_height < self.pixel_width * (1 - 1e-6):
            least = math.ceil(self.width / self.pixel_height - 1e-6)
            raise wrong(
                f"rows: pixels of {self.pixel_width * 1e9:.4g} x {self.pixel_height * 1e9:.4g} nm "
                "are flatter than wide, so rows would overlap and double the dose; write columns: "
                f"{least} or more, or fewer rows"
            )
        return self

    def _stays_in_field(self, centre: PointStart) -> None:
        cos, sin = abs(math.cos(centre.angle)), abs(math.sin(centre.angle))
        reach_x = abs(centre.x) + (self.width * cos + self.height * sin) / 2
        reach_y = abs(centre.y) + (self.width * sin + self.height * cos) / 2
        if max(reach_x, reach_y) > self.survey.field / 2 * (1 + 1e-9):
            raise wrong(
                f"centre: the map reaches {max(reach_x, reach_y) * 1e9:.4g} nm from the image's "
                f"centre, out of the survey field of ±{self.survey.field * 5e8:.4g} nm; move it, "
                "make it smaller or widen survey.field"
            )

    @property
    def budgets(self) -> dict[str, float]:
        """The dose that any part of the specimen may receive."""
        return {DOSE: self.dose_limit}

    @property
    def pixel_width(self) -> float:
        """Distance between neighbouring columns in metres."""
        return self.width / self.columns

    @property
    def pixel_height(self) -> float:
        """Distance between neighbouring rows in metres."""
        return self.height / self.rows

    @property
    def exposed_area(self) -> float:
        """Area over which one pixel's electrons are spread, m²: that of the pixel."""
        return self.pixel_width * max(self.pixel_height, self.pixel_width)

    @property
    def dose(self) -> float:
        """Dose of one pixel, e/Å²."""
        return electrons_per_square_angstrom(self.probe_current, self.dwell, self.exposed_area)
