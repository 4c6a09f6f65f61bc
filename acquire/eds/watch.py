"""Watching a line scan's spectra, position by position: which elements appear, and where.

Each element has a window of channels around its line. Its counts go to an `OnsetDetector` with the
live time as exposure, so a position with less live time, or none, neither hides nor makes an onset.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from acquire.eds.onset import CONFIDENCE, OnsetDetector, best_step
from acquire.flags import Flag
from drivers.stem import EnergyAxis, Spectrum, StemSetup
from protocols.eds import Watch
from protocols.errors import InputError

FANO_FACTOR = 0.12
"""Of silicon. Source: reference/xps-and-eds.md 5."""
ELECTRON_HOLE_PAIR_EV = 3.64
"""Energy per electron-hole pair in silicon. Source: reference/xps-and-eds.md 5."""
MN_KA_EV = 5895.0
"""At which detectors state their resolution."""
CURVATURE = 0.2
"""How much the background under a line may exceed the straight line through its sides, relative.

The yield of bremsstrahlung and the detector's efficiency bend by less within two line widths."""
RISES_FROM = "rises from a level present from the first point"
CRUDE = "of the counts in the line's window, background included; crude for a gradual rise"
"""What the interval is of, and is not: where the background itself rises, so do the counts."""


class Found(TypedDict):
    """Where an element appears, distances along the line from its first point."""

    position_m: float
    interval_m: tuple[float, float]
    confidence: float
    midpoint_m: float
    """Where one step describes the whole line best: of a gradual rise, its middle."""


class Missing(TypedDict):
    """Why there is no position."""

    none: str


def line_width(energy: float, resolution: float) -> float:
    """Return the full width at half maximum (eV) of a line at `energy` (eV).

    FWHM^2 = noise^2 + 2.355^2 * 0.12 * 3.64 eV * E, the noise from `resolution`, the width at
    Mn Ka. Source: reference/xps-and-eds.md 5.
    """
    per_ev = 8 * math.log(2) * FANO_FACTOR * ELECTRON_HOLE_PAIR_EV
    noise = max(resolution**2 - per_ev * MN_KA_EV, 0.0)
    return math.sqrt(noise + per_ev * energy)


def channels_between(axis: EnergyAxis, low: float, high: float) -> slice:
    """Return the channels whose centres lie in [low, high) eV and on the axis."""
    first = math.ceil((low - axis.offset) / axis.scale)
    end = math.ceil((high - axis.offset) / axis.scale)
    return slice(min(max(first, 0), axis.channels), min(max(end, 0), axis.channels))


@dataclass(frozen=True)
class Window:
    """The channels that belong to an element's line."""

    counted: slice
    """One width on either side of the line: what is counted."""
    core: slice
    """Half a width on either side: what is compared with the sides."""
    sides: tuple[slice, ...]
    """From 1 to 1.5 widths below and above; a side that is off the axis is left out."""


def window_of(watch: Watch, setup: StemSetup) -> Window:
    """Return the channels of an element's line.

    Raises:
        InputError: the line is not on the detector's energy axis.
    """
    axis, energy = setup.energy_axis, watch.energy
    width = line_width(energy, setup.resolution)
    last = axis.offset + (axis.channels - 1) * axis.scale
    if not axis.offset <= energy - width < energy + width <= last:
        raise InputError(
            f"watch: {watch.element}: its line {watch.xray_line} at {energy:g} eV is not within "
            f"the energy axis of {axis.offset:g} to {last:g} eV; watch another line or element, or "
            "record with another energy range"
        )
    sides = (
        channels_between(axis, energy - 1.5 * width, energy - width),
        channels_between(axis, energy + width, energy + 1.5 * width),
    )
    return Window(
        channels_between(axis, energy - width, energy + width),
        channels_between(axis, energy - width / 2, energy + width / 2),
        tuple(side for side in sides if side.stop > side.start),
    )


def stands_out(window: Window, spectrum: npt.NDArray[np.float64], risk: float) -> bool:
    """Return whether a summed spectrum has the line on top of what its sides say.

    If it has not, the counts of the core are binomial in those of core and sides together, in
    proportion to their channels, the core's counted `CURVATURE` more. True where chance would do
    that with a probability below `risk`.
    """
    from scipy.special import bdtrc  # of scipy.stats.binom, without its 0.4 s of import

    core = int(spectrum[window.core].sum())
    beside = int(sum(spectrum[side].sum() for side in window.sides))
    channels = sum(side.stop - side.start for side in window.sides)
    if not channels:
        return False
    expected = (1 + CURVATURE) * (window.core.stop - window.core.start)
    chance = bdtrc(core - 1, core + beside, expected / (expected + channels))
    return bool((chance if core > 0 else 1.0) < risk)


