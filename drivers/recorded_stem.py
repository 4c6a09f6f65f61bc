"""An EDS map or line scan recorded earlier, behind the interface of a STEM.

Any file that RosettaSciIO reads and that holds one signal with an energy axis serves: .hspy, .bcf,
.emd, .rpl ... Replay exposes nothing, so nothing is spent and an action that was cut off is
repeated. What a recording cannot know (vacuum, temperature) reads as harmless: a valve that is
open, 0 Pa, 0 K.

A pixel belongs to the area in which its centre lies. The areas of a line whose pitch is not finer
than the pixels therefore share none, and counts stay independent; an area holds more pixels or
fewer by chance, which its live time says.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.action import action
from drivers.errors import LimitError
from drivers.lab import DriverSpec, Identity, OpenRequest
from drivers.playing import file_to_play
from drivers.recording import Recording, read_recording
from drivers.stem import (
    Area,
    Image,
    Spectrum,
    SpectrumBlock,
    Stem,
    StemLimits,
    StemSetup,
    StemStatus,
)
from protocols.eds import ImageSettings
from protocols.model import Written
from protocols.units import Seconds

TINY = 1e-6
"""Pixels; what rounding may do to a position."""


class RecordedStemSettings(Written):
    """Settings of a recording; the file may be given as the instrument's address instead."""

    file: Path | None = None
    """The recorded map or line scan."""
    signal: int | None = None
    """Which signal of the file, counted from 0; left out, the only one with an energy axis."""
    pixel_time: Seconds | None = None
    """Live time of each pixel, where the recording does not say; left out, the step's dwell is
    taken as that of one position."""


