"""What a line scan has found, told in the form of `show --json`: onsets, plateaus, width, order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from acquire.eds.interphase import CONFIDENCE, ENDS, Estimate, Interphase, estimate, together
from acquire.eds.ramp import WEDGE, LineCounts
from acquire.eds.rise_fit import Prior, RiseFit, fit
from acquire.eds.shapes import compared

Floats = npt.NDArray[np.float64]

WEDGE_SLOPE = 0.15 / 350e-9
"""Standard deviation of the relative change of thickness per metre: 15 % over the published line;
ours."""
WIDEST_WEDGE = 0.5
"""The same over a long line, at most."""
FALL_NATS = 15.0
"""Evidence at which counts are taken to fall again, and the line to end there for that element."""
FALL_TO = 0.75
"""Of the level before: less of a fall is a wedge, not another phase."""


class Found(TypedDict):
    """A place along the line, m from its first point."""

    position_m: float
    interval_m: tuple[float, float]
    confidence: float
    midpoint_m: NotRequired[float]
    """Of an onset: where one step describes the rise best, about its middle."""
    midpoint_interval_m: NotRequired[tuple[float, float]]


class Missing(TypedDict):
    """Why there is no place."""

    none: str


@dataclass(frozen=True)
class LineFindings:
    """The rises of the elements that appear on a line, fitted."""

    fits: Mapping[str, RiseFit]
    interphase: Interphase | None
    """All of them together; None where no element appears."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why an element has no onset."""

    @property
    def onsets(self) -> dict[str, Found | Missing]:
        """Where each element appears, or why that is not said."""
        found: dict[str, Found | Missing] = {e: {"none": why} for e, why in self.missing.items()}
        for element, fitted in self.fits.items():
            onset, middle = estimate(fitted.onset), estimate(fitted.midpoint())
            found[element] = {
                **_place(onset),
                "midpoint_m": middle.value,
                "midpoint_interval_m": (middle.low, middle.high),
            }
        return found

    @property
    def plateaus(self) -> dict[str, Found | Missing]:
        """Where each element's rise ends, or why that is not said."""
        found: dict[str, Found | Missing] = {
            e: {"none": f"no onset: {why}"} for e, why in self.missing.items()
        }
        for element in self.fits:
            found[element] = self._plateau(element)
        return found

    def _plateau(self, element: str) -> Found | Missing:
        assert self.interphase is not None
        place = self.interphase.plateau(element)
        if self.interphase.ends_within(element) >= ENDS:
            return _place(place)
        end = self.fits[element].line.distance[-1]
        return {
            "none": "the rise may go on to the end of the data at "
            f"{end * 1e9:.0f} nm: no plateau before {place.low * 1e9:.0f} nm; scan at least "
            f"{_longer(place, float(end)) * 1e9:.0f} nm further"
        }

    @property
    def width(self) -> dict[str, Any]:
        """The distance from the first onset to the last plateau, or why it is not said."""
        if self.interphase is None:
            return {"none": "no onset"}
        first, last = self.interphase.first_and_last()
        open_ended = [e for e in self.fits if self.interphase.ends_within(e) < ENDS]
        if last in open_ended or len(open_ended) == len(self.fits):
            return {"none": f"{', '.join(open_ended)} has no plateau on the line"}
        width = self.interphase.width()
        return {
            "value_m": width.value,
            "interval_m": (width.low, width.high),
            "confidence": CONFIDENCE,
            "from": first,
            "to": last,
            "shapes_of": (most := max(self.fits, key=lambda e: self.fits[e].line.counts.sum())),
            **compared(self.fits[most]),
        }

    @property
    def order(self) -> str:
        """Which element appears before which, where their intervals are apart, or "undecided".

        Such as "N before P"; with more than two elements each pair that is apart is named.
        """
        intervals = {element: estimate(fitted.onset) for element, fitted in self.fits.items()}
        claims = [
            f"{first} before {second}"
            for first, early in intervals.items()
            for second, late in intervals.items()
            if early.high < late.low
        ]
        return ", ".join(claims) or "undecided"


class Level(NamedTuple):
    """What is known of a background's level before the line is fitted."""

    value: float
    spread: float
    """Relative standard deviation."""


def findings(
    lines: Mapping[str, LineCounts],
    changes: Mapping[str, float],
    levels: Mapping[str, Level | None],
    missing: Mapping[str, str],
) -> LineFindings:
    """Fit the elements that appear.

    Args:
        lines: the counts of each element that appears.
        changes: where the flag has placed its onset, m.
        levels: what the summed spectrum says of each background's level, if anything.
        missing: why the others do not appear.
    """
    rng = np.random.default_rng(0)  # the same counts give the same result, also after a resume
    fits: dict[str, RiseFit] = {}
    slope, slope_spread = 0.0, WEDGE_SLOPE
    for element in sorted(lines, key=lambda e: -float(lines[e].counts.sum())):
        line = stretch(lines[element], changes[element])
        length = max(line.length, line.pitch)
        known = Prior(slope * length, min(slope_spread * length, WIDEST_WEDGE))
        if (level := levels[element]) is not None:
            known = replace(known, level=math.log(level.value), level_spread=level.spread)
        fits[element] = fit(line, known, rng)
        wedge = fits[element].theta[:, WEDGE] / length  # one lamella: the next one's prior
        slope, slope_spread = float(wedge.mean()), float(wedge.std())
    ordered = {element: fits[element] for element in lines}
    return LineFindings(ordered, together(ordered, rng) if ordered else None, missing)


def stretch(line: LineCounts, change: float) -> LineCounts:
    """Return the part of the line around a rise in which the counts do not fall again.

    A grain that is entered and left, or a second rise after a fall, is not part of one interphase.
    """
    after = line.distance >= change
    end = _fall(line.counts[after], line.live_time[after])
    if end is not None:
        kept = int((~after).sum()) + end
        line = line.part(slice(0, kept))
    before = int((line.distance < change).sum())
    begin = _fall(line.counts[:before], line.background[:before])
    return line if begin is None else line.part(slice(begin, None))


def _fall(counts: Floats, exposures: Floats) -> int | None:
    """Return the position from which on the rate is lower for good, the first such; else None."""
    found = None
    while len(counts) > 2 and counts.any():
        split = _strongest_fall(counts, exposures)
        if split is None:
            return found
        found = split
        counts, exposures = counts[:split], exposures[:split]
    return found


def _strongest_fall(counts: Floats, exposures: Floats) -> int | None:
    before, time = np.cumsum(counts)[:-1], np.cumsum(exposures)[:-1]
    after, rest = counts.sum() - before, exposures.sum() - time
    together = counts.sum() / exposures.sum()

    def nats(n: Floats, w: Floats) -> Floats:
        return np.asarray(n * np.log(np.maximum(n, 0.5) / (w * together)))

    ratio = nats(before, time) + nats(after, rest)
    falls = after * time < FALL_TO * before * rest
    ratio = np.where(falls, ratio, 0.0)
    best = int(np.argmax(ratio)) if len(ratio) else 0
    return best + 1 if len(ratio) and ratio[best] > FALL_NATS else None


def _place(found: Estimate) -> Found:
    return {
        "position_m": found.value,
        "interval_m": (found.low, found.high),
        "confidence": CONFIDENCE,
    }


def _longer(place: Estimate, end: float) -> float:
    """Return how much longer (m) a line should be for the plateau that the draws expect."""
    return max(place.value - end, 0.1 * max(place.value - place.low, 0.0), 10e-9)
