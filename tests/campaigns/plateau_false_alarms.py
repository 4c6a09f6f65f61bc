"""False plateaus on endless ramps, and delays after a real knee; places the threshold.

    python -m tests.campaigns.plateau_false_alarms [LINES]

Endless straight ramps of several backgrounds and slopes are watched as a scan watches them, every
few positions from the flag of the onset on; the 98 % quantile of the largest statistic is what the
threshold has to exceed. No specimen enters.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt

from acquire.eds.onset import OnsetDetector
from acquire.eds.plateau import EVERY, THRESHOLD, Plateau, plateau
from acquire.eds.ramp import LineCounts

Floats = npt.NDArray[np.float64]
ONSET = 100
RAMPS = ((1.0, 0.04), (4.0, 0.13), (10.0, 0.66), (1.0, 0.3), (4.0, 2.0))
"""Counts a position before the rise, and slope."""


def watched(expected: Floats, rng: np.random.Generator) -> list[tuple[int, Plateau]]:
    """Return every look at one line of these expected counts: the position and what it gave."""
    counts = rng.poisson(expected).astype(float)
    detector, looks = OnsetDetector(30, 1e4), []
    for index, count in enumerate(counts):
        detector.update(int(count))
        found = detector.raised
        if found is None or index % EVERY:
            continue
        ones = np.ones(index + 1)
        line = LineCounts(np.arange(index + 1.0), counts[: index + 1], ones, ones)
        late = max(found.interval[1], found.change)
        looks.append((index, plateau(line, (float(found.interval[0]), float(late)))))
    return looks


def endless(level: float, slope: float, length: int, lines: int, seed: int) -> Floats:
    """Return the largest statistic (nats) of each of `lines` endless ramps."""
    rng = np.random.default_rng(seed)
    expected = level + slope * np.maximum(np.arange(length) - ONSET, 0.0)
    return np.array(
        [max((p.statistic for _, p in watched(expected, rng)), default=0.0) for _ in range(lines)]
    )


def delays(level: float, top: float, width: int, lines: int, seed: int) -> tuple[Floats, Floats]:
    """Return delay (points after the knee) and error of the knee where a plateau was raised."""
    rng = np.random.default_rng(seed)
    shape = np.clip((np.arange(ONSET + width + 200) - ONSET) / width, 0.0, 1.0)
    late, off = [], []
    for _ in range(lines):
        for index, found in watched(level + (top - level) * shape, rng):
            if found.statistic > THRESHOLD:
                late.append(index - ONSET - width)
                off.append(found.position - ONSET - width)
                break
    return np.array(late, float), np.array(off)


def main() -> None:
    """Print the quantiles and delays."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    out = sys.stdout.write
    for level, slope in RAMPS:
        largest = endless(level, slope, 400, lines, 3)
        quantile = np.quantile(largest, 0.98)
        share = (largest > THRESHOLD).mean()
        out(f"{level:g} + {slope:g} a point: 98 % below {quantile:.2f} nats, {share:.1%} raised\n")
    for level, top in ((4.0, 14.0), (5.0, 55.0), (1.0, 18.0), (10.0, 100.0)):
        late, off = delays(level, top, 76, lines // 3, 5)
        out(
            f"{level:g} to {top:g} over 76: raised in {len(late) / (lines // 3):.0%}, early "
            f"{(late < 0).mean():.1%}, delay {np.median(late):.0f}, knee off by "
            f"{np.median(np.abs(off)):.1f}\n"
        )


if __name__ == "__main__":
    main()
