"""Onsets in a real recording: how many boundaries of a grainy rock are found, and where.

    python -m tests.campaigns.real_recording MAP.hspy [BACKGROUND_POINTS]

Windows of 60 pixels are laid over the map at random places and angles (seed 1) and watched through
the product's own path: `RecordedStem.spectrum`, 5 pixels wide, then `EdsWatch`. What is true is
read from the counts of a strip three times as wide (the 5 pixels are a part of the 15), by the log
likelihood ratio (LLR) of a step up against no step:

* strict: the window has a boundary where one step over the whole of it has an LLR above 40; its
  place is the split that makes it largest. Of a gradual rise that is the middle, of several the
  largest; a grain that is entered and left again has none.
* in sequence: as a scan sees it. Each beginning of the window (its first 2, 3 ... 60 points) has
  its strict boundary; a flag is right where it lies near any of them.

A window is *empty* where not even a beginning of it has an LLR above 10, what chance gives.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquire.eds.edge import ScanLine
from acquire.eds.line_result import LineFindings
from acquire.eds.watch import EdsWatch
from drivers.recorded_stem import RecordedStem
from drivers.recording import read_recording
from drivers.stem import Area, Spectrum
from protocols.eds import Watch

ELEMENTS = ("Ca", "Fe", "Si")
POINTS = 60
STRIP, WIDE = 5, 15
"""Pixels across: of the scan, and of the profile that says what is true."""
TRUE_ABOVE = 40.0
"""Nats: a boundary."""
CHANCE = 10.0
"""Nats: about the detector's own threshold, which chance crosses once in 30,000 points."""
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


def strongest_step(
    counts: npt.NDArray[np.int64], exposures: npt.NDArray[np.float64]
) -> tuple[float, int]:
    """Return the LLR (nats) of the best step up and its split, 0 where the counts only fall."""
    before, time = np.cumsum(counts)[:-1].astype(float), np.cumsum(exposures)[:-1]
    total, exposure = float(counts.sum()), float(exposures.sum())
    after, rest = total - before, exposure - time

    def best(n: npt.NDArray[np.float64], w: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        rate = np.where(n > 0, n, 1.0) / np.where(w > 0, w, 1.0)
        return np.where(n > 0, n * np.log(rate), 0.0)

    ratios = best(before, time) + best(after, rest) - best(np.array(total), np.array(exposure))
    ratios = np.where((time > 0) & (rest > 0) & (after * time > before * rest), ratios, 0.0)
    split = int(np.argmax(ratios))
    return float(ratios[split]), split + 1


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

    strict: int = 0
    """Windows with a strict boundary."""
    strict_near: int = 0
    """Of these, with a flag within `NEAR` of it."""
    strict_watched: int = 0
    """Of these, with the boundary behind the background points."""
    strict_watched_near: int = 0
    strict_flagged: int = 0
    """Of these, with a flag anywhere."""
    strict_none: int = 0
    strict_none_flagged: int = 0
    sequence: int = 0
    """Windows with a boundary in sequence."""
    sequence_near: int = 0
    """Of these, with a flag within `NEAR` of one."""
    sequence_none: int = 0
    sequence_none_flagged: int = 0
    empty: int = 0
    empty_flagged: int = 0
    stated: int = 0
    """Rises that are stated and that the wide profile shows too, within the stretch that was
    fitted, with a step of an LLR above 40."""
    covered: int = 0
    """Of these, with that step's place in the interval of the result's midpoint."""
    midpoint_near: int = 0
    """Of the strict ones, with the result's `midpoint_m` within `NEAR`."""
    away: list[int] = field(default_factory=list)
    """Pixels from the strict boundary to the flag, negative before it."""

    def add(
        self,
        steps: list[tuple[float, int]],
        position: int | None,
        midpoint: int | None,
        background_points: int,
    ) -> None:
        """Count a window: the strongest step of each beginning, the last the whole; the flag."""
        highest, true = steps[-1]
        flagged = position is not None
        if highest > TRUE_ABOVE:
            near = position is not None and abs(position - true) <= NEAR
            self.strict += 1
            self.strict_near += near
            self.midpoint_near += midpoint is not None and abs(midpoint - true) <= NEAR
            self.strict_flagged += flagged
            self.strict_watched += true >= background_points
            self.strict_watched_near += near and true >= background_points
            self.away += [] if position is None else [position - true]
        else:
            self.strict_none += 1
            self.strict_none_flagged += flagged
        boundaries = {split for ratio, split in steps if ratio > TRUE_ABOVE}
        if boundaries:
            self.sequence += 1
            self.sequence_near += position is not None and any(
                abs(position - split) <= NEAR for split in boundaries
            )
        else:
            self.sequence_none += 1
            self.sequence_none_flagged += flagged
        if max(ratio for ratio, _ in steps) < CHANCE:
            self.empty += 1
            self.empty_flagged += flagged


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
            counts, times = truth.counts[element], truth.live_time
            steps = [strongest_step(counts[:n], times[:n]) for n in range(2, POINTS + 1)]
            place = flags[element].place["position_m"] if element in flags else None
            position = round(place / size) if isinstance(place, float) else None
            found = watch.findings().onsets[element]
            midpoint = None if "none" in found else round(found["midpoint_m"] / size)
            tally.add(steps, position, midpoint, background_points)
            if element in watch.findings().fits:
                _add_coverage(tally, watch.findings(), element, counts, times, size)
    return tallies


def _add_coverage(
    tally: Tally,
    said: LineFindings,
    element: str,
    counts: npt.NDArray[np.int64],
    times: npt.NDArray[np.float64],
    size: float,
) -> None:
    """Count whether the midpoint's interval holds the wide profile's step, to half a pixel."""
    stretch = np.rint(said.fits[element].line.distance / size).astype(int)
    first, last = int(stretch[0]), int(stretch[-1]) + 1
    ratio, split = strongest_step(counts[first:last], times[first:last])
    if ratio <= TRUE_ABOVE:
        return
    low, high = _midpoint_interval(said, element)
    true = first + split - 0.5  # between the last pixel before the step and the first behind it
    tally.stated += 1
    tally.covered += low / size - 0.5 <= true <= high / size + 0.5


def _midpoint_interval(said: LineFindings, element: str) -> tuple[float, float]:
    """Return the interval of an element's midpoint, m."""
    found = said.onsets[element]
    assert "midpoint_interval_m" in found
    return found["midpoint_interval_m"]


def report(tallies: dict[str, Tally]) -> str:
    """Return the figures as text, an element a line."""
    return "\n".join(
        f"{element}: midpoint's interval holds the wide profile's step {t.covered}/{t.stated}; "
        f"strict: onset {t.strict_near}/{t.strict} within {NEAR} px, "
        f"midpoint {t.midpoint_near}/{t.strict} "
        f"({t.strict_watched_near}/{t.strict_watched} behind the background points, "
        f"{t.strict_flagged} flagged at all, median {np.median(t.away):+.0f} px); "
        f"in sequence {t.sequence_near}/{t.sequence}; "
        f"flagged without a boundary: strict {t.strict_none_flagged}/{t.strict_none}, "
        f"in sequence {t.sequence_none_flagged}/{t.sequence_none}, "
        f"empty {t.empty_flagged}/{t.empty}"
        for element, t in tallies.items()
    )


if __name__ == "__main__":
    points = int(sys.argv[2]) if len(sys.argv) > 2 else BACKGROUND_POINTS
    sys.stdout.write(report(measure(Path(sys.argv[1]), background_points=points)) + "\n")
