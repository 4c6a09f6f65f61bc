"""Scanning a region: define, validate, start, watch, read twice, clear.

A digit that the line changed, lost or doubled passes any grammar. Reading is not destructive, so
all data are read twice and compared, and a third time where the two differ; when the scan is over
the whole of it is read so again, and that is the result. What may still pass is the same wrong
digit in the same place of two readings. Measured (tests/campaigns/prodigy_faults.py, 61 channels,
about 190 digits): with one digit changed in every single reply 0.2 % of the readings pass wrong,
which is 3/(9 x digits); with one in every third or tenth reply none of 5000. Data that are read
once would pass wrong in all, a third and a tenth of them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from drivers.clock import Clock
from drivers.errors import DriverError, InstrumentFaultError, LinkError, ReadbackError
from drivers.prodigy.codec import number, numbers, whole, word
from drivers.prodigy.grammar import GrammarError, Value, Values, bare
from drivers.prodigy.refusals import NO_ACQUISITION, NOT_READABLE, RefusalError
from drivers.prodigy.session import Session
from drivers.prodigy.settings import ProdigySettings
from drivers.xps import SweepBlock
from protocols.xps import Region

Counts = npt.NDArray[np.float64]
STATES = ("idle", "validated", "running", "paused", "finished", "aborted", "error")
POINTS = ("NumberOfAcquiredPoints", "NumberOfAcquirePoints")
"""Headway, as the wire and as the older document spell it."""
SAFE_STATE_SINCE = (1, 9)
"""Protocol version with SetSafeState: before, the detector's voltage is never left up, though Start
could since 1.7."""
SAME_EV, SAME_RELATIVE = 1e-3, 1e-4
"""By how much validated energies (eV) and other values may differ from those asked: rounding."""
ENDS_WITHIN = 30.0
"""Seconds within which an aborted scan ends."""


@dataclass(frozen=True)
class Progress:
    """What GetAcquisitionStatus says."""

    state: str
    points: int
    message: str = ""

    @property
    def busy(self) -> bool:
        """A scan is under way."""
        return self.state in ("running", "paused")


@dataclass(frozen=True)
class Scan:
    """A region in Prodigy's terms: kinetic energies, eV, rising."""

    start: float
    end: float
    region: Region

    @property
    def points(self) -> int:
        """Energy samples."""
        return self.region.points


