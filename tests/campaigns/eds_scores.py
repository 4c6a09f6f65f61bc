"""Whole runs of a line scan on simulated specimens, scored against what the simulator hides.

    python -m tests.campaigns.eds_scores [SEEDS] [NAME ...]

Each run is `begin_run` of a protocol, as `liftline run` does it: survey image, edge, drift and its
correction, dose damage, dead time. The truth of a place along the line is where the positions, as
they were exposed at their own times in the specimen's frame, cross the depth in question. What is
scored: errors, coverage of the 95 % intervals, claims of order, and results where nothing is.
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.launch import begin_run
from acquire.record import RunRecord
from drivers.lab import simulated_lab
from protocols.loader import load_protocol
from simulators.specimen import Specimen
from simulators.truth import exposures, truth
from tests.campaigns.scan import desk

Floats = npt.NDArray[np.float64]
SPECIMENS = Path(__file__).with_name("specimens")
GONE = 1e-6
"""Relative change of a density below which it is taken as constant."""


@dataclass(frozen=True)
class Case:
    """A specimen, a protocol and what the simulator is set to."""

    name: str
    specimen: str
    protocol: str = "joule2020/eds-line"
    changes: tuple[tuple[str, str], ...] = ()
    """Text of the protocol to replace."""
    settings: dict[str, Any] = field(default_factory=dict)


FROM_A_POINT = (
    ("start: {edge_of: dark_field, offset: -200 nm, from_side: dark}",
     "start: {x: -175 nm, y: 0 nm}"),
    ("drift:                             # ours\n  every: 25", "drift:\n  every: 1000"),
)  # fmt: skip
LONGER = (
    ("offset: -200 nm", "offset: -190 nm"),
    ("length: 350 nm", "length: 450 nm"),
    ("points: 351", "points: 451"),
)

CASES = {
    case.name: case
    for case in (
        Case("paper", "li-lipon-stem"),
        Case("20 nm", "width-20"),
        Case("150 nm", "width-150", changes=LONGER),
        Case("P first", "width-40-p-first"),
        Case("N only", "width-76-n-only"),
        Case("wedge", "width-76-wedge", settings={"wedge": 0.2}),
        Case("none", "none", changes=FROM_A_POINT, settings={"wedge": 0.2}),
    )
}


@dataclass(frozen=True)
class Scored:
    """One quantity of one run; distances in nm, NaN where there is none."""

    true: float
    value: float
    low: float
    high: float

    @property
    def covered(self) -> bool:
        """True where the interval holds the truth."""
        return self.low <= self.true <= self.high


@dataclass(frozen=True)
class Score:
    """What one run said beside what was true."""

    quantities: dict[str, Scored]
    order: str
    true_order: str
    """Of the first watched element and the second: "N before P", or empty for neither."""
    onset_flags: int
    electrons: float
    """On the line."""


def depths_of_rise(specimen: Specimen, element: str) -> tuple[float, float] | None:
    """Return the depths (m) at which an element appears and where it stays as it is then.

    Up to the next layer that has less of it again; None where it is nowhere or everywhere.
    """
    if element not in specimen.elements:
        return None
    z = np.arange(0.0, specimen.faces[-1] - 1e-9, 0.1e-9)
    density = specimen.densities(z)[:, specimen.elements.index(element)]
    there = np.flatnonzero(density > 0)
    if not len(there) or there[0] == 0:
        return None
    change = np.diff(density)
    falls = np.flatnonzero(change[there[0] :] < -0.5 * density.max())
    end = len(change) if not len(falls) else there[0] + int(falls[0])
    moving = np.flatnonzero(np.abs(change[:end]) > GONE * density.max())
    return float(z[max(there[0] - 1, 0)]), float(z[moving[-1] + 1])


def places(world: Path, line: dict[str, Any]) -> tuple[Floats, Floats]:
    """Return distance along the line and true depth (m) of each exposed position, in order.

    A position that was exposed more than once has the depth of its exposures' mean, by electrons.
    """
    hidden = truth(world)
    found: dict[int, list[tuple[float, float, float]]] = {}
    for each in exposures(world):
        x, y, along, across, angle = each.place
        if along == across or abs(math.remainder(angle - line["angle"], 2 * math.pi)) > 1e-9:
            continue
        distance = (x - line["x0"]) * math.cos(angle) + (y - line["y0"]) * math.sin(angle)
        place = hidden.on_specimen(x, y, each.begin + each.seconds / 2)
        number = round(distance / line["pitch"])
        depth = hidden.hidden.face.depth_at(*place)
        found.setdefault(number, []).append((distance, depth, each.electrons))
    rows = []
    for number in sorted(found):
        each_distance, each_depth, electrons = np.array(found[number]).T
        rows.append((each_distance[0], np.average(each_depth, weights=electrons)))
    distances, depths = np.array(rows).T
    return distances, depths


def score(folder: Path, watched: Sequence[str]) -> Score:
    """Return how a finished run compares with its world."""
    with RunRecord(folder) as record:
        step = record.steps()[0]
        line = record.decisions(0)["line"]
        flags = [held["flag"]["kind"] for held in record.flags()]
    result = step.result or {}
    distance, depth = places(folder / "world-stem.db", line)
    specimen = truth(folder / "world-stem.db").hidden.specimen

    def along(z: float) -> float:
        return float(np.interp(z, depth, distance, left=math.nan, right=math.nan)) * 1e9

    quantities, begins, ends = {}, {}, {}
    for element in watched:
        rise = depths_of_rise(specimen, element)
        inside = rise is not None and depth[0] < rise[0] < depth[-1]
        if rise is not None and inside:
            begins[element], ends[element] = along(rise[0]), along(rise[1])
        for name, true in (("onset", begins), ("plateau", ends)):
            found = result[f"{name}s"][element]
            key = f"{element} {name}"
            quantities[key] = _scored(true.get(element, math.nan), found, "position_m")
    width = max(ends.values()) - min(begins.values()) if begins else math.nan
    quantities["width"] = _scored(width, result["width"], "value_m")
    order = ""
    if len(begins) == 2 and abs(begins[watched[0]] - begins[watched[1]]) > 0.2:
        first, last = sorted(begins, key=lambda element: begins[element])
        order = f"{first} before {last}"
    return Score(quantities, result["order"], order, flags.count("onset"), result["electrons"])


def _scored(true: float, found: dict[str, Any], key: str) -> Scored:
    if "none" in found:
        return Scored(true, math.nan, math.nan, math.nan)
    low, high = found["interval_m"]
    return Scored(true, found[key] * 1e9, low * 1e9, high * 1e9)


def run_case(case: Case, seed: int) -> Score:
    """Run one case with one seed and score it."""
    out = Path(tempfile.mkdtemp(prefix="scores-"))
    try:
        text = load_protocol(case.protocol).text
        for old, new in case.changes:
            if old not in text:
                raise ValueError(f"{case.name}: {old!r} is not in {case.protocol}")
            text = text.replace(old, new)
        path = out / "scored.yaml"
        path.write_text(text, encoding="utf-8")
        known = SPECIMENS / f"{case.specimen}.yaml"
        specimen = str(known) if known.exists() else case.specimen
        lab = simulated_lab({"stem": {"specimen": specimen, **case.settings}})
        loaded = load_protocol(path)
        end = begin_run(loaded, lab, out / "runs", seed=seed, desk=desk())
        if end.state != "finished":
            raise RuntimeError(f"{case.name}, seed {seed}: {end.state}: {end.reason}")
        step: Any = loaded.steps[0]
        return score(end.folder, [watch.element for watch in step.watch])
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
    for key in found[0].quantities:
        each = [score.quantities[key] for score in found]
        exists = [q for q in each if not math.isnan(q.true)]
        said = [q for q in exists if not math.isnan(q.value)]
        wrong = sum(not math.isnan(q.value) for q in each) - len(said)
        if not exists:
            yield f"{name}: {key}: does not exist; said in {wrong} of {len(each)}"
            continue
        error = np.array([q.value - q.true for q in said])
        half = np.array([(q.high - q.low) / 2 for q in said])
        yield (
            f"{name}: {key}: RMSE {np.sqrt((error**2).mean()):.2f} nm, bias {error.mean():+.2f}, "
            f"median error {np.median(np.abs(error)):.2f}, covered "
            f"{sum(q.covered for q in said)}/{len(said)} of {len(exists)}, half interval "
            f"{np.median(half):.2f}"
        )
    orders = [score.order for score in found]
    claims = {order: orders.count(order) for order in sorted(set(orders))}
    yield f"{name}: true order {found[0].true_order or 'none'}; said {claims}"
    flagged = sum(score.onset_flags > 0 for score in found)
    yield f"{name}: runs with an onset flag: {flagged} of {len(found)}"


def main() -> None:
    """Print the figures of the cases named, or of all."""
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    for name in sys.argv[2:] or CASES:
        for line in told(name, scores(CASES[name], seeds)):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
