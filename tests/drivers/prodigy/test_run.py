"""A run over Prodigy whose link breaks: what the gun did is on its timer, and is not done twice."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from acquire.launch import begin_run, resume_run
from drivers.lab import Chosen, Lab, OpenRequest
from drivers.prodigy import DRIVER
from drivers.xps import EtchBlock, Etched, RegionSpectrum, SweepBlock, XpsLimits
from protocols.loader import load_protocol
from protocols.xps import Etch, Region
from simulators.prodigy import BenchClock, Desk, ProdigyServer
from simulators.xps.settings import SimXpsSettings
from simulators.xps.spectrometer import SimXps
from tests.campaigns.prodigy_profile import patient
from tests.campaigns.scan import desk

SPEED = 1000.0
PROTOCOL = """
kind: depth_profile
regions:
  - {line: N 1s, start: 406 eV, stop: 388 eV, step: 0.5 eV, dwell: 100 ms, pass_energy: 40 eV}
etch: {energy: 5 keV, current: 1 uA, raster_width: 2 mm, raster_height: 2 mm, duration: 600 s}
max_cycles: 2
xray_budget: 1 h
etch_budget: 30 min
watch: [{line: N 1s}]
"""


class Broken(SimXps):
    """A spectrometer whose link breaks once, in an etch or in a region."""

    server: ProdigyServer
    breaks_in: str = ""

    def _break(self, what: str) -> None:
        if what == self.breaks_in:
            self.breaks_in = ""
            self.server.drop_link()

    def etch(self, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        return self._then_break(super().etch(etch))

    def _then_break(
        self, steps: Generator[EtchBlock, None, Etched]
    ) -> Generator[EtchBlock, None, Etched]:
        first = next(steps)
        yield first
        self._break("etch")
        return (yield from steps)

    def acquire(self, region: Region, sweeps: int) -> Generator[SweepBlock, None, RegionSpectrum]:
        self._break("region")
        return super().acquire(region, sweeps)


@dataclass
class Rehearsal:
    """A lab that speaks to a simulated Prodigy."""

    lab: Lab
    instrument: Broken
    desk: Desk


OLD = pytest.param((1, 5), id="1.5", marks=pytest.mark.slow)


@pytest.fixture(params=[pytest.param((1, 22), id="1.22"), OLD])
def rehearsal(request: pytest.FixtureRequest) -> Iterator[Rehearsal]:
    clock = BenchClock(SPEED)
    opened = OpenRequest(
        "xps", None, SimXpsSettings(), XpsLimits(), clock, 3, None, lambda name, text: None
    )
    instrument = Broken(opened)
    made = Desk(instrument, clock, version=request.param)
    with ProdigyServer(made) as server:
        instrument.server = server
        settings = patient(SPEED).model_copy(update={"rehearsal_speed": SPEED})
        chosen = Chosen("xps", "prodigy", DRIVER, server.address, settings, XpsLimits())
        yield Rehearsal(Lab("rehearsal", "real", (chosen,)), instrument, made)
    instrument.close()


def protocol(folder: Path) -> Path:
    path = folder / "profile.yaml"
    path.write_text(PROTOCOL, encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_profile_runs_and_says_that_it_was_a_rehearsal(
    rehearsal: Rehearsal, tmp_path: Path
) -> None:
    loaded = load_protocol(protocol(tmp_path))
    end = begin_run(loaded, rehearsal.lab, tmp_path / "runs", seed=1, desk=desk())
    assert (end.state, end.exit_code) == ("finished", 0)
    assert rehearsal.instrument.world.etch_seconds == pytest.approx(600)
    assert rehearsal.desk.harmed == 0
    assert not rehearsal.desk.connected


@pytest.mark.parametrize("where", ["etch", pytest.param("region", marks=pytest.mark.slow)])
def test_a_run_whose_link_broke_goes_on_with_what_is_left(
    rehearsal: Rehearsal, tmp_path: Path, where: str
) -> None:
    rehearsal.instrument.breaks_in = where
    loaded = load_protocol(protocol(tmp_path))
    end = begin_run(loaded, rehearsal.lab, tmp_path / "runs", seed=1, desk=desk())
    assert (end.state, end.exit_code) == ("fault", 3)
    assert "connection was lost" in end.reason
    assert not rehearsal.instrument.status().ions_on
    done = rehearsal.instrument.world.etch_seconds
    assert done < 600
    assert (done > 0) == (where == "etch")
    resumed = resume_run(end.folder, desk=desk())
    assert (resumed.state, resumed.exit_code) == ("finished", 0)
    assert rehearsal.instrument.world.etch_seconds == pytest.approx(600, abs=0.1)
    assert rehearsal.desk.harmed == 0