class EdsWatch:
    """Watches the elements of a line scan; spectra in, flags out.

    `average_run_length` is in positions without an onset between two false flags, for all elements
    together: each of n detectors gets n times as much.
    """

    def __init__(
        self,
        watch: Sequence[Watch],
        setup: StemSetup,
        *,
        background_points: int,
        average_run_length: float,
    ) -> None:
        self.elements = tuple(each.element for each in watch)
        self.background_points = background_points
        self.windows = {each.element: window_of(each, setup) for each in watch}
        self._run_length = average_run_length * len(self.elements)
        self._detectors = {
            element: OnsetDetector(background_points, self._run_length) for element in self.elements
        }
        self.positions: list[float] = []
        """Distance of each position from the line's first point, m."""
        self.flags: list[Flag] = []
        """All that were raised so far."""
        self.present: set[str] = set()
        """Elements that are there from the first point."""
        self._background = np.zeros(setup.energy_axis.channels)

    def update(self, index: int, position: float, spectrum: Spectrum) -> list[Flag]:
        """Take the spectrum at `position` (m along the line); return the flags it raises.

        Positions come in order. A spectrum without counts or live time is a gap.
        """
        self.positions.append(position)
        gap = spectrum.live_time <= 0 or spectrum.counts.size == 0
        live_time = 0.0 if gap else spectrum.live_time
        raised = []
        for element, detector in self._detectors.items():
            counted = self.windows[element].counted
            counts = 0 if gap else int(spectrum.counts[counted].sum(dtype=np.int64))
            before = detector.raised
            evidence = detector.update(counts, live_time)
            if evidence is not None and before is None:
                raised.append(self._onset(element, index))
        if not gap:
            raised += self._set_level(index, spectrum)
        self.flags += raised
        return raised

    @property
    def counts(self) -> dict[str, npt.NDArray[np.int64]]:
        """Counts in each element's window, shape (positions,); 0 in a gap."""
        return {
            element: np.array(detector.counts, np.int64)
            for element, detector in self._detectors.items()
        }

    @property
    def live_time(self) -> npt.NDArray[np.float64]:
        """Live time of each position in seconds, shape (positions,); 0 in a gap."""
        return np.array(self._detectors[self.elements[0]].exposures, float)

    @property
    def rates(self) -> dict[str, npt.NDArray[np.float64]]:
        """Counts per second of live time in each element's window; NaN in a gap."""
        live_time = self.live_time
        time = np.where(live_time > 0, live_time, np.nan)
        return {element: counts / time for element, counts in self.counts.items()}

    def result(self) -> dict[str, Found | Missing]:
        """Return where each element appears, or why that is not said."""
        return {element: self._result(element) for element in self.elements}

    def order(self) -> str:
        """Return "N before P" for elements whose intervals are apart, otherwise "undecided".

        With more than two elements, each pair that is apart is named: "N before P, N before O".
        """
        found = {
            flag.of: interval
            for flag in self.flags
            if flag.kind == "onset" and isinstance(interval := flag.place["interval_m"], tuple)
        }
        claims = [
            f"{first} before {second}"
            for first in found
            for second in found
            if found[first][1] < found[second][0]
        ]
        return ", ".join(claims) or "undecided"

    def _set_level(self, index: int, spectrum: Spectrum) -> list[Flag]:
        """Sum up the background points; at the last one say what is there already."""
        measured = self._detectors[self.elements[0]].measured
        if measured > self.background_points:
            return []
        self._background += spectrum.counts
        if measured < self.background_points:
            return []
        risk = self.background_points / self._run_length  # as rare as a false onset
        flags = []
        for element in self.elements:
            if stands_out(self.windows[element], self._background, risk):
                self.present.add(element)
                place = {
                    "position_m": None,
                    "interval_m": None,
                    "raised_position_m": self.positions[-1],
                }
                note = f"there in the first {self.background_points} positions together"
                flags.append(Flag("present", element, index, place, note=note))
        return flags

    def _onset(self, element: str, index: int) -> Flag:
        """Return the flag of the onset that the element's detector has just raised."""
        detector = self._detectors[element]
        evidence = detector.raised
        assert evidence is not None
        first, last = evidence.interval
        before = max(first - 1, 0)
        while before > 0 and detector.exposures[before] == 0:  # it may begin within a gap
            before -= 1
        return Flag(
            kind="onset",
            of=element,
            index=index,
            place={
                "position_m": self.positions[evidence.change],
                "interval_m": (self.positions[before], self.positions[last]),
                "raised_position_m": self.positions[evidence.raised],
            },
            confidence=CONFIDENCE,
            statistic=evidence.statistic,
            threshold=evidence.threshold,
            note="; ".join([*([RISES_FROM] if element in self.present else []), CRUDE]),
        )

    def _midpoint(self, element: str, otherwise: float) -> float:
        """Return the place of the best single step; `otherwise` where it all falls again."""
        detector = self._detectors[element]
        point = best_step(detector.counts, detector.exposures, self.background_points)
        return otherwise if point is None else self.positions[point]

    def _result(self, element: str) -> Found | Missing:
        for flag in self.flags:
            position, interval = flag.place["position_m"], flag.place["interval_m"]
            if flag.of == element and isinstance(position, float) and isinstance(interval, tuple):
                return {
                    "position_m": position,
                    "interval_m": interval,
                    "confidence": CONFIDENCE,
                    "midpoint_m": self._midpoint(element, position),
                }
        if element in self.present:
            return {"none": "present from the first point"}
        measured = self._detectors[element].measured
        if measured <= self.background_points:
            return {
                "none": f"only {measured} positions with live time; "
                f"the first {self.background_points} set the level"
            }
        return {"none": f"no significant rise in {measured} positions"}
