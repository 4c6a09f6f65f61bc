"""The simulated STEM: an instrument made of physics behind the interface of `drivers/stem.py`.

It knows a hidden truth (the specimen, where the boundary lies, how it drifts) and shows what an
instrument would show. Its world, with the ledger of what physically happened, outlives the process.

Exposures are timed by the instrument: positions are of the frame, and specimen coordinates are
frame + scan shift + stage - drift.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InstrumentFaultError, LinkError, ReadbackError
from drivers.lab import DriverSpec, Identity, OpenRequest
from drivers.stem import (
    Area,
    EnergyAxis,
    Image,
    Spectrum,
    SpectrumBlock,
    Stem,
    StemLimits,
    StemSetup,
    StemStatus,
)
from protocols.eds import ImageSettings
from simulators.beam import Beam
from simulators.dose_map import DoseMap
from simulators.draws import generator, key_of, picometres
from simulators.drift import Creep
from simulators.eds_physics import fwhm
from simulators.emission import BEAM_ENERGY
from simulators.faults import (
    DetectorTrip,
    LinkDrops,
    NanReading,
    ValveCloses,
    active,
)
from simulators.hidden import STAGE, Stage, settle
from simulators.lamella import lamella
from simulators.pulses import PulseProcessor
from simulators.stem_limits import Range
from simulators.stem_settings import SimStemSettings
from simulators.truth import deeds
from simulators.world import Effect, Place, World

AXIS = EnergyAxis(offset=-200.0, scale=10.0, channels=2048)
"""Channels as EDS systems of this class have them; ours."""
OVERHEAD = 2e-3
"""Seconds to settle the probe before each exposure; ours."""
SPECTRUM_SLICE, IMAGE_SLICE, MOVE_SLICE = 0.1, 0.5, 0.5
"""Longest seconds between two yields."""
PIXELS_AT_ONCE = 2**20
"""Pixels drawn between two yields at most."""
STAGE_SPEED, STAGE_SETTLES = 10e-6, 1.0
"""m/s, and seconds after the move; ours."""
STAGE_TOLERANCE = 10e-9
"""Metres by which the encoders may differ from where the stage was sent."""


@dataclass(frozen=True)
class _Slice:
    """A part of an exposure that is over."""

    exposure: int
    """Number of the exposure in the ledger."""
    index: int
    seconds: float
    begin: float
    """World time at which the exposure began, s."""
    middle: float
    """World time of this part's middle, s."""
    earlier: float
    """Electrons of the exposure's parts before this one."""
    electrons: float
    draws: np.random.Generator


