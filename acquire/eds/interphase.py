"""What a whole line says: onset and plateau of each element, the width between, and the order.

Elements are fitted one by one. That their rises may begin, or end, at the same place is weighed for
what they have in common, with a probability that is stated, and the data decide (a Bayes factor
from the draws). An element of few counts so
borrows its plateau from one of many where both agree, and does not where they do not. Onsets by
themselves, and with them the order, are each element's own: "N before P" borrows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from acquire.eds.rise_fit import SHORT, RiseFit

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
TUPLES = 40_000
"""Draws of all elements together."""
ENDS = 0.95
"""Least probability that a rise ends on the line for its plateau to be stated."""
ONSETS_TOGETHER = 0.5
"""Probability, before the data, that all elements appear in one place; ours."""
MOST_GROUPED = 4
"""Elements among which groups are looked for."""
PLATEAUS_TOGETHER = 0.95
"""The same of their plateaus: these begin where the electrolyte does, which is one place unless a
layer before it happens to hold as much of an element; ours."""


@dataclass(frozen=True)
class Estimate:
    """A median with its interval at `CONFIDENCE`, m."""

    value: float
    low: float
    high: float


def estimate(values: Floats, weights: Floats | None = None) -> Estimate:
    """Return the median of draws and the interval that leaves out as much on either side."""
    tail = (1 - CONFIDENCE) / 2
    if weights is None:
        low, value, high = np.quantile(values, (tail, 0.5, 1 - tail))
    else:
        order = np.argsort(values)
        share = np.cumsum(weights[order])
        places = np.searchsorted(share, np.array((tail, 0.5, 1 - tail)) * share[-1])
        low, value, high = values[order][np.minimum(places, len(values) - 1)]
    return Estimate(float(value), float(low), float(high))


@dataclass(frozen=True)
class Interphase:
    """Draws of onsets and plateaus of all elements together, with what each tuple weighs."""

    elements: tuple[str, ...]
    onsets: Floats
    """Shape (elements, tuples), m; each element's own."""
    common_onsets: Floats
    """The same, where that is what a tuple stands for with one place for all."""
    knees: Floats
    """Shape (elements, tuples), m."""
    weights: Floats
    """Shape (tuples,)."""
    rows: npt.NDArray[np.intp]
    """Which draw of each element a tuple is made of, shape (elements, tuples)."""
    end: float
    """Of the line, m."""

    def plateau(self, element: str) -> Estimate:
        """Return where the element's plateau begins."""
        return estimate(self.knees[self.elements.index(element)], self.weights)

    def ends_within(self, element: str) -> float:
        """Return the probability that the element's plateau begins on the line."""
        within = self.knees[self.elements.index(element)] <= self.end
        return float(self.weights[within].sum() / self.weights.sum())

    def width(self) -> Estimate:
        """Return the distance from the earliest onset to the latest plateau."""
        return estimate(self.widths, self.weights)

    @property
    def widths(self) -> Floats:
        """Draws of the distance from the earliest onset to the latest plateau, m."""
        return np.asarray(self.knees.max(axis=0) - self.common_onsets.min(axis=0))

    def sample(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
        """Return `count` tuples, drawn by their weights."""
        share = self.weights / self.weights.sum()
        return rng.choice(len(share), count, p=share)

    def first_and_last(self) -> tuple[str, str]:
        """Return the elements of the earliest onset and of the latest plateau, by median."""
        onsets = [estimate(values, self.weights).value for values in self.onsets]
        knees = [estimate(values, self.weights).value for values in self.knees]
        return self.elements[int(np.argmin(onsets))], self.elements[int(np.argmax(knees))]


def together(fits: Mapping[str, RiseFit], rng: np.random.Generator) -> Interphase:
    """Return the elements' draws taken together; at least one element."""
    names = tuple(fits)
    chosen = [rng.integers(len(fit.theta), size=TUPLES) for fit in fits.values()]
    pairs = list(zip(fits.values(), chosen, strict=True))
    onsets = np.array([fit.onset[rows] for fit, rows in pairs])
    knees = np.array([fit.knee[rows] for fit, rows in pairs])
    line = next(iter(fits.values())).line
    end = max(float(fit.line.distance[-1]) for fit in fits.values())
    alone = np.full(TUPLES, 1.0)
    if len(names) == 1:
        return Interphase(names, onsets, onsets, knees, alone, np.array(chosen), end)
    length = max(line.length, line.pitch)
    same_onset = _agreement(onsets, line.pitch, np.full_like(onsets, 1 / length))
    widths = np.maximum(knees - onsets, line.pitch / 2)
    prior = _knee_prior(widths, length, line.pitch)
    plateaus = [alone * (1 - PLATEAUS_TOGETHER)]
    for rows, share in _groups(len(names)):
        chance = PLATEAUS_TOGETHER * share
        plateaus.append(chance * _agreement(knees[rows], line.pitch, prior[rows]))
    begins = (alone * (1 - ONSETS_TOGETHER), same_onset * ONSETS_TOGETHER)
    mean_onset = np.broadcast_to(onsets.mean(axis=0), onsets.shape)
    return Interphase(
        names,
        np.tile(onsets, 2 * len(plateaus)),
        np.tile(np.concatenate([onsets, mean_onset], axis=1), len(plateaus)),
        np.tile(knees, 2 * len(plateaus)),
        np.concatenate([begin * plateau for plateau in plateaus for begin in begins]),
        np.tile(np.array(chosen), 2 * len(plateaus)),
        end,
    )


def _groups(count: int) -> list[tuple[list[int], float]]:
    """Return which of `count` elements may share a plateau, and the probability of each group.

    All of them for one half, for the other each smaller group alike; of two, and of more than
    `MOST_GROUPED`, only all.
    """
    everyone = list(range(count))
    smaller = [list(rows) for size in range(2, count) for rows in combinations(everyone, size)]
    if not smaller or count > MOST_GROUPED:
        return [(everyone, 1.0)]
    return [(everyone, 0.5), *((rows, 0.5 / len(smaller)) for rows in smaller)]


def _knee_prior(widths: Floats, length: float, pitch: float) -> Floats:
    """Return the prior density (1/m) of a plateau's begin, given the onset: that of `rise_fit`."""
    short = SHORT * length
    octaves = np.log((2 * length + short) / (pitch / 2 + short))
    return np.asarray(1 / ((widths + short) * octaves))


def _agreement(places: Floats, blur: float, prior: Floats) -> Floats:
    """Return how much likelier a tuple makes one place for all than a place for each.

    Shape (tuples,). Equal within a Gaussian of standard deviation `blur` (m) about their mean;
    `prior` is each place's density (1/m), of the shape of `places`.
    """
    count = len(places)
    apart = ((places - places.mean(axis=0)) ** 2).sum(axis=0)
    kernel = np.exp(-0.5 * apart / blur**2)
    kernel /= (2 * np.pi * blur**2) ** ((count - 1) / 2) * count**0.5
    expected = np.exp(np.log(prior).mean(axis=0) * (count - 1))
    return np.asarray(kernel / expected)
