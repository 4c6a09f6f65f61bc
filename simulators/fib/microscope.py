"""The simulated FIB: an instrument made of physics behind the interface of `drivers/fib.py`.

It knows a hidden truth (the solid, how everything drifts and misses) and shows what an instrument
would show. Its world, with the ledger of what physically happened, outlives the process. It is as
permissive as real instruments: what is unsafe happens, with its consequences, and is in the ledger.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace

from drivers.errors import InstrumentFaultError, LinkError, ReadbackError
from drivers.fib import (
    BeamName,
    BeamPicture,
    Fib,
    FibLimits,
    FibSetup,
    FibStatus,
    Milled,
    MilledSlice,
    Milling,
    NeedlePosition,
    StagePosition,
)
from drivers.lab import DriverSpec, Identity, OpenRequest
from protocols.fib import BeamImage
from simulators.draws import generator
from simulators.faults import LinkDrops
from simulators.fib import refusals
from simulators.fib.beams import AIR, VALVES_CLOSE, source
from simulators.fib.chamber import Chamber
from simulators.fib.exposing import Exposure, Exposures
from simulators.fib.faults import (
    FibNan,
    GisLeak,
    GisStuck,
    LostHome,
    MillingNeverCompletes,
    PatternRejected,
    SlowCall,
    StaleReply,
    at,
)
from simulators.fib.fib_world import Event, FibWorld
from simulators.fib.motion import PARK, STAGE_SPEED
from simulators.fib.moves import Moves
from simulators.fib.picture import Pictures
from simulators.fib.settings import SimFibSettings
from simulators.fib.sputter import spot
from simulators.fib.truth import deeds
from simulators.fib.work import Work

OVERHEAD = 0.5
"""s that an image or pattern takes beside its beam time; ours."""
IMAGING = 10e-12
"""A: the ion current that is given back after each pattern."""
CURRENT_TOLERANCE = 0.1
"""Relative difference of the measured from the chosen ion current with which none mills; ours."""
SHORTFALL = 0.02
"""Share of a job's charge that may be missing."""
GIVES_UP = 60.0
"""s beyond its time that a pattern is waited for."""


