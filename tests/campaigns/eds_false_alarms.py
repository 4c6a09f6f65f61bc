"""False onsets of whole scans where nothing begins: bulk lithium and bulk LiPON in a wedge.

    python -m tests.campaigns.eds_false_alarms [SCANS]

The spectra are drawn by Poisson's law around what the simulated lamella gives at each of 200
positions (20 % thicker over 350 nm), and go through `EdsWatch` as a scan's do, N and P watched with
the published settings.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquire.eds.watch import EdsWatch
from drivers.stem import Spectrum, StemSetup
from protocols.eds import Watch
from protocols.units import ELEMENTARY_CHARGE
from simulators.drift import DriftPath, Face
from simulators.eds_physics import fwhm
from simulators.emission import BEAM_ENERGY
from simulators.hidden import Hidden
from simulators.holder import Holder
from simulators.lamella import lamella
from simulators.pulses import PulseProcessor
from simulators.specimen import load_specimen
from simulators.stem import AXIS, OVERHEAD
from simulators.stem_settings import SimStemSettings

Floats = npt.NDArray[np.float64]
SPECIMENS = Path(__file__).with_name("specimens")
PITCH, STRIP, DWELL, CURRENT = 1e-9, 600e-9, 0.18, 1e-10
"""Of the published line."""


def setup_of(settings: SimStemSettings) -> StemSetup:
    """Return what the simulated microscope says of itself."""
    return StemSetup(
        BEAM_ENERGY,
        AXIS,
        float(fwhm(5895.0)),
        settings.elevation,
        settings.azimuth,
        settings.solid_angle,
        settings.probe_size,
        1e-5,
        OVERHEAD,
    )


def expected_spectra(
    specimen: str, settings: SimStemSettings, points: int, begin: float
) -> tuple[Floats, Floats]:
    """Return expected counts, shape (points, channels), and live times (s) along a straight line.

    The line crosses the layers at right angles and begins at `begin` (m) from the interface of the
    settings; nothing drifts.
    """
    known = SPECIMENS / f"{specimen}.yaml"
    loaded = load_specimen(known if known.exists() else specimen)
    face = Face(loaded.upper_face(settings.interface), 0.0, 0.0)
    holder = Holder(settings.holder_temperature, settings.hold_time, settings.warming_time)
    scene = lamella(Hidden(loaded, face, DriftPath((0.0, 0.0), 100.0), holder), settings, AXIS, 0)
    pulses = PulseProcessor(settings.dead_time, settings.noise_rate, AXIS)
    noise = pulses.noise() * DWELL
    electrons = CURRENT * DWELL / ELEMENTARY_CHARGE
    dose = electrons / (PITCH * STRIP * 1e20)
    spectra, times = [], []
    for index in range(points):
        place = (begin + index * PITCH, 0.0, PITCH, STRIP, 0.0)
        wanted = scene.counts_per_electron(*place, during=dose) * electrons
        passed = pulses.passed(float(wanted.sum()), DWELL)
        spectra.append(wanted * passed + noise)
        times.append(DWELL * passed)
    return np.array(spectra), np.array(times)


def flagged(
    spectra: Floats, times: Floats, setup: StemSetup, scans: Sequence[int]
) -> dict[str, int]:
    """Return in how many scans each element, and any ("any"), raised an onset."""
    watched = [Watch(element="N"), Watch(element="P")]
    found = {"N": 0, "P": 0, "any": 0}
    for seed in scans:
        rng = np.random.default_rng(seed)
        watch = EdsWatch(
            watched,
            setup,
            background_points=30,
            average_run_length=10_000,
        )
        for index, (wanted, time) in enumerate(zip(spectra, times, strict=True)):
            counts = rng.poisson(wanted).astype(np.uint32)
            watch.update(index, index * PITCH, Spectrum(counts, float(time), DWELL, 1.0))
        raised = {flag.of for flag in watch.flags if flag.kind == "onset"}
        for element in raised:
            found[element] += 1
        found["any"] += bool(raised)
    return found


def main() -> None:
    """Print the shares."""
    scans = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for name in ("none", "bulk-lipon"):
        settings = SimStemSettings(wedge=0.2)
        spectra, times = expected_spectra(name, settings, 200, -100e-9)
        found = flagged(spectra, times, setup_of(settings), range(scans))
        share = found["any"] / scans
        error = math.sqrt(max(share, 1 / scans) / scans)
        sys.stdout.write(f"{name}: {found} of {scans} scans, {share:.1%} ± {error:.1%}\n")


if __name__ == "__main__":
    main()
