"""The EDS line scan: survey image, line, position by position, flags as elements appear."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from acquire.eds.damage_limit import within_damage_limit
from acquire.eds.edge import ScanLine, line_from
from acquire.eds.follow_drift import FollowDrift
from acquire.eds.line_result import LineFindings
from acquire.eds.refine import Passes, compared_with_uniform
from acquire.eds.watch import EdsWatch
from acquire.flags import Flag
from acquire.run import Run
from drivers.stem import Area, Spectrum, Stem, StemSetup
from protocols.eds import DOSE, EdsLineScan
from protocols.model import FlagPolicy, StopAfter


def line_scan(step: EdsLineScan, stem: Stem, run: Run) -> dict[str, Any]:
    """Scan the line and return its result as `show --json` gives it."""
    step = within_damage_limit(step, run)
    setup = run.do(stem.setup)
    survey = run.do(stem.image, step.survey)
    found = line_from(step.start, step.length, step.points, survey, strip=step.strip)
    line = run.decide("line", found)
    scan = _Scan(step, stem, run, setup, line)
    scan.whole_line()
    if step.refine is not None:
        scan.refine(Passes(step, step.refine))
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
        self.spectra: dict[int, list[Spectrum]] = {}
        """What each position has given, by its index."""
        self.exposures = 0
        self.passes = 1
        self.stop_at: float | None = None

    def _new_watch(self, known: Mapping[str, float] | None = None) -> EdsWatch:
        return EdsWatch(
            self.step.watch,
            self.setup,
            background_points=self.step.background_points,
            average_run_length=self.step.average_run_length,
            known=known,
        )

    def expose(self, index: int, dwell: float) -> Spectrum:
        """Measure at position `index` for `dwell` seconds."""
        self.drift.follow(self.exposures)
        self.exposures += 1
        x, y = self.line.position(index)
        area = Area(x, y, self.line.pitch, self.step.strip, self.line.angle)
        spectrum = self.run.do(self.stem.spectrum, area, self.step.probe_current, dwell)
        self.spectra.setdefault(index, []).append(spectrum)
        return spectrum

    def whole_line(self) -> None:
        """Measure position by position until the line, or a flag's policy, ends it."""
        step, run = self.step, self.run
        policies = {watch.element: (watch.on_onset, watch.on_plateau) for watch in step.watch}
        may_stop = any(isinstance(each, StopAfter) for both in policies.values() for each in both)
        dwell = step.dwell if step.refine is None else step.dwell * step.refine.first
        for index in range(step.points):
            distance = index * self.line.pitch
            spectrum = self.expose(index, dwell)
            for flag in self.watch.update(index, distance, spectrum):
                policy = _policy_of(flag, policies)
                run.flag(flag, policy)
                if isinstance(policy, StopAfter):
                    stop_at = distance + policy.stop_after
                    self.stop_at = stop_at if self.stop_at is None else min(self.stop_at, stop_at)
            run.progress(index + 1, step.points, f"{distance * 1e9:.0f} nm")
            beyond = self.stop_at is not None and distance >= self.stop_at
            if may_stop and run.decide("finished", beyond):
                break

    def refine(self, passes: Passes) -> None:
        """Expose further where it narrows the answer most, pass after pass."""
        for number in range(1, passes.plan.passes + 1):
            wanted = passes.next_pass(number, self.findings(), self._dwells())
            chosen = self.run.decide("refine", wanted)
            for done, (index, dwell) in enumerate(chosen):
                self.expose(int(index), dwell)
                self.run.progress(done + 1, len(chosen), f"pass {number + 1}")
            if not chosen:
                break
            self.passes += 1
            self.watch = self._watched_again()

    def findings(self) -> LineFindings:
        """Return what the positions measured so far say."""
        return self.watch.findings()

    def _dwells(self) -> list[float]:
        """Return the seconds of beam that each position has had."""
        return [
            math.fsum(each.real_time for each in self.spectra.get(index, ()))
            for index in range(self.step.points)
        ]

    def _watched_again(self) -> EdsWatch:
        """Return a watch that has seen all that each position has given, in the line's order."""
        watch = self._new_watch(self.watch.changes)
        for index in sorted(self.spectra):
            watch.update(index, index * self.line.pitch, together(self.spectra[index]))
        return watch

    def result(self) -> dict[str, Any]:
        """Return onsets, plateaus, width, order, limits, positions and dose."""
        found = self.findings()
        electrons = math.fsum(each.electrons for held in self.spectra.values() for each in held)
        whole = [together(held) for held in self.spectra.values()]
        refined = None
        if self.step.refine is not None:
            refined = {
                "passes": self.passes,
                **compared_with_uniform(self.step, found, self._dwells()),
            }
        return {
            "onsets": found.onsets,
            "plateaus": found.plateaus,
            "width": found.width,
            "order": found.order,
            "detection_limits": self.watch.detection_limits(),
            "points": len(whole),
            "points_lost": sum(spectrum.live_time <= 0 for spectrum in whole),
            # to 12 digits: a cut-off exposure adds its parts in another order; a recording has none
            "electrons": float(f"{electrons:.12g}") or None,
            "refined": refined,
            DOSE: self.run.spent(DOSE),
        }


def _policy_of(flag: Flag, policies: Mapping[str, tuple[FlagPolicy, FlagPolicy]]) -> FlagPolicy:
    """Return what a flag does: an onset or a plateau what the protocol says, others are noted."""
    on_onset, on_plateau = policies[flag.of]
    by_kind: dict[str, FlagPolicy] = {"onset": on_onset, "plateau": on_plateau}
    return by_kind.get(flag.kind, "note")


def together(spectra: Sequence[Spectrum]) -> Spectrum:
    """Return the sum of what one position has given; parts without data add electrons only."""
    if len(spectra) == 1:
        return spectra[0]
    kept = [each for each in spectra if each.live_time > 0 and each.counts.size]
    counts = np.sum([each.counts.astype(np.uint32) for each in kept], axis=0) if kept else None
    return Spectrum(
        counts=np.zeros(0, np.uint32) if counts is None else np.asarray(counts, np.uint32),
        live_time=math.fsum(each.live_time for each in kept),
        real_time=math.fsum(each.real_time for each in spectra),
        electrons=math.fsum(each.electrons for each in spectra),
    )
