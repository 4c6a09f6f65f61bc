"""A depth profile at a spectrometer behind a folder, through the procedure and across crashes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from acquire.launch import begin_run, resume_run
from acquire.record import RunRecord
from acquire.xps.profile_data import read_profile
from drivers.lab import Chosen, Lab, known_drivers
from protocols.loader import LoadedProtocol
from tests.acquire.test_fit_recording import TWO, protocol
from tests.campaigns.scan import desk
from tests.drivers.xps_files import LINES, block, counts_of, profile, write

CYCLES = 3


class Crash(BaseException):
    """The process dies."""


class Vendor:
    """The vendor's program: measures what the trigger file asks for, when the run looks."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.trigger = folder / "liftline-trigger.txt"
        self.measure(0)

    def measure(self, cycle: int) -> None:
        blocks = [block(line, cycle) for line in LINES]
        write(self.folder / f"scan_{cycle}.vms", profile(blocks))

    def look(self, boundary: str = "") -> None:
        if self.trigger.exists():
            word, number = self.trigger.read_text().split("\n")[0].split()
            if word == "go" and not (self.folder / f"scan_{number}.vms").exists():
                self.measure(int(number))

    def lab(self) -> Lab:
        spec = known_drivers()["watch-folder"]
        quick = {"deadline": 10.0, "poll": 0.001, "settled": 0.0}
        settings = spec.settings.model_validate({"vendor_interlocks": True, **quick})
        chosen = Chosen("xps", "watch-folder", spec, str(self.folder), settings, spec.limits())
        return Lab("a folder", "real", (chosen,))


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    return Vendor(tmp_path / "vendor")


def asked(folder: Path) -> LoadedProtocol:
    regions = [
        {"line": line, "start": start, "stop": start - 0.5 * (points - 1), "step": 0.5}
        | {"dwell": 0.2, "sweeps": 2, "pass_energy": 40}
        for line, (start, points) in LINES.items()
    ]
    etch = {"energy": 2e3, "current": 1e-6, "raster_width": 2e-3, "raster_height": 2e-3}
    return protocol(folder, *TWO, regions=regions, max_cycles=CYCLES, etch={**etch, "duration": 60})


def begin(vendor: Vendor, out: Path, boundary: Callable[[str], None]) -> Path:
    with suppress(Crash):
        begin_run(asked(out), vendor.lab(), out, seed=0, desk=desk(boundary))
    (run,) = [path.parent for path in out.glob("*/run.db")]
    return run


def check(run: Path) -> None:
    with RunRecord(run) as record:
        assert record.state == "finished"
        data = read_profile(record, record.steps()[0])
    assert data is not None
    assert data.etch_times.tolist() == [60 * cycle for cycle in range(CYCLES)]
    for line, stack in data.regions.items():
        for cycle in range(CYCLES):
            assert (stack.counts[cycle] == counts_of(line, cycle)).all()


def test_a_profile_runs_through_a_folder_and_ends_with_stop(vendor: Vendor, tmp_path: Path) -> None:
    check(begin(vendor, tmp_path / "runs", vendor.look))
    assert vendor.trigger.read_text().startswith(f"stop {CYCLES - 1}\n")
    assert len(list(vendor.folder.glob("*.vms"))) == CYCLES


@pytest.mark.parametrize("at", [20, 38, 40, 41, 60])
def test_a_run_that_dies_etches_no_cycle_twice_and_asks_nothing(
    vendor: Vendor, tmp_path: Path, at: int
) -> None:
    seen: list[str] = []

    def crash(boundary: str) -> None:
        seen.append(boundary)
        if len(seen) == at:
            raise Crash
        vendor.look()

    run = begin(vendor, tmp_path / "runs", crash)
    vendor.look()
    resume_run(run, desk=desk(vendor.look))
    check(run)
    assert len(list(vendor.folder.glob("*.vms"))) == CYCLES
