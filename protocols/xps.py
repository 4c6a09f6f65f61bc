"""Steps at an XPS spectrometer with an ion gun: the depth profile, etch by etch.

Binding energies are eV as the spectrometer gives them; regions are written from high to low
binding energy, as spectra are drawn. Etch times count only while the ions remove material: the
seconds before and after, in which the gun settles, remove nothing (our reading of the paper).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from protocols.core_levels import AL_KA_EV, CoreLevel, core_level
from protocols.model import Step, Written, wrong
from protocols.units import Amperes, ElectronVolts, Metres, Pascals, Seconds

XRAY_TIME = "xray_time_s"
"""Name of the budget of seconds under the X-rays."""
ETCH_TIME = "etch_time_s"
"""Name of the budget of etch seconds, and of their key in results."""
MOST_POINTS = 20_000
"""Channels of one region at most."""
SURVEY = "survey"
"""Name of the survey among the regions."""


def _name(line: str) -> str:
    """Return the table's name of a core level."""
    try:
        return core_level(line).name
    except ValueError as error:
        raise wrong(str(error)) from None


LevelName = Annotated[str, AfterValidator(_name)]
"""A core level of the table, such as N 1s, also without the space."""


class Region(Written):
    """A stretch of binding energies, scanned channel by channel."""

    line: str
    """The core level in it, such as N 1s; or `survey`."""
    start: Annotated[ElectronVolts, Field(gt=0)]
    """Binding energy of the first channel: the higher end."""
    stop: Annotated[ElectronVolts, Field(ge=-20)]
    """Binding energy of the last channel: the lower end."""
    step: Annotated[ElectronVolts, Field(gt=0, le=10)]
    """Between two channels."""
    dwell: Annotated[Seconds, Field(gt=0, le=60)]
    """Time on each channel, of one sweep."""
    sweeps: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often the stretch is scanned."""
    pass_energy: Annotated[ElectronVolts, Field(gt=0)]
    """Of the analyser, in constant pass energy (FAT)."""

    @field_validator("line")
    @classmethod
    def _is_a_level(cls, line: str) -> str:
        return line if line == SURVEY else _name(line)

    @model_validator(mode="after")
    def _consistent(self) -> Region:
        if self.start <= self.stop:
            raise wrong(
                f"{self.line}: start {self.start:g} eV is not above stop {self.stop:g} eV; regions "
                "are written from high to low binding energy: exchange the two"
            )
        if self.points > MOST_POINTS:
            raise wrong(f"{self.line}: {self.points} channels; widen step or narrow the region")
        return self

    @property
    def points(self) -> int:
        """Channels of the region."""
        return round((self.start - self.stop) / self.step) + 1

    @property
    def duration(self) -> float:
        """Seconds of counting of all sweeps."""
        return self.points * self.dwell * self.sweeps


class SurveyRegion(Region):
    """A wide scan that shows which elements there are, at the first cycle and at the last."""

    line: str = SURVEY
    """Its name among the regions."""
    every: Annotated[int, Field(ge=1)] | None = None
    """Take it at every so many cycles too; left out, at the first and the last only."""


class Etch(Written):
    """One etch: the gun settles, removes material, and settles again. It is one action."""

    ion: Literal["Ar+"] = "Ar+"
    """The ions."""
    energy: Annotated[ElectronVolts, Field(gt=0)]
    """Of the ions."""
    current: Annotated[Amperes, Field(gt=0)]
    """Of the ions on the specimen."""
    raster_width: Annotated[Metres, Field(gt=0)]
    """Of the area over which the ions are rastered; wider than the spot that is analysed."""
    raster_height: Annotated[Metres, Field(gt=0)]
    """Of the same area, the other way."""
    duration: Annotated[Seconds, Field(gt=0)]
    """For which the ions remove material."""
    before: Annotated[Seconds, Field(ge=0)] = 0.0
    """For which the gun settles first, its beam off the specimen ("pre-etch")."""
    after: Annotated[Seconds, Field(ge=0)] = 0.0
    """For which the specimen rests afterwards ("post-etch")."""


class StopAfterCycles(Written):
    """Go on for some cycles past the flag, then end the step as the protocol foresees."""

    stop_after_cycles: Annotated[int, Field(ge=0)]
    """How many cycles past the one in which the flag was raised."""


class ShorterEtch(Written):
    """Etch in shorter steps from the flag on: finer where something changes."""

    etch: Annotated[Seconds, Field(gt=0)]
    """Duration of each etch from then on; never longer than the step's own."""
    cycles: Annotated[int, Field(ge=1)]
    """For how many etches; then the step's own duration again."""