class Scanner:
    """Scans regions."""

    def __init__(self, session: Session, settings: ProdigySettings, clock: Clock) -> None:
        """`clock` measures dwells and waits."""
        self._session = session
        self._settings = settings
        self._clock = clock
        self._channels = 1
        self.detector_up = False
        """A scan runs, or has left the detector's voltage up."""

    def scan_of(self, region: Region) -> Scan:
        """Return a region in kinetic energies: hv - binding energy - work function."""
        to_kinetic = self._settings.photon_energy - self._settings.work_function
        start = round(to_kinetic - region.start, 6)
        return Scan(start, round(start + (region.points - 1) * region.step, 6), region)

    def progress(self) -> Progress:
        """Return what is being scanned, and how far it is."""
        return self._session.ask("GetAcquisitionStatus", take=_progress)

    def stop(self) -> None:
        """End what is being scanned; nothing happens if nothing is."""
        if not self.progress().busy:
            return
        try:
            self._session.ask("Abort")
        except RefusalError as error:
            if error.code != NO_ACQUISITION:
                raise
        until = self._clock.now() + ENDS_WITHIN
        while self.progress().busy:
            if self._clock.now() > until:
                raise InstrumentFaultError(
                    "prodigy: the scan was told to end, but goes on; abort it in Prodigy"
                )
            self._clock.sleep(self._settings.poll)

    def define(self, scan: Scan) -> None:
        """Define and validate a scan.

        Raises:
            ReadbackError: Prodigy would scan something else; it says what.
            RefusalError: it cannot scan that, or the analyser is offline.
        """
        self.stop()
        self.clear()
        self._channels = self._non_energy_channels()
        asked = self._asked(scan)
        arguments = {k: v if isinstance(v, str) else bare(v) for k, v in asked.items()}
        self._session.ask("DefineSpectrumFAT", arguments)
        differs: list[str] = []
        for _ in range(2):  # a garbled line may look like another value
            values = self._session.ask("ValidateSpectrum", take=partial(_check_kinds, asked))
            differs = _differences(asked, values, scan.points)
            if not differs:
                return
        raise ReadbackError(
            f"prodigy: {scan.region.line} would be scanned otherwise than asked: "
            f"{'; '.join(differs)}. Write what the analyser can do into the protocol or the lab "
            f"file"
        )

    def _asked(self, scan: Scan) -> dict[str, float | int | str]:
        return {
            "StartEnergy": scan.start,
            "EndEnergy": scan.end,
            "StepWidth": scan.region.step,
            "DwellTime": scan.region.dwell,
            "PassEnergy": scan.region.pass_energy,
            "LensMode": self._settings.lens_mode,
            "ScanRange": self._settings.scan_range,
        }

    def _non_energy_channels(self) -> int:
        """Return how many values Prodigy gives for each energy."""
        name: dict[str, Value] = {"ParameterName": "NumNonEnergyChannels"}
        try:
            value = self._session.ask(
                "GetAnalyzerParameterValue", name, lambda v: whole(v, "Value")
            )
        except RefusalError:  # an analyser without such a parameter has one
            return 1
        return max(value, 1)

    def clear(self) -> None:
        """Throw the last scan's data away; its definition stays valid."""
        if self.progress().state in ("finished", "aborted", "error"):
            self._session.ask("ClearSpectrum")

    def sweep(self, scan: Scan, number_: int, *, last: bool) -> Generator[SweepBlock, None, Counts]:
        """Scan once and return the counts, shape (channels,), from the lowest kinetic energy on.

        Yields:
            What can be read for sure since the last yield.
        """
        self._start(leave_up=not last)
        have = 0
        for readable in self._watched(scan):
            counts = self._readable_by_now(scan, have, readable)
            yield _block(scan, number_, have, counts)
            have += len(counts)
        self.detector_up = self._leaves_up(not last)
        final = self._read_whole(scan)
        if have < scan.points:
            yield _block(scan, number_, have, final[have:])
        return final

    def _leaves_up(self, leave_up: bool) -> bool:
        return leave_up and self._session.version >= SAFE_STATE_SINCE

    def _start(self, *, leave_up: bool) -> None:
        arguments: dict[str, Value] = {}
        if self._leaves_up(leave_up):
            arguments["SetSafeStateAfter"] = "false"
        self.detector_up = True
        try:
            self._session.ask_once("Start", arguments)
        except (RefusalError, LinkError) as error:  # its reply may be what was garbled
            try:
                begun = self.progress().state in ("running", "finished")
            except DriverError:
                raise error from None
            if not begun:
                raise

    def _watched(self, scan: Scan) -> Generator[int, None, None]:
        """Yield how many points can be read, at each look, until the scan is over."""
        clock, settings = self._clock, self._settings
        settle = min(scan.region.dwell, settings.first_read)
        reported: list[tuple[float, int]] = []
        moved = paused = clock.now()
        most = 0
        while True:
            clock.sleep(settings.poll)
            progress, now = self.progress(), clock.now()
            points = min(progress.points, scan.points)
            if progress.state == "finished" and progress == self.progress():
                break
            _must_go_on(progress, scan)
            if points > most or progress.state == "paused":
                moved, most = now, max(points, most)
            paused = paused if progress.state == "paused" else now
            self._within_time(scan, now - moved, now - paused)
            reported.append((now, points))
            yield max((n for t, n in reported if now - t >= settle), default=0)
            reported = [(t, n) for t, n in reported if now - t <= 2 * settle + settings.poll]
        if points < scan.points:
            raise InstrumentFaultError(_ENDED.format(scan.region.line, points, scan.points))
        clock.sleep(settle)

    def _within_time(self, scan: Scan, standing: float, paused: float) -> None:
        allowed = self._settings.stall + 10 * scan.region.dwell
        if standing > allowed:
            raise InstrumentFaultError(
                f"prodigy: {scan.region.line}: no new point for {standing:.0f} s; look at the "
                f"analyser in Prodigy, then repeat the region"
            )
        if paused > self._settings.pause_max:
            raise InstrumentFaultError(
                f"prodigy: {scan.region.line} has been paused at Prodigy for {paused:.0f} s; "
                f"repeat the region when it may go on, or raise pause_max"
            )

    def _readable_by_now(self, scan: Scan, first: int, end: int) -> Counts:
        """Return the counts of points that a running scan has reported, as far as they are there.

        Zeros at their end may be points that cannot be read yet: they are left for later.
        """
        counts = self._try_read(scan, first, end) if end > first else None
        return np.zeros(0) if counts is None else np.trim_zeros(counts, "b")

    def _try_read(self, scan: Scan, first: int, end: int) -> Counts | None:
        """Return counts of the points [first, end) of which two readings agree.

        None if they cannot be read yet, or no two of three readings agree.
        """
        readings: list[Counts] = []
        try:
            for _ in range(3):
                readings.append(self._read(scan, first, end))
                if any(np.array_equal(readings[-1], other) for other in readings[:-1]):
                    return _counts(readings[-1], scan, self._settings)
        except RefusalError as error:
            if error.code not in NOT_READABLE:
                raise
        return None

    def _read_whole(self, scan: Scan) -> Counts:
        """Return all counts, once they can be read; points that end in zeros are given time.

        Raises:
            ReadbackError: they cannot be read, or the readings go on to differ.
        """
        settle = max(min(scan.region.dwell, self._settings.first_read), self._settings.poll)
        counts = None
        for _ in range(5):
            counts = self._try_read(scan, 0, scan.points)
            if counts is not None and counts[-1]:
                return counts
            self._clock.sleep(settle)
        if counts is None:
            raise ReadbackError(
                f"prodigy: {scan.region.line}: the scan is over, but its data cannot be read, or "
                f"differ from reading to reading: check cable, switch and converters, then repeat "
                f"the region"
            )
        return counts

    def _read(self, scan: Scan, first: int, end: int) -> Counts:
        at_once = max(1, self._settings.values_at_once // self._channels)
        parts = [
            self._read_part(scan, begin, min(begin + at_once, end))
            for begin in range(first, end, at_once)
        ]
        return np.concatenate(parts)

    def _read_part(self, scan: Scan, first: int, end: int) -> Counts:
        rows = self._channels
        data = self._session.ask(
            "GetAcquisitionData",
            {"FromIndex": bare(first), "ToIndex": bare(end - 1)},
            lambda values: numbers(values, "Data", rows * (end - first)),
        )
        return np.asarray(data.reshape(rows, end - first).sum(axis=0))


_ENDED = (
    "prodigy: {} ended after {} of {} points: it was ended at Prodigy's own screen, or failed "
    "there. Repeat the region"
)


def _must_go_on(progress: Progress, scan: Scan) -> None:
    """Refuse a state in which no further points come.

    Raises:
        InstrumentFaultError: the scan ended otherwise.
    """
    if progress.busy or progress.state == "finished":
        return
    line, said = scan.region.line, progress.message
    if progress.state == "aborted":
        raise InstrumentFaultError(_ENDED.format(line, progress.points, scan.points))
    raise InstrumentFaultError(
        f"prodigy: {line}: the scan is {progress.state}{': ' if said else ''}{said}; look at "
        f"Prodigy, then repeat the region"
    )


def _block(scan: Scan, number_: int, first: int, counts: Counts) -> SweepBlock:
    channels = np.zeros(scan.points, np.uint32)
    channels[first : first + len(counts)] = counts
    return SweepBlock(channels, number_, first, len(counts))


def _counts(data: Counts, scan: Scan, settings: ProdigySettings) -> Counts:
    """Return data as counts.

    Raises:
        ReadbackError: they are none.
    """
    counts = data * scan.region.dwell if settings.data == "counts_per_second" else data
    rounded = np.rint(counts)
    if np.any(rounded < 0) or np.any(rounded > 2**32 - 1):
        raise ReadbackError(f"prodigy: {scan.region.line}: data below 0 or beyond any count")
    if not np.allclose(counts, rounded, rtol=0, atol=1e-3):
        raise ReadbackError(
            f"prodigy: {scan.region.line}: the data are no whole counts; switch corrections off in "
            f"Prodigy, or write data: counts_per_second under settings"
        )
    return rounded


def _progress(values: Values) -> Progress:
    key = "ControllerState" if "ControllerState" in values else "ControllerStatus"
    state = word(values, key)
    if state not in STATES:
        raise GrammarError(f"{key} is {state!r}")
    points = next((whole(values, key) for key in POINTS if key in values), 0)
    told = [word(values, key) for key in ("Message", "Details") if key in values]
    return Progress(state, points, ": ".join(filter(None, told)))


def _check_kinds(asked: dict[str, float | int | str], values: Values) -> Values:
    """Return validated values, each of the kind that was asked for."""
    for name, value in asked.items():
        word(values, name) if isinstance(value, str) else number(values, name)
    if "Samples" in values:
        whole(values, "Samples")
    return values


def _differences(asked: dict[str, float | int | str], values: Values, points: int) -> list[str]:
    """Return what would be scanned otherwise than asked, in words; `Samples` may be left out."""
    found = []
    if "Samples" in values and whole(values, "Samples") != points:
        found.append(f"Samples {whole(values, 'Samples')} instead of {points}")
    for name, value in asked.items():
        if isinstance(value, str):
            got: float | str = word(values, name)
            same = got == value
        else:
            got = number(values, name)
            off = SAME_EV if name.endswith("Energy") else SAME_RELATIVE * abs(value)
            same = abs(got - value) <= off
        if not same:
            found.append(f"{name} {got} instead of {value}")
    return found
