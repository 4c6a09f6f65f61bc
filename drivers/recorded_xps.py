"""A depth profile recorded earlier, behind the interface of an XPS spectrometer.

VAMAS and NXmpes files serve. `acquire` gives what was recorded in the present cycle, `etch` goes on
to the next one. What a recording cannot know (vacuum, neutraliser) reads as harmless. Like an
instrument it keeps its place, the cycle, when a run is cut off: in the world file.
"""

from __future__ import annotations

import codecs
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from drivers.clock import Clock
from drivers.errors import LimitError, RecordingError
from drivers.lab import DriverSpec, Identity, OpenRequest
from drivers.nxmpes import read_nxmpes
from drivers.playing import file_to_play, pass_simulated
from drivers.vamas.recording import read_vamas_recording
from drivers.xps import (
    EtchBlock,
    Etched,
    RegionSpectrum,
    SweepBlock,
    Xps,
    XpsLimits,
    XpsSetup,
    XpsStatus,
)
from drivers.xps_recording import RecordedRegion, XpsRecording
from protocols.model import Written
from protocols.units import Amperes, ElectronVolts, Seconds
from protocols.xps import SURVEY, Etch, Region

MAGIC_ANGLE = 0.9553
"""rad, 54.7 deg: between source and analyser where the file does not say; there the asymmetry of
photoemission has no effect."""
ENERGY_OFF = 0.05
"""Parts of a step by which a region may differ from the recorded one."""


class RecordedXpsSettings(Written):
    """Settings of a recording; the file may be given as the instrument's address instead."""

    file: Path | None = None
    """The recorded depth profile, VAMAS (.vms) or NXmpes (.nxs)."""
    etch_per_cycle: Annotated[Seconds, Field(gt=0)] | None = None
    """Etch time between two cycles, where the file does not store it."""


class RecordedXpsLimits(XpsLimits):
    """Limits of a recording, wide open: there is nothing that could be harmed."""

    ion_energy_max: ElectronVolts = 1e6
    ion_current_max: Amperes = 1.0
    etch_max: Seconds = 1e6


def is_vamas(path: Path) -> bool:
    """Return whether a file begins as VAMAS files do; one that cannot be read does not."""
    try:
        with open(path, "rb") as file:
            return file.read(8).removeprefix(codecs.BOM_UTF8).startswith(b"VAMAS")
    except OSError:
        return False


def read_xps_recording(path: Path) -> XpsRecording:
    """Read a depth profile of any kind that is known.

    Raises:
        RecordingError: it is of no kind that is known, or cannot serve.
    """
    if not path.is_file():
        raise RecordingError(f"{path}: there is no such file")
    return read_vamas_recording(path) if is_vamas(path) else read_nxmpes(path)


class Place:
    """The cycle that a recording is at; kept in a file, if it is given one."""

    def __init__(self, world: Path | None) -> None:
        """Go on from the cycle that `world` holds."""
        self._db = sqlite3.connect(":memory:" if world is None else world)
        self._db.execute("CREATE TABLE IF NOT EXISTS place (cycle INTEGER NOT NULL)")
        row = self._db.execute("SELECT cycle FROM place").fetchone()
        self.cycle = 0 if row is None else int(row[0])

    def go_to(self, cycle: int) -> None:
        """Be at `cycle`."""
        with self._db:
            self._db.execute("DELETE FROM place")
            self._db.execute("INSERT INTO place VALUES (?)", (cycle,))
        self.cycle = cycle

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


