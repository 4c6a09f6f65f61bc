"""The simulated XPS: an instrument made of physics behind the interface of `drivers/xps.py`.

It knows a hidden truth (the specimen, how it charges and etches) and shows what an instrument would
show. Its world, with the ledger of what physically happened, outlives the process. A scan or an
etch that a process or a link left is ended by the controllers after at most a second.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.errors import InstrumentFaultError, LinkError, ReadbackError
from drivers.lab import DriverSpec, Identity, OpenRequest
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
from protocols.core_levels import AL_KA_EV
from protocols.xps import Etch, Region
from simulators.draws import generator, key_of
from simulators.faults import LinkDrops
from simulators.xps import refusals
from simulators.xps.analyser import TRANSMISSION, transmission
from simulators.xps.faults import PressureNan, PressureRises, SourceTrips, at, next_change
from simulators.xps.gun import SPOT, Gun
from simulators.xps.hidden import SOURCE_ANGLE, TAKE_OFF, settle
from simulators.xps.scans import Scan, Scans
from simulators.xps.settings import SimXpsSettings
from simulators.xps.truth import deeds
from simulators.xps.view import View, energies_of
from simulators.xps.xps_world import Event, XpsWorld

WORK_FUNCTION = 4.4
"""eV, of the analyser; ours."""
OVERHEAD = 2.0
"""s before each region, in which voltages settle; ours."""
WARM_UP = 60.0
"""s until the X-rays are on; ours."""
STAGE_SPEED = 1e-3
"""m/s; ours."""
ARGON, PUMPED_IN = 2e-6, 4.0
"""Pa of argon while the gun runs, and s in which 63 % of it are pumped off; ours, to verify."""


@dataclass(frozen=True)
class _Stretch:
    """Channels of one sweep between two changes of what is seen, with their counts."""

    sweep: int
    first: int
    counts: npt.NDArray[np.uint32]


class SimXps(Xps):
    """An XPS spectrometer with an ion gun, simulated."""

    def __init__(self, request: OpenRequest) -> None:
        """Open the world of `request`, or make it; what was left running is lived through."""
        settings: SimXpsSettings = request.settings
        self._settings, self._faults = settings, settings.faults
        self._limits: XpsLimits = request.limits
        self.world = XpsWorld(
            request.world, request.clock, seed=request.seed, down_time=settings.down_time
        )
        hidden = settle(self.world, settings)
        request.keep("specimen.yaml", hidden.specimen.written())
        self._view = View(hidden, self.world.seed, settings.faults, settings.base_pressure)
        self._gun = Gun(self.world, settings.faults)
        self._scans = Scans(self.world)
        self._stage: tuple[float, float] = tuple(self.world.get("stage") or (0.0, 0.0))
        self._source: bool = bool(self.world.get("source"))
        self._neutraliser: bool = bool(self.world.get("neutraliser"))
        self._closed = False

    def identity(self) -> Identity:
        """Return which instrument this is."""
        self._answer()
        return Identity("liftline", "simulated XPS", f"world {self.world.seed}", simulated=True)

    def setup(self) -> XpsSetup:
        """Return energies, geometry and what the analyser can be set to."""
        self._answer()
        return XpsSetup(
            photon_energy=AL_KA_EV,
            anode="Al Ka monochromated",
            work_function=WORK_FUNCTION,
            pass_energies=refusals.PASS_ENERGIES,
            smallest_step=refusals.SMALLEST_STEP,
            spot_width=SPOT[0],
            spot_height=SPOT[1],
            take_off_angle=TAKE_OFF,
            source_angle=SOURCE_ANGLE,
            transmission_exponent=TRANSMISSION,
            overhead=OVERHEAD,
        )

    def status(self) -> XpsStatus:
        """Return vacuum, source, gun and detector as they are now."""
        t = self._answer()
        noise = generator(self.world.seed, "xps", "status", t).standard_normal(2)
        lost = at(self._faults, PressureNan, t)
        return XpsStatus(
            pressure=math.nan if lost else self._pressure(t) * math.exp(0.03 * noise[0]),
            source_on=self._source,
            ions_on=self._gun.running is not None,
            detector_on=self._scans.running is not None,
            acquiring=self._scans.running is not None,
            neutraliser_on=self._neutraliser,
            gun_emission=self._gun.emission(t) * (1 + 0.005 * float(noise[1])),
            stage_x=self._stage[0],
            stage_y=self._stage[1],
        )

    def _pressure(self, t: float) -> float:
        """Return the pressure (Pa) at the world time `t` (s): residual gas and the gun's argon."""
        rise = at(self._faults, PressureRises, t)
        base = max(self._settings.base_pressure, rise.to if rise else 0.0)
        if self._gun.running is not None:
            return base + ARGON
        off = self.world.crater(*self._stage).clean_since
        return base + (0.0 if off is None else ARGON * math.exp(-max(0.0, t - off) / PUMPED_IN))

    def xray_seconds(self) -> float:
        """Return for how long regions have been scanned under the X-rays; only grows."""
        self._answer()
        return self.world.xray_seconds

    def etch_seconds(self) -> float:
        """Return for how long ions have ever been on the specimen; only grows."""
        self._answer()
        return self.world.etch_seconds

    def safe(self) -> None:
        """Ions off the specimen, scan ended, detector down; the X-rays stay as they are."""
        if not self._closed:
            self._answer()
            self._gun.off()
            self._scans.end()

    def close(self) -> None:
        """Make it safe and let go of the world; may be repeated."""
        try:
            self.safe()
        finally:
            self._closed = True
            self.world.close()

    def _answer(self) -> float:
        """Be reached over the link; return the world's time.

        Raises:
            LinkError: the link is down.
        """
        t = self.world.now()
        if at(self._faults, LinkDrops, t):
            raise LinkError("xps: no answer from the spectrometer; check the link, then go on")
        if self._source and at(self._faults, SourceTrips, t):
            self._put_source(False, "tripped")
        self.world.note_time()
        return t

    def set_source(self, on: bool) -> Generator[None, None, None]:
        """Switch the X-rays on, which takes a minute, or off."""
        t = self._answer()
        if on and not self._source:
            yield from self._wait(t + WARM_UP)
            if at(self._faults, SourceTrips, self.world.now()):
                raise ReadbackError(
                    "xps: the X-ray source was switched on, but reads off: it has tripped; reset "
                    "it at its controller, then switch it on again"
                )
        if on != self._source:
            self._put_source(on)

    def _put_source(self, on: bool, note: str = "") -> None:
        self._source = on
        self.world.put("source", on)
        self.world.record(Event("source", self.world.now(), note=note or ("on" if on else "off")))

    def set_neutraliser(self, on: bool) -> None:
        """Switch the charge neutraliser on or off."""
        t = self._answer()
        self._neutraliser = on
        self.world.put("neutraliser", on)
        self.world.record(Event("neutraliser", t, note="on" if on else "off"))

    def move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        """Bring the place (x, y) of the specimen, m, under the analysed spot."""
        refusals.check_place(x, y)
        return self._move_stage(x, y)

    def _move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        begin, (x0, y0) = self._answer(), self._stage
        seconds = math.hypot(x - x0, y - y0) / STAGE_SPEED
        for _ in self._wait(begin + seconds):
            share = min(1.0, (self.world.now() - begin) / seconds) if seconds else 1.0
            self._arrive(x0 + share * (x - x0), y0 + share * (y - y0))
            yield
        self._arrive(x, y)

    def _arrive(self, x: float, y: float) -> None:
        self._stage = (x, y)
        self.world.put("stage", self._stage)

    def _wait(self, until: float) -> Iterator[None]:
        """Let time pass, answering; yield now and then."""
        while self.world.now() < until - 1e-9:
            now = self.world.now()
            change = next_change(self._faults, now + 1e-6)
            self.world.wait_until(min(until, now + self.world.longest(), change))
            self._answer()
            yield

    def acquire(self, region: Region, sweeps: int) -> Generator[SweepBlock, None, RegionSpectrum]:
        """Scan a region `sweeps` times."""
        refusals.check_region(region, sweeps)
        return self._acquire(region, sweeps)

    def _acquire(self, region: Region, sweeps: int) -> Generator[SweepBlock, None, RegionSpectrum]:
        counts = np.zeros(region.points, np.uint32)
        for _ in self._wait(self._answer() + OVERHEAD):
            if not self.world.jumps:
                yield _nothing(region, 0, 0)
        scan = self._scans.begin(self._key(region, sweeps), region.points * region.dwell * sweeps)
        try:
            for sweep in range(sweeps):
                first = 0
                while first < region.points:
                    stretch = self._stretch(region, scan, sweep, first)
                    for block in self._blocks(region, scan, stretch):
                        counts += block.counts
                        yield block
                    first += len(stretch.counts)
        finally:
            self._leave()
        return RegionSpectrum(
            counts,
            region.start,
            region.step,
            region.dwell,
            sweeps,
            transmission=transmission(AL_KA_EV - energies_of(region)),
        )

    def _key(self, region: Region, sweeps: int) -> str:
        """Return what a scan's draws are keyed by: what is scanned, and after how much etching."""
        millielectronvolts = [round(1000 * e) for e in (region.start, region.step)]
        etched = round(1000 * self.world.crater(*self._stage).seconds)
        place = [round(1e6 * where) for where in self._stage]
        return key_of(
            region.line, *millielectronvolts, region.points, region.dwell, sweeps, etched, *place
        )

    def _stretch(self, region: Region, scan: Scan, sweep: int, first: int) -> _Stretch:
        """Draw the counts of a sweep's channels from `first` until something changes."""
        now = self._check_source()
        change = next_change(self._faults, now + 1e-6)
        left = region.points - first
        until_change = math.ceil((change - now) / region.dwell) if math.isfinite(change) else left
        channels = max(1, min(left, until_change))
        middle = now + channels * region.dwell / 2
        crater = self.world.crater(*self._stage)
        seen = self._view.at(crater, middle, neutralised=self._neutraliser)
        rates = self._view.rates(seen, region, now, self._settings.dead_time)
        draws = generator(self.world.seed, "xps", scan.key, scan.attempt, sweep, first)
        expected = rates[first : first + channels] * region.dwell
        return _Stretch(sweep, first, draws.poisson(expected).astype(np.uint32))

    def _blocks(self, region: Region, scan: Scan, stretch: _Stretch) -> Iterator[SweepBlock]:
        """Yield a stretch as it is scanned: at once where time jumps."""
        size = len(stretch.counts)
        part = size if self.world.jumps else max(1, int(self.world.longest() / region.dwell))
        for first in range(0, size, part):
            scanned = min(part, size - first)
            block = _nothing(region, stretch.sweep, stretch.first + first)
            for _ in self._expose(scan, scanned * region.dwell):
                yield block
            place = slice(block.first, block.first + scanned)
            counts = block.counts.copy()
            counts[place] = stretch.counts[first : first + scanned]
            yield SweepBlock(counts, stretch.sweep, place.start, scanned)
            if self._scans.running is not scan:
                raise InstrumentFaultError("xps: the scan was ended by another call")

    def _expose(self, scan: Scan, seconds: float) -> Iterator[None]:
        """Let a part of a scan take its time; yield in between where a channel takes long."""
        longest = seconds if self.world.jumps else self.world.longest()
        parts = max(1, math.ceil(seconds / longest - 1e-9))
        for part in range(parts):
            self._scans.scan(scan, seconds / parts)
            self._check_source()
            if part < parts - 1:
                yield

    def _check_source(self) -> float:
        t = self._answer()
        if not self._source:
            raise InstrumentFaultError(
                "xps: the X-rays are off; switch the source on, then scan the region again"
            )
        return t

    def etch(self, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        """Etch for `etch.duration` seconds, with the gun's settling before and after."""
        refusals.check_etch(etch, self._limits)
        return self._etch(etch)

    def _etch(self, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        begin = self._answer()
        key = key_of("etch", begin)
        try:
            for _ in self._wait(begin + etch.before):
                yield EtchBlock(0.0, self._emission())
            seconds = 0.0
            for seconds in self._gun.through(etch, key, *self._stage):
                self._answer()
                yield EtchBlock(seconds, self._emission())
            for _ in self._wait(self.world.now() + etch.after):
                yield EtchBlock(seconds, self._emission())
        finally:
            self._leave()
        return Etched(seconds)

    def _emission(self) -> float:
        return self._gun.emission(self.world.now())

    def _leave(self) -> None:
        """End what is running; where the link is down the controllers end it."""
        if at(self._faults, LinkDrops, self.world.now()):
            self._gun.left_alone()
            self._scans.left_alone()
        else:
            self._gun.off()
            self._scans.end()


def _nothing(region: Region, sweep: int, first: int) -> SweepBlock:
    return SweepBlock(np.zeros(region.points, np.uint32), sweep, first, 0)


DRIVER = DriverSpec(
    role="xps",
    summary="simulated XPS with ion gun: Li/LiPON by depth, charging, sputtering, faults",
    settings=SimXpsSettings,
    limits=XpsLimits,
    open=SimXps,
    simulated=True,
    ledger=deeds,
)
