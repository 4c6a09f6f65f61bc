"""The folder of a depth profile made by hand, row by row, for tests that read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.codec import canonical
from drivers.lab import Identity
from drivers.xps import Etched, RegionSpectrum, XpsSetup
from protocols.xps import DepthProfile
from tests.acquire.made_run import MadeRun

PROFILE = DepthProfile.model_validate(
    {
        "name": "a profile",
        "survey": {"start": 600, "stop": 0, "step": 1, "dwell": 0.1, "pass_energy": 160},
        "regions": [
            {"line": line, "start": start, "stop": start - 18, "step": 0.1, **rest}
            for rest in ({"dwell": 0.2, "sweeps": 2, "pass_energy": 40},)
            for line, start in (("C 1s", 296), ("N 1s", 406), ("P 2p", 142))
        ],
        "etch": {
            "energy": 5e3,
            "current": 1e-6,
            "raster_width": 2e-3,
            "raster_height": 2e-3,
            "duration": 60,
            "before": 5,
            "after": 10,
        },
        "max_cycles": 6,
        "xray_budget": 1e6,
        "etch_budget": 1e4,
        "watch": [{"line": "N 1s", "states": {"nitride": {"energy": 397.5}}}],
    }
)
SETUP = XpsSetup(
    photon_energy=1486.7,
    anode="Al Ka monochromated",
    work_function=4.5,
    pass_energies=(20.0, 40.0, 160.0),
    smallest_step=0.025,
    spot_width=300e-6,
    spot_height=700e-6,
    take_off_angle=0.0,
    source_angle=0.9553,
    transmission_exponent=-0.6,
)


class MadeProfile(MadeRun):
    """Writes a depth profile's run; `close` it before it is read as one that ended."""

    def __init__(
        self, folder: Path, *, simulated: bool = True, recorded: bool = False, known: bool = True
    ) -> None:
        """`known`: the transmission of the analyser is known."""
        super().__init__(folder, simulated=simulated)
        (folder / "protocol.yaml").write_text("kind: depth_profile\n", encoding="utf-8")
        self.known = known
        self.cycle = 0
        identity = Identity("acme", "AXIS", "7", simulated=simulated, recorded=recorded)
        self.do("xps.identity", [], identity, step=None)
        self.journal.add_entry(0, "step", PROFILE.kind, canonical(PROFILE), self.stamp())
        self.do("xps.setup", [], SETUP)

    def counts(self, line: str) -> npt.NDArray[np.uint32]:
        """Return what the present cycle gives of a region: a peak on 40 counts a channel."""
        region = next(each for each in PROFILE.all_regions if each.line == line)
        channel = np.arange(region.points)
        peak = 100.0 * self.cycle * np.exp(-(((channel - 85) / 6) ** 2))
        return np.rint(40 + peak).astype(np.uint32)

    def acquire(self, *lines: str) -> None:
        """Measure regions of the present cycle."""
        for line in lines:
            region = next(each for each in PROFILE.all_regions if each.line == line)
            passed = np.linspace(1.0, 0.9, region.points) if self.known else None
            counts = self.counts(line)
            spectrum = RegionSpectrum(
                counts,
                region.start,
                region.step,
                region.dwell,
                region.sweeps,
                transmission=passed,
            )
            self.seconds += region.duration
            self.do("xps.acquire", [region, region.sweeps], spectrum)

    def etch(self, seconds: float = 60.0) -> None:
        """Etch, and be in the next cycle."""
        self.seconds += seconds
        etch: Any = PROFILE.etch
        self.do("xps.etch", [etch], Etched(seconds))
        self.cycle += 1

    def whole(self, cycles: int = 4) -> Path:
        """Measure the regions in so many cycles, and the survey in the first and the last."""
        for cycle in range(cycles):
            if cycle:
                self.etch()
            if cycle == 0:
                self.acquire("survey")
            self.acquire("C 1s", "N 1s", "P 2p")
        self.acquire("survey")
        return self.close()
