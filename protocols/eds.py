"""Steps at a STEM with an EDS detector: an image, and a low-dose line scan across an interface."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from protocols.model import FlagPolicy, Step, Written, wrong
from protocols.units import (
    Amperes,
    ElectronsPerSquareAngstrom,
    Kelvin,
    Metres,
    Radians,
    Seconds,
    Steradians,
    electrons_per_square_angstrom,
)
from protocols.xray_lines import check_element, line_energy

DOSE = "dose_e_per_angstrom2"
"""Name of the budget of electron dose, and of its key in results."""


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
    on_plateau: FlagPolicy = "note"
    """What the flag does when its rise has ended."""


class DamageLimit(Written):
    """A dose limit that an earlier beam_damage step of the same protocol has measured."""

    element: str
    """An element that the earlier step watched, such as N."""
    loss: Annotated[float, Field(gt=0, lt=1)]
    """Share of it that the beam may take, 0.05 for 5 %: no position receives more than the lower
    end of the interval of the dose at which that much is gone. `dose_limit` still holds."""


class DriftCorrection(Written):
    """Correct the specimen's drift by correlating images of a place beside the line."""

    every: Annotated[int, Field(ge=1)]
    """Number of positions between two measurements."""
    image: ImageSettings
    """The image that is correlated with the first one of its kind."""
    largest_step: Annotated[Metres, Field(gt=0)]
    """A larger shift between two measurements is refused rather than believed."""
    largest_total: Annotated[Metres, Field(gt=0)] = 100e-9
    """Stop when the specimen has moved further than this in all: it has left the place that the
    survey image showed to be good."""


class RefinePlan(Written):
    """A first pass of low dose, then further ones that expose only where it narrows the answer."""

    first: Annotated[float, Field(gt=0, lt=1)] = 0.08
    """Share of the dwell that every position gets in the first pass."""
    spend: Annotated[float, Field(gt=0, le=1)] = 0.33
    """Electrons in all, as a share of what the whole line at `dwell` takes. A single position may
    get more than `dwell`, up to `dose_limit`."""
    passes: Annotated[int, Field(ge=1, le=20)] = 6
    """Passes after the first, each laid out by what the ones before have found."""
    width_within: Annotated[Metres, Field(gt=0)] | None = None
    """Stop early when the width's 95 % interval reaches no further than this to either side."""

    @model_validator(mode="after")
    def _leaves_something(self) -> RefinePlan:
        if self.first >= self.spend:
            raise wrong(
                f"the first pass ({self.first:g} of the dwell) spends all of "
                f"{self.spend:g}; write a smaller first or a larger spend"
            )
        return self


class Rise(Written):
    """Where an element's counts are expected to rise, from the interphase's first face."""

    begins: Annotated[Metres, Field(ge=0)]
    """Where it appears."""
    ends: Annotated[Metres, Field(gt=0)]
    """Where it reaches its plateau."""

    @model_validator(mode="after")
    def _goes_forward(self) -> Rise:
        if self.ends <= self.begins:
            raise wrong("ends: a rise ends after it begins; write a larger distance")
        return self


class Expected(Written):
    """What `liftline check` assumes, to say before anything is exposed what a scan can answer."""

    interphase: Annotated[Metres, Field(gt=0)]
    """Over which the composition changes, and with it the background."""
    rises: Annotated[dict[str, Rise], Field(min_length=1)]
    """By element."""
    detector: Literal["windowless", "polymer"] = "windowless"
    """windowless, or polymer for one with a polymer window and a grid."""
    thickness: Annotated[Metres, Field(gt=0)] = 100e-9
    """Of the lamella."""
    solid_angle: Annotated[Steradians, Field(gt=0)] = 0.95
    """Of the detector."""
    counts_per_electron: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Net counts per electron on the plateau, by element, in the lamella as it is and with the
    detector as it is; left out, those of LiPON."""
    width_within: Annotated[Metres, Field(gt=0)] | None = None
    """A scan whose expected 95 % interval of the width reaches further to either side than this is
    refused: it cannot answer. Left out, nothing is refused for that."""


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
    damage_limit: DamageLimit | None = None
    """Shorten the dwell to the dose that an earlier beam_damage step found bearable; left out, only
    `dose_limit` counts."""
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
    refine: RefinePlan | None = None
    """Spend the electrons where they narrow the answer most; left out, evenly in one pass."""
    expect: Expected | None = None
    """What `liftline check` assumes; left out, it tells dose and time only."""

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
        foretold = set() if self.expect is None else set(self.expect.rises)
        if unknown := sorted(foretold - set(elements)):
            raise wrong(
                f"expect: {', '.join(unknown)} is not watched; watch it, or leave its rise out"
            )
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
    def images(self) -> int:
        """Images that are taken to follow the drift."""
        passes = 1 if self.refine is None else 1 + self.refine.passes
        return 0 if self.drift is None else passes * -(-self.points // self.drift.every)

    @property
    def imaging_dose(self) -> float:
        """Dose of the survey image and of all that follow the drift at most, e/Å²."""
        following = 0.0 if self.drift is None else self.images * self.drift.image.dose
        return self.survey.dose + following

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
