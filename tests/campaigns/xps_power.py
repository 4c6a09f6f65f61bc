"""How small a peak the test finds in a spectrum, and how often it finds one in none.

    python -m tests.campaigns.xps_power [--blanks 100000] [--peaks 4000]

Setting of reference/xps-and-eds.md 7.4(b): pseudo-Voigt 30 % Lorentzian, width 1.6 eV, channels of
0.1 eV from 390 to 404 eV, the position free by 1 eV either way, a false alarm of 1e-3. Asked: 95 %
found at 6.0 sqrt(B) for 200 counts a channel and at 6.8 sqrt(B) for 20, B the background within a
width either way of the peak.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
import numpy.typing as npt

from acquire.xps.background import stiffness, straight_and_curved
from acquire.xps.peak_shape import line_shapes
from acquire.xps.peak_test import Roots, roots, threshold

Floats = npt.NDArray[np.float64]

WIDTH, CENTRE, WITHIN = 1.6, 396.9, 1.0
FALSE_ALARM = 1e-3
ENERGIES: Floats = 404.0 - 0.1 * np.arange(141, dtype=np.float64)
PLACES = np.linspace(CENTRE - WITHIN, CENTRE + WITHIN, 11)
ASKED = {200.0: 6.0, 20.0: 6.8}


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blanks", type=int, default=100_000)
    parser.add_argument("--peaks", type=int, default=4000)
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


if __name__ == "__main__":
    main()
