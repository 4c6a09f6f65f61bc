"""What a depth profile's analysis costs. Run with: python -m pytest tests/benchmarks -n0 -s"""

from __future__ import annotations

import numpy as np
import pytest

from acquire.xps.depth_watch import DepthWatch
from tests.acquire.xps.made_profile import SETUP, Line, drawn, made_step, ramp
from tests.benchmarks.test_run_cost import cpu

pytestmark = pytest.mark.benchmark

CYCLES = 24
LINES = (
    Line("C 1s", 284.6, [20000.0] * CYCLES),
    Line("C 1s", 289.9, [9000.0] * CYCLES),
    Line("N 1s", 394.4, ramp(5.0, 150, 1500)),
    Line("N 1s", 397.8, ramp(9.0, 900, 9000)),
    Line("P 2p", 132.8, ramp(8.0, 150, 1500)),
)


def test_the_analysis_of_a_cycle() -> None:
    rng = np.random.default_rng(1)
    cycles = [drawn(LINES, cycle, rng) for cycle in range(CYCLES)]

    def analysed() -> DepthWatch:
        watch = DepthWatch(made_step(), SETUP)
        for cycle, spectra in enumerate(cycles):
            watch.update(cycle, 60.0 * cycle, spectra)
        return watch

    last = analysed()
    streaming = min(cpu(analysed)[0] for _ in range(3)) / CYCLES
    at_the_end = cpu(last.findings)[0]
    print(
        f"\nanalysis of a cycle of three regions {1e3 * streaming:.1f} ms of CPU, "
        f"findings of {CYCLES} cycles {1e3 * at_the_end:.1f} ms"
    )
    assert streaming < 25e-3  # six regions in 50 ms
