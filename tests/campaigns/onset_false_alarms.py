"""False alarms and delays of the onset detector on Poisson counts; places its threshold.

    python -m tests.campaigns.onset_false_alarms

Threshold: lines without an onset are simulated; the GLR (levels unknown, splits after the
background points, as `OnsetDetector` has it, over all of them at once) is maximised over each. For
an average run length A a line of L points is to be flagged with probability 1 - exp(-L/A), so that
quantile of the maxima is the threshold; ln A + ln(2 ln A)/2 is taken off it. The largest remainder
over the table, rounded up, is the constant of `onset_threshold`. No specimen and no recording
enters.
"""

from __future__ import annotations

import math
import sys

import numpy as np
import numpy.typing as npt

from acquire.eds.onset import OnsetDetector

Floats = npt.NDArray[np.float64]


def glr_maxima(
    rate: float, background_points: int, length: int, lines: int, rng: np.random.Generator
) -> Floats:
    """Return the largest GLR (nats) of each of `lines` lines without an onset."""

    def best(n: Floats, w: Floats | float) -> Floats:
        return np.where(n > 0, n * np.log(np.where(n > 0, n, 1.0) / w), 0.0)

    points = background_points + length
    counts = rng.poisson(rate, (lines, points)).cumsum(axis=1)
    total = np.concatenate([np.zeros((lines, 1)), counts], axis=1)
    time = np.arange(points + 1.0)
    alone = best(total, np.maximum(time, 1.0))
    highest = np.zeros(lines)
    for now in range(background_points + 1, points + 1):
        splits = slice(background_points, now)
        after, rest = total[:, now : now + 1] - total[:, splits], now - time[splits]
        ratio = alone[:, splits] + best(after, rest) - alone[:, now : now + 1]
        up = after * time[splits] > total[:, splits] * rest
        highest = np.maximum(highest, np.where(up, ratio, 0.0).max(axis=1))
    return highest


def constant(maxima: Floats, length: int, average_run_length: float) -> float:
    """Return what the threshold is beyond ln A + ln(2 ln A) / 2."""
    log = math.log(average_run_length)
    threshold = float(np.quantile(maxima, math.exp(-length / average_run_length)))
    return threshold - log - 0.5 * math.log(2 * log)


def flagged_share(
    rate: float, average_run_length: float, scans: int, points: int, seed: int
) -> float:
    """Return the share of scans without an onset in which the detector raises one."""
    rng = np.random.default_rng(seed)
    flagged = 0
    for counts in rng.poisson(rate, (scans, points)).tolist():
        detector = OnsetDetector(30, average_run_length)
        flagged += any(detector.update(count) is not None for count in counts)
    return flagged / scans


def ramp_delays(
    low: float, high: float, average_run_length: float, scans: int, seed: int
) -> tuple[Floats, float]:
    """Return delays (points) of the flag after the onset of a rise over 76 points, and coverage.

    100 points lie before the onset; coverage is the share of the intervals that hold it. Scans with
    a false alarm before the onset are left out.
    """
    rng = np.random.default_rng(seed)
    onset, points = 100, 300
    shape = np.clip((np.arange(points) - onset + 1) / 76, 0.0, 1.0)
    delays, covered = [], 0
    for counts in rng.poisson(low + (high - low) * shape, (scans, points)).tolist():
        detector = OnsetDetector(30, average_run_length)
        for count in counts:
            if detector.update(count) is not None:
                break
        evidence = detector.raised
        if evidence is not None and evidence.raised >= onset:
            delays.append(evidence.raised - onset + 1.0)
            covered += evidence.interval[0] <= onset <= evidence.interval[1]
    return np.array(delays), covered / len(delays)


def expected_delay(low: float, high: float, average_run_length: float) -> float:
    """Return (6 low ln A / slope²)^(1/3), points. Source: reference/xps-and-eds.md 7.3."""
    return math.cbrt(6 * low * math.log(average_run_length) / ((high - low) / 76) ** 2)


def main() -> None:
    """Print the table of constants, the shares flagged and the delays."""
    out = sys.stdout.write
    rng = np.random.default_rng(7)
    for rate in (0.3, 1.0, 5.0, 50.0, 1000.0):
        for background in (5, 30, 100):
            parts = [glr_maxima(rate, background, 321, 500, rng) for _ in range(40)]
            maxima = np.concatenate(parts)
            found = " ".join(f"{constant(maxima, 321, a):6.2f}" for a in (3e3, 1e4, 3e4))
            out(f"{rate:6g} counts, {background:3d} background points: constants {found}\n")
    for rate in (0.3, 1.0, 5.0, 50.0):
        share = flagged_share(rate, 2e4, 1000, 351, seed=11)
        out(f"{rate:6g} counts: {share:.2%} of 1000 scans flagged, promised {321 / 2e4:.2%}\n")
    for low, high in ((4.0, 14.0), (1.0, 4.0), (10.0, 60.0)):
        delays, covered = ramp_delays(low, high, 1e4, 500, seed=12)
        expected = expected_delay(low, high, 1e4)
        out(f"{low:g} to {high:g}: delay {delays.mean():.1f} points ({expected:.1f} expected), ")
        out(f"the interval holds the onset in {covered:.0%}\n")


if __name__ == "__main__":
    main()
