"""The EDS line scan: survey image, line, position by position, flags as elements appear."""

from __future__ import annotations

from typing import Any

from acquire.eds.edge import ScanLine, line_from
from acquire.eds.follow_drift import FollowDrift
from acquire.eds.watch import EdsWatch
from acquire.run import Run
from drivers.stem import Area, Spectrum, Stem, StemSetup
from protocols.eds import DOSE, EdsLineScan
from protocols.model import FlagPolicy, Refine, StopAfter


def line_scan(step: EdsLineScan, stem: Stem, run: Run) -> dict[str, Any]:
    """Scan the line and return its result as `show --json` gives it."""
    setup = run.do(stem.setup)
    survey = run.do(stem.image, step.survey)
    found = line_from(step.start, step.length, step.points, survey, strip=step.strip)
    line = run.decide("line", found)
    scan = _Scan(step, stem, run, setup, line)
    scan.whole_line()
    scan.refine()
    return scan.result()


class _Scan:
    """A line scan under way."""

    def __init__(
        self, step: EdsLineScan, stem: Stem, run: Run, setup: StemSetup, line: ScanLine
    ) -> None:
        self.step = step
        self.stem = stem
        self.run = run
        self.setup = setup
        self.line = line
        self.watch = self._new_watch()
        self.drift = FollowDrift(step.drift, stem, run)
        self.spectra: list[tuple[float, Spectrum]] = []
        self.stop_at: float | None = None

    def _new_watch(self) -> EdsWatch:
        return EdsWatch(
            self.step.watch,
            self.setup,
            background_points=self.step.background_points,
            average_run_length=self.step.average_run_length,
        )

    def expose(self, distance: float) -> Spectrum:
        """Measure at `distance` (m) along the line."""
        x, y = self.line.at(distance)
        pitch = self.line.pitch
        area = Area(x=x, y=y, along=pitch, across=self.step.strip, angle=self.line.angle)
        spectrum = self.run.do(self.stem.spectrum, area, self.step.probe_current, self.step.dwell)
        self.spectra.append((distance, spectrum))
        return spectrum

    def whole_line(self) -> None:
        """Measure position by position until the line, or a flag's policy, ends it."""
        policies: dict[str, FlagPolicy] = {w.element: w.on_onset for w in self.step.watch}
        may_stop = any(isinstance(policy, StopAfter) for policy in policies.values())
        for index in range(self.step.points):
            self.drift.follow(index)
            distance = index * self.line.pitch
            spectrum = self.expose(distance)
            for flag in self.watch.update(index, distance, spectrum):
                policy = policies[flag.of] if flag.kind == "onset" else "note"
                self.run.flag(flag, policy)
                self._note_stop(distance, policy)
            self.run.progress(index + 1, self.step.points, f"{distance * 1e9:.0f} nm")
            beyond = self.stop_at is not None and distance >= self.stop_at
            if may_stop and self.run.decide("finished", beyond):
                break

    def _note_stop(self, distance: float, policy: FlagPolicy) -> None:
        if isinstance(policy, StopAfter):
            stop_at = distance + policy.stop_after
            self.stop_at = stop_at if self.stop_at is None else min(self.stop_at, stop_at)

    def refine(self) -> None:
        """Measure halfway between the positions around each onset whose policy refines."""
        wanted = self.run.decide("refine at", self._between())
        for number, distance in enumerate(wanted):
            self.expose(distance)
            self.run.progress(number + 1, len(wanted), f"refining at {distance * 1e9:.1f} nm")
        if wanted:
            self.watch = self._new_watch()
            ordered = sorted(self.spectra, key=lambda item: item[0])
            for index, (distance, spectrum) in enumerate(ordered):
                self.watch.update(index, distance, spectrum)

    def _between(self) -> list[float]:
        """Return the distances (m) halfway between measured positions that a policy refines."""
        measured = len(self.spectra)
        chosen = set()
        for watched in self.step.watch:
            found = self.watch.result()[watched.element]
            if not isinstance(watched.on_onset, Refine) or "none" in found:
                continue
            low, high = found["interval_m"]
            reach = watched.on_onset.refine
            chosen |= {
                index
                for index in range(measured - 1)
                if low - reach <= (index + 0.5) * self.line.pitch <= high + reach
            }
        return [(index + 0.5) * self.line.pitch for index in sorted(chosen)]

    def result(self) -> dict[str, Any]:
        """Return onsets, order, positions and dose."""
        nothing = {"none": "not looked for by this procedure"}
        return {
            "onsets": self.watch.result(),
            "plateaus": {watched.element: nothing for watched in self.step.watch},
            "width": nothing,
            "order": self.watch.order(),
            "points": len(self.spectra),
            "points_lost": sum(spectrum.live_time <= 0 for _, spectrum in self.spectra),
            DOSE: self.run.spent(DOSE),
        }
