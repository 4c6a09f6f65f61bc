"""Cryo-FIB lift-out by redeposition: a lamella is cut, carried and thinned without any gas.

Source of the method: Cheng et al., Joule 4(11), 2020; of its figures: reference sheet
fib-and-tem.md, sections 2, 3.3 and 5. Its supplementary figure S2 has not been consulted, so the
recipes are those of published redeposition lift-outs, to verify on an instrument.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from protocols.fib import BeamImage, StagePlace
from protocols.milling_rates import SPECIES, rates
from protocols.model import Step, Written, wrong
from protocols.units import (
    Amperes,
    Coulombs,
    CoulombsPerSquareMetre,
    CubicMetres,
    ElectronsPerSquareAngstrom,
    Kelvin,
    KelvinPerSecond,
    Metres,
    Radians,
    Seconds,
    Volts,
    closest,
)

ION_CHARGE = "ion_charge_C"
"""Budget of all charge that patterns deliver."""
ION_DOSE = "ion_dose_C_per_m2"
"""Budget of the ion dose that images give the zone that is kept: charge per area, summed."""
ELECTRON_DOSE = "electron_dose_e_per_angstrom2"
"""Budget of the dose of electron images, summed over all of them."""
NEEDLE_TRAVEL = "needle_travel_m"
"""Budget of the way that the needle goes."""

StageName = Literal[
    "cool",
    "survey",
    "trench",
    "undercut",
    "clean",
    "needle_in",
    "contact",
    "weld",
    "sever",
    "lift",
    "land",
    "weld_grid",
    "release",
    "thin",
    "polish",
    "final",
]
STAGES: tuple[StageName, ...] = get_args(StageName)
"""The stages in the order in which they are done."""
EndPoint = Literal["electrolyte", "contact", "bridged", "severed", "released", "thickness"]
"""What is flagged while the lift-out goes on."""


class Layer(Written):
    """A layer that the operator expects, from the free surface down: for planning the dose."""

    material: str
    """A material with a milling rate, such as Li or LiPON."""
    thickness: Annotated[Metres, Field(gt=0)]

    @model_validator(mode="after")
    def _has_a_rate(self) -> Layer:
        known = rates("gallium")
        if self.material not in known:
            near = closest(self.material, list(known))
            raise wrong(
                f"no milling rate is known for {self.material!r}{near or '; known: '}"
                + ("" if near else ", ".join(known))
            )
        return self


class Ions(Written):
    """The ion beam."""

    species: str
    """Of the instrument's source: gallium, argon or xenon; checked against the instrument."""
    as_stated: str | None = None
    """What a publication says, kept as it stands; where it differs the record says so."""
    voltage: Annotated[Volts, Field(gt=0)] = 30e3
    """Of the ion column."""
    imaging_current: Annotated[Amperes, Field(gt=0)] = 10e-12
    """Probe current of ion images; never more on the zone that is kept."""

    @model_validator(mode="after")
    def _is_a_species(self) -> Ions:
        if self.species not in SPECIES:
            raise wrong(
                f"{self.species!r} is not an ion species{closest(self.species, list(SPECIES))}; "
                f"write one of {', '.join(SPECIES)}"
            )
        return self


class Electrons(Written):
    """The electron beam."""

    voltage: Annotated[Volts, Field(gt=0)] = 5e3
    """Of the electron column."""
    current: Annotated[Amperes, Field(gt=0)] = 25e-12
    """Probe current of electron images."""


class Cold(Written):
    """When it is cold and steady enough; the lab's limits hold beside it."""

    stage: Kelvin = 88.15
    """Setpoint of the stage, -185 degC as published."""
    within: Annotated[Kelvin, Field(gt=0, le=10)] = 3.0
    """Largest distance from the setpoint, a difference: write '3 K'."""
    slope: Annotated[KelvinPerSecond, Field(gt=0)] = 0.1 / 60
    """Largest change of the stage's temperature; design choice, no source."""
    steady: Annotated[Seconds, Field(ge=0)] = 600.0
    """How long it must have been so."""
    at_most: Annotated[Seconds, Field(gt=0)] = 3 * 3600.0
    """Give up if it takes longer."""


