"""A cell cycled earlier, behind the interface of a potentiostat.

`hold` gives the recording's next hold, whatever is ordered: `liftline replay` writes a schedule
that orders what was done. Like an instrument it keeps its place when a run is cut off: in the world
file.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from drivers.cell_recording import (
    CellRecording,
    RecordedHold,
    read_cell_recording,
    under_load,
    usual_ends,
)
from drivers.clock import Clock
from drivers.errors import NotRunningError, RecordingError
from drivers.lab import DriverSpec, Identity, OpenRequest
from drivers.playing import file_to_play, pass_simulated
from drivers.potentiostat import (
    EndedBy,
    Held,
    HoldOrder,
    Potentiostat,
    PotentiostatLimits,
    PotentiostatSetup,
    PotentiostatStatus,
    Samples,
)
from protocols.model import Written
from protocols.units import Amperes, Seconds, Volts

WIDE = 1e3
"""V; a recording may hold any voltage."""
NEAR = 0.02
"""V from the usual end of a charge or discharge: nearer, the voltage ended it; ours."""


class RecordedPotentiostatSettings(Written):
    """Settings of a recording; the file may be given as the instrument's address instead."""

    file: Path | None = None
    """The recorded cell: BioLogic (.mpr) or BDF (.csv)."""
    current_offset: Annotated[float, Field(ge=0)] = 1e-3
    """Standard uncertainty of the current's zero in parts of the range, which no file states; 0.1 %
    as is usual without a zeroing [lit], to verify: give the device's own."""


class RecordedPotentiostatLimits(PotentiostatLimits):
    """Limits of a recording, wide open: there is nothing that could be harmed."""

    voltage_min: Volts = -WIDE
    voltage_max: Volts = WIDE
    current_max: Amperes = 1e6
    hold_max: Seconds = 1e9


class Place:
    """How many holds have begun, and the order of the last; kept in a file, if it is given one."""

    def __init__(self, world: Path | None) -> None:
        """Go on from what `world` holds."""
        self._db = sqlite3.connect(":memory:" if world is None else world)
        self._db.execute("CREATE TABLE IF NOT EXISTS place (begun INTEGER, orders TEXT)")
        row = self._db.execute("SELECT begun, orders FROM place").fetchone()
        self.begun, self.orders = (0, "") if row is None else (int(row[0]), str(row[1]))

    def begin(self, order: HoldOrder) -> int:
        """Begin the next hold; return its number from 0."""
        self.begun, self.orders = self.begun + 1, _written(order)
        with self._db:
            self._db.execute("DELETE FROM place")
            self._db.execute("INSERT INTO place VALUES (?, ?)", (self.begun, self.orders))
        return self.begun - 1

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


class RecordedPotentiostat(Potentiostat):
    """A potentiostat that gives what was recorded, hold by hold."""

    def __init__(
        self,
        recording: CellRecording,
        clock: Clock,
        current_offset: float = 1e-3,
        world: Path | None = None,
    ) -> None:
        """Serve `recording`, from the hold that `world` holds."""
        self.recording = recording
        self._clock = clock
        self._offset = current_offset
        self._place = Place(world)
        self._ends = usual_ends(recording.holds)

    def identity(self) -> Identity:
        """Return the file's name as the serial; a recording made by a simulator says so."""
        file = self.recording
        return Identity("recording", file.made_with, file.path.name, file.simulated, recorded=True)

    def setup(self) -> PotentiostatSetup:
        """Return wide windows, decades of current from 1 nA, and the errors that are known."""
        file = self.recording
        most = max(1, math.ceil(math.log10(max(file.largest_current, 1e-12)) - 1e-9) + 10)
        return PotentiostatSetup(
            voltage_min=-WIDE,
            voltage_max=WIDE,
            current_ranges=tuple(10.0 ** (decade - 9) for decade in range(most)),
            shortest_interval=0.0,
            current_offset=self._offset,
            current_gain=0.0,
            voltage_offset=0.0,
            time_jitter=0.0 if file.counted else file.interval / 2,
            ends_on_device=file.counted,
        )

    def status(self) -> PotentiostatStatus:
        """Return harmless readings: nothing runs, so no interlock has anything to protect."""
        return PotentiostatStatus(cell_on=False, running=False, voltage=0.0, current=0.0)

    def charge_throughput(self) -> float | None:
        """Return 0: replay passes no charge."""
        return 0.0

    def safe(self) -> None:
        """Do nothing: there is no cell."""

    def close(self) -> None:
        """Let go of the world file; the recording itself is not held open."""
        self._place.close()

    def hold(self, order: HoldOrder) -> Generator[Samples, None, Held]:
        """Give the recording's next hold.

        Raises:
            RecordingError: it has no more.
        """
        if self._place.begun >= len(self.recording.holds):
            raise RecordingError(
                f"{self.recording.path.name} ends after {self._place.begun} holds; use liftline "
                "replay, which writes the schedule that it holds"
            )
        return self._play(self._place.begin(order), -1.0)

    def take_up(self, order: HoldOrder, after: float) -> Generator[Samples, None, Held]:
        """Give what is left of the hold that was begun last."""
        if self._place.orders != _written(order):
            raise NotRunningError("recording: another hold was begun last; it is given anew")
        return self._play(self._place.begun - 1, after)

    def _play(self, number: int, after: float) -> Generator[Samples, None, Held]:
        hold = self.recording.holds[number]
        left = hold.time - hold.time[0] > after
        seconds = (hold.time - hold.time[0])[left]
        pass_simulated(self._clock, hold.seconds - max(after, 0.0))
        if len(seconds):
            status = np.zeros(len(seconds), np.uint8)
            yield Samples(seconds, hold.voltage[left], hold.current[left], status)
        pass_simulated(self._clock, self._until_next(number))
        return self._held(hold)

    def _until_next(self, number: int) -> float:
        """Return the seconds from a hold's last sample to the first of the next."""
        if number + 1 == len(self.recording.holds):
            return 0.0
        following = self.recording.holds[number + 1]
        return max(0.0, float(following.time[0] - self.recording.holds[number].time[-1]))

    def _held(self, hold: RecordedHold) -> Held:
        volts, amperes = under_load(hold)
        ended: EndedBy = "time"
        if hold.kind == "current then voltage":
            ended = "current"
        elif hold.kind == "current" and abs(volts - self._ends[hold.charge > 0]) < NEAR:
            ended = "voltage"
        counted = self.recording.counted
        return Held(ended, hold.seconds, hold.charge, volts, amperes, on_device=counted)


def _written(order: HoldOrder) -> str:
    """Return an order as text; what is left of it has less charge to pass."""
    return json.dumps(replace(order, end_charge=None).__dict__, sort_keys=True)


def _open(request: OpenRequest) -> RecordedPotentiostat:
    settings: RecordedPotentiostatSettings = request.settings
    file = file_to_play(request, "recorded-potentiostat", "cell.mpr")
    recording = read_cell_recording(file)
    return RecordedPotentiostat(recording, request.clock, settings.current_offset, request.world)


DRIVER = DriverSpec(
    role="potentiostat",
    summary="a cell cycled earlier, BioLogic .mpr (with galvani) or BDF .csv",
    settings=RecordedPotentiostatSettings,
    limits=RecordedPotentiostatLimits,
    open=_open,
    recorded=True,
)
