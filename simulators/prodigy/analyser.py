"""The analyser's side of a simulated Prodigy: spectra, their states, their data, its parameters."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from drivers.prodigy.grammar import Bare, Value, Values, bare
from drivers.xps import SweepBlock
from protocols.xps import MOST_POINTS, SURVEY, Region
from simulators.prodigy.bench import Bench, Job
from simulators.prodigy.commands import RefuseError
from simulators.prodigy.faults import Definition, Faults

LENS_MODES = (
    "HighMagnification",
    "HighPointTransmission",
    "LargeArea",
    "MediumArea",
    "MediumMagnification",
    "MediumPointTransmission",
)
SCAN_RANGES = ("40V", "100V", "400V", "1.5kV", "3.5kV")
STEP_MIN, PASS_MAX = 1e-3, 660.0
"""eV; ours."""
DETECTOR_VOLTAGE = 1850.0
"""Volts; as in the documents' examples."""
TILE_STEPS, TILE_PASS = 8, 4.8
"""Energy steps of a snapshot's tile, and its pass energy per width: close to the documents'
example; ours."""


@dataclass
class Parameter:
    """An analyser parameter."""

    type: str
    value_type: str
    unit: str
    value: float | int | str
    least: float | None = None
    most: float | None = None

    def info(self) -> Values:
        """Return its information as it is replied."""
        told: dict[str, Value] = {
            "Type": Bare(self.type),
            "ValueType": Bare(self.value_type),
            "Unit": self.unit,
        }
        for name, limit in (("Min", self.least), ("Max", self.most)):
            if limit is not None:
                told[name] = bare(limit)
        return told


def _parameters() -> dict[str, Parameter]:
    voltage, setting = "LogicalVoltage", "Setting"
    return {
        "NumEnergyChannels": Parameter(setting, "integer", "", 9, 1, 2000),
        "NumNonEnergyChannels": Parameter(setting, "integer", "", 1, 1, 500),
        "Screen Voltage": Parameter(voltage, "double", "V", 0, 0, 5000),
        "Detector Voltage": Parameter(voltage, "double", "V", DETECTOR_VOLTAGE, 0, 3000),
        "Kinetic Energy Base": Parameter(voltage, "double", "eV", 0, -100, 3500),
        "Focus Displacement 1 [nu]": Parameter(voltage, "double", "nu", 0, -10, 10),
        "Analyzer Standby Delay [s]": Parameter(setting, "double", "s", 0, 0, 600),
        "Skip Delay Up/Down": Parameter(setting, "bool", "", "true"),
    }