class Lamella(Written):
    """The lamella as it is cut."""

    length: Annotated[Metres, Field(gt=0, le=50e-6)] = 12e-6
    """Along x."""
    thickness: Annotated[Metres, Field(gt=0)] = 1.5e-6
    """Across, when it is lifted."""
    depth: Annotated[Metres, Field(gt=0)] = 4.5e-6
    """From the free surface to the undercut."""
    kept: Annotated[Metres, Field(gt=0)] = 5e-6
    """Length in its middle that is thinned: the zone that is kept. No pattern touches it."""


class Target(Written):
    """The thickness that is asked for, at the interface."""

    thickness: Annotated[Metres, Field(gt=0)] = 90e-9
    """What is aimed at."""
    at_most: Annotated[Metres, Field(gt=0)] = 120e-9
    """Above this it is no success; < 120 nm as published."""
    at_least: Annotated[Metres, Field(gt=0)] = 40e-9
    """Milling stops before the lower end of what is measured falls below this."""
    sigmas: Annotated[float, Field(ge=1, le=5)] = 2.0
    """Standard errors by which the measured thickness must lie on the right side of a bound."""

    @model_validator(mode="after")
    def _in_order(self) -> Target:
        if not self.at_least < self.thickness < self.at_most:
            raise wrong("write at_least < thickness < at_most")
        return self


class Stage(Written):
    """One stage of the lift-out."""

    supervised: bool = False
    """Ask the operator, with the images, before the stage is taken as done."""
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    """How often it is tried where trying again is safe; then the run asks."""


class Views(Written):
    """How images are taken: of the whole site, of a joint, of the thin lamella."""

    wide: BeamImage = BeamImage(field=40e-6, pixels=512, dwell=1e-6, frames=4, current=10e-12)
    """Of the site, with either beam; the electron beam takes its own current."""
    near: BeamImage = BeamImage(field=12e-6, pixels=512, dwell=1e-6, frames=2, current=10e-12)
    """Of a joint, the needle's tip or a cut."""
    thin: BeamImage = BeamImage(field=6e-6, pixels=512, dwell=1e-6, frames=8, current=10e-12)
    """Of the lamella while it is thinned: all of the zone that is kept."""


class Cut(Stage):
    """A stage that mills."""

    current: Annotated[Amperes, Field(gt=0)]
    """Of the ion beam; one that the instrument has."""
    overdose: Annotated[float, Field(ge=0.5, le=5)] = 1.0
    """Times the charge that the expected layers need at their nominal rates."""


class Trench(Cut):
    """The trenches on both sides."""

    current: Annotated[Amperes, Field(gt=0)] = 3e-9
    height: Annotated[Metres, Field(gt=0)] = 8e-6
    """Of each, across the lamella."""
    extra: Annotated[Metres, Field(ge=0)] = 2e-6
    """By which they are longer than the lamella, both ends together."""
    depth: Annotated[Metres, Field(gt=0)] = 6e-6
    """Below the free surface; deeper than the lamella."""
    leave: Annotated[Metres, Field(ge=0)] = 0.5e-6
    """Left on each face of the lamella for the cleaning cross-section."""


class Undercut(Cut):
    """The cut under the lamella and up its one side, seen along the tilted ion beam."""

    current: Annotated[Amperes, Field(gt=0)] = 3e-9
    tilt: Radians = 0.12217304763960307
    """Of the stage, 0 where the electron beam is normal to the surface; 7 deg as usual [lit]."""
    width: Annotated[Metres, Field(gt=0)] = 1e-6
    """Of the cut."""
    bridge: Annotated[Metres, Field(gt=0)] = 2.5e-6
    """Height of the bridge that holds the lamella at its other side, from the free surface."""
    overdose: Annotated[float, Field(ge=0.5, le=5)] = 1.8


class Clean(Cut):
    """Cleaning cross-sections on both faces; here the electrolyte is seen."""

    current: Annotated[Amperes, Field(gt=0)] = 1e-10
    overdose: Annotated[float, Field(ge=0.5, le=5)] = 1.5


class NeedleIn(Stage):
    """The needle comes in and is found in both beams."""

    above: Annotated[Metres, Field(gt=0)] = 10e-6
    """Height over the surface at which it waits."""


