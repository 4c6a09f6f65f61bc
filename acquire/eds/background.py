"""Expected background of each watched line, position by position: a linear model of peaks.

Bremsstrahlung grows with mass and thickness, so a window's counts rise where the composition or the
thickness changes without the element. The background under a line is proportional to the counts
of the channels far from all lines, whatever the detector (its efficiency is in the ratio, which the
data give), plus the tails of neighbouring lines, which are Gaussians of known width. So with

    e_t = r_t + sum over neighbours k of  tail_k,t / rho

(r_t: line-free counts; rho: background in the window per line-free count) the window's counts are
Poisson with expectation level * e_t until the element appears: e_t is the exposure that
`OnsetDetector` takes. Lines that stand out at the beginning are kept out of the line-free channels;
one that appears later in them makes onsets later, not earlier.

While counts come, r_t is that of the last positions; afterwards (`along`) of both sides.

As r_t is counted too, a ratio of two Poisson numbers scatters more than one: its variance is
`spread` times as large, and so is the threshold to be. Source: reference/xps-and-eds.md 5 and 7.4.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from acquire.eds.windows import channels_between, line_width, stands_out, window_of
from drivers.stem import EnergyAxis, StemSetup
from protocols.eds import Watch, WatchedLine
from protocols.errors import InputError
from protocols.xray_lines import LINE_ENERGIES_EV

Floats = npt.NDArray[np.float64]
Value = TypeVar("Value", float, npt.NDArray[np.float64])

NEIGHBOURS = ("C", "N", "O", "F", "Al", "Si", "P", "S", "Cl", "Cr", "Cu", "Ga", "Pt")
"""Elements that may be there unasked: specimen, surface, grid, ion beam, collector."""
LOWEST_EV, HIGHEST_EV = 580.0, 12_000.0
"""Line-free channels are taken between these: below are C, N, O and noise, above few counts."""
ENOUGH = 60
"""Line-free counts that make one exposure; over as many positions back as this takes."""
AROUND = 4
"""Positions on either side over which line-free counts are averaged afterwards: few, as their
rates have corners where layers meet."""
WIDEST = 20
"""Positions on either side over which they are averaged at most."""
FIRST_FREE = 600
"""Line-free counts, from the line's beginning, in which rho is measured."""
REACH = 1.25
"""Channels within so many widths of a line are not line-free."""
SEEN_RISK = 1e-6
"""Chance that an element counts as seen which is not there."""
MEASURED_NEIGHBOURS = {"C": 277.4, "N": 392.4, "O": 524.9}
"""eV. Lines so close that their tails reach the next one's window."""


def share_within(energy: float, low: float, high: float, width: float) -> float:
    """Return the share of a line at `energy` of full width `width` between `low` and `high`, eV."""
    root = width / 2.3548 * math.sqrt(2)
    return 0.5 * (math.erf((high - energy) / root) - math.erf((low - energy) / root))


def window_share(watched: WatchedLine, setup: StemSetup, channels: slice) -> float:
    """Return the share of a line's counts that falls into some channels."""
    low, high = _edges(setup.energy_axis, channels)
    return share_within(watched.energy, low, high, line_width(watched.energy, setup.resolution))


def _edges(axis: EnergyAxis, channels: slice) -> tuple[float, float]:
    """Return the energies (eV) where channels begin and end."""
    return (
        axis.offset + (channels.start - 0.5) * axis.scale,
        axis.offset + (channels.stop - 0.5) * axis.scale,
    )


def channel_energies(axis: EnergyAxis) -> Floats:
    """Return the energies (eV) of the channels' centres."""
    return np.asarray(axis.offset + axis.scale * np.arange(axis.channels, dtype=float))


