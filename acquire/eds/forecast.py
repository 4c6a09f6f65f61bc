"""What a line scan can be expected to answer, before anything is exposed.

From the counts that the reference sheet expects of LiPON and the rises that the protocol foretells:
how late each flag comes, the best that any analysis of the counts can reach (Cramer-Rao, for
straight rises of unknown levels) and what ours is expected to, which also allows for other shapes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from acquire.eds.design import STRAIGHT, ExpectedRise, reach
from acquire.eds.onset import CONFIDENCE
from protocols.eds import EdgeStart, EdsLineScan, Expected
from protocols.errors import InputError
from protocols.units import ELEMENTARY_CHARGE

COUNTS_PER_ELECTRON = {
    "windowless": {"N": 1.5e-7, "O": 1.4e-6, "P": 8.7e-7},
    "polymer": {"N": 5.4e-8, "O": 7.6e-7, "P": 6.4e-7},
}
"""Net counts of K lines per electron, of LiPON `THICKNESS` thick seen under `SOLID_ANGLE` at 200 kV
and 22 degrees. Source: reference/xps-and-eds.md 5 [calc]; the honest uncertainty is a factor 2."""
THICKNESS, SOLID_ANGLE = 100e-9, 0.95
BACKGROUND = {"N": 0.6, "O": 0.1, "P": 0.1}
"""Counts of the background in the line's window on the plateau, per net count there. Source:
reference/xps-and-eds.md 5: under N 0.3 to 1, under P 0.1 [lit], to verify; O as P, ours."""
USUAL_BACKGROUND = 0.2
"""The same for other elements; ours."""
IN_METAL = 0.1
"""Of the background on the plateau, how much there is in the lithium: about as atoms per volume
times Z squared, 7 % [calc], and stray."""
NORMAL = 1.96
"""Standard deviations of half a 95 % interval."""


@dataclass(frozen=True)
class Forecast:
    """What a scan can answer; distances in m."""

    elements: tuple[str, ...]
    net: tuple[float, ...]
    """Counts on the plateau at one position, by element."""
    background: tuple[float, ...]
    late: tuple[float, ...]
    """How far behind the onset the flag comes."""
    onset_bound: tuple[float, ...]
    plateau_bound: tuple[float, ...]
    """Smallest standard deviations of any unbiased analysis."""
    onset_half: tuple[float, ...]
    plateau_half: tuple[float, ...]
    """Half of the expected 95 % intervals."""
    width_bound: float
    width_half: float
    begins: float
    """Where on the line the interphase is expected to begin."""

    def as_dict(self) -> dict[str, Any]:
        """Return it for `check --json`."""
        return {
            "interphase_begins_m": self.begins,
            "elements": {
                element: {
                    "net_counts": self.net[i],
                    "background_counts": self.background[i],
                    "flag_late_m": self.late[i],
                    "onset_bound_m": self.onset_bound[i],
                    "onset_interval_half_m": self.onset_half[i],
                    "plateau_bound_m": self.plateau_bound[i],
                    "plateau_interval_half_m": self.plateau_half[i],
                }
                for i, element in enumerate(self.elements)
            },
            "width_bound_m": self.width_bound,
            "width_interval_half_m": self.width_half,
            "confidence": CONFIDENCE,
        }

    def words(self) -> Iterator[str]:
        """Yield it as lines for a person."""
        yield "expected, at each position of the plateau and along the line:"
        for i, element in enumerate(self.elements):
            yield (
                f"  {element}: {self.net[i]:.3g} counts on {self.background[i]:.2g} of background; "
                f"flag {self.late[i] * 1e9:.0f} nm behind the onset; onset within "
                f"±{self.onset_half[i] * 1e9:.2g} nm, plateau within "
                f"±{self.plateau_half[i] * 1e9:.2g} nm (best reachable standard deviation "
                f"{self.onset_bound[i] * 1e9:.2g} and {self.plateau_bound[i] * 1e9:.2g} nm)"
            )
        yield (
            f"  width within ±{self.width_half * 1e9:.2g} nm (best reachable standard deviation "
            f"{self.width_bound * 1e9:.2g} nm); intervals of {CONFIDENCE:.0%}"
        )


def counts_per_electron(element: str, expect: Expected) -> float:
    """Return the net counts per electron that are expected on the plateau.

    Raises:
        InputError: the element is not in the table and the protocol gives no figure.
    """
    if element in expect.counts_per_electron:
        return expect.counts_per_electron[element]
    table = COUNTS_PER_ELECTRON[expect.detector]
    if element not in table:
        raise InputError(
            f"expect: no counts per electron are known for {element} (known: {', '.join(table)}); "
            f"write them: counts_per_electron: {{{element}: 1e-7}}"
        )
    return table[element] * expect.thickness / THICKNESS * expect.solid_angle / SOLID_ANGLE


def begins_at(step: EdsLineScan, expect: Expected) -> float:
    """Return where on the line the interphase is expected to begin, m.

    An edge is where the electrolyte begins to be seen, taken as the interphase's first face; of a
    line from a point, the interphase is taken to be in the middle.
    """
    if isinstance(step.start, EdgeStart):
        return max(-step.start.offset, 0.0)
    return max((step.length - expect.interphase) / 2, 0.0)


def forecast(step: EdsLineScan, expect: Expected) -> Forecast:
    """Return what the step can be expected to answer; evenly exposed.

    Raises:
        InputError: an element's counts are not known.
    """
    electrons = step.probe_current * step.dwell / ELEMENTARY_CHARGE
    distance = np.arange(step.points, dtype=np.float64) * step.pitch
    elements = tuple(expect.rises)
    net = [counts_per_electron(element, expect) * electrons for element in elements]
    below = [
        counts * BACKGROUND.get(element, USUAL_BACKGROUND)
        for element, counts in zip(elements, net, strict=True)
    ]
    rises = _rises(step, expect, net, below)
    once = np.ones(step.points)
    bound, ours = reach(rises, distance, once, STRAIGHT), reach(rises, distance, once)
    late = [
        flag_late(
            IN_METAL * background,
            counts * step.pitch / (expect.rises[element].ends - expect.rises[element].begins),
            step.average_run_length * len(step.watch),
        )
        * step.pitch
        for element, counts, background in zip(elements, net, below, strict=True)
    ]
    return Forecast(
        elements,
        tuple(net),
        tuple(below),
        tuple(late),
        bound.onsets,
        bound.knees,
        tuple(NORMAL * sd for sd in ours.onsets),
        tuple(NORMAL * sd for sd in ours.knees),
        bound.width,
        NORMAL * ours.width,
        begins_at(step, expect),
    )


def _rises(
    step: EdsLineScan, expect: Expected, net: Sequence[float], below: Sequence[float]
) -> list[ExpectedRise]:
    """Return each element's rise, in counts of one position; the background grows evenly."""
    begins = begins_at(step, expect)
    distance = np.arange(step.points) * step.pitch
    changes = np.clip((distance - begins) / expect.interphase, 0.0, 1.0)
    return [
        ExpectedRise(
            onset=begins + rise.begins,
            knee=begins + rise.ends,
            plateau=counts,
            background=background * (IN_METAL + (1 - IN_METAL) * changes),
        )
        for rise, counts, background in zip(expect.rises.values(), net, below, strict=True)
    ]