class SimStem(Stem):
    """A STEM with an EDS detector, simulated."""

    def __init__(self, request: OpenRequest) -> None:
        """Open the world of `request`, or make it; an exposure left running is lived through."""
        settings: SimStemSettings = request.settings
        self._settings = settings
        self._faults = settings.faults
        self._range = Range(request.limits)
        self._world = World(
            request.world, request.clock, seed=request.seed, down_time=settings.down_time
        )
        self._hidden = settle(self._world, settings)
        request.keep("specimen.yaml", self._hidden.specimen.written())
        self._beam = Beam(self._world, self._faults)
        self._stage = STAGE.validate_python(self._world.get("stage") or Stage())
        self._shift: tuple[float, float] = tuple(self._world.get("shift") or (0.0, 0.0))
        self._scene = lamella(self._hidden, settings, AXIS, self._world.seed)
        self._doses = DoseMap(self._world, self._hidden.path)
        self._pulses = PulseProcessor(settings.dead_time, settings.noise_rate, AXIS)
        self._noise = self._pulses.noise()
        self._closed = False

    def identity(self) -> Identity:
        """Return which instrument this is."""
        self._answer()
        return Identity("liftline", "simulated STEM", f"world {self._world.seed}", simulated=True)

    def setup(self) -> StemSetup:
        """Return energies, geometry and calibration."""
        self._answer()
        return StemSetup(
            beam_energy=BEAM_ENERGY,
            energy_axis=AXIS,
            resolution=float(fwhm(5895.0)),
            elevation_angle=self._settings.elevation,
            azimuth_angle=self._settings.azimuth,
            solid_angle=self._settings.solid_angle,
            probe_size=self._settings.probe_size,
            largest_field=self._range.largest_field,
            overhead=OVERHEAD,
        )

    def status(self) -> StemStatus:
        """Return vacuum, valve, holder and stage as they are now; costs no dose."""
        t = self._answer()
        noise = generator(self._world.seed, "stem", "status", t).standard_normal(2)
        holder = self._hidden.holder.temperature(t)
        lost = active(self._faults, NanReading, t)
        return StemStatus(
            column_pressure=self._settings.column_pressure * math.exp(0.03 * noise[0]),
            valve_open=not active(self._faults, ValveCloses, t),
            holder_temperature=math.nan if lost else float(holder + 0.03 * noise[1]),
            beam_blanked=self._beam.running is None,
            stage_x=self._stage.read[0],
            stage_y=self._stage.read[1],
            shift_x=self._shift[0],
            shift_y=self._shift[1],
        )

    def electrons(self) -> float:
        """Return the electrons that have reached the specimen since the world began."""
        self._answer()
        return self._world.electrons

    def safe(self) -> None:
        """Blank the beam. May be repeated."""
        if not self._closed:
            self._answer()
            self._beam.off()

    def close(self) -> None:
        """Blank the beam and let go of the world; may be repeated."""
        try:
            self.safe()
        finally:
            self._closed = True
            self._world.close()

    def _answer(self) -> float:
        """Be reached over the link, live through what nobody steered; return the world's time.

        Raises:
            LinkError: the link is down.
        """
        t = self._world.now()
        if active(self._faults, LinkDrops, t):
            raise LinkError("stem: no answer from the microscope; check the link, then go on")
        self._beam.catch_up()
        self._world.note_time()
        return t

    def image(
        self, settings: ImageSettings, x: float = 0.0, y: float = 0.0
    ) -> Generator[None, None, Image]:
        """Take a dark-field image centred on (x, y); pixel centres lie evenly around it."""
        self._range.check_current(settings.probe_current)
        self._range.check_row(settings.dwell * settings.pixels)
        self._range.check_rectangle(x, y, settings.field, settings.field, 0.0)
        return self._image(settings, x, y)

    def _image(self, settings: ImageSettings, x: float, y: float) -> Generator[None, None, Image]:
        n = settings.pixels
        key = key_of("image", picometres(settings.field), n, picometres(x), picometres(y))
        place = (x, y, settings.field, settings.field, 0.0)
        row = settings.dwell * n
        rows = max(1, min(int(IMAGE_SLICE / row), PIXELS_AT_ONCE // n))
        pixels = np.zeros((n, n), np.uint16)
        offsets = (np.arange(n) - (n - 1) / 2) * (settings.field / n)
        electrons = 0.0
        with closing(
            self._slices("image", key, settings.duration, settings.probe_current, place, rows * row)
        ) as slices:
            for part in slices:
                chosen = slice(part.index * rows, min(n, (part.index + 1) * rows))
                pixels[chosen] = self._picture(part, x + offsets, y + offsets[chosen])
                electrons += part.electrons
                yield
        dose = electrons / (settings.field**2 * 1e20)
        return Image(pixels, settings.field / n, x, y, dose)

    def _picture(
        self, part: _Slice, x: npt.NDArray[Any], y: npt.NDArray[Any]
    ) -> npt.NDArray[np.uint16]:
        """Return counts of some rows of an image, shape (len(y), len(x))."""
        dx, dy = self._frame_on_specimen(part.middle)
        expected = self._scene.brightness(x + dx, y + dy) * (part.electrons / (len(x) * len(y)))
        return np.minimum(part.draws.poisson(expected), 65535).astype(np.uint16)

    def spectrum(
        self, area: Area, probe_current: float, dwell: float
    ) -> Generator[SpectrumBlock, None, Spectrum]:
        """Count X-rays while the probe is rastered over `area` for `dwell` seconds of beam.

        A dose that was promised is kept: dead time makes the live time shorter, not the dwell
        longer.
        """
        self._range.check_current(probe_current)
        self._range.check_dwell(dwell)
        self._range.check_rectangle(area.x, area.y, area.along, area.across, area.angle)
        return self._spectrum(area, probe_current, dwell)

    def _spectrum(
        self, area: Area, probe_current: float, dwell: float
    ) -> Generator[SpectrumBlock, None, Spectrum]:
        place = area.place
        key = key_of(
            "spectrum", *(picometres(length) for length in place[:4]), round(area.angle * 1e9)
        )
        if active(self._faults, DetectorTrip, self._answer()):
            raise InstrumentFaultError(_TRIPPED)
        counts = np.zeros(AXIS.channels, np.uint32)
        electrons, live = 0.0, []
        with closing(
            self._slices("spectrum", key, dwell, probe_current, place, SPECTRUM_SLICE)
        ) as slices:
            for part in slices:
                if active(self._faults, DetectorTrip, self._world.now()):
                    raise InstrumentFaultError(_TRIPPED)
                if not part.index:
                    before = self._dose_before(part, place)
                block = self._count(part, place, before)
                counts += block.counts
                electrons += part.electrons
                live.append(block.live_time)
                yield block
        return Spectrum(counts, math.fsum(live), dwell, electrons)

    def _dose_before(self, part: _Slice, place: Place) -> npt.NDArray[np.float64]:
        """Return the dose (e/Å²) that the places of an exposure have had before it."""
        self._doses.look(self._stage.creeps)
        dx, dy = self._frame_on_specimen(part.begin)
        x, y, *extent = place
        places = self._scene.places(x + dx, y + dy, *extent)
        return self._doses.before(*places, place[4], part.exposure)

    def _count(self, part: _Slice, place: Place, before: npt.NDArray[np.float64]) -> SpectrumBlock:
        """Return the counts of one slice of an exposure."""
        dx, dy = self._frame_on_specimen(part.middle)
        x, y, *extent = place
        area = math.prod(place[2:4]) * 1e20
        per_electron = self._scene.counts_per_electron(
            x + dx,
            y + dy,
            *extent,
            before=before + part.earlier / area,
            during=part.electrons / area,
        )
        pulses = per_electron * part.electrons
        passed = self._pulses.passed(float(pulses.sum()), part.seconds)
        seen = part.draws.poisson(pulses * passed + self._noise * part.seconds)
        counts = seen.astype(np.uint16 if seen.max() < 65536 else np.uint32)
        return SpectrumBlock(counts, self._pulses.live_time(counts, part.seconds), part.seconds)

    def _frame_on_specimen(self, t: float) -> tuple[float, float]:
        """Return what to add to a place of the frame for that of the specimen at `t`, m."""
        dx, dy = self._hidden.path.at(t, self._stage.creeps)
        return (
            self._stage.true[0] + self._shift[0] - dx,
            self._stage.true[1] + self._shift[1] - dy,
        )

    def _slices(
        self,
        action: str,
        key: str,
        seconds: float,
        current: float,
        place: Place,
        longest: float,
    ) -> Generator[_Slice, None, None]:
        """Expose `place` and yield after each part; the beam is blanked on every way out."""
        world = self._world
        self._answer()
        world.wait_until(world.now() + OVERHEAD)
        self._answer()
        attempt = world.begun(key)
        exposure = self._beam.on(action, key, seconds, current, place)
        earlier = 0.0
        try:
            for index in range(math.ceil(seconds / longest - 1e-9)):
                start, end = index * longest, min((index + 1) * longest, seconds)
                world.wait_until(round(exposure.begin + end, 6))
                self._answer()
                if self._beam.running is not exposure:
                    raise InstrumentFaultError("stem: the exposure was ended by another call")
                electrons = self._beam.flow(end)
                middle = round(exposure.begin + (start + end) / 2, 6)
                draws = generator(world.seed, "stem", key, attempt, index)
                number, began = exposure.number, exposure.begin
                yield _Slice(number, index, end - start, began, middle, earlier, electrons, draws)
                earlier += electrons
        finally:
            if self._beam.running is exposure:
                if active(self._faults, LinkDrops, world.now()):
                    self._beam.leave_alone()
                else:
                    self._beam.end()

    def shift_scan(self, dx: float, dy: float) -> None:
        """Shift the scan by (dx, dy) metres from its zero."""
        self._range.check_shift(dx, dy)
        t = self._answer()
        with self._world.at_once():
            self._world.put("shift", (dx, dy))
            self._world.commit(Effect(0, "", "shift", t, 0, 0, 0, (dx, dy, 0, 0, 0)))
        self._shift = (dx, dy)

    def move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        """Bring the place (x, y) of the specimen under the image's centre; the beam is blanked."""
        self._range.check_stage(x, y)
        return self._move_stage(x, y)

    def _move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        self._answer()
        self._beam.off()
        x0, y0 = self._stage.read
        seconds = math.hypot(x - x0, y - y0) / STAGE_SPEED
        steps = math.ceil(seconds / MOVE_SLICE)
        try:
            for step in range(1, steps + 1):
                self._world.wait_until(self._world.now() + seconds / steps)
                self._answer()
                self._arrive(x0 + (x - x0) * step / steps, y0 + (y - y0) * step / steps)
                yield
        finally:
            self._creep_on()
        for _ in range(math.ceil(STAGE_SETTLES / MOVE_SLICE)):
            self._world.wait_until(self._world.now() + MOVE_SLICE)
            self._answer()
            yield
        if math.dist(self._stage.read, (x, y)) > STAGE_TOLERANCE:
            raise ReadbackError(f"stem: the stage is at {self._stage.read}, not at {(x, y)} m")

    def _arrive(self, x: float, y: float) -> None:
        """Have the stage read (x, y) and be nearly there."""
        t = self._world.now()
        missed_x, missed_y = self._draw_move("missed", self._settings.stage_error)
        true = (x + missed_x, y + missed_y)
        self._stage = replace(self._stage, read=(x, y), true=true)
        with self._world.at_once():
            self._world.put("stage", STAGE.dump_python(self._stage, mode="json"))
            self._world.commit(Effect(0, "", "move", t, 0, 0, 0, (*true, 0, 0, 0)))

    def _creep_on(self) -> None:
        """Have the specimen go on moving a little from where the stage has stopped."""
        creep = Creep(self._world.now(), self._draw_move("creep", self._settings.creep))
        self._stage = replace(self._stage, creeps=(*self._stage.creeps, creep))
        self._world.put("stage", STAGE.dump_python(self._stage, mode="json"))

    def _draw_move(self, what: str, rms: float) -> tuple[float, float]:
        """Return a random step of that root mean square, m."""
        draws = generator(self._world.seed, "stem", what, self._world.now())
        x, y = rms / math.sqrt(2) * draws.standard_normal(2)
        return float(x), float(y)


_TRIPPED = (
    "stem: the X-ray detector has tripped; let it recover, clear the error at its console, then "
    "go on"
)


DRIVER = DriverSpec(
    role="stem",
    summary="simulated STEM with EDS: Li/LiPON lamella, drift, faults; keeps a world of its own",
    settings=SimStemSettings,
    limits=StemLimits,
    open=SimStem,
    simulated=True,
    ledger=deeds,
)
