"""Watching a line scan's spectra, position by position: which elements appear, and where.

Each element has a window of channels around its line. Its counts go to an `OnsetDetector` with an
exposure, so a position with less live time, or none, neither hides nor makes an onset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from acquire.eds.background import BackgroundWatch, seen_elements
from acquire.eds.onset import CONFIDENCE, OnsetDetector, best_step
from acquire.eds.windows import stands_out, window_of
from acquire.flags import Flag
from drivers.stem import Spectrum, StemSetup
from protocols.eds import Watch

RISES_FROM = "rises from a level present from the first point"
CRUDE = "interval crude for a gradual rise; positions up to the flag only"


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


class EdsWatch:
    """Watches the elements of a line scan; spectra in, flags out.

    An element that is not there at the beginning is compared with the background that its spectra
    make expected (`background`), so that a rise of the continuum is no onset; one that is there
    with its own level per live time.

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
        self._watched = tuple(watch)
        self._setup = setup
        self._times: list[float] = []
        self._held: list[Spectrum] = []
        """Spectra of the background points, until the lines that are there are known."""
        self._background: BackgroundWatch | None = None

    def update(self, index: int, position: float, spectrum: Spectrum) -> list[Flag]:
        """Take the spectrum at `position` (m along the line); return the flags it raises.

        Positions come in order. A spectrum without counts or live time is a gap.
        """
        self.positions.append(position)
        gap = spectrum.live_time <= 0 or spectrum.counts.size == 0
        self._times.append(0.0 if gap else spectrum.live_time)
        if self._background is not None:
            raised = self._watch(index, spectrum, self._background)
        else:
            raised = self._set_level(index, spectrum)
        self.flags += raised
        return raised

    def _watch(self, index: int, spectrum: Spectrum, background: BackgroundWatch) -> list[Flag]:
        """Give each element's counts to its detector, with the expected background as exposure."""
        gap = spectrum.live_time <= 0 or spectrum.counts.size == 0
        live_time = 0.0 if gap else spectrum.live_time
        expected = background.update(spectrum.counts, live_time)
        raised = []
        for element, detector in self._detectors.items():
            counted = self.windows[element].counted
            counts = 0 if gap else int(spectrum.counts[counted].sum(dtype=np.int64))
            before = detector.raised
            if element in self.present:  # its counts are its own, not the background's
                evidence = detector.update(counts, live_time)
            else:
                scatter = background.spread(element)
                evidence = detector.update(counts, expected[element], scatter=scatter)
            if evidence is not None and before is None:
                raised.append(self._onset(element, index))
        return raised

    def _set_level(self, index: int, spectrum: Spectrum) -> list[Flag]:
        """Hold the background points; at the last one say what is there already."""
        self._held.append(spectrum)
        measured = [each for each in self._held if each.live_time > 0 and each.counts.size]
        if len(measured) < self.background_points:
            return []
        total = np.sum([each.counts for each in measured], axis=0, dtype=float)
        self._background = BackgroundWatch(
            self._setup,
            {element: window.counted for element, window in self.windows.items()},
            {each.element: each.energy for each in self._watched},
            neighbours=seen_elements(self._setup, total),
        )
        risk = self.background_points / self._run_length  # as rare as a false onset
        present = [e for e in self.elements if stands_out(self.windows[e], total, risk)]
        self.present |= set(present)
        held, self._held = self._held, []
        for each in held:
            self._watch(index, each, self._background)
        return [self._present(element, index) for element in present]

    def _present(self, element: str, index: int) -> Flag:
        place = {"position_m": None, "interval_m": None, "raised_position_m": self.positions[-1]}
        note = f"there in the first {self.background_points} positions together"
        return Flag("present", element, index, place, note=note)

    @property
    def counts(self) -> dict[str, npt.NDArray[np.int64]]:
        """Counts in each element's window, shape (positions,); 0 in a gap."""
        held = {
            element: [int(each.counts[window.counted].sum(dtype=np.int64)) for each in self._held]
            for element, window in self.windows.items()
        }
        return {
            element: np.array([*detector.counts, *held[element]], np.int64)
            for element, detector in self._detectors.items()
        }

    @property
    def live_time(self) -> npt.NDArray[np.float64]:
        """Live time of each position in seconds, shape (positions,); 0 in a gap."""
        return np.array(self._times)

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
        measured = sum(time > 0 for time in self._times)
        if measured <= self.background_points:
            return {
                "none": f"only {measured} positions with live time; "
                f"the first {self.background_points} set the level"
            }
        return {"none": f"no significant rise in {measured} positions"}
