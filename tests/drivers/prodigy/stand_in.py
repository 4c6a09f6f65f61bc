"""A spectrometer of a few lines behind the simulated server, and wires that are bad on purpose."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InstrumentFaultError
from drivers.lab import Identity
from drivers.xps import (
    EtchBlock,
    Etched,
    RegionSpectrum,
    SweepBlock,
    Xps,
    XpsSetup,
    XpsStatus,
)
from protocols.xps import Etch, Region
from simulators.prodigy import BenchClock, Desk

SLICE = 0.2
"""Seconds between two blocks."""


@dataclass
class StandIn(Xps):
    """Counts that are Poisson around a line at 394 eV; a gun with a timer."""

    clock: BenchClock
    seed: int = 0
    scans: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    """What was counted in truth, scan by scan."""
    regions: list[Region] = field(default_factory=list)
    etches: list[Etch] = field(default_factory=list)
    etched: float = 0.0
    source: bool = False
    neutraliser: bool = False
    ions: bool = False
    gun_trips_after: float = float("inf")
    """Seconds of an etch."""
    gun_starts: bool = True
    source_trips: bool = False

    def identity(self) -> Identity:
        return Identity("tests", "stand-in", "1", simulated=True)

    def setup(self) -> XpsSetup:
        return XpsSetup(1486.7, "Al", 4.4, (), 0.01, 3e-4, 7e-4, 0.0, 0.955)

    def status(self) -> XpsStatus:
        return XpsStatus(
            pressure=1.3e-7,
            source_on=self.source,
            ions_on=self.ions,
            detector_on=False,
            acquiring=False,
            neutraliser_on=self.neutraliser,
            gun_emission=8e-6 if self.ions else 0.0,
        )

    def xray_seconds(self) -> float | None:
        return None

    def etch_seconds(self) -> float | None:
        return self.etched

    def safe(self) -> None:
        self.ions = False

    def set_source(self, on: bool) -> Generator[None, None, None]:
        self.clock.sleep(SLICE)
        yield
        self.source = on

    def set_neutraliser(self, on: bool) -> None:
        self.neutraliser = on

    def move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        yield

    def acquire(self, region: Region, sweeps: int) -> Generator[SweepBlock, None, RegionSpectrum]:
        energies = region.start - region.step * np.arange(region.points)
        expected = 200 + 800 * np.exp(-(((energies - 394) / 0.8) ** 2))
        draws = np.random.default_rng((self.seed, len(self.scans)))
        counts = draws.poisson(expected * region.dwell / 0.1).astype(np.uint32)
        self.scans.append(counts)
        self.regions.append(region)
        at_once = max(1, round(SLICE / region.dwell))
        began = self.clock.now()
        for first in range(0, region.points, at_once):
            if self.source_trips and first:
                raise InstrumentFaultError("the X-ray source has tripped")
            end = min(first + at_once, region.points)
            self.clock.sleep(began + end * region.dwell - self.clock.now())
            block = np.zeros_like(counts)
            block[first:end] = counts[first:end]
            yield SweepBlock(block, 0, first, end - first)
        return RegionSpectrum(counts, region.start, region.step, region.dwell, 1)

    def etch(self, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        self.etches.append(etch)
        if not self.gun_starts:
            yield EtchBlock(0.0, 0.0)
            raise InstrumentFaultError("the filament is broken")
        self.clock.sleep(etch.before)
        began, before = self.clock.now(), self.etched
        self.ions = True
        try:
            while (done := self.clock.now() - began) < etch.duration:
                if done > self.gun_trips_after:
                    raise InstrumentFaultError("the gun has tripped")
                self.clock.sleep(min(SLICE, etch.duration - done))
                self.etched = before + min(self.clock.now() - began, etch.duration)
                yield EtchBlock(self.etched - before, 8e-6)
        finally:
            self.ions = False
            self.etched = before + min(self.clock.now() - began, etch.duration)
        return Etched(self.etched - before)


def stand_in(speed: float = 500.0, *, seed: int = 0) -> StandIn:
    return StandIn(BenchClock(speed), seed)


def a_desk(speed: float = 500.0, **how: Any) -> Desk:
    instrument = stand_in(speed)
    return Desk(instrument, instrument.clock, **how)