class RecordedXps(Xps):
    """A spectrometer that gives what was recorded, cycle by cycle."""

    def __init__(
        self,
        recording: XpsRecording,
        clock: Clock,
        etch_per_cycle: float | None = None,
        world: Path | None = None,
    ) -> None:
        """Serve `recording`, from the cycle that `world` holds.

        Raises:
            RecordingError: the etch time between its cycles is not known.
        """
        if recording.etch_times is not None:
            self._etch_times = recording.etch_times
        elif etch_per_cycle is not None:
            self._etch_times = tuple(etch_per_cycle * k for k in range(recording.cycles))
        elif recording.cycles == 1:
            self._etch_times = (0.0,)
        else:
            raise RecordingError(
                f"{recording.path} holds {recording.cycles} cycles but not for how long was etched "
                "between them; say it with --etch-per-cycle 60s, or in a lab file with settings: "
                "{etch_per_cycle: 60 s}"
            )
        self.recording = recording
        self._stored = recording.etch_times is not None
        self._clock = clock
        self._place = Place(world)
        self._given: set[tuple[int, str]] = set()
        """Cycle and line of what this session was given."""

    @property
    def etch_times(self) -> tuple[float, ...]:
        """Seconds of etching before each cycle."""
        return self._etch_times

    def identity(self) -> Identity:
        """Return the file's name as the serial; a recording made by a simulator says so."""
        file = self.recording
        model = f"{file.title} ({file.instrument})" if file.instrument else file.title
        return Identity("recording", model, file.path.name, file.simulated, recorded=True)

    def setup(self) -> XpsSetup:
        """Return energies and geometry as recorded."""
        file = self.recording
        return XpsSetup(
            photon_energy=file.photon_energy,
            anode=file.anode,
            work_function=file.work_function,
            pass_energies=(),
            smallest_step=min(region.step for region in file.regions.values()),
            spot_width=file.spot[0],
            spot_height=file.spot[1],
            take_off_angle=file.take_off_angle,
            source_angle=MAGIC_ANGLE,
        )

    def status(self) -> XpsStatus:
        """Return harmless readings: nothing is exposed, so no interlock has anything to protect."""
        return XpsStatus(
            pressure=0.0, source_on=True, ions_on=False, detector_on=False, acquiring=False
        )

    def xray_seconds(self) -> float:
        """Return 0: replay exposes nothing."""
        return 0.0

    def etch_seconds(self) -> float:
        """Return the etch time of the present cycle."""
        return self._etch_times[self._place.cycle]

    def safe(self) -> None:
        """Do nothing: there is no beam."""

    def close(self) -> None:
        """Let go of the world file; the recording itself is not held open."""
        self._place.close()

    def set_source(self, on: bool) -> Generator[None, None, None]:
        """Do nothing."""
        yield from ()

    def set_neutraliser(self, on: bool) -> None:
        """Do nothing."""

    def move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        """Refuse.

        Raises:
            LimitError: a recording has no stage.
        """
        yield from ()
        raise LimitError("a recording has no stage to move; leave out the move")

    def acquire(self, region: Region, sweeps: int) -> Generator[SweepBlock, None, RegionSpectrum]:
        """Return what was recorded of a region in the present cycle; `sweeps` is as recorded.

        Raises:
            LimitError: the recording has no such region, or not in this cycle, or it was given:
                the same counts twice are no more counts.
        """
        found = asked_for(self.recording, region)
        cycle = self._place.cycle
        if (cycle, region.line) in self._given:
            raise LimitError(
                f"{self.recording.path.name} has {region.line} once in cycle {cycle}; leave out "
                "faint_sweeps: a recording has no further sweeps"
            )
        if cycle not in found.counts:
            there = ", ".join(str(each) for each in sorted(found.counts))
            raise LimitError(
                f"{self.recording.path.name} has {found.line} in cycle {there}, not in cycle "
                f"{cycle}; leave the region out of the protocol"
            )
        stored = self._etch_times[cycle] if self._stored else None
        spectrum = found.spectrum(cycle, found.dwell or region.dwell, stored)
        pass_simulated(self._clock, found.points * spectrum.dwell * spectrum.sweeps)
        yield SweepBlock(np.asarray(spectrum.counts), spectrum.sweeps - 1, 0, found.points)
        self._given.add((cycle, region.line))
        return spectrum

    def etch(self, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        """Go on to the next cycle; the seconds are those between the two, whatever is asked for.

        Raises:
            RecordingError: this was the last one.
        """
        cycle = self._place.cycle
        if cycle + 1 >= self.recording.cycles:
            raise RecordingError(
                f"{self.recording.path.name} ends with cycle {cycle}; write max_cycles: "
                f"{self.recording.cycles}, or use liftline replay, which does"
            )
        seconds = self._etch_times[cycle + 1] - self._etch_times[cycle]
        pass_simulated(self._clock, etch.before + seconds + etch.after)
        self._place.go_to(cycle + 1)
        yield EtchBlock(seconds, None)
        return Etched(seconds)


def asked_for(file: XpsRecording, asked: Region) -> RecordedRegion:
    """Return the recorded region that is asked for, or its part of a recorded survey.

    Raises:
        LimitError: there is none with these energies.
    """
    found = file.region(asked.line)
    if found is None and asked.line != SURVEY and (survey := file.region(SURVEY)) is not None:
        found = survey.cut(asked.start, asked.stop)
    if found is None:
        raise LimitError(
            f"{file.path.name} has no {asked.line} from {asked.start:g} to {asked.stop:g} eV; "
            f"it has {file.held()}"
        )
    off = ENERGY_OFF * found.step
    pairs = ((found.start, asked.start), (found.stop, asked.stop))
    if any(abs(one - other) > off for one, other in pairs) or asked.points != found.points:
        raise LimitError(
            f"{file.path.name} has {found.told()}, not {asked.start:g} to {asked.stop:g} eV in "
            f"steps of {asked.step:g} eV; write the former into the protocol"
        )
    return found


def _open(request: OpenRequest) -> RecordedXps:
    settings: RecordedXpsSettings = request.settings
    file = file_to_play(request, "recorded-xps", "profile.vms")
    recording = read_xps_recording(file)
    return RecordedXps(recording, request.clock, settings.etch_per_cycle, request.world)


DRIVER = DriverSpec(
    role="xps",
    summary="a depth profile recorded earlier, VAMAS or NXmpes",
    settings=RecordedXpsSettings,
    limits=RecordedXpsLimits,
    open=_open,
    recorded=True,
)
