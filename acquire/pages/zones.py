"""Where along a line spectra are summed: before, within and beyond the interphase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.eds.scan_data import Positions
from acquire.pages.findings import Finding

SUMMED = 9
"""Positions in one sum."""


@dataclass(frozen=True)
class Zone:
    """Neighbouring positions whose spectra are summed."""

    letter: str
    words: str
    first: float
    last: float
    """Distances of its first and last position, m."""
    rows: npt.NDArray[np.intp]
    """Of the positions that have data."""


def zones(found: Sequence[Finding], positions: Positions) -> tuple[Zone, ...]:
    """Return up to three zones, as the findings place them; positions by their distance.

    Where nothing appears they are in the line's three thirds. A zone without data is left out.
    """
    measured = np.flatnonzero(~positions.lost)
    if not measured.size:
        return ()
    end = float(positions.distance[measured[-1]])
    chosen = []
    for low, high, words in _parts(found, end):
        inside = measured[
            (positions.distance[measured] >= low) & (positions.distance[measured] <= high)
        ]
        if inside.size:
            chosen.append((words, _nearest(inside, positions.distance, (low + high) / 2)))
    return tuple(
        Zone(letter, words, positions.distance[rows[0]], positions.distance[rows[-1]], rows)
        for letter, (words, rows) in zip("abc", chosen, strict=False)
    )


def _parts(found: Sequence[Finding], end: float) -> list[tuple[float, float, str]]:
    """Return stretches of the line (m), in whose middles the sums are taken."""
    onsets = [each.onset for each in found if each.onset.position is not None]
    if not onsets:
        thirds = ("in the first third", "in the second third", "in the last third")
        return [(end * i / 3, end * (i + 1) / 3, words) for i, words in enumerate(thirds)]
    first = min(onsets, key=lambda each: each.position or 0.0)
    before = first.position if first.interval is None else first.interval[0]
    knees = [e.plateau for e in found if e.plateau is not None and e.plateau.position is not None]
    start = first.position or 0.0
    parts = [(0.0, before or 0.0, "before the first onset")]
    if not knees:
        parts.append((start, end, "between first onset and the end"))
        parts.append((start + 2 / 3 * (end - start), end, "towards the end"))
        return parts
    last = max(knees, key=lambda each: each.position or 0.0)
    knee = last.position or 0.0
    beyond = knee if last.interval is None else last.interval[1]
    parts.append((start, knee, "between first onset and last plateau"))
    parts.append((beyond, end, "beyond the last plateau"))
    return parts


def _nearest(
    rows: npt.NDArray[np.intp], distance: npt.NDArray[np.float64], middle: float
) -> npt.NDArray[np.intp]:
    """Return the `SUMMED` rows nearest to `middle`, in order."""
    near = np.argsort(np.abs(distance[rows] - middle), kind="stable")[:SUMMED]
    return np.sort(rows[near])
