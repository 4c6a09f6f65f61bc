"""Watching a line scan's spectra, position by position: which elements appear, and where.

Each element has a window of channels around its line. Its counts go to an `OnsetDetector` with an
exposure, so a position with less live time, or none, neither hides nor makes an onset. Once it has
appeared, they are watched for where the rise ends. What the whole line says is found afterwards
(`findings`), from all its positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from acquire.eds.background import BackgroundWatch, seen_elements, window_share
from acquire.eds.line_result import Level, LineFindings, findings
from acquire.eds.net_counts import NetCounts
from acquire.eds.onset import CONFIDENCE, OnsetDetector
from acquire.eds.plateau import EVERY, THRESHOLD, plateau
from acquire.eds.ramp import LineCounts
from acquire.eds.windows import stands_out, window_of
from acquire.flags import Flag
from drivers.stem import Spectrum, StemSetup
from protocols.eds import Watch

RISES_FROM = "rises from a level present from the first point"
CRUDE = "as seen up to the flag; the result at the end weighs all positions"


LEVEL_KNOWN = 0.15
"""Relative error, at least, of a background that the fit of the summed spectrum gives: its share
under a line is the same all along only nearly; ours."""
WEDGES = (0.3e6, 0.6e6, 0.9e6)
"""Relative growth of the thickness per metre by which a rise of an element that is there from the
first point must not be explained: up to 30 % over the 350 nm of the published line; ours."""


class EdsWatch:
    """Watches the elements of a line scan; spectra in, flags out.

    An element that is not there at the beginning is compared with the background that its spectra
    make expected (`background`), so that a rise of the continuum is no onset; one that is there
    with its own level per live time, which a wedge may make grow evenly along the line.

    `average_run_length` is in positions without an onset between two false flags, for all elements
    together: each of n detectors gets n times as much. `known` are elements that
    an earlier pass has seen appear, and where (m): findings look for them whether or not the
    detectors, which begin anew, see them again.
    """

    def __init__(
        self,
        watch: Sequence[Watch],
        setup: StemSetup,
        *,
        background_points: int,
        average_run_length: float,
        known: Mapping[str, float] | None = None,
    ) -> None:
        self.elements = tuple(each.element for each in watch)
        self.background_points = background_points
        self.windows = {each.element: window_of(each, setup) for each in watch}
        self._run_length = average_run_length * len(self.elements)
        self._detectors = {element: [self._detector()] for element in self.elements}
        """All of an element's must see a rise, each with exposures of its own."""
        self._changes: dict[str, float] = {}
        """Where each onset's flag has put it, m."""
        self._ended: set[str] = set()
        """Elements whose plateau has been flagged."""
        self._known = dict(known or {})
        self._found: tuple[int, LineFindings] | None = None
        self.positions: list[float] = []
        """Distance of each position from the line's first point, m."""
        self.flags: list[Flag] = []
        """All that were raised so far."""
        self.present: set[str] = set()
        """Elements that are there from the first point."""
        self._watched = tuple(watch)
        self._setup = setup
        self._times: list[float] = []
        self._sum = np.zeros(setup.energy_axis.channels)
        self._first: tuple[npt.NDArray[np.float64], float] | None = None
        """Sum of the background points' spectra, and their live time."""
        self._held: list[Spectrum] = []
        """Spectra of the background points, until the lines that are there are known."""
        self._background: BackgroundWatch | None = None

    def _detector(self) -> OnsetDetector:
        return OnsetDetector(self.background_points, self._run_length)

    def update(self, index: int, position: float, spectrum: Spectrum) -> list[Flag]:
        """Take the spectrum at `position` (m along the line); return the flags it raises.

        Positions come in order. A spectrum without counts or live time is a gap.
        """
        self.positions.append(position)
        gap = spectrum.live_time <= 0 or spectrum.counts.size == 0
        self._times.append(0.0 if gap else spectrum.live_time)
        if not gap:
            self._sum += spectrum.counts
        if self._background is not None:
            raised = self._watch(index, spectrum, self._background)
        else:
            raised = self._set_level(index, spectrum)
        self.flags += raised
        return raised

    def _watch(self, index: int, spectrum: Spectrum, background: BackgroundWatch) -> list[Flag]:
        """Give each element's counts to its detectors, with the expected background as exposure."""
        gap = spectrum.live_time <= 0 or spectrum.counts.size == 0
        live_time = 0.0 if gap else spectrum.live_time
        expected = background.update(spectrum.counts, live_time)
        raised = []
        for element, detectors in self._detectors.items():
            counted = self.windows[element].counted
            counts = 0 if gap else int(spectrum.counts[counted].sum(dtype=np.int64))
            known = element in self._changes
            if element in self.present:  # its counts are its own, not the background's
                along = self.positions[index] - self.positions[0]
                for detector, wedge in zip(detectors, (0.0, *WEDGES), strict=True):
                    detector.update(counts, live_time * (1 + wedge * along))
            else:
                scatter = background.spread(element)
                detectors[0].update(counts, expected[element], scatter=scatter)
                detectors[1].update(counts, live_time)  # a background that falls is no onset
            if not known and all(each.raised is not None for each in detectors):
                raised.append(self._onset(element, index))
            elif known and element not in self._ended and index % EVERY == 0:
                raised += self._end_of_rise(element, index)
        return raised

    def _set_level(self, index: int, spectrum: Spectrum) -> list[Flag]:
        """Hold the background points; at the last one say what is there already."""
        self._held.append(spectrum)
        measured = [each for each in self._held if each.live_time > 0 and each.counts.size]
        if len(measured) < self.background_points:
            return []
        total = np.sum([each.counts for each in measured], axis=0, dtype=float)
        self._first = total, sum(each.live_time for each in measured)
        self._background = BackgroundWatch(
            self._setup,
            {element: window.counted for element, window in self.windows.items()},
            {each.element: each.energy for each in self._watched},
            neighbours=seen_elements(self._setup, total),
        )
        risk = self.background_points / self._run_length  # as rare as a false onset
        present = [e for e in self.elements if stands_out(self.windows[e], total, risk)]
        self.present |= set(present)
        for element, detectors in self._detectors.items():
            others = len(WEDGES) if element in self.present else 1
            detectors += [self._detector() for _ in range(others)]
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
            element: np.array([*detectors[0].counts, *held[element]], np.int64)
            for element, detectors in self._detectors.items()
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

    def findings(self) -> LineFindings:
        """Return what all positions so far say: onsets, plateaus, width, order."""
        if self._found is None or self._found[0] != len(self.positions):
            changes = self.changes
            appear = [element for element in self.elements if element in changes]
            lines = {element: self.line(element) for element in appear}
            missing = {e: self._missing(e) for e in self.elements if e not in changes}
            levels: dict[str, Level | None] = {}
            if lines:
                net = self._net_counts()
                levels = {
                    element: self._level(element, line, net) for element, line in lines.items()
                }
            self._found = len(self.positions), findings(lines, changes, levels, missing)
        return self._found[1]

    @property
    def changes(self) -> dict[str, float]:
        """Where flags, or earlier passes, have put each onset, m."""
        return {**self._known, **self._changes}

    def detection_limits(self) -> dict[str, dict[str, float]]:
        """Return what an element must give at one position to be seen, by element.

        Beside the background of the first positions, where the element is not yet there.
        """
        held = self._first
        times = [time for time in self._times if time > 0]
        if held is None or not times:
            return {}
        net = self._net_counts()
        spectrum, seconds = held
        usual = float(np.median(times))
        found = {}
        for element in self.elements:
            without = net.without(element, spectrum) if element in self.present else spectrum
            limit = net.detection_limit(element, without * (usual / seconds))
            found[element] = {"net_counts": limit, "net_counts_per_s": limit / usual}
        return found

    def _net_counts(self) -> NetCounts:
        return NetCounts(self._setup, self._watched, self._sum)

    def _level(self, element: str, line: LineCounts, net_counts: NetCounts) -> Level | None:
        """Return the background's level in an element's window, as the summed spectrum says.

        None for an element that is there from the first point, whose level is its own.
        """
        if element in self.present:
            return None
        watched = next(each for each in self._watched if each.element == element)
        net, error = net_counts.of(self._sum[None])[element]
        window = self.windows[element].counted
        share = window_share(watched, self._setup, window)
        below = float(self._sum[window].sum() - share * net[0])
        spread = max(float(error[0]) / max(below, 1.0), LEVEL_KNOWN)
        return Level(max(below, 1.0) / float(line.background.sum()), spread)

    def line(self, element: str) -> LineCounts:
        """Return the counts of an element at the positions that have data."""
        assert self._background is not None
        measured = np.array(self._times) > 0
        time = np.array(self._times)[measured]
        background = time
        if element not in self.present:
            background = self._along()[element][measured]
        distance = np.array(self.positions)[measured]
        return LineCounts(distance, self.counts[element][measured].astype(float), background, time)

    def _along(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return each element's expected background so far, up to a factor."""
        assert self._background is not None
        return self._background.along()

    def _onset(self, element: str, index: int) -> Flag:
        """Return the flag of the onset that the element's detectors have just raised."""
        detector = self._detectors[element][0]
        evidence = detector.raised
        assert evidence is not None
        first, last = evidence.interval
        before = max(first - 1, 0)
        while before > 0 and detector.exposures[before] == 0:  # it may begin within a gap
            before -= 1
        self._changes[element] = self.positions[evidence.change]
        return Flag(
            kind="onset",
            of=element,
            index=index,
            place={
                "position_m": self.positions[evidence.change],
                "interval_m": (self.positions[before], self.positions[last]),
                "raised_position_m": self.positions[index],
            },
            confidence=CONFIDENCE,
            statistic=evidence.statistic,
            threshold=evidence.threshold,
            note="; ".join([*([RISES_FROM] if element in self.present else []), CRUDE]),
        )

    def _end_of_rise(self, element: str, index: int) -> list[Flag]:
        """Return the flag of a plateau, if the rise has ended."""
        line = self.line(element)
        onset = next(f for f in self.flags if f.of == element and f.kind == "onset")
        interval = onset.place["interval_m"]
        assert isinstance(interval, tuple)
        found = plateau(line, interval)
        if found.statistic <= THRESHOLD:
            return []
        self._ended.add(element)
        place: dict[str, float | tuple[float, float] | None] = {
            "position_m": found.position,
            "interval_m": found.interval,
            "raised_position_m": self.positions[index],
        }
        note = "the result at the end weighs all positions"
        return [
            Flag("plateau", element, index, place, CONFIDENCE, found.statistic, THRESHOLD, note)
        ]

    def _missing(self, element: str) -> str:
        """Return why an element has no onset."""
        if element in self.present:
            return "present from the first point"
        measured = sum(time > 0 for time in self._times)
        if measured <= self.background_points:
            return (
                f"only {measured} positions with live time; "
                f"the first {self.background_points} set the level"
            )
        return f"no significant rise in {measured} positions"