class RecordedStem(Stem):
    """A STEM that gives what was recorded, wherever the step asks for it.

    The frame is the interface's: the origin is the map's centre, x right, y down. A line scan lies
    along x, and is as wide as any strip asks.
    """

    def __init__(self, recording: Recording, pixel_time: float | None = None) -> None:
        """Serve `recording`; `pixel_time` (s) is each pixel's live time where it does not say."""
        self.recording = recording
        self._pixel_time = pixel_time
        self._shift = (0.0, 0.0)

    def identity(self) -> Identity:
        """Return the file's name as the serial; a recording made by a simulator says so."""
        recording = self.recording
        return Identity(
            "recording", recording.title, recording.path.name, recording.simulated, recorded=True
        )

    def setup(self) -> StemSetup:
        """Return energies and geometry as recorded."""
        return self.recording.setup

    def status(self) -> StemStatus:
        """Return harmless readings: nothing is exposed, so no interlock has anything to protect."""
        return StemStatus(
            column_pressure=0.0,
            valve_open=True,
            holder_temperature=0.0,
            beam_blanked=True,
            stage_x=0.0,
            stage_y=0.0,
            shift_x=self._shift[0],
            shift_y=self._shift[1],
        )

    def electrons(self) -> float:
        """Return 0: replay exposes nothing."""
        return 0.0

    def safe(self) -> None:
        """Do nothing: there is no beam."""

    def close(self) -> None:
        """Do nothing: the file is not held open."""

    @action(on_interrupt="repeat")
    def image(
        self, settings: ImageSettings, x: float = 0.0, y: float = 0.0
    ) -> Generator[None, None, Image]:
        """Return the counts of all energies, as a stand-in for dark field.

        It is the whole map at its own pixels, whatever field, dose and place are asked for.
        """
        yield from ()
        return Image(
            self.recording.total, self.recording.pixel_size, -self._shift[0], -self._shift[1], 0.0
        )

    @action(on_interrupt="repeat")
    def spectrum(
        self, area: Area, probe_current: float, dwell: float
    ) -> Generator[SpectrumBlock, None, Spectrum]:
        """Return the sum of the pixels whose centres lie in `area`; none is a gap, live time 0.

        The live time is the pixels' own where it is known, otherwise in proportion to their
        number: `dwell` for the number that fits the area on average.

        Raises:
            LimitError: the area leaves the map, or is finer than its pixels.
        """
        rows, columns = self._pixels(area)
        counts = self.recording.sum(rows, columns)
        live, real = self._times(area, rows, columns, dwell)
        yield SpectrumBlock(counts, live, real)
        return Spectrum(counts, live, real, 0.0)

    @action(on_interrupt="repeat", setting=True)
    def shift_scan(self, dx: float, dy: float) -> None:
        """Shift the frame: a recording does not drift, but may be asked to follow."""
        self._shift = (dx, dy)

    @action(on_interrupt="repeat")
    def move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        """Accept (0, 0) only.

        Raises:
            LimitError: any other place; a recording has no stage.
        """
        yield from ()
        if (x, y) != (0.0, 0.0):
            raise LimitError("a recording has no stage to move; leave out the move")

    def _pixels(self, area: Area) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return rows and columns of the pixels whose centres lie in the area, ends half open."""
        recording = self.recording
        size = recording.pixel_size
        rows, columns = recording.shape
        along, across = area.along / size, max(area.across, area.along) / size
        if along < 1 - 0.01:
            raise LimitError(
                f"a pitch of {area.along * 1e9:.4g} nm is finer than the recording's pixels of "
                f"{size * 1e9:.4g} nm; use that or more"
            )
        cos, sin = math.cos(area.angle), math.sin(area.angle)
        if recording.line and abs(sin) > TINY:
            raise LimitError("a recorded line runs along x; use an angle of 0 or 180 deg")
        x, y = (area.x + self._shift[0]) / size, (area.y + self._shift[1]) / size
        line = recording.line
        half_x = (along * abs(cos) + (0.0 if line else across * abs(sin))) / 2
        half_y = (along * abs(sin) + (0.0 if line else across * abs(cos))) / 2
        self._check_inside(x, y, half_x, half_y)
        middle_x, middle_y = (columns - 1) / 2, (rows - 1) / 2
        near_x = _range(x - half_x + middle_x, x + half_x + middle_x, columns)
        near_y = _range(y - half_y + middle_y, y + half_y + middle_y, rows)
        row, column = (axis.ravel() for axis in np.meshgrid(near_y, near_x, indexing="ij"))
        dx, dy = column - middle_x - x, row - middle_y - y
        inside = _within(dx * cos + dy * sin, along)
        if not line:
            inside &= _within(dy * cos - dx * sin, across)
        return row[inside], column[inside]

    def _check_inside(self, x: float, y: float, half_x: float, half_y: float) -> None:
        """Refuse an area that leaves the map; all in pixels from its centre.

        Raises:
            LimitError: it does; the message says by how much.
        """
        rows, columns = self.recording.shape
        size = self.recording.pixel_size
        out = max(abs(x) + half_x - columns / 2, abs(y) + half_y - rows / 2)
        if out > 0.01:  # a pitch may be rounded to a few digits
            raise LimitError(
                f"the area around ({x * size * 1e9:.4g}, {y * size * 1e9:.4g}) nm leaves the "
                f"recorded {'line' if self.recording.line else 'map'} of "
                f"{columns * size * 1e9:.4g} x {rows * size * 1e9:.4g} nm by "
                f"{out * size * 1e9:.3g} nm; move or shorten the line, or narrow its strip"
            )

    def _times(
        self,
        area: Area,
        rows: npt.NDArray[np.intp],
        columns: npt.NDArray[np.intp],
        dwell: float,
    ) -> tuple[float, float]:
        """Return live and real time of the pixels together, s."""
        recording = self.recording
        if recording.live_time is not None:
            live = float(recording.live_time[rows, columns].sum())
            if recording.real_time is not None:
                return live, float(recording.real_time[rows, columns].sum())
            return live, live
        if self._pixel_time is not None:
            live = self._pixel_time * len(rows)
        else:
            size = recording.pixel_size
            expected = area.along / size
            if not recording.line:
                expected *= max(area.across, area.along) / size
            live = dwell * len(rows) / expected
        return live, live


def _range(low: float, high: float, size: int) -> npt.NDArray[np.intp]:
    return np.arange(max(math.floor(low), 0), min(math.ceil(high) + 1, size), dtype=np.intp)


def _within(distance: npt.NDArray[np.float64], width: float) -> npt.NDArray[np.bool_]:
    """Return which distances lie in [-width/2, width/2), as if rounded to a millionth."""
    return np.asarray((distance >= -width / 2 - TINY) & (distance < width / 2 - TINY))


def _open(request: OpenRequest) -> RecordedStem:
    settings: Any = request.settings
    file = file_to_play(request, "recorded-stem", "map.hspy")
    return RecordedStem(read_recording(file, settings.signal), settings.pixel_time)


DRIVER = DriverSpec(
    role="stem",
    summary="an EDS map or line scan recorded earlier, any file that HyperSpy reads",
    settings=RecordedStemSettings,
    limits=StemLimits,
    open=_open,
    recorded=True,
)