CyclePolicy = Literal["note", "ask", "stop"] | StopAfterCycles | ShorterEtch
"""What a flag does: note it, ask, stop the run, stop some cycles later, or etch more finely."""


class ExpectedState(Written):
    """A chemical state that a line is named by when it is found there."""

    energy: ElectronVolts
    """Binding energy in the literature, or the paper."""
    within: Annotated[ElectronVolts, Field(gt=0, le=5)] = 1.0
    """How far from it the line may be found and still be called so."""


class WatchedRegion(Written):
    """A line that is watched from cycle to cycle."""

    line: LevelName
    """The core level, such as N 1s; one of the regions."""
    states: dict[str, ExpectedState] = Field(default_factory=dict)
    """Chemical states by name; what is found at none of them is told by its energy alone."""
    position: ElectronVolts | None = None
    """Where a peak is looked for before anything is known; left out, the states, or the table."""
    position_within: Annotated[ElectronVolts, Field(gt=0, le=5)] = 1.0
    """By how far a peak may lie from there: charging moves it."""
    width: Annotated[ElectronVolts, Field(gt=0, le=5)] = 1.6
    """Full width at half maximum of a peak, about; 1.2 to 1.7 eV for insulators [lit]."""
    falls_below: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Flag `falls` below this part of the largest area so far."""
    gone_below: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Flag `gone` when the area's upper limit is below this part of the largest so far: never
    because it is not significant any more."""
    on_onset: CyclePolicy = "note"
    """What the flag does when the line appears."""
    on_plateau: CyclePolicy = "note"
    """What the flag does when its rise has ended."""
    on_falls: CyclePolicy = "note"
    """What the flag does when the line has fallen."""
    on_gone: CyclePolicy = "note"
    """What the flag does when the line is gone."""
    faint_sweeps: Annotated[int, Field(ge=1, le=100)] | None = None
    """Further sweeps of the region in a cycle that leaves in doubt whether there is a peak."""

    @property
    def level(self) -> CoreLevel:
        """The core level."""
        return core_level(self.line)


class Reference(Written):
    """A line whose binding energy is known, by which the others' are corrected for charging."""

    line: LevelName
    """The core level; one of the regions."""
    energy: ElectronVolts
    """Its true binding energy."""
    uncertainty: Annotated[ElectronVolts, Field(gt=0)] = 0.1
    """Standard uncertainty of that energy."""
    lines: tuple[str, ...] | None = None
    """The lines that it corrects; left out, all. Layers charge differently: name those that are in
    the same layer, and the difference of the two energies is what is measured."""


class StopRule(Written):
    """When the far side has been measured well enough."""

    lines: Annotated[tuple[str, ...], Field(min_length=1)]
    """Lines that must have reached their plateau."""
    cycles: Annotated[int, Field(ge=0)] = 2
    """Cycles that follow the last of those plateaus."""