def flag_late(level: float, slope: float, run_length: float) -> float:
    """Return by how many positions a flag follows the onset of a ramp.

    (6 level ln(run length) / slope²)^(1/3), for counts `level` before it and `slope` more at each
    position; where hardly any counts come before, what it takes for ln(run length) counts.
    Source: reference/xps-and-eds.md 7.3; the second ours.
    """
    log = math.log(run_length)
    return max(math.cbrt(6 * level * log / slope**2), math.sqrt(2 * log / (4 * slope)))


def shortcomings(step: EdsLineScan, expect: Expected, found: Forecast) -> list[str]:
    """Return why the scan cannot answer, each with the cheapest change that would."""
    told = []
    last = max(rise.ends for rise in expect.rises.values())
    end = found.begins + last
    if end > step.length:
        told.append(
            f"the line ends {(end - step.length) * 1e9:.3g} nm before the expected plateau; make "
            f"it at least {(end + last) * 1e9:.3g} nm long, or begin it nearer"
        )
    for element, late in zip(found.elements, found.late, strict=True):
        onset = found.begins + expect.rises[element].begins
        if step.background_points * step.pitch > onset:
            told.append(
                f"background_points: the first {step.background_points} positions reach beyond the "
                f"expected onset of {element} at {onset * 1e9:.3g} nm; begin earlier or use fewer"
            )
        if onset + late > step.length:
            told.append(
                f"{element} would be flagged {late * 1e9:.3g} nm behind its onset, beyond the end "
                f"of the line; {_cure(step, expect, (late / (step.length - onset)) ** 3)}"
            )
    most = expect.width_within
    if most is not None and end <= step.length and found.width_half > most:
        factor = (found.width_half / most) ** 2
        told.append(
            f"the width's 95 % interval would reach {found.width_half * 1e9:.3g} nm to either "
            f"side, not the {most * 1e9:.3g} nm asked for; {_cure(step, expect, factor)}"
        )
    return told


def _cure(step: EdsLineScan, expect: Expected, factor: float) -> str:
    """Return the cheapest change that gives `factor` times as many counts."""
    gain = 1.0
    if expect.detector == "polymer":
        other = COUNTS_PER_ELECTRON["windowless"]
        gain = min(other[e] / COUNTS_PER_ELECTRON["polymer"].get(e, 1) for e in other)
        ratios = [other[e] / COUNTS_PER_ELECTRON["polymer"][e] for e in expect.rises if e in other]
        gain = min(ratios, default=gain)
    if gain >= factor:
        return f"a windowless detector would do ({gain:.2g} times the counts at the same dose)"
    left = (step.dose_limit - step.imaging_dose) / step.dose
    dwell = step.dwell * factor
    if left >= factor:
        return f"the cheapest change: dwell {dwell * 1e3:.3g} ms, within the dose limit"
    strip = max(step.strip, step.pitch) * factor
    text = (
        f"the cheapest change at this dose: a strip of {strip * 1e9:.3g} nm with a dwell of "
        f"{dwell * 1e3:.3g} ms"
    )
    if strip > 0.9 * step.survey.field:
        text += ", longer than the survey field allows: a higher dose_limit, or a thicker lamella"
    if gain > 1:
        text += f"; or a windowless detector and {factor / gain:.2g} times the strip and dwell"
    return text
