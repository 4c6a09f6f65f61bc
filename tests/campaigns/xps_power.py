"""How small a peak the test finds in a spectrum, and how often it finds one in none.

    python -m tests.campaigns.xps_power [--blanks 100000] [--peaks 4000]

Setting of reference/xps-and-eds.md 7.4(b): pseudo-Voigt 30 % Lorentzian, width 1.6 eV, channels of
0.1 eV from 390 to 404 eV, the position free by 1 eV either way, a false alarm of 1e-3. Asked: 95 %
found at 6.0 sqrt(B) for 200 counts a channel and at 6.8 sqrt(B) for 20, B the background within a
width either way of the peak.

Then whole runs without the line: 42 cycles of N 1s as the published protocol has it, its two states
looked for, 4 more sweeps on the 2 where a cycle leaves in doubt. Asked: an onset in 1 of 1000.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
import numpy.typing as npt

from acquire.xps.background import stiffness, straight_and_curved
from acquire.xps.evidence import DOUBTFUL, Evidence
from acquire.xps.line_cycle import places_of, windows_of
from acquire.xps.peak_shape import line_shapes
from acquire.xps.peak_test import Roots, roots, threshold
from protocols.loader import load_protocol
from protocols.xps import DepthProfile

Floats = npt.NDArray[np.float64]

WIDTH, CENTRE, WITHIN = 1.6, 396.9, 1.0
FALSE_ALARM = 1e-3
ENERGIES: Floats = 404.0 - 0.1 * np.arange(141, dtype=np.float64)
PLACES = np.linspace(CENTRE - WITHIN, CENTRE + WITHIN, 11)
ASKED = {200.0: 6.0, 20.0: 6.8}


def published() -> DepthProfile:
    """Return the published depth profile."""
    (step,) = load_protocol("joule2020/xps-depth-profile").steps
    assert isinstance(step, DepthProfile)
    return step


def tested(counts: Floats) -> tuple[Floats, Floats]:
    """Return the largest root of each spectrum (spectra,) and the threshold of each."""
    columns = straight_and_curved(ENERGIES)
    peaks = line_shapes(ENERGIES, PLACES, WIDTH)
    found: Roots = roots(counts, columns, peaks, stiffness(counts.mean(axis=1), len(columns)))
    length = float(found.angles.sum(axis=1).mean())
    return found.root.max(axis=1), np.full(len(counts), threshold(FALSE_ALARM, [length]))


def false_alarms(background: float, blanks: int, rng: np.random.Generator) -> float:
    """Return the share of blanks in which a peak is found."""
    found = 0
    for done in range(0, blanks, 500):
        many = min(500, blanks - done)
        counts = rng.poisson(background, (many, len(ENERGIES))).astype(np.float64)
        largest, limits = tested(counts)
        found += int((largest > limits).sum())
    return found / blanks


def found_share(background: float, size: float, peaks: int, rng: np.random.Generator) -> float:
    """Return the share of peaks of `size` sqrt(B) that are found, anywhere within 1 eV."""
    under = background * round(2 * WIDTH / 0.1)
    found = 0
    for done in range(0, peaks, 500):
        many = min(500, peaks - done)
        centres = rng.uniform(CENTRE - WITHIN, CENTRE + WITHIN, many)
        shapes = line_shapes(ENERGIES, centres, WIDTH)
        counts = rng.poisson(background + size * math.sqrt(under) * shapes).astype(np.float64)
        largest, limits = tested(counts)
        found += int((largest > limits).sum())
    return found / peaks


def size_found(background: float, peaks: int, rng: np.random.Generator) -> float:
    """Return the area in sqrt(B) at which 95 % are found, by a line through three sizes."""
    sizes = np.arange(4.75, 7.3, 0.25)
    shares = np.array([found_share(background, size, peaks, rng) for size in sizes])
    return float(np.interp(0.95, np.maximum.accumulate(shares), sizes))


def false_onsets(background: float, runs: int, rng: np.random.Generator) -> float:
    """Return the share of runs without the line in which its onset is flagged."""
    step = published()
    watched = next(each for each in step.watch if each.line == "N 1s")
    region = step.region(watched.line)
    energies = region.start - region.step * np.arange(region.points, dtype=np.float64)
    places = places_of(windows_of(step, watched), watched.width)
    peaks, columns = line_shapes(energies, places, watched.width), straight_and_curved(energies)
    more = (watched.faint_sweeps or 0) / region.sweeps
    found = 0
    for done in range(0, runs, 250):
        evidence = [Evidence(places, step.false_alarm, step.max_cycles) for _ in range(250)]
        flagged = np.zeros(250, bool)
        for _ in range(step.max_cycles):
            counts = rng.poisson(background, (250, len(energies))).astype(np.float64)
            root = roots(counts, columns, peaks, stiffness(counts.mean(axis=1), 3)).root
            sure = [each.tried(row).seen for each, row in zip(evidence, root, strict=True)]
            again = np.flatnonzero((root.max(axis=1) > DOUBTFUL) & ~np.array(sure))
            if again.size:
                counts[again] += rng.poisson(more * background, (again.size, len(energies)))
                held = stiffness(counts[again].mean(axis=1), 3)
                root[again] = roots(counts[again], columns, peaks, held).root
            flagged |= [each.update(row).seen for each, row in zip(evidence, root, strict=True)]
        found += int(flagged[: min(250, runs - done)].sum())
    return found / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blanks", type=int, default=100_000)
    parser.add_argument("--peaks", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    for background, asked in ASKED.items():
        began = time.process_time()
        false = false_alarms(background, chosen.blanks, rng)
        size = size_found(background, chosen.peaks, rng)
        print(
            f"{background:g} counts a channel: false alarms {false:.2e} of {chosen.blanks} blanks; "
            f"95 % found at {size:.2f} sqrt(B), asked {asked:g}"
            f"  ({time.process_time() - began:.0f} s of CPU)"
        )
        began = time.process_time()
        false = false_onsets(background, chosen.runs, rng)
        print(
            f"  false onsets in {false:.1e} of {chosen.runs} runs of 42 cycles"
            f"  ({time.process_time() - began:.0f} s of CPU)",
            flush=True,
        )


if __name__ == "__main__":
    main()