@dataclass
class Analyser:
    """Defines, validates, scans, and holds the data of one spectrum."""

    bench: Bench
    faults: Faults
    version: tuple[int, int]
    state: str = "idle"
    definition: Definition | None = None
    valid: bool = False
    detector_up: bool = False
    parameters: dict[str, Parameter] = field(default_factory=_parameters)
    _data: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    _readable: int = 0
    _job: Job | None = None
    _paused: bool = False
    _trouble: str = ""
    _safe_after: bool = True
    _over_at: float = -math.inf

    @property
    def now(self) -> str:
        """Its state, brought up to date."""
        if self.state == "running" and self._job is not None and not self._job.running:
            error = self._job.error
            whole = self._readable == len(self._data)
            self.state = "finished" if error is None and whole else "error"
            self._trouble = "" if error is None else str(error)
            self.detector_up = not self._safe_after
            self._over_at = self.bench.now()
        return "paused" if self.state == "running" and self._paused else self.state

    @property
    def scanning(self) -> bool:
        """True while something is scanned or paused."""
        return self.now in ("running", "paused")

    @property
    def volts(self) -> float:
        """The detector's high voltage, V; after a scan it ramps down."""
        full = float(self.parameters["Detector Voltage"].value)
        if self.scanning or self.detector_up:
            return full
        since = self.bench.now() - self._over_at
        return full * max(0.0, 1 - since / self.faults.ramp) if self.faults.ramp else 0.0

    def _must_rest(self) -> None:
        if self.scanning:
            raise RefuseError(214, "Trying to interfere with a running acquisition.")

    def _must_be_clear(self) -> None:
        self._must_rest()
        if self.state in ("finished", "aborted", "error"):
            raise RefuseError(210, "Spectrum contains data. Clear it first.")

    def define(self, mode: str, arguments: Values) -> None:
        """Keep a definition; no hardware is touched, but for the tiles of a snapshot."""
        self._must_be_clear()
        if mode == "SFAT" and self.faults.analyser_offline:
            raise RefuseError(201, "Failed to compute the snapshot: analyzer is offline.")
        definition: Definition = {"Mode": mode}
        for name, value in arguments.items():
            definition[name] = float(str(value)) if isinstance(value, Bare) else str(value)
        _must_rise(definition)
        self.definition, self.valid, self.state = definition, False, "idle"

    def check(self, mode: str, arguments: Values) -> Values:
        """Return what would be scanned; nothing changes."""
        definition: Definition = {"Mode": mode}
        for name, value in arguments.items():
            definition[name] = float(str(value)) if isinstance(value, Bare) else str(value)
        try:
            _must_rise(definition)
            return _told(self._validated(definition))
        except RefuseError as error:
            raise RefuseError(216, f"Check spectrum did not succeed: {error.text}") from None

    def validate(self) -> Values:
        """Adjust and accept the definition."""
        self._must_be_clear()
        if self.definition is None:
            raise RefuseError(
                202,
                "Remote Control: Validation failed.\nNo lens mode specified.\n"
                "Please select a valid lens mode for spectrum 'Remote Control'.",
            )
        self.definition = self._validated(self.definition)
        self.valid, self.state = True, "validated"
        return _told(self.definition)

    def _validated(self, given: Definition) -> Definition:
        if self.faults.analyser_offline:
            raise RefuseError(202, "Remote Control: Validation failed.\nThe analyzer is offline.")
        definition = _completed(given)
        if self.faults.modify is not None:
            definition = self.faults.modify(definition)
        self._region(definition)
        return definition

    def _region(self, definition: Definition) -> Region:
        """Return what is scanned as the spectrometer takes it: binding energies."""
        if definition["LensMode"] not in LENS_MODES:
            raise RefuseError(202, "Validation failed.\nPlease select a valid lens mode.")
        if definition["ScanRange"] not in SCAN_RANGES:
            raise RefuseError(202, "Validation failed.\nPlease select a valid scan range.")
        setup = self.bench.xps.setup()
        fixed = definition["Mode"] in ("FE", "LVS")
        kinetic = float(definition["KinEnergy" if fixed else "StartEnergy"])
        step = 1e-4 if fixed else float(definition["StepWidth"])  # all at one energy
        start = setup.photon_energy - setup.work_function - kinetic
        points = int(definition["Channels"])
        if not 1 < points <= MOST_POINTS or kinetic <= 0:
            raise RefuseError(202, f"Validation failed.\n{points} samples from {kinetic:g} eV.")
        try:
            return Region(
                line=SURVEY,
                start=round(start, 6),
                stop=round(start - (points - 1) * step, 6),
                step=step,
                dwell=float(definition["DwellTime"]),
                pass_energy=float(definition["PassEnergy"]),
            )
        except ValidationError as error:
            said = error.errors()[0]["msg"]
            raise RefuseError(202, f"Validation failed.\n{said}") from None

    def start(self, before: Generator[Any, None, None], *, safe_after: bool) -> None:
        """Scan once; `before` is done first, as the experiment says."""
        self._must_rest()
        if not self.valid or self.definition is None:
            raise RefuseError(211, "Spectrum not validated.")
        self._must_be_clear()
        if self.faults.start_fails or self.bench.busy:
            raise RefuseError(203, "Failed to start acquisition: devices are in use.")
        region = self._region(self.definition)
        self._data, self._readable = np.zeros(region.points, np.int64), 0
        self._paused, self._trouble, self._safe_after = False, "", safe_after
        self.state, self.detector_up = "running", True
        self._job = self.bench.run(self._scan(before, region), self._take)

    def _scan(
        self, before: Generator[Any, None, None], region: Region
    ) -> Generator[SweepBlock | None, None, None]:
        yield from before
        yield from self.bench.xps.acquire(region, 1)

    def _take(self, block: SweepBlock | None) -> None:
        if block is not None:
            end = block.first + block.scanned
            self._data[block.first : end] += block.counts[block.first : end].astype(np.int64)
            self._readable = max(self._readable, end)

    def pause(self, yes: bool) -> None:
        """Pause or resume, by the client or at Prodigy's own screen."""
        if self.now != ("running" if yes else "paused") or self._job is None:
            raise RefuseError(212, "No running acquisition.")
        self._paused = yes
        self._job.pause(yes)

    def abort(self) -> None:
        """End the scan, by the client or at Prodigy's own screen."""
        if not self.scanning:
            raise RefuseError(212, "No running acquisition.")
        self.bench.stop()
        self.state = "finished" if self.version < (1, 22) else "aborted"
        self.detector_up = False

    def status(self) -> Values:
        """Return state and headway."""
        state = self.now
        told: dict[str, Value] = {"ControllerState": Bare(state)}
        if state not in ("idle", "validated"):
            early = self.faults.early_points if self._readable else 0
            told["NumberOfAcquiredPoints"] = bare(min(self._readable + early, len(self._data)))
        if self._trouble and state == "error":
            told["Message"] = "Acquisition failed."
            told["Details"] = self._trouble.encode("ascii", "replace").decode().rstrip("\\")
        return told

    def data(self, first: int, last: int) -> Values:
        """Return counts; what is not acquired is an error, or zeros before 1.22."""
        if self.now in ("idle", "validated"):
            raise RefuseError(207, "No data available.")
        if first < 0 or last < first or last >= len(self._data):
            raise RefuseError(208, "Invalid range.")
        if last >= self._readable and self.version >= (1, 22):
            raise RefuseError(208 if self._readable else 207, "Data not acquired yet.")
        counts = self._data[first : last + 1]
        rows = int(self.parameters["NumNonEnergyChannels"].value)
        share = counts // rows
        table = [counts - share * (rows - 1), *([share] * (rows - 1))]
        if self.definition is not None and self.definition["Mode"] == "LVS":
            table = list(np.array(table).T)  # sample by sample
        return {"Data": tuple(Bare(n) for n in np.concatenate(table).tolist())}

    def clear(self) -> None:
        """Throw the data away; the definition stays valid."""
        if self.scanning:
            raise RefuseError(209, "Currently acquiring spectrum.")
        if self.faults.clear_fails:
            raise RefuseError(204, "Failed to clear spectrum.")
        self.state = "idle"

    def forget(self) -> None:
        """Lose spectrum and definition, as with the connection."""
        self.state, self.definition, self.valid = "idle", None, False

    def parameter(self, name: str) -> Parameter:
        """Return a parameter of the analyser."""
        if name not in self.parameters:
            raise RefuseError(206, f"Unknown parameter '{name}'.")
        return self.parameters[name]

    def set_parameter(self, name: str, value: Value) -> None:
        """Set a parameter for the next scan."""
        self._must_rest()
        parameter = self.parameter(name)
        if parameter.value_type in ("double", "integer"):
            if not isinstance(value, Bare):
                raise RefuseError(106, f"{name} is a number.")
            number = float(value)
            low, high = parameter.least or -math.inf, parameter.most or math.inf
            if not low <= number <= high:
                raise RefuseError(217, f"Failed to set '{name}': {number:g} is out of range.")
            parameter.value = int(number) if parameter.value_type == "integer" else number
        else:
            parameter.value = str(value)
        if name.startswith("Num"):
            self.valid = False
            self.state = "idle" if self.state == "validated" else self.state


