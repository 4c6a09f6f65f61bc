"""The published depth profile over the Prodigy driver and the simulated server, cycle by cycle.

    python -m tests.campaigns.prodigy_profile --cycles 30 --speed 1000 --cut 0.1

In both versions every region of every cycle is compared with what the simulated spectrometer
counted, and the etch seconds with its ledger. With --cut the link is broken in that share of the
actions: a region is then repeated, and an etch goes on with what the gun's timer leaves.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from drivers.action import result_of
from drivers.clock import ScaledClock, wall_seconds
from drivers.errors import DriverError
from drivers.lab import OpenRequest
from drivers.prodigy import ProdigyXps
from drivers.prodigy.settings import ProdigySettings
from drivers.prodigy.wire import TcpWire, host_and_port
from drivers.xps import RegionSpectrum, SweepBlock, XpsLimits
from protocols.loader import load_protocol
from protocols.xps import DepthProfile, Etch, Region
from simulators.prodigy import BenchClock, Desk, ProdigyServer
from simulators.xps.settings import SimXpsSettings
from simulators.xps.spectrometer import SimXps
from tests.drivers.prodigy.served import SOURCE, settings

PROFILE = "joule2020/xps-depth-profile"


class Watched(SimXps):
    """The simulated spectrometer, that keeps what it counted."""

    def __init__(self, request: OpenRequest) -> None:
        """Open its world."""
        super().__init__(request)
        self.scans: list[RegionSpectrum] = []

    def acquire(self, region: Region, sweeps: int) -> Generator[SweepBlock, None, RegionSpectrum]:
        """Scan, and keep the result."""
        spectrum = yield from super().acquire(region, sweeps)
        self.scans.append(spectrum)
        return spectrum


@dataclass
class Told:
    """What came of it."""

    regions: int = 0
    wrong: int = 0
    """Regions whose counts are not those of the spectrometer."""
    asked: float = 0.0
    """Seconds of etching."""
    ledger: float = 0.0
    """Seconds of etching in the simulator's ledger."""
    harmed: int = 0
    """How often ions were let on while the detector was up."""
    cut: int = 0
    """Links that were broken."""
    wall: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)


@dataclass
class Rehearsal:
    """A driver, a server, and a spectrometer."""

    driver: ProdigyXps
    server: ProdigyServer
    instrument: Watched
    draws: random.Random
    cut_share: float
    """Of the actions in which the link is broken."""
    told: Told = field(default_factory=Told)

    def measure(self, region: Region) -> None:
        """Scan a region, again where the link was broken, and compare."""
        while True:
            before = len(self.instrument.scans)
            spectrum = self._do(self.driver.acquire(region, region.sweeps))
            if spectrum is not None:
                break
        counted = np.sum([scan.counts for scan in self.instrument.scans[before:]], axis=0)
        self.told.regions += 1
        self.told.wrong += not np.array_equal(counted, spectrum.counts)

    def etch(self, etch: Etch) -> None:
        """Etch; where the link was broken, for what the gun's timer leaves."""
        goal = (self.driver.etch_seconds() or 0.0) + etch.duration
        self.told.asked += etch.duration
        while (left := goal - (self.driver.etch_seconds() or 0.0)) > 1e-3:
            self._do(self.driver.etch(etch.model_copy(update={"duration": left})))

    def _do(self, steps: Generator[Any, None, Any]) -> Any:
        """Run an action and return its result; None where it failed."""
        cut = self.draws.random() < self.cut_share
        try:
            while True:
                next(steps)
                if cut:
                    self.server.drop_link()
                    self.told.cut += 1
                    cut = False
        except StopIteration as stop:
            return stop.value
        except DriverError as error:
            self.told.errors[str(error)[:60]] += 1
            result_of(self.driver.set_source(True))
            return None


def profile(
    version: tuple[int, int], cycles: int, speed: float, *, seed: int = 0, cut_share: float = 0.0
) -> Told:
    """Run `cycles` cycles of the published profile; the survey before the first only."""
    (step,) = load_protocol(PROFILE).steps
    assert isinstance(step, DepthProfile)
    began, clock = wall_seconds(), BenchClock(speed)
    limits, world = XpsLimits(), SimXpsSettings()
    instrument = Watched(
        OpenRequest("xps", None, world, limits, clock, seed, None, lambda name, text: None)
    )
    with ProdigyServer(Desk(instrument, clock, version=version)) as server:
        connect = partial(TcpWire, *host_and_port(server.address), 5.0)
        driver = ProdigyXps(connect, patient(speed), limits, ScaledClock(speed))
        made = Rehearsal(driver, server, instrument, random.Random(seed), cut_share)
        result_of(driver.set_source(True))
        for cycle in range(cycles):
            for region in step.regions if cycle else step.all_regions:
                made.measure(region)
            if cycle < cycles - 1:
                made.etch(step.etch)
        driver.close()
        made.told.harmed = server.desk.harmed
    made.told.ledger = instrument.world.etch_seconds
    instrument.close()
    made.told.wall = wall_seconds() - began
    return made.told


def patient(speed: float) -> ProdigySettings:
    """Return settings whose waits leave a busy computer time at that speed."""
    usual = settings()
    assert usual.gun is not None
    gun = usual.gun.model_copy(update={"starts_within": 10 * speed, "ends_within": 10 * speed})
    source = SOURCE.model_copy(update={"ready_after": 120 + 10 * speed})
    return settings(source=source, gun=gun, stall=60 + 10 * speed, reply_time=5.0)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=30)
    parser.add_argument("--speed", type=float, default=1000.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cut", type=float, default=0.0, help="share of actions to break")
    asked = parser.parse_args()
    for version in ((1, 22), (1, 5)):
        told = profile(version, asked.cycles, asked.speed, seed=asked.seed, cut_share=asked.cut)
        print(version, told)


if __name__ == "__main__":
    main()
