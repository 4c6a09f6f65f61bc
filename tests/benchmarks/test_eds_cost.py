"""What a line scan's analysis costs. Run with: python -m pytest tests/benchmarks -n0 -s

Beside each figure stands one of the same process: the scan's own simulation, or a NumPy sum over
the same spectra, so that a slow machine shows in both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acquire.eds.watch import EdsWatch
from acquire.launch import begin_run
from drivers.lab import simulated_lab
from drivers.stem import Spectrum
from protocols.eds import Watch
from protocols.loader import load_protocol
from simulators.stem_settings import SimStemSettings
from tests.benchmarks.test_run_cost import cpu
from tests.campaigns.eds_false_alarms import DWELL, PITCH, expected_spectra, setup_of
from tests.campaigns.scan import desk

pytestmark = pytest.mark.benchmark


def test_the_analysis_of_a_position() -> None:
    settings = SimStemSettings()
    wanted, times = expected_spectra("li-lipon-stem", settings, 351, -200e-9)
    counts = np.random.default_rng(1).poisson(wanted).astype(np.uint32)
    spectra = [
        Spectrum(row, float(time), DWELL, 1.0) for row, time in zip(counts, times, strict=True)
    ]

    def watched() -> EdsWatch:
        watch = EdsWatch(
            [Watch(element="N"), Watch(element="P")],
            setup_of(settings),
            background_points=30,
            average_run_length=10_000,
        )
        for index, spectrum in enumerate(spectra):
            watch.update(index, index * PITCH, spectrum)
        return watch

    watched()
    streaming = min(cpu(watched)[0] for _ in range(3)) / len(spectra)
    last = watched()
    at_the_end = cpu(last.findings)[0] / len(spectra)
    summed = min(cpu(lambda: [row.sum() for row in counts])[0] for _ in range(3)) / len(spectra)
    print(
        f"\na position: {streaming * 1e3:.2f} ms while it comes and {at_the_end * 1e3:.2f} ms of "
        f"the fit at the end; a sum over its spectrum {summed * 1e3:.3f} ms"
    )


def test_the_published_scan(tmp_path: Path) -> None:
    loaded = load_protocol("joule2020/eds-line")

    def scan(folder: str) -> None:
        begin_run(loaded, simulated_lab({"stem": {}}), tmp_path / folder, seed=1, desk=desk())

    scan("first")
    used, wall = cpu(lambda: scan("second"))
    print(f"\nthe published scan after imports: {used:.2f} s of CPU, {wall:.2f} s of wall time")
