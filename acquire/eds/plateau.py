"""Whether a rise has ended, while counts arrive: a ramp with an upper knee, or still rising?

The statistic is the generalised likelihood ratio (nats) of the best ramp that reaches a plateau
before the newest position against the best that does not, levels free in both, onset and knee on a
grid. It is looked at every few positions, since it changes slowly. Source: reference/xps-and-eds.md
7.4(c).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.eds.ramp import LineCounts, best_levels

Floats = npt.NDArray[np.float64]

EVERY = 5
"""Positions between two looks."""
FALSE_SHARE = 0.02
"""Of endless straight ramps in which a plateau is raised, at most; the tests hold it to that."""
THRESHOLD = 7.0
"""Nats; 98 % of endless ramps stay below (`tests/campaigns/plateau_false_alarms.py`)."""
ONSETS, KNEES, BINS = 8, 14, 40
INTERVAL_NATS = 1.92
"""Knees less likely than the best by more than this are outside the 95 % profile interval."""


@dataclass(frozen=True)
class Plateau:
    """A plateau, and why it is believed; distances in m."""

    position: float
    interval: tuple[float, float]
    statistic: float


def plateau(line: LineCounts, onset: tuple[float, float]) -> Plateau:
    """Return the best place for a plateau to begin and its statistic, 0 or below for none.

    Args:
        line: the counts so far.
        onset: distances (m) between which the rise begins.
    """
    now = float(line.distance[-1])
    size = max(1, int((line.distance >= onset[0]).sum()) // BINS)
    coarse = _coarse(line, onset[0], size)
    begins = np.linspace(onset[0], min(onset[1], now - line.pitch), ONSETS)
    x = coarse.distance
    rising = np.maximum(x - begins[:, None], 0.0)
    shares = (np.arange(KNEES) + 1.0) / (KNEES + 1)
    knees = begins[:, None] + shares * (now - begins[:, None])
    widths = (knees - begins[:, None])[:, :, None]
    ended = np.clip((x - begins[:, None, None]) / widths, 0.0, 1.0).reshape(-1, len(x))
    found = best_levels(np.concatenate([rising, ended]), coarse).likelihood
    still, ends = found[:ONSETS].max(), found[ONSETS:]
    best = int(np.argmax(ends))
    likely = knees.ravel()[ends >= ends[best] - INTERVAL_NATS]
    place = float(knees.ravel()[best])
    half = (now - onset[0]) / (KNEES + 1) / 2  # knees between two of the grid were not tried
    interval = (float(likely.min()) - half, min(float(likely.max()) + half, now))
    return Plateau(place, interval, float(ends[best] - still))


def _coarse(line: LineCounts, onset: float, size: int) -> LineCounts:
    """Return the line with what lies before the onset as one and the rest `size` at a time."""
    before = int(np.searchsorted(line.distance, onset))
    starts = np.unique(np.concatenate([[0], np.arange(before, len(line.distance), size)]))
    return line.summed(starts)