def line_free(setup: StemSetup, elements: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which channels are far from every line of `elements` and of `NEIGHBOURS`."""
    energies = channel_energies(setup.energy_axis)
    free = (energies >= LOWEST_EV) & (energies <= HIGHEST_EV)
    for element in {*elements, *NEIGHBOURS}:
        for energy in LINE_ENERGIES_EV.get(element, {}).values():
            free &= np.abs(energies - energy) > REACH * line_width(energy, setup.resolution)
    return free


def seen_elements(setup: StemSetup, spectrum: Floats) -> list[str]:
    """Return the elements whose usual line stands out of a summed spectrum, shape (channels,)."""
    found = []
    for element in LINE_ENERGIES_EV:
        try:
            window = window_of(Watch(element=element), setup)
        except (InputError, ValidationError):
            continue  # no line that this detector can see
        if stands_out(window, spectrum, SEEN_RISK):
            found.append(element)
    return found


@dataclass(frozen=True)
class _Window:
    """Channels of one line, and what share of the neighbours' lines falls in them."""

    channels: slice
    tails: Mapping[str, float]
    """By neighbour: counts in this window per net count in the neighbour's own window."""


class BackgroundWatch:
    """Follows the expected background of each element; spectra in, exposures out.

    `windows` are the channels in which each element's counts are taken, `energies` its lines (eV).
    """

    def __init__(
        self,
        setup: StemSetup,
        windows: Mapping[str, slice],
        energies: Mapping[str, float],
        *,
        neighbours: Sequence[str] = (),
    ) -> None:
        self._free = np.flatnonzero(line_free(setup, [*windows, *neighbours]))
        self._beside = {
            name: _half_width(setup, energy) for name, energy in MEASURED_NEIGHBOURS.items()
        }
        self._windows = {
            element: _Window(channels, _tails(setup, channels, energies[element]))
            for element, channels in windows.items()
        }
        self._names = [*windows, *(f"beside {name}" for name in self._beside)]
        slices = [*windows.values(), *self._beside.values()]
        self._edges = np.array([(each.start, each.stop) for each in slices])
        self._all: list[tuple[float, Floats, float]] = []
        self._recent: deque[tuple[float, Floats, float]] = deque()
        self._recent_free = 0.0
        self._sum = np.zeros(len(self._names))
        self._sum_free = 0.0
        self._first, self._first_free = np.zeros(len(self._names)), 0.0

    def update(self, counts: npt.NDArray[np.generic], live_time: float) -> dict[str, float]:
        """Take a position's spectrum; return each element's exposure, 0 in a gap."""
        if live_time <= 0 or counts.size == 0:
            self._all.append((0.0, np.zeros(len(self._names)), 0.0))
            return dict.fromkeys(self._windows, 0.0)
        free = float(counts[self._free].sum(dtype=np.int64))
        running = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        counted = (running[self._edges[:, 1]] - running[self._edges[:, 0]]).astype(float)
        self._all.append((free, counted, live_time))
        self._remember(free, counted, live_time)
        time = math.fsum(each[2] for each in self._recent)
        near = np.sum([each[1] for each in self._recent], axis=0)
        scale = live_time / time
        return self._exposures(self._recent_free * scale, near * scale)

    def along(self) -> dict[str, Floats]:
        """Return each element's exposures at all positions so far, from both sides; 0 in a gap."""
        free = np.array([each[0] for each in self._all])
        counted = np.array([each[1] for each in self._all]).T
        times = np.array([each[2] for each in self._all])
        half = _halves(free, times)
        near = [_local(row, times, half) * times for row in counted]
        exposures = self._exposures(_local(free, times, half) * times, np.array(near))
        return {element: np.where(times > 0, values, 0.0) for element, values in exposures.items()}

    def spread(self, element: str) -> float:
        """Return by how much the ratio's variance exceeds that of the counts alone, 1 or more.

        From the positions so far: 1 + window / line-free counts, their expectations' ratio.
        """
        return 1 + float(self._sum[self._names.index(element)]) / max(self._sum_free, 1.0)

    def _remember(self, free: float, counted: Floats, live_time: float) -> None:
        self._recent.append((free, counted, live_time))
        self._recent_free += free
        while len(self._recent) > 1 and self._recent_free - self._recent[0][0] >= ENOUGH:
            self._recent_free -= self._recent.popleft()[0]
        self._sum += counted
        self._sum_free += free
        if self._first_free < FIRST_FREE:
            self._first, self._first_free = self._sum.copy(), self._sum_free

    def _exposures(self, free: Value, counted: Floats) -> dict[str, Value]:
        """Return exposures from line-free and window counts of the neighbourhood.

        `free` is one number, or of shape (n,) with `counted` of shape (windows, n).
        """
        found = {}
        net = {}
        for name in self._beside:
            below = self._rho(f"beside {name}") * free
            above = counted[self._names.index(f"beside {name}")] - below
            net[name] = (above + abs(above)) / 2
        for element, window in self._windows.items():
            tails = sum((share * net[name] for name, share in window.tails.items()), 0.0 * free)
            found[element] = free + 0.5 + tails / self._rho(element)
        return found

    def _rho(self, name: str) -> float:
        """Return background in a window per line-free count, by channels until counts tell."""
        index = self._names.index(name)
        channels = self._edges[index, 1] - self._edges[index, 0]
        guess = 1.5 * channels / max(len(self._free), 1)
        rho = (self._first[index] + 5 * guess) / (self._first_free + 5)
        return max(float(rho), 0.2 * float(guess))


def _around(values: Floats, half: npt.NDArray[np.intp]) -> Floats:
    """Return sums over `half` positions on either side of each, fewer at the ends; same shape."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    return np.asarray(
        total[np.minimum(index + half + 1, len(values))] - total[np.maximum(index - half, 0)]
    )


def _halves(free: Floats, times: Floats) -> npt.NDArray[np.intp]:
    """Return over how many positions on either side each is averaged, `AROUND` to `WIDEST`.

    As few as hold `ENOUGH` line-free counts: a position that was exposed long needs no neighbours.
    """
    halves = np.full(len(free), WIDEST, np.intp)
    for half in range(WIDEST - 2, AROUND - 1, -2):
        same = np.full(len(free), half, np.intp)
        halves[_around(free, same) >= ENOUGH] = half
    return halves


def _local(counts: Floats, times: Floats, half: npt.NDArray[np.intp]) -> Floats:
    """Return counts per time at each position from a straight line through its neighbours.

    Weighted by their times: neighbours of very different exposure do not pull it to their side.
    """
    index = np.arange(len(counts), dtype=float)
    time, moment = _around(times, half), _around(times * index, half)
    time = np.maximum(time, 1e-300)
    total, middle = _around(counts, half), moment / time
    spread = _around(times * index**2, half) - middle * moment
    skew = _around(counts * index, half) - middle * total
    mean = total / time
    slope = np.where(spread > 1e-6 * time, skew / np.maximum(spread, 1e-300), 0.0)
    return np.asarray(np.clip(mean + slope * (index - middle), mean / 3, 3 * mean))


def _half_width(setup: StemSetup, energy: float) -> slice:
    """Return the channels within half a width of a line."""
    half = line_width(energy, setup.resolution) / 2
    return channels_between(setup.energy_axis, energy - half, energy + half)


def _tails(setup: StemSetup, channels: slice, energy: float) -> dict[str, float]:
    """Return what falls into `channels` of each other measured neighbour, per its own net count."""
    low, high = _edges(setup.energy_axis, channels)
    found = {}
    for name, other in MEASURED_NEIGHBOURS.items():
        width = line_width(other, setup.resolution)
        own = share_within(other, other - width / 2, other + width / 2, width)
        share = share_within(other, low, high, width) / own
        if abs(other - energy) > width / 2 and share > 1e-4:
            found[name] = share
    return found
