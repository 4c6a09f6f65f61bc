"""Dose series simulated by the hundred: false fade flags, and how often the intervals hold.

    python -m tests.campaigns.damage_series            (figures from sampled counts)
    python -m tests.campaigns.damage_series FOLDER 30  (so many on the simulated microscope)

Sampled counts are Poisson with a background that is known; where the threshold is placed, Gaussian
noise of known size around a constant is looked at after each exposure as `FadeDetector` does it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.eds import fade
from acquire.launch import begin_run
from acquire.record import RunRecord
from drivers.lab import simulated_lab
from protocols.loader import load_protocol
from simulators.damage import Damage
from tests.campaigns.scan import desk

Floats = npt.NDArray[np.float64]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Case:
    """A series to sample."""

    critical_dose: float
    """e/Å²; infinite where nothing is lost."""
    retained: float
    end: float = 2e4
    """Dose of the whole series, e/Å²."""
    exposures: int = 40
    counts: float = 500.0
    """Net counts of the first exposure."""
    background: float = 500.0
    """Counts under them."""

    def loss_dose(self, loss: float) -> float:
        """Return the true dose at which a share is gone; infinite where it never is."""
        if loss >= 1 - self.retained:
            return math.inf
        return -self.critical_dose * math.log(1 - loss / (1 - self.retained))


def sample(case: Case, rng: np.random.Generator) -> tuple[fade.DoseSeries, Floats]:
    """Return one series as the detector looks at it, and the variances that its counts give."""
    during = np.full(case.exposures, case.end / case.exposures)
    before = np.arange(case.exposures) * during
    bears = math.isinf(case.critical_dose)
    model = Damage(
        critical_dose={} if bears else {"N": case.critical_dose}, retained={"N": case.retained}
    )
    left = np.array([model.left(["N"], np.array([b]), float(during[0]))[0, 0] for b in before])
    counts = rng.poisson(case.counts * left + case.background)
    errors = np.full(case.exposures, math.sqrt(counts.mean()))
    net = counts - case.background
    return fade.DoseSeries(before, during, net, errors), counts.astype(float)


def glr_maxima(exposures: int, series: int, rng: np.random.Generator) -> Floats:
    """Return the largest statistic (nats) over the looks at each of many series without loss."""
    noise = rng.standard_normal((series, exposures))
    before = np.arange(float(exposures))
    few = range(fade.FEWEST, min(exposures, 60) + 1)
    many = np.geomspace(min(exposures, 60), exposures, 60).astype(int).tolist()
    highest = np.zeros(series)
    for now in sorted({*few, *many}):
        rates = np.geomspace(1 / fade.LONGEST, 1 / fade.SHORTEST, 60) / now
        left = np.exp(-rates[:, None] * before[:now]) * (-np.expm1(-rates) / rates)[:, None]
        shape = left - left.mean(axis=1, keepdims=True)
        shape /= np.sqrt((shape**2).sum(axis=1, keepdims=True)) + 1e-300
        fall = np.maximum(noise[:, :now] @ shape.T, 0.0)
        highest = np.maximum(highest, (fall**2 / 2).max(axis=1))
    return highest


def flagged_share(false_alarm: float, case: Case, series: int, seed: int) -> float:
    """Return the share of sampled series in which the detector's rule raises a flag."""
    rng = np.random.default_rng(seed)
    threshold = fade.fade_threshold(false_alarm, case.exposures)
    flagged = 0
    for _ in range(series):
        whole, _ = sample(case, rng)
        flagged += any(
            fade.fall_statistic(first(whole, now)) > threshold
            for now in range(fade.FEWEST, case.exposures + 1)
        )
    return flagged / series


def first(series: fade.DoseSeries, now: int) -> fade.DoseSeries:
    """Return the first exposures of a series."""
    return fade.DoseSeries(
        series.before[:now], series.during[:now], series.counts[:now], series.errors[:now]
    )


