"""Whole depth profiles of simulated specimens, scored against what the simulator hides.

    python -m tests.campaigns.xps_scores [SEEDS] [NAME ...]

Each run is `begin_run` of the published protocol, as `liftline run` does it. Scored are: in which
cycle N 1s and P 2p are flagged, against the first whose expected area reaches 5.8 sqrt(B) with the
planned sweeps; the order; the ratio of the back-dated onsets; in which cycle C 1s falls and is
gone; whether binding energies are within 1.96 of their uncertainties.
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from acquire.launch import begin_run
from acquire.record import RunRecord
from acquire.xps.depth_watch import DepthWatch
from acquire.xps.profile_data import ProfileData, read_profile
from drivers.lab import simulated_lab
from protocols.loader import load_protocol
from simulators.xps.truth import Expected, expected
from tests.campaigns.scan import desk

SPECIMENS = Path(__file__).with_name("specimens") / "xps"
REACHED = 5.8
"""Square roots of the background."""
TRUE = {"N 1s": (394.4, "nitride"), "P 2p": (132.8, "phosphate")}
"""The states whose energies are scored, eV."""


@dataclass(frozen=True)
class Case:
    """A specimen and what the simulator is set to."""

    name: str
    specimen: str
    settings: dict[str, Any] = field(default_factory=dict)


CASES = {
    case.name: case
    for case in (
        Case("paper", "li-lipon-xps"),
        Case("no P", "no-p"),
        Case("P first", "p-first"),
        Case("20 nm", "interphase-20"),
        Case("200 nm", "interphase-200"),
        Case("strong mixing", "li-lipon-xps", {"mixing": 10e-9, "roughness": 3e-9}),
    )
}


@dataclass(frozen=True)
class Score:
    """What one run said beside what was true; cycles, None where there is none."""

    flagged: dict[str, tuple[int | None, int | None]]
    """By line: when its onset was flagged, and when the expected area reached `REACHED`."""
    others: tuple[str, ...]
    """Onsets of lines that were there at first and never gone, or are never there."""
    order: str
    ratio: float
    """Of the back-dated onset of P to that of N."""
    falls: tuple[int | None, int | None]
    """When C 1s was flagged, and when it is below the declared part of its first area."""
    gone: int | None
    energies: dict[str, list[float]]
    """By line: errors of binding energies in their uncertainties, a cycle each."""


def score(folder: Path) -> Score:
    """Return how a finished run compares with its world."""
    with RunRecord(folder) as record:
        data = read_profile(record, record.steps()[0])
        held = [row["flag"] for row in record.flags()]
    assert data is not None
    flags = [(flag["kind"], flag["of"], int(flag["place"]["cycle"])) for flag in held]
    truth = expected(folder / "world-xps.db", data.step, list(map(float, data.etch_times)))
    result = data.record.result or {}
    onsets = {
        found["of"]: found["etch_time_s"]
        for found in reversed(result["boundaries"])
        if found["kind"] == "onset"
    }
    return Score(
        flagged={n: (_first(flags, "onset", n), truth.lines[n].first(REACHED)) for n in TRUE},
        others=tuple(of for kind, of, _ in flags if kind == "onset" and _never(truth, of)),
        order=result["order"],
        ratio=onsets.get("P 2p", math.nan) / onsets.get("N 1s", math.nan),
        falls=(_first(flags, "falls", "C 1s"), truth.lines["C 1s"].falls(0.2)),
        gone=_first(flags, "gone", "C 1s"),
        energies=_energies(data),
    )


def _first(flags: Sequence[tuple[str, str, int]], kind: str, line: str) -> int | None:
    return next((cycle for k, of, cycle in flags if (k, of) == (kind, line)), None)


def _never(truth: Expected, line: str) -> bool:
    """Return True if no onset of a line is true: it is there all the time, or never."""
    there = truth.lines[line].significance
    return bool((there > REACHED).all() or (there < 1).all())


def _energies(data: ProfileData) -> dict[str, list[float]]:
    """Return the errors of binding energies, watched again from the recorded spectra."""
    watch = DepthWatch(data.step, data.setup)
    found: dict[str, list[float]] = {line: [] for line in TRUE}
    for cycle, etch_time in enumerate(data.etch_times):
        watch.update(cycle, float(etch_time), data.spectra(cycle))
        for line, (energy, state) in TRUE.items():
            read = watch.row().get(line)
            if read is None or read.binding_energy is None or read.uncertainty is None:
                continue
            if read.state == state:
                found[line].append((read.binding_energy - energy) / read.uncertainty)
    return found


def run_case(case: Case, seed: int) -> Score:
    """Run one case with one seed and score it."""
    out = Path(tempfile.mkdtemp(prefix="xps-scores-"))
    try:
        known = SPECIMENS / f"{case.specimen}.yaml"
        specimen = str(known) if known.exists() else case.specimen
        lab = simulated_lab({"xps": {"specimen": specimen, **case.settings}})
        loaded = load_protocol("joule2020/xps-depth-profile")
        end = begin_run(loaded, lab, out / "runs", seed=seed, desk=desk())
        if end.state != "finished":
            raise RuntimeError(f"{case.name}, seed {seed}: {end.state}: {end.reason}")
        return score(end.folder)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def scores(case: Case, seeds: Sequence[int], workers: int = 2) -> list[Score]:
    """Run a case with many seeds."""
    if workers == 1:
        return [run_case(case, seed) for seed in seeds]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(run_case, [case] * len(seeds), seeds))


def told(name: str, found: Sequence[Score]) -> Iterator[str]:
    """Yield the figures of a case, a line each."""
    for line in TRUE:
        pairs = [each.flagged[line] for each in found]
        yield f"{name}: {line} flagged, less the first cycle at 5.8 sqrt(B): {_late(pairs)}"
    yield f"{name}: false onsets {Counter(of for each in found for of in each.others)}"
    yield f"{name}: order {Counter(each.order for each in found)}"
    ratios = np.array([each.ratio for each in found if not math.isnan(each.ratio)])
    if ratios.size:
        low, middle, high = np.quantile(ratios, (0.05, 0.5, 0.95))
        near = float((np.abs(ratios / (138 / 54) - 1) < 0.15).mean())
        yield (
            f"{name}: P/N {middle:.2f} ({low:.2f} to {high:.2f}), "
            f"within 15 % of 138/54 in {near:.0%}"
        )
    yield f"{name}: C 1s falls {_late([each.falls for each in found])}"
    yield f"{name}: C 1s gone in cycle {Counter(each.gone for each in found)}"
    for line in TRUE:
        errors = np.array([error for each in found for error in each.energies[line]])
        if errors.size:
            covered = float((np.abs(errors) < 1.96).mean())
            yield f"{name}: {line} energies covered {covered:.1%} of {errors.size}"


def _late(pairs: Sequence[tuple[int | None, int | None]]) -> str:
    """Return by how many cycles the first of each pair is later, and how often."""
    late = Counter(
        "none" if said is None and true is None else "missed" if said is None else "false"
        if true is None else f"{said - true:+d}"
        for said, true in pairs
    )  # fmt: skip
    return ", ".join(f"{cycles}: {count}" for cycles, count in sorted(late.items()))


def main() -> None:
    """Print the figures of the cases named, or of all."""
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    for name in sys.argv[2:] or CASES:
        for line in told(name, scores(CASES[name], seeds)):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