def _must_rise(definition: Definition) -> None:
    """Refuse energies that do not rise, or what is not above zero."""
    low, high = definition.get("StartEnergy", 0.0), definition.get("EndEnergy", 1.0)
    if float(high) <= float(low):
        raise RefuseError(201, "Start energy should be below end energy.")
    for name in ("StepWidth", "DwellTime", "PassEnergy", "RetardingRatio", "Samples"):
        if float(definition.get(name, 1.0)) <= 0:
            raise RefuseError(201, f"{name} should be above zero.")


def _completed(given: Definition) -> Definition:
    """Return a definition with step, samples and pass energy worked out."""
    whole = dict(given)
    mode = given["Mode"]
    if mode == "SFAT":
        width = (float(given["EndEnergy"]) - float(given["StartEnergy"])) / float(given["Samples"])
        whole |= {"StepWidth": width / TILE_STEPS, "PassEnergy": width * TILE_PASS}
    if mode == "FRR":
        whole["PassEnergy"] = float(given["StartEnergy"]) / float(given["RetardingRatio"])
    if mode == "FE":
        n = float(given["Samples"])
        return whole | {"StartEnergy": 0.0, "EndEnergy": n - 1, "StepWidth": 1.0, "Channels": n}
    ends = ("Start", "End") if mode == "LVS" else ("StartEnergy", "EndEnergy")
    span = float(given[ends[1]]) - float(given[ends[0]])
    whole["Channels"] = float(round(span / float(whole["StepWidth"])) + 1)
    if mode != "SFAT":  # there they are its tiles
        whole["Samples"] = whole["Channels"]
    if float(whole["StepWidth"]) < STEP_MIN or float(whole["PassEnergy"]) > PASS_MAX:
        raise RefuseError(202, "Validation failed.\nStep or pass energy is out of range.")
    return whole


_TOLD = {
    "LVS": ("Start", "End", "StepWidth", "KinEnergy", "DwellTime", "PassEnergy"),
}


def _told(definition: Definition) -> Values:
    usual = ("StartEnergy", "EndEnergy", "StepWidth", "Samples", "DwellTime", "PassEnergy")
    names = _TOLD.get(str(definition["Mode"]), usual)
    told: dict[str, Value] = {name: bare(float(definition[name])) for name in names}
    told |= {name: str(definition[name]) for name in ("LensMode", "ScanRange")}
    if "ScanVariable" in definition:
        told["ScanVariable"] = str(definition["ScanVariable"])
    return told
