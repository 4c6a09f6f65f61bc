"""The spectra of a depth profile, one above the other, as numbers that a page template draws.

The first cycle is in front, at the bottom, and the deepest at the back, as depth profiles are
drawn. Coordinates are those of an SVG's viewBox, 940 wide. Nothing here makes markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.pages.charts import COLOURS, LEFT, RIGHT, Tick, ticks, told_rate
from acquire.xps.profile_data import ProfileData, RegionStack

TOP, BOTTOM = 44.0, 560.0
BETWEEN = 14.0
"""Between two panels."""
TALLEST = 150.0
"""Of the highest spectrum of a panel."""
CHANNELS = 90
"""Points of a drawn spectrum, about: channels are summed to that."""
LABELS = 12
"""Cycles that are labelled, about."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """One cycle's spectrum."""

    points: str
    """As SVG's `points`, closed along its own base line."""
    cycle: int
    seen: bool
    """There is a peak."""


@dataclass(frozen=True)
class Panel:
    """One line's spectra."""

    line: str
    colour: str
    left: float
    right: float
    traces: tuple[Trace, ...]
    """The deepest first."""
    x_ticks: tuple[Tick, ...]
    rate: str
    """Height of the tallest spectrum, in words."""


@dataclass(frozen=True)
class Waterfall:
    """Panels side by side, and the cycles along their left edge."""

    panels: tuple[Panel, ...]
    cycles: tuple[Tick, ...]
    top: float = TOP
    bottom: float = BOTTOM


def waterfall(
    profile: ProfileData, lines: Sequence[str], seen: Sequence[AbstractSet[str]]
) -> Waterfall | None:
    """Return the drawing of some lines; None where none of them was measured.

    Args:
        profile: what was measured.
        lines: one panel each.
        seen: for each cycle, the lines of which there is a peak.
    """
    shown = [line for line in lines if line in profile.regions]
    if not shown:
        return None
    width = (RIGHT - LEFT - BETWEEN * (len(shown) - 1)) / len(shown)
    rise = _rise(len(profile.etch_times))
    panels = []
    for number, line in enumerate(shown):
        left = LEFT + number * (width + BETWEEN)
        peaks = [line in each for each in seen]
        panels.append(
            _panel(line, COLOURS[number % len(COLOURS)], profile.regions[line], left, width, peaks)
        )
    every = max(1, -(-len(profile.etch_times) // LABELS))
    labels = tuple(
        Tick(round(BOTTOM - cycle * rise, 1), f"{profile.etch_times[cycle]:.0f}")
        for cycle in range(0, len(profile.etch_times), every)
    )
    return Waterfall(tuple(panels), labels)


def _rise(cycles: int) -> float:
    """Return how far one cycle stands above the one before."""
    return (BOTTOM - TOP - TALLEST) / max(1, cycles - 1)


def _panel(
    line: str, colour: str, stack: RegionStack, left: float, width: float, seen: Sequence[bool]
) -> Panel:
    energies, rates = _summed(stack)
    heights = rates - rates.min(axis=1, keepdims=True)
    tallest = max(float(heights.max()), 1e-12)
    first, last = float(stack.energies[0]), float(stack.energies[-1])

    def x(energy: Floats | float) -> Floats:
        return np.asarray(left + (first - energy) / (first - last) * width)

    rise = _rise(len(heights))
    traces = []
    for cycle in range(len(heights) - 1, -1, -1):
        if stack.sweeps[cycle]:
            base = BOTTOM - cycle * rise
            ys = base - heights[cycle] / tallest * TALLEST
            traces.append(Trace(_closed(x(energies), ys, base), cycle, seen[cycle]))
    marks = ticks(last, first, 4)
    return Panel(
        line,
        colour,
        round(left, 1),
        round(left + width, 1),
        tuple(traces),
        tuple(Tick(round(float(x(each)), 1), f"{each:g}") for each in marks),
        told_rate(tallest),
    )


def _summed(stack: RegionStack) -> tuple[Floats, Floats]:
    """Return energies and counts/s, neighbouring channels summed to about `CHANNELS` points."""
    together = max(1, stack.counts.shape[1] // CHANNELS)
    points = stack.counts.shape[1] // together
    kept = points * together
    counts = stack.counts[:, :kept].reshape(len(stack.counts), points, together).mean(axis=2)
    seconds = np.maximum(stack.sweeps, 1)[:, None] * stack.dwell
    energies = stack.energies[:kept].reshape(points, together).mean(axis=1)
    return energies, counts / seconds


def _closed(xs: Floats, ys: Floats, base: float) -> str:
    """Return a spectrum's outline, down to its base line at both ends."""
    corners = [(xs[0], base), *zip(xs.tolist(), ys.tolist(), strict=True), (xs[-1], base)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