class DepthProfile(Step):
    """Etch, measure, decide, and again, until the far side of the interphase is measured."""

    kind: Literal["depth_profile"] = "depth_profile"
    photon_energy: Annotated[ElectronVolts, Field(gt=0)] = AL_KA_EV
    """Of the X-rays."""
    survey: SurveyRegion | None = None
    """A wide scan at the first cycle and the last."""
    regions: Annotated[tuple[Region, ...], Field(min_length=1)]
    """What is measured in each cycle, in this order."""
    etch: Etch
    """What is done between two cycles."""
    max_cycles: Annotated[int, Field(ge=1, le=500)]
    """Cycles at most; the first is measured before any etch."""
    xray_budget: Annotated[Seconds, Field(gt=0)]
    """Refuse, or end, before the specimen has been under the X-rays for longer than this."""
    etch_budget: Annotated[Seconds, Field(gt=0)]
    """Refuse, or end, before it has been etched for longer than this."""
    pressure_max: Pascals | None = None
    """Measure only below this pressure; the lab file may be stricter."""
    neutraliser: bool = False
    """Flood the specimen with slow electrons."""
    watch: Annotated[tuple[WatchedRegion, ...], Field(min_length=1)]
    """Lines that are flagged as they appear, fall and go."""
    references: tuple[Reference, ...] = ()
    """Charge references in order: the first one whose line is there is used."""
    reference_at_least: Annotated[float, Field(ge=5)] = 20.0
    """A line is there, for a reference or a binding energy, when its area is this many times the
    square root of the background under it."""
    stop: StopRule | None = None
    """When to end before `max_cycles`; left out, only by a flag's policy."""
    false_alarm: Annotated[float, Field(ge=1e-5, le=0.1)] = 1e-3
    """Chance that a line that is not there is flagged as an onset, per run and region."""
    confidence: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    """Of the intervals."""
    etch_rate: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Depth units per second of etching by layer, as declared by the operator; without, no depth is
    told. Keys are the watched lines at whose onset the rate begins to hold, or `surface`."""

    @model_validator(mode="after")
    def _consistent(self) -> DepthProfile:
        lines = [region.line for region in self.regions]
        for line in lines:
            if lines.count(line) > 1:
                raise wrong(f"regions: {line} twice; measure it once, with more sweeps")
        for where, line in self._named():
            if line not in lines:
                raise wrong(f"{where}: {line} is none of the regions; add a region for it")
        for region in self.all_regions:
            if region.start >= self.photon_energy:
                raise wrong(
                    f"{region.line}: start {region.start:g} eV is not below the X-rays' "
                    f"{self.photon_energy:g} eV; no electron leaves with that binding energy"
                )
        for each in self.watch:
            self._covers(each)
        if self.planned_etch_time > self.etch_budget * (1 + 1e-9):
            raise wrong(
                f"etch_budget: {self.max_cycles} cycles etch for {self.planned_etch_time:g} s, "
                f"above {self.etch_budget:g} s; raise it, or lower max_cycles or etch.duration"
            )
        if self.planned_xray_time > self.xray_budget * (1 + 1e-9):
            raise wrong(
                f"xray_budget: {self.max_cycles} cycles count for {self.planned_xray_time:g} s, "
                f"above {self.xray_budget:g} s; raise it, or lower max_cycles, sweeps or dwell"
            )
        return self

    def _named(self) -> Iterator[tuple[str, str]]:
        """Yield each line that is named elsewhere than in the regions, and where."""
        for watched in self.watch:
            yield "watch", watched.line
        for reference in self.references:
            yield "references", reference.line
            yield from (("references", line) for line in reference.lines or ())
        for line in self.stop.lines if self.stop else ():
            yield "stop", line

    def _covers(self, watched: WatchedRegion) -> None:
        """Refuse a region that does not hold where its line is looked for, with background."""
        region = self.region(watched.line)
        for energy in self.positions(watched):
            reach = watched.position_within + 1.5 * watched.width
            if not region.stop + reach <= energy <= region.start - reach:
                raise wrong(
                    f"watch: {watched.line} is looked for at {energy:g} eV; its region from "
                    f"{region.start:g} to {region.stop:g} eV does not hold that with "
                    f"{reach:g} eV on both sides: widen the region or move the position"
                )

    def region(self, line: str) -> Region:
        """Return the region of a line."""
        return next(region for region in self.regions if region.line == line)

    def positions(self, watched: WatchedRegion) -> tuple[float, ...]:
        """Return where a line's peaks are looked for, eV."""
        if watched.position is not None:
            return (watched.position,)
        if watched.states:
            return tuple(state.energy for state in watched.states.values())
        return (watched.level.energy,)

    @property
    def all_regions(self) -> tuple[Region, ...]:
        """The survey, if there is one, and the regions."""
        return (*([self.survey] if self.survey else []), *self.regions)

    def surveyed(self, cycle: int) -> bool:
        """True if the survey belongs to a cycle; the last one's is taken at the end."""
        if self.survey is None:
            return False
        return cycle == 0 or (self.survey.every is not None and cycle % self.survey.every == 0)

    @property
    def planned_etch_time(self) -> float:
        """Seconds of etching if every cycle is done and none is shortened."""
        return (self.max_cycles - 1) * self.etch.duration

    @property
    def planned_xray_time(self) -> float:
        """Seconds of counting if every cycle is done and every faint region is looked at again."""
        again = sum(
            each.faint_sweeps * self.region(each.line).points * self.region(each.line).dwell
            for each in self.watch
            if each.faint_sweeps is not None
        )
        cycle = sum(region.duration for region in self.regions) + again
        surveys = 1 + sum(self.surveyed(cycle) for cycle in range(self.max_cycles))
        wide = self.survey.duration * surveys if self.survey else 0.0
        return self.max_cycles * cycle + wide

    @property
    def budgets(self) -> dict[str, float]:
        """What the specimen may be given of X-rays and ions."""
        return {XRAY_TIME: self.xray_budget, ETCH_TIME: self.etch_budget}
