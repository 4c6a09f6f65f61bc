"""By how much charging moves the lines of a cycle: roughly by all lines, finely by a reference.

Several eV are common, as much as chemical states differ by; which of a reference's states a line
is, only all lines together tell. So first one shift is found that brings as many lines as possible
to where the protocol has them; then the references, in the protocol's order, give it finely.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.xps.region_fit import Peak, RegionFit
from protocols.xps import DepthProfile, Reference

Floats = npt.NDArray[np.float64]

SHIFTS: Floats = np.arange(-4.0, 8.01, 0.05)
"""eV that a surface may charge by; a neutraliser may overdo it. Several eV [lit]; ours."""
NEAR = 0.4
"""eV from an expected energy at which a line counts for half."""
STEADY = 3.0
"""eV by which the shift changes from cycle to cycle, about; ours."""
REFERENCE_WITHIN = 1.2
"""eV from where the rough shift has it that a reference may lie."""
USUAL_WIDTH = 1.6
"""Of a line that is a reference but not watched, eV."""
APART = 2.0
"""Standard uncertainties by which two references disagree before something else is in it."""


@dataclass(frozen=True)
class Correction:
    """What one reference says in one cycle."""

    line: str
    shift: float
    """To be taken off measured energies, eV."""
    error: float
    """Of the reference's position in this cycle, eV."""
    known: float
    """Standard uncertainty of the reference's true energy, disagreement included, eV."""
    lines: tuple[str, ...] | None
    """That it is for; None: all."""

    @property
    def uncertainty(self) -> float:
        """Standard uncertainty of the shift, eV."""
        return math.hypot(self.error, self.known)


@dataclass(frozen=True)
class Charge:
    """By how much the lines of a cycle are moved."""

    rough: float
    """eV; 0 where nothing tells."""
    corrections: tuple[Correction, ...] = ()
    """By the references whose line is there, in the protocol's order."""
    declared: bool = True
    """The protocol names references; without, energies are as the analyser gives them."""

    def of(self, line: str) -> Correction | None:
        """Return the correction of a line: of the first reference that is for it."""
        return next((c for c in self.corrections if c.lines is None or line in c.lines), None)


class Charging:
    """Follows the charging from cycle to cycle."""

    def __init__(self, step: DepthProfile) -> None:
        self._references = step.references
        self._at_least = step.reference_at_least
        self._widths = {watched.line: watched.width for watched in step.watch}
        self._expected = {
            watched.line: list(step.positions(watched)) for watched in step.watch if watched.states
        }
        for reference in step.references:
            self._expected.setdefault(reference.line, []).append(reference.energy)
        self._rough = 0.0
        self._differences: dict[tuple[str, str], list[float]] = {}

    def update(self, fits: Mapping[str, RegionFit]) -> Charge:
        """Return the charging of a cycle, from the fits of its regions."""
        if not self._references:
            return Charge(0.0, declared=False)
        self._rough = self._roughly(fits)
        found = [
            correction
            for reference in self._references
            if (fit := fits.get(reference.line)) is not None
            and (correction := self._correction(reference, fit)) is not None
        ]
        return Charge(self._rough, tuple(self._compared(found)))

    def _roughly(self, fits: Mapping[str, RegionFit]) -> float:
        """Return the shift that brings most lines to where they are expected."""
        score = -0.5 * ((SHIFTS - self._rough) / STEADY) ** 2 - 0.02 * np.abs(SHIFTS)
        seen = False
        for line, energies in self._expected.items():
            fit = fits.get(line)
            if fit is None or not fit.peaks:
                continue
            seen = True
            total = sum(peak.area for peak in fit.peaks)
            for peak in fit.peaks:
                away = peak.position - SHIFTS[:, None] - np.array(energies)
                score += 3 * peak.area / total * (1 / (1 + (away / NEAR) ** 2)).max(axis=1)
        return float(SHIFTS[int(np.argmax(score))]) if seen else self._rough

    def _correction(self, reference: Reference, fit: RegionFit) -> Correction | None:
        """Return what a reference says; None where its line is not there."""
        width = self._widths.get(reference.line, USUAL_WIDTH)
        peak = _nearest(fit.peaks, reference.energy + self._rough)
        if peak is None:
            return None
        if peak.area < self._at_least * math.sqrt(max(fit.under(peak.position, width), 1.0)):
            return None
        shift = peak.position - reference.energy
        return Correction(
            reference.line, shift, peak.position_error, reference.uncertainty, reference.lines
        )

    def _compared(self, found: Sequence[Correction]) -> list[Correction]:
        """Return corrections whose uncertainty holds what the references disagree by.

        Over all cycles that had both of two references for all lines: what is more than chance and
        the uncertainties of their energies allow is some layer's own charging, shared by both.
        """
        everywhere = [each for each in found if each.lines is None]
        extra = {each.line: 0.0 for each in found}
        for i, one in enumerate(everywhere):
            for other in everywhere[i + 1 :]:
                past = self._differences.setdefault((one.line, other.line), [])
                past.append(one.shift - other.shift)
                apart = abs(float(np.mean(past)))
                allowed = APART * math.hypot(one.known, other.known, one.error, other.error)
                if apart > allowed:
                    for line in (one.line, other.line):
                        extra[line] = max(extra[line], apart / 2)
        return [
            Correction(c.line, c.shift, c.error, math.hypot(c.known, extra[c.line]), c.lines)
            for c in found
        ]


def _nearest(peaks: Sequence[Peak], energy: float) -> Peak | None:
    near = [peak for peak in peaks if abs(peak.position - energy) <= REFERENCE_WITHIN]
    return min(near, key=lambda peak: abs(peak.position - energy), default=None)