def coverage(case: Case, loss: float, series: int, seed: int) -> tuple[float, float]:
    """Return how often the intervals of Dc and of the dose for `loss` hold the truth."""
    rng = np.random.default_rng(seed)
    held = [0, 0]
    for _ in range(series):
        one = fade.with_own_errors(*sample(case, rng))
        truths = (case.critical_dose, case.loss_dose(loss))
        found = (fade.critical_dose(one, CONFIDENCE), fade.dose_for_loss(one, loss, CONFIDENCE))
        for index, (truth, interval) in enumerate(zip(truths, found, strict=True)):
            held[index] += interval.low <= truth <= interval.high
    return held[0] / series, held[1] / series


def on_the_microscope(
    folder: Path, series: int, protocol: str | Path, **settings: Any
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Yield the result of each run and the elements that were flagged as fading."""
    for seed in range(series):
        lab = simulated_lab({"stem": settings})
        end = begin_run(load_protocol(protocol), lab, folder, seed=seed, desk=desk())
        with RunRecord(end.folder) as record:
            flags = [each["flag"] for each in record.flags()]
            result = record.steps()[0].result or {}
        yield result, [flag["of"] for flag in flags if flag["kind"] == "fade"]


CASES = (
    Case(2e4, 0.0),
    Case(2e4, 0.2),
    Case(2e4, 0.5),
    Case(6e4, 0.2),
    Case(6e4, 0.2, counts=5000, background=2000),
    Case(5e3, 0.3),
    Case(2e3, 0.2),
    Case(2e4, 0.2, counts=20, background=20, exposures=100),
    Case(2e4, 0.2, counts=4000, background=4000, exposures=6),
)


def sampled() -> None:
    """Print the figures from sampled counts."""
    out = sys.stdout.write
    rng = np.random.default_rng(3)
    for exposures in (5, 40):
        maxima = np.concatenate([glr_maxima(exposures, 20_000, rng) for _ in range(3)])
        for chance in (0.03, 0.01, 0.001):
            share = float((maxima > fade.fade_threshold(chance, exposures)).mean())
            out(f"{exposures} exposures: {share:.3%} flagged, promised {chance:.1%}\n")
    for case in (Case(math.inf, 0.0), Case(math.inf, 0.0, counts=10, background=5)):
        share = flagged_share(0.01, case, 1000, 5)
        out(f"{case.counts:g} counts: {share:.2%} flagged, promised 1 %\n")
    for case in CASES:
        of_dc, of_loss = coverage(case, 0.1, 400, 7)
        out(f"{case}: holds Dc {of_dc:.1%}, dose for 10 % {of_loss:.1%}\n")


def false_flags(folder: Path, series: int, protocol: str) -> int:
    """Return how many of so many series in which nothing is lost raise any flag."""
    found = on_the_microscope(folder, series, protocol, damage={"critical_dose": {}})
    return sum(bool(flags) for _, flags in found)


def fading(folder: Path, series: int, protocol: str) -> dict[str, int]:
    """Return by element in how many series the interval of the dose for 10 % holds the truth."""
    model = Damage(critical_dose={"N": 2e4, "O": 6e4, "P": 2e5})
    damage = {"critical_dose": model.critical_dose}
    held = dict.fromkeys(model.critical_dose, 0)
    for result, _ in on_the_microscope(folder, series, protocol, damage=damage):
        for element in held:
            case = Case(model.critical_dose[element], model.retained[element])
            held[element] += holds(result["dose_for_loss"][element], case.loss_dose(0.1))
    return held


def simulated(folder: Path, series: int) -> None:
    """Print the figures from the simulated microscope."""
    out = sys.stdout.write
    name = "joule2020/beam-damage"
    flagged = false_flags(folder, series, name)
    out(f"nothing lost: {flagged} of {series} series flagged\n")
    for element, held in fading(folder, series, name).items():
        out(f"{element}: the dose for 10 % is held in {held} of {series}\n")


def holds(figure: dict[str, Any], truth: float) -> bool:
    """Return whether a figure's interval, or its lower limit, holds the truth."""
    low, high = figure.get(
        "interval_e_per_angstrom2", (figure.get("at_least_e_per_angstrom2", math.inf), None)
    )
    return bool(low <= truth <= (math.inf if high is None else high))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        simulated(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        sampled()
