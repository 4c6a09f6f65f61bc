"""Onset of an element while counts arrive: exact, one-sided Poisson-FOCuS.

Pure and streaming: counts and exposures in, evidence out, no clock, no files, no units. The level
before the onset is not known but estimated from the counts themselves, so the statistic is the
generalised likelihood ratio (GLR) of two Poisson samples, and not the one for a known level, whose
false-alarm rate a level taken from 30 points would not keep.

With counts S and exposure W summed up to a split k and up to now n, the statistic is, in nats,

    max over k of  S_k ln(S_k/W_k) + (S_n-S_k) ln((S_n-S_k)/(W_n-W_k)) - S_n ln(S_n/W_n)

over the splits after the background points at which the rate goes up. For any two levels the best
split is a vertex of the lower convex hull of the points (W_k, S_k); only these, some 2 ln n, are
kept. Source: Ward, Dilillo, Eckley & Fearnhead, J. Am. Stat. Assoc. 119 (2024), Poisson-FOCuS;
reference/xps-and-eds.md 7.1 and 7.4(a).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

CONFIDENCE = 0.95
"""Of the interval of a back-dated position."""
INTERVAL_NATS = -math.log(1 - math.sqrt(CONFIDENCE))
"""Change points less likely than the best one by more than this are outside the interval, 3.68.

The log likelihood ratio of a change point is two Brownian motions that drift down on either side;
each one's maximum is Exp(1), so P(max <= c) = (1 - exp(-c))^2. Source: D. Siegmund, Int. Stat.
Rev. 56, 31 (1988).
"""


@dataclass(frozen=True)
class Evidence:
    """An onset, and why it is believed. Points are counted from 0 over all updates, gaps too."""

    raised: int
    """The point at which the statistic crossed the threshold."""
    change: int
    """The first point with the higher rate: the split where the GLR is largest."""
    interval: tuple[int, int]
    """First and last point that may be the first with a higher rate, at `CONFIDENCE`."""
    statistic: float
    """Nats."""
    threshold: float
    """Nats."""


def onset_threshold(average_run_length: float) -> float:
    """Return the GLR (nats) that is crossed once in `average_run_length` points without an onset.

    h = ln A + ln(2 ln A) / 2 - 2. Source of the form: D. Siegmund & E. S. Venkatraman, Ann. Stat.
    23, 255 (1995), a Gaussian GLR. The constant is the largest that simulations need, with 5 to
    100 background points of 0.3 to 1000 counts and A of 3e3 to 3e4 on lines of 321 points
    (`tests/campaigns/onset_false_alarms.py`); few counts need up to 0.5 less, a run length 1.5
    times as long, which is left as a margin.
    """
    log = math.log(average_run_length)
    return log + 0.5 * math.log(2 * log) - 2.0


@dataclass
class OnsetDetector:
    """Watches one element's counts for a rise of their rate; says so once.

    A point of zero exposure is a gap: it is counted as a point and tells nothing.
    """

    background_points: int
    """Points with exposure that only set the level; a rise is looked for after them."""
    average_run_length: float
    """Points without an onset between two false alarms of this detector."""
    counts: list[int] = field(default_factory=list)
    exposures: list[float] = field(default_factory=list)
    measured: int = 0
    """Points with exposure so far."""
    raised: Evidence | None = None
    """Once there is an onset, none is raised again."""
    _total: tuple[int, float] = (0, 0.0)
    _hull: list[tuple[int, int, float, float]] = field(default_factory=list)
    """Splits that can still be the best: (point, S, W, S ln(S/W)) from left to right."""

    def __post_init__(self) -> None:
        self.threshold = self._threshold = onset_threshold(self.average_run_length)

    def update(self, count: int, exposure: float = 1.0, *, scatter: float = 1.0) -> Evidence | None:
        """Take the counts of the next point; return the evidence if it reveals an onset.

        `exposure` is what the expected background is proportional to, such as live time; a gap
        has none. Where exposures are estimates, `scatter` is by how much they make the counts'
        variance about the expected ones larger, and with it the threshold.
        """
        self.threshold = max(scatter, 1.0) * self._threshold
        if not (math.isfinite(exposure) and exposure >= 0 and count >= 0):
            raise ValueError(f"count {count}, exposure {exposure}: neither can be negative or NaN")
        if exposure == 0:
            count = 0
        point = len(self.counts)
        self.counts.append(count)
        self.exposures.append(exposure)
        if exposure == 0:
            return None
        watching = self.measured >= self.background_points
        if watching and self.raised is None:
            self._add_split(point)
        self.measured += 1
        self._total = (self._total[0] + count, self._total[1] + exposure)
        if not watching or self.raised is not None:
            return None
        statistic, change = self._statistic()
        if statistic > self.threshold:
            interval = change_interval(self.counts, self.exposures, change, self.background_points)
            self.raised = Evidence(point, change, interval, statistic, self.threshold)
        return self.raised

    @property
    def statistic(self) -> float:
        """The GLR now, in nats; 0 where nothing speaks for a rise."""
        return self._statistic()[0] if self._hull else 0.0

    def _add_split(self, point: int) -> None:
        """Let a rise begin at `point`; drop the splits that no rise can have any more."""
        total, exposure = self._total
        hull = self._hull
        while len(hull) > 1:
            _, s1, w1, _ = hull[-1]
            _, s0, w0, _ = hull[-2]
            if (s1 - s0) * (exposure - w1) < (total - s1) * (w1 - w0):
                break
            hull.pop()
        before = total * math.log(total / exposure) if total else 0.0
        hull.append((point, total, exposure, before))

    def _statistic(self) -> tuple[float, int]:
        total, exposure = self._total
        if total == 0:
            return 0.0, 0
        best, change = 0.0, 0
        log = math.log
        together = total * log(total / exposure)
        for point, s, w, before in self._hull:
            count, time = total - s, exposure - w
            if count * w > s * time:
                value = before + count * log(count / time) - together
                if value > best:
                    best, change = value, point
        return best, change


def change_interval(
    counts: Sequence[int], exposures: Sequence[float], change: int, first: int
) -> tuple[int, int]:
    """Return the first and last point at which the rise may begin, at `CONFIDENCE`.

    A rise may be a step at `change` or climb over 2, 4, 8 ... points or without end, so each point
    gets the best likelihood of these shapes, levels free; those within `INTERVAL_NATS` of the
    best make the interval, which always holds `change`. Crude for a ramp: at the moment of
    the flag most of it lies ahead. Only splits after the first `first` points are looked at, and
    of these the 300 before `change` at most.
    """
    import numpy as np

    from acquire.eds.ramp import LineCounts, best_levels

    start = max(first, change - 300)
    length = len(counts) - start
    before = (float(sum(counts[:start])), math.fsum(exposures[:start]))
    tail = np.array([before[0], *counts[start:]], float)
    weight = np.array([before[1], *exposures[start:]], float)
    line = LineCounts(np.arange(length + 1.0), tail, weight, weight)
    spans = [1]
    while spans[-1] < length:
        spans.append(2 * spans[-1])
    onsets = np.arange(length) + 1
    best = np.full(length, -np.inf)
    for span in spans:
        shapes = np.clip((np.arange(length + 1) - onsets[:, None] + 1) / span, 0.0, 1.0)
        shapes[:, 0] = 0.0  # all earlier points together, before any rise
        best = np.maximum(best, best_levels(shapes, line).likelihood)
    best[weight[1:] == 0] = -np.inf
    credible = np.flatnonzero(best >= best.max() - INTERVAL_NATS) + start
    return min(int(credible[0]), change), max(int(credible[-1]), change)