class Contact(Stage):
    """The needle goes to the lamella's free end until it touches."""

    step: Annotated[Metres, Field(gt=0, le=5e-7)] = 0.2e-6
    """Of the last approach."""
    brighter: Annotated[float, Field(gt=1)] = 1.2
    """Contact when the lamella is that much brighter in the ion image than its running mean."""
    at_most: Annotated[int, Field(ge=1)] = 40
    """Steps of the last approach."""


class Weld(Cut):
    """Redeposition: a single pass over narrow rectangles beside the gap fills it."""

    current: Annotated[Amperes, Field(gt=0)] = 1e-10
    count: Annotated[int, Field(ge=1)] = 4
    """Rectangles along the joint."""
    pitch: Annotated[Metres, Field(gt=0)] = 0.75e-6
    width: Annotated[Metres, Field(gt=0)] = 0.5e-6
    """Of each, along the joint."""
    reach: Annotated[Metres, Field(gt=0)] = 1.0e-6
    """Of each, away from the joint."""
    depth: Annotated[Metres, Field(gt=0)] = 2e-6
    """Of each; deep against its width, so that atoms are caught."""
    passes: Annotated[int, Field(ge=1)] = 1
    scan: Literal["away_from_joint", "towards_joint"] = "away_from_joint"
    """Where the scan goes; the atoms leave the other way."""
    gap_max: Annotated[Metres, Field(gt=0)] = 0.6e-6
    """A wider gap is not tried; above about 1 um none is bridged."""
    area_min: Annotated[float, Field(gt=0)] = 1.5e-12
    """Bridged area (m²) below which the weld is not taken as holding; ours, to verify."""


class GridWeld(Weld):
    """A weld to the post, at either face of the lamella."""

    count: Annotated[int, Field(ge=1)] = 3
    """Rectangles along the lamella: so few that they keep off the zone that is kept, also where the
    lamella was cut off half a micrometre nearer to it. Ours, to verify."""
    area_min: Annotated[float, Field(gt=0)] = 1.0e-12
    """Of each face's joint (m²), half the lamella's thickness wide; ours, to verify."""


class Sever(Cut):
    """The bridge is cut, and later the needle's end of the lamella."""

    current: Annotated[Amperes, Field(gt=0)] = 1e-9
    width: Annotated[Metres, Field(gt=0)] = 1e-6
    """Of the cut."""
    gap_min: Annotated[Metres, Field(gt=0)] = 0.4e-6
    """Width of the gap that is seen, at least; 0.5 um is published [read] for a wider cut."""
    overdose: Annotated[float, Field(ge=0.5, le=5)] = 1.8


class Lift(Stage):
    """Up: a little first, then more; then away."""

    steps: tuple[Annotated[Metres, Field(gt=0)], ...] = (0.5e-6, 1e-6, 10e-6, 10e-6, 10e-6)
    """First the small ones, each looked at."""


class Land(Stage):
    """The stage goes to the grid; the lamella comes to the post."""

    gap: Annotated[Metres, Field(gt=0)] = 0.3e-6
    """Between post and lamella when it is welded."""
    step: Annotated[Metres, Field(gt=0, le=5e-7)] = 0.2e-6
    tries: Annotated[int, Field(ge=1, le=10)] = 8
    """How often the stage is corrected until the post is where it should be."""


class Thin(Cut):
    """Thinning from both sides in rounds."""

    current: Annotated[Amperes, Field(gt=0)] = 1e-10
    to: Annotated[tuple[Annotated[Metres, Field(gt=0)], ...], Field(min_length=1)] = (
        0.9e-6,
        0.5e-6,
        0.3e-6,
    )
    """Thickness after each round."""
    over_tilt: Radians = 0.017453292519943295
    """Of the stage towards each face, against the taper, to begin with; then so much that the faces
    hardly lean; 0.5 to 2 deg [lit]."""
    overdose: Annotated[float, Field(ge=0.5, le=5)] = 1.5


class Polish(Cut):
    """The last slices, each as thin as what is left to remove and the measurement allow."""

    current: Annotated[Amperes, Field(gt=0)] = 3e-11
    slice: Annotated[Metres, Field(gt=0)] = 60e-9
    """Most that one slice takes off one face."""
    over_tilt: Radians = 0.017453292519943295
    overdose: Annotated[float, Field(ge=0.5, le=5)] = 1.5
    tries: Annotated[int, Field(ge=1, le=30)] = 12


