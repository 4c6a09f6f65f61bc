"""Onsets in a real recording: how many boundaries of a grainy rock are found, and where.

    python -m tests.campaigns.real_recording MAP.hspy [BACKGROUND_POINTS]

Windows of 60 pixels are laid over the map at random places and angles (seed 1) and watched through
the product's own path: `RecordedStem.spectrum`, 5 pixels wide, then `EdsWatch`. A truth is a step
up in the counts of a strip three times as wide whose log likelihood ratio, against no step, is
above 40, wherever in the window; its place is the split that makes it largest. The 5 pixels are a
part of the 15, so truth and detection share a third of their counts.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquire.edge import ScanLine
from acquire.eds_watch import EdsWatch
from drivers.recorded_stem import RecordedStem
from drivers.recording import read_recording
from drivers.stem import Area, Spectrum
from protocols.eds import Watch

ELEMENTS = ("Ca", "Fe", "Si")
POINTS = 60
STRIP, WIDE = 5, 15
"""Pixels across: of the scan, and of the profile that says what is true."""
TRUE_ABOVE = 40.0
"""Nats."""
NEAR = 3
"""Pixels between a flag's position and the true one."""
BACKGROUND_POINTS = 5
"""The fewest that a protocol may ask for. The threshold allows for a level that is not known and
holds from 5 points on (`onset_false_alarms.py`), so more of them only hide what lies in them."""
AVERAGE_RUN_LENGTH = 10_000
"""The protocol's default."""


def read_out(stem: RecordedStem, line: ScanLine, strip: float) -> list[Spectrum]:
    """Return the spectra of a line, `strip` metres wide."""
    spectra = []
    for index in range(line.points):
        x, y = line.position(index)
        exposure = stem.spectrum(Area(x, y, line.pitch, strip, line.angle), 1e-10, 0.1)
        while True:
            try:
                next(exposure)
            except StopIteration as end:
                spectra.append(end.value)
                break
    return spectra


def steps_up(counts: npt.NDArray[np.int64], exposures: npt.NDArray[np.float64]) -> list[float]:
    """Return the log likelihood ratio (nats) of a step up at each split 1 .. n - 1, else 0."""

    def best(total: float, exposure: float) -> float:
        return total * math.log(total / exposure) if total > 0 else 0.0

    all_counts, all_exposure = float(counts.sum()), float(exposures.sum())
    ratios = []
    for split in range(1, len(counts)):
        before, time = float(counts[:split].sum()), float(exposures[:split].sum())
        after, rest = all_counts - before, all_exposure - time
        up = time > 0 and rest > 0 and after * time > before * rest
        ratio = best(before, time) + best(after, rest) - best(all_counts, all_exposure)
        ratios.append(ratio if up else 0.0)
    return ratios


def random_lines(stem: RecordedStem, count: int, seed: int) -> Iterator[ScanLine]:
    """Yield lines at random places and angles that stay in the map, the wide strip included."""
    rng = np.random.default_rng(seed)
    size = stem.recording.pixel_size
    rows, columns = stem.recording.shape
    while count:
        x, y = (rng.uniform(-side / 2, side / 2) for side in (columns, rows))
        angle = rng.uniform(0, 2 * math.pi)
        cos, sin = math.cos(angle), math.sin(angle)
        corners = [
            (x + along * cos - across * sin, y + along * sin + across * cos)
            for along in (-0.5, POINTS - 0.5)
            for across in (-WIDE / 2, WIDE / 2)
        ]
        if all(abs(cx) <= columns / 2 and abs(cy) <= rows / 2 for cx, cy in corners):
            yield ScanLine(x * size, y * size, angle, size, POINTS)
            count -= 1


@dataclass
class Tally:
    """What happened to one element over all windows."""

    truths: int = 0
    near: int = 0
    """Truths with a flag within `NEAR` of their place."""
    flagged: int = 0
    """Truths with a flag anywhere in the window."""
    watched: int = 0
    """Truths that lie behind the background points."""
    watched_near: int = 0
    none: int = 0
    """Windows without a truth."""
    false: int = 0
    """Of these, flagged."""
    false_ratios: list[float] = field(default_factory=list)
    """Log likelihood ratio of the wide profile where one was flagged without a truth."""
    misses: list[tuple[int, int | None]] = field(default_factory=list)
    """(true position, flag's position or None) of the truths without a flag nearby."""

    @property
    def recall(self) -> float:
        """Share of all truths found within `NEAR`."""
        return self.near / self.truths


def measure(
    path: Path, lines: int = 100, seed: int = 1, background_points: int = BACKGROUND_POINTS
) -> dict[str, Tally]:
    """Return the tally of each element."""
    stem = RecordedStem(read_recording(path))
    size = stem.recording.pixel_size
    watches = [Watch(element=element) for element in ELEMENTS]
    tallies = {element: Tally() for element in ELEMENTS}
    for line in random_lines(stem, lines, seed):
        watch, truth = (
            EdsWatch(
                watches,
                stem.setup(),
                background_points=background_points,
                average_run_length=AVERAGE_RUN_LENGTH,
            )
            for _ in range(2)
        )
        for index, spectrum in enumerate(read_out(stem, line, STRIP * size)):
            watch.update(index, index * size, spectrum)
        for index, spectrum in enumerate(read_out(stem, line, WIDE * size)):
            truth.update(index, index * size, spectrum)
        flags = {flag.of: flag for flag in watch.flags if flag.kind == "onset"}
        for element, tally in tallies.items():
            ratios = steps_up(truth.counts[element], truth.live_time)
            flag = flags.get(element)
            position = None if flag is None else round(flag.place["position_m"] / size)  # type: ignore[operator]
            _count(tally, ratios, position, background_points)
    return tallies


def _count(tally: Tally, ratios: list[float], position: int | None, background: int) -> None:
    highest = max(ratios)
    if highest <= TRUE_ABOVE:
        tally.none += 1
        if position is not None:
            tally.false += 1
            tally.false_ratios.append(highest)
        return
    true = ratios.index(highest) + 1
    near = position is not None and abs(position - true) <= NEAR
    tally.truths += 1
    tally.near += near
    tally.flagged += position is not None
    if true >= background:
        tally.watched += 1
        tally.watched_near += near
    if not near:
        tally.misses.append((true, position))


def report(tallies: dict[str, Tally]) -> str:
    """Return the figures as text, an element a line."""
    lines = []
    for element, t in tallies.items():
        lines.append(
            f"{element}: {t.near}/{t.truths} true steps found within {NEAR} px "
            f"({100 * t.recall:.0f} %), {t.flagged} flagged at all; behind the background points "
            f"{t.watched_near}/{t.watched}; flags in {t.false}/{t.none} windows without a true step"
            f" (their wide LLR: {', '.join(f'{r:.0f}' for r in t.false_ratios) or '-'});"
            f" misses (true, flagged): {t.misses}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    points = int(sys.argv[2]) if len(sys.argv) > 2 else BACKGROUND_POINTS
    sys.stdout.write(report(measure(Path(sys.argv[1]), background_points=points)) + "\n")
