"""Steps at a STEM with an EDS detector: an image, and a low-dose line scan across an interface."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from protocols.model import FlagPolicy, Step, Written
from protocols.units import (
    Amperes,
    ElectronsPerSquareAngstrom,
    Kelvin,
    Metres,
    Radians,
    Seconds,
    electrons_per_square_angstrom,
)
from protocols.xray_lines import check_element, line_energy

DOSE = "dose_e_per_angstrom2"
"""Name of the budget of electron dose, and of its key in results."""


def wrong(message: str) -> PydanticCustomError:
    """Return the error that says `message` of a part of a protocol."""
    return PydanticCustomError("protocol", "{message}", {"message": message})


class ImageSettings(Written):
    """How a dark-field image is taken."""

    field: Annotated[Metres, Field(gt=0)]
    """Width and height of the square field of view."""
    pixels: Annotated[int, Field(ge=16, le=8192)] = 512
    """Pixels along each side."""
    dwell: Annotated[Seconds, Field(gt=0)]
    """Time on each pixel."""
    probe_current: Annotated[Amperes, Field(gt=0)]
    """Current in the probe while imaging."""

    @property
    def duration(self) -> float:
        """Beam time of one image in seconds."""
        return self.dwell * self.pixels**2

    @property
    def dose(self) -> float:
        """Dose of one image over its whole field, e/Å²."""
        return electrons_per_square_angstrom(self.probe_current, self.duration, self.field**2)


class EdgeStart(Written):
    """A line that crosses the strongest straight edge of the image at right angles."""

    edge_of: Literal["dark_field"]
    """The image in which the edge is looked for."""
    offset: Metres
    """Where the line begins, measured from the edge along the line; negative is before it."""
    from_side: Literal["dark", "bright"] = "dark"
    """Side of the edge that the line comes from; in dark field a light metal is the dark one."""


class PointStart(Written):
    """A line from a given place of the image, whose centre is the origin."""

    x: Metres
    """Distance to the right of the image's centre."""
    y: Metres
    """Distance below the image's centre."""
    angle: Radians = 0.0
    """Direction of the line, clockwise from the image's x axis."""


def _kind_of_start(start: Any) -> str:
    edge = "edge_of" in start if isinstance(start, Mapping) else isinstance(start, EdgeStart)
    return "edge" if edge else "point"


LineStart = Annotated[
    Annotated[EdgeStart, Tag("edge")] | Annotated[PointStart, Tag("point")],
    Discriminator(_kind_of_start),
]


class WatchedLine(Written):
    """An element that is watched by one of its X-ray lines."""

    element: str
    """Chemical symbol, such as N or P."""
    line: str | None = None
    """X-ray line, such as Ka; left out, the strongest one that EDS usually uses."""

    @model_validator(mode="after")
    def _has_a_line(self) -> WatchedLine:
        try:
            line_energy(self.element, self.line)
        except ValueError as error:
            raise wrong(str(error)) from None
        return self

    @field_validator("element")
    @classmethod
    def _is_an_element(cls, element: str) -> str:
        try:
            return check_element(element)
        except ValueError as error:
            raise wrong(str(error)) from None

    @property
    def xray_line(self) -> str:
        """Name of the line as HyperSpy writes it, such as N_Ka."""
        return f"{self.element}_{line_energy(self.element, self.line)[0]}"

    @property
    def energy(self) -> float:
        """Energy of the watched line in eV."""
        return line_energy(self.element, self.line)[1]


class Watch(WatchedLine):
    """An element whose counts are watched while the scan goes on."""

    on_onset: FlagPolicy = "note"
    """What the flag does when this element appears."""


class DriftCorrection(Written):
    """Correct the specimen's drift by correlating images of a place beside the line."""

    every: Annotated[int, Field(ge=1)]
    """Number of positions between two measurements."""
    image: ImageSettings
    """The image that is correlated with the first one of its kind."""
    largest_step: Annotated[Metres, Field(gt=0)]
    """A larger shift between two measurements is refused rather than believed."""