class SimFib(Fib):
    """A FIB-SEM with a needle, simulated."""

    def __init__(self, request: OpenRequest) -> None:
        """Open the world of `request`, or make it; an exposure left running is lived through."""
        settings: SimFibSettings = request.settings
        self._settings, self._faults = settings, settings.faults
        self.world = FibWorld(
            request.world, request.clock, seed=request.seed, down_time=settings.down_time
        )
        self.chamber = Chamber(self.world, settings)
        request.keep("specimen.yaml", self.chamber.specimen.written())
        self._beams = Exposures(self.chamber, Work(self.chamber))
        self._pictures = Pictures(self.chamber)
        self._moves = Moves(self.chamber, self.answer)
        self._gis: bool = bool(self.world.get("gis"))
        self._hung: float | None = None
        """Current (A) of patterns that were milled but are not reported as done."""
        self._closed = False

    def identity(self) -> Identity:
        """Return which instrument this is."""
        self.answer()
        return Identity("liftline", "simulated FIB", f"world {self.world.seed}", simulated=True)

    def setup(self) -> FibSetup:
        """Return columns, currents and geometry."""
        self.answer()
        spots = {f"{1e12 * one:.0f}": spot(one) for one in refusals.ION_CURRENTS}
        return FibSetup(
            ion_species=self._settings.ion_species,
            geometry=self.chamber.geometry,
            ion_currents=refusals.ION_CURRENTS,
            electron_currents=refusals.ELECTRON_CURRENTS,
            ion_voltages=refusals.ION_VOLTAGES,
            electron_voltages=refusals.ELECTRON_VOLTAGES,
            largest_field=refusals.LARGEST_FIELD,
            ion_spot=spots,
            electron_spot=refusals.ELECTRON_SPOT,
            overhead=OVERHEAD,
            stage_speed=STAGE_SPEED,
            needle_park=PARK,
        )

    def status(self) -> FibStatus:
        """Return vacuum, stage, needle, beams and gas as they are now; costs no dose."""
        t = self.answer(reading=True)
        lost = at(self._faults, FibNan, t)
        nan = lost.of if lost else ""
        pressure = self.chamber.pressure(t)
        noise = generator(self.world.seed, "fib", "status", t).standard_normal(2)
        running = self._beams.running
        ions = running if running is not None and running.beam == "ion" else None
        current = ions.current if ions is not None else self._hung or IMAGING
        measured = current * source(self._faults, self.world.seed, t) * (1 + 0.01 * noise[1])
        leaks = at(self._faults, GisLeak, t) is not None
        stage, needle = self.chamber.stage, self.chamber.needle
        return FibStatus(
            chamber_pressure=_reading(
                nan, "chamber_pressure", pressure * math.exp(0.03 * noise[0])
            ),
            vented=pressure > AIR / 2,
            stage=stage.read,
            stage_moving=t < stage.moving_until,
            stage_homed=at(self._faults, LostHome, t) is None,
            needle=needle.read,
            needle_inserted=needle.inserted,
            needle_moving=self._moves.needle_moving,
            electron_beam_on=pressure < VALVES_CLOSE,
            ion_beam_on=pressure < VALVES_CLOSE,
            electrons_blanked=running is None or running.beam != "electron",
            ions_blanked=ions is None,
            ion_current=_reading(nan, "ion_current", measured),
            ion_current_set=current,
            gis_inserted=self._gis or at(self._faults, GisStuck, t) is not None,
            gis_open=leaks,
            milling=self._hung is not None or (ions is not None and ions.job is not None),
        )

    def ion_charge(self) -> float:
        """Return the charge (C) of ions that have left the column unblanked; only grows."""
        self.answer()
        return self.world.ion_charge

    def electron_charge(self) -> float:
        """Return the charge (C) of electrons likewise."""
        self.answer()
        return self.world.electron_charge

    def safe(self) -> None:
        """Blank both beams, stop milling, close gas; needle and stage stop where they are."""
        if not self._closed:
            self.answer()
            self._beams.end()
            self._hung = None

    def close(self) -> None:
        """Blank the beams and let go of the world; may be repeated."""
        try:
            self.safe()
        finally:
            self._closed = True
            self.world.close()

    def answer(self, *, reading: bool = False) -> float:
        """Be reached over the link, live through what nobody steered; return the world's time.

        Raises:
            LinkError: the link is down, or the answer is not to what was asked.
        """
        t = self.world.now()
        if at(self._faults, LinkDrops, t):
            raise LinkError("fib: no answer from the microscope; check the link, then go on")
        if reading and (slow := at(self._faults, SlowCall, t)):
            self.world.wait_until(t + slow.seconds)
            t = self.world.now()
        if reading and at(self._faults, StaleReply, t):
            raise LinkError(
                "fib: the answer is to an earlier request; it was dropped. Close the link and open "
                "it again"
            )
        self._beams.catch_up()
        self.chamber.live()
        self.world.note_time()
        return t

    def ion_image(self, settings: BeamImage) -> Generator[None, None, BeamPicture]:
        """Take an image with the ion beam; it mills a little."""
        refusals.check_image(settings, refusals.ION_CURRENTS, "ion")
        return self._image(settings, "ion")

    def electron_image(self, settings: BeamImage) -> Generator[None, None, BeamPicture]:
        """Take an image with the electron beam."""
        refusals.check_image(settings, refusals.ELECTRON_CURRENTS, "electron")
        return self._image(settings, "electron")

    def _image(self, settings: BeamImage, beam: BeamName) -> Generator[None, None, BeamPicture]:
        exposure = self._exposure(beam, settings.current, settings.duration)
        exposure = replace(exposure, image=settings)
        self._get_ready()
        with closing(self._beams.through(exposure)) as parts:
            try:
                for _ in parts:
                    self.answer()
                    yield
            finally:
                self._end(exposure)
        pixels = self._pictures.take(exposure, settings)
        angle = self.chamber.geometry.angle(beam, exposure.tilt)
        return BeamPicture(pixels, settings.field / settings.pixels, beam, angle, exposure.charge)

    def mill(self, job: Milling) -> Generator[MilledSlice, None, Milled]:
        """Mill patterns with the ion beam."""
        refusals.check_job(job)
        return self._mill(job)

    def _mill(self, job: Milling) -> Generator[MilledSlice, None, Milled]:
        self._get_ready()
        self._check_patterning(job)
        exposure = replace(self._exposure("ion", job.current, job.duration), job=job)
        with closing(self._beams.through(exposure)) as parts:
            try:
                for seconds, charge in parts:
                    self.answer()
                    yield MilledSlice(charge, seconds)
            finally:
                self._end(exposure)
        if at(self._faults, MillingNeverCompletes, self.world.now()):
            yield from self._never_done(job.current)
        milled = job.done + exposure.charge
        asked = job.charge - job.done
        if exposure.charge < (1 - SHORTFALL) * asked:
            raise ReadbackError(
                f"fib: the patterns got {exposure.charge:.4g} C of {asked:.4g} C; look at the ion "
                "source, then mill what is left"
            )
        return Milled(milled, exposure.done)

    def _check_patterning(self, job: Milling) -> None:
        """Refuse to mill with a current that is not the chosen one."""
        t = self.answer()
        if at(self._faults, PatternRejected, t):
            raise InstrumentFaultError(
                "fib: the patterning engine rejects the patterns; load them again at its console"
            )
        share = source(self._faults, self.world.seed, t)
        if abs(share - 1) > CURRENT_TOLERANCE:
            raise ReadbackError(
                f"fib: the ion current measures {share * job.current:.3g} A where {job.current:.3g}"
                " A was chosen; look at the ion source and its apertures. Nothing was milled"
            )

    def _never_done(self, current: float) -> Generator[MilledSlice, None, None]:
        self._hung = current
        until = self.world.now() + GIVES_UP
        while self.world.now() < until:
            self.world.wait_until(min(until, self.world.now() + self.world.longest(GIVES_UP)))
            self.answer()
            yield MilledSlice(0.0, 0.0)
        raise InstrumentFaultError(
            "fib: the patterns have had their time but are not reported as done; stop them at the "
            "patterning console and look at the specimen before going on"
        )

    def _exposure(self, beam: BeamName, current: float, seconds: float) -> Exposure:
        return Exposure(0, beam, current, 0.0, seconds, self.chamber.stage.read.t)

    def _get_ready(self) -> None:
        self.answer()
        self.world.wait_until(self.world.now() + OVERHEAD)
        self.answer()

    def _end(self, exposure: Exposure) -> None:
        """Blank the beam, unless the link is down: then it goes on by its own timer."""
        if self._beams.running is not exposure:
            return
        if at(self._faults, LinkDrops, self.world.now()):
            self._beams.leave_alone()
        else:
            self._beams.end()

    def move_stage(self, to: StagePosition) -> Generator[None, None, StagePosition]:
        """Move the stage and return where it is: tilt flat, then rotate, then the rest."""
        refusals.check_stage(to)
        return self._moves.stage(to)

    def insert_needle(self) -> Generator[None, None, NeedlePosition]:
        """Bring the needle to its park position over the specimen."""
        return self._moves.insert()

    def retract_needle(self) -> Generator[None, None, None]:
        """Take the needle out of the chamber's middle."""
        return self._moves.retract()

    def move_needle(self, to: NeedlePosition, way: float) -> Generator[None, None, NeedlePosition]:
        """Move the needle in a straight line and return where its encoders say it is."""
        refusals.check_needle(to)
        return self._moves.to(to)

    def insert_gis(self) -> None:
        """Insert the gas injector; gas on a cold specimen freezes there."""
        t = self.answer()
        events = [Event("gas", t, note="inserted")]
        if self.chamber.thermal.temperature("stage", t) < refusals.GAS_FREEZES:
            events.append(self.chamber.unsafe("gas injector over a cold specimen"))
        if self.chamber.needle.inserted:
            events.append(self.chamber.unsafe("gas injector beside the needle"))
        self._put_gis(True, events)

    def retract_gis(self) -> None:
        """Retract the gas injector."""
        t = self.answer()
        self._put_gis(False, [Event("gas", t, note="retracted")])
        if at(self._faults, GisStuck, t):
            raise ReadbackError(
                "fib: the gas injector was retracted, but reads inserted; free it by hand"
            )

    def _put_gis(self, inserted: bool, events: list[Event]) -> None:
        self._gis = inserted
        with self.world.at_once():
            self.world.put("gis", inserted)
            self.chamber.save(*events)


def _reading(lost: str, name: str, value: float) -> float:
    return math.nan if lost == name else float(value)


DRIVER = DriverSpec(
    role="fib",
    summary="simulated FIB-SEM with needle: lamella, redeposition, drift, faults; its own world",
    settings=SimFibSettings,
    limits=FibLimits,
    open=SimFib,
    simulated=True,
    ledger=deeds,
)