class LiftOut(Step):
    """A lamella from the film to the grid, attached by redeposited metal only."""

    kind: Literal["lift_out"] = "lift_out"
    ions: Ions
    electrons: Electrons = Electrons()
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]
    """What the operator expects, from the free surface down."""
    interface: Annotated[Metres, Field(gt=0)]
    """Depth of the interface that the lamella is for, below the free surface."""
    site: StagePlace
    """Where the stage brings the site under the beams."""
    grid: StagePlace
    """Where it brings the post of the grid there."""
    lamella: Lamella = Lamella()
    target: Target = Target()
    cold: Cold = Cold()
    views: Views = Views()
    first: StageName = "cool"
    """Stage to begin with; the operator is asked whether what comes before is done."""
    last: StageName = "final"
    """Stage to end with."""
    cool: Stage = Stage()
    survey: Stage = Stage()
    trench: Trench = Trench()
    undercut: Undercut = Undercut()
    clean: Clean = Clean()
    needle_in: NeedleIn = NeedleIn()
    contact: Contact = Contact()
    weld: Weld = Weld()
    sever: Sever = Sever()
    lift: Lift = Lift()
    land: Land = Land()
    weld_grid: GridWeld = GridWeld()
    release: Sever = Sever()
    thin: Thin = Thin()
    polish: Polish = Polish()
    final: Stage = Stage()
    flags: dict[EndPoint, Literal["note", "ask", "stop"]] = Field(default_factory=dict)
    """What a flag does; left out, it is noted."""
    drift_max: Annotated[Metres, Field(gt=0)] = 60e-9
    """No pattern on the lamella while two images a minute apart differ by more."""
    ion_dose_limit: CoulombsPerSquareMetre = 60.0
    """Dose of ion images on the zone that is kept, all together."""
    ion_charge_limit: Coulombs = 40e-6
    """Charge of all patterns."""
    electron_dose_limit: ElectronsPerSquareAngstrom = 100.0
    """Dose of electron images anywhere, all together."""
    needle_travel_limit: Metres = 2e-3
    """Way of the needle, all together."""
    ln2_limit: CubicMetres = 20e-3
    """Liquid nitrogen that the plan may use; the refusal is `check`'s."""

    @model_validator(mode="after")
    def _holds_together(self) -> LiftOut:
        if STAGES.index(self.first) > STAGES.index(self.last):
            raise wrong(f"first: {self.first} comes after last: {self.last}; swap them")
        if not self.interface < self.lamella.depth:
            raise wrong(
                f"the interface at {self.interface * 1e6:g} um is not inside a lamella "
                f"{self.lamella.depth * 1e6:g} um deep; raise lamella.depth"
            )
        if self.trench.depth <= self.lamella.depth:
            raise wrong("trench.depth must exceed lamella.depth, so that the undercut is seen")
        if self.lamella.kept + 4e-6 > self.lamella.length:
            raise wrong("lamella.kept leaves less than 2 um at each end for the welds; shorten it")
        if any(view.current > self.ions.imaging_current for view in self.views_of_ions):
            raise wrong("views: an ion image takes no more than ions.imaging_current")
        if self.thin.to[-1] <= self.target.at_most or list(self.thin.to) != sorted(
            self.thin.to, reverse=True
        ):
            raise wrong("thin.to falls from round to round and ends above target.at_most")
        return self

    @property
    def views_of_ions(self) -> tuple[BeamImage, ...]:
        """The three ways in which ion images are taken."""
        return (self.views.wide, self.views.near, self.views.thin)

    @property
    def stages(self) -> tuple[StageName, ...]:
        """The stages of this step, in order."""
        return STAGES[STAGES.index(self.first) : STAGES.index(self.last) + 1]

    def stage(self, name: StageName) -> Stage:
        """Return the settings of a stage."""
        found: Stage = getattr(self, name)
        return found

    @property
    def budgets(self) -> dict[str, float]:
        """Ion dose of images, charge of patterns, electron dose, needle travel."""
        return {
            ION_DOSE: self.ion_dose_limit,
            ION_CHARGE: self.ion_charge_limit,
            ELECTRON_DOSE: self.electron_dose_limit,
            NEEDLE_TRAVEL: self.needle_travel_limit,
        }