class EdsLineScan(Step):
    """A low-dose EDS line scan across an interface, position by position."""

    kind: Literal["eds_line_scan"] = "eds_line_scan"
    survey: ImageSettings
    """The dark-field image taken first; the line is drawn in it."""
    start: LineStart
    """Where the line begins: an offset from an edge found in the survey image, or a point of it."""
    length: Annotated[Metres, Field(gt=0)]
    """Length of the line, from the metal towards the electrolyte."""
    points: Annotated[int, Field(ge=2, le=4096)]
    """Probe positions along the line, both ends included."""
    strip: Annotated[Metres, Field(ge=0)] = 0.0
    """Width over which each position is rastered, parallel to the interface; spreads the dose."""
    probe_current: Annotated[Amperes, Field(gt=0)]
    """Current in the probe while dwelling."""
    dwell: Annotated[Seconds, Field(gt=0)]
    """Time of the beam on each position; the detector's live time is shorter by its dead time."""
    dose_limit: Annotated[ElectronsPerSquareAngstrom, Field(gt=0)]
    """Refuse, or stop, before any part of the line has received more than this."""
    watch: Annotated[tuple[Watch, ...], Field(min_length=1)]
    """The elements whose appearance is flagged while the scan goes on."""
    background_points: Annotated[int, Field(ge=5)] = 30
    """Positions at the beginning that set each element's level before its onset."""
    average_run_length: Annotated[float, Field(ge=100)] = 10_000
    """Positions without an onset between two false flags, for all watched elements together."""
    drift: DriftCorrection | None = None
    """Correction of the specimen's drift; left out, none."""
    holder_temperature_max: Kelvin | None = None
    """Refuse to expose above this holder temperature; the lab file may be stricter."""

    @model_validator(mode="after")
    def _consistent(self) -> EdsLineScan:
        if self.background_points >= self.points:
            raise wrong(
                f"background_points ({self.background_points}) leaves no position to watch; "
                f"write fewer than points ({self.points})"
            )
        elements = [watch.element for watch in self.watch]
        if len(set(elements)) < len(elements):
            raise wrong("watch: the same element twice; name each element once")
        if isinstance(self.start, PointStart):
            self._stays_in_field(self.start)
        elif self.length > self.survey.field * 2**0.5:
            raise wrong(
                f"length: a line of {self.length * 1e9:.4g} nm does not fit the survey field of "
                f"{self.survey.field * 1e9:.4g} nm; shorten it or widen survey.field"
            )
        return self

    def _stays_in_field(self, start: PointStart) -> None:
        half = self.survey.field / 2
        x1 = start.x + self.length * math.cos(start.angle)
        y1 = start.y + self.length * math.sin(start.angle)
        if max(abs(start.x), abs(start.y), abs(x1), abs(y1)) > half:
            raise wrong(
                f"start: the line from ({start.x * 1e9:.4g}, {start.y * 1e9:.4g}) nm to "
                f"({x1 * 1e9:.4g}, {y1 * 1e9:.4g}) nm leaves the survey field of "
                f"±{half * 1e9:.4g} nm; move or shorten it, or widen survey.field"
            )

    @property
    def budgets(self) -> dict[str, float]:
        """The dose that any part of the specimen may receive."""
        return {DOSE: self.dose_limit}

    @property
    def pitch(self) -> float:
        """Distance between neighbouring positions in metres."""
        return self.length / (self.points - 1)

    @property
    def exposed_area(self) -> float:
        """Area over which one position's electrons are spread, m²: the pitch times the strip."""
        return self.pitch * max(self.strip, self.pitch)

    @property
    def dose(self) -> float:
        """Dose of one position, e/Å²."""
        return electrons_per_square_angstrom(self.probe_current, self.dwell, self.exposed_area)


class StemImage(Step):
    """One dark-field image."""

    kind: Literal["stem_image"] = "stem_image"
    image: ImageSettings
    """How the image is taken."""
    dose_limit: Annotated[ElectronsPerSquareAngstrom, Field(gt=0)]
    """Refuse before any part of the field has received more than this."""

    @property
    def budgets(self) -> dict[str, float]:
        """The dose that any part of the specimen may receive."""
        return {DOSE: self.dose_limit}
