"""The depth profile: measure every region, look, decide, etch, and again."""

from __future__ import annotations

from typing import Any

from acquire.flags import Flag
from acquire.run import Run
from acquire.xps.depth_watch import DepthWatch
from acquire.xps.told import cycle_row, head_row
from drivers.xps import RegionSpectrum, Xps, joined
from protocols.xps import (
    ETCH_TIME,
    XRAY_TIME,
    CyclePolicy,
    DepthProfile,
    Region,
    ShorterEtch,
    StopAfterCycles,
)

PUMPING_STEP, PUMPING_MOST = 5.0, 1800.0
"""Seconds between two looks at the pressure after an etch, and for how long; ours."""


def depth_profile(step: DepthProfile, xps: Xps, run: Run) -> dict[str, Any]:
    """Do the profile and return its result as `show --json` gives it."""
    profile = _Profile(step, xps, run)
    run.do(xps.set_neutraliser, step.neutraliser)
    run.do(xps.set_source, True)
    run.tell(head_row(step))
    cycle = 0
    while not profile.measured(cycle):
        profile.etch()
        cycle += 1
    profile.last_survey(cycle)
    run.do(xps.set_source, False)
    return profile.result(cycle + 1)


class _Profile:
    """A depth profile under way."""

    def __init__(self, step: DepthProfile, xps: Xps, run: Run) -> None:
        self.step = step
        self.xps = xps
        self.run = run
        self.watch = DepthWatch(step, run.do(xps.setup))
        self.policies = {watched.line: watched for watched in step.watch}
        self.etch_time = 0.0
        self.stop_at: int | None = None
        """The cycle after which a flag's policy ends the profile."""
        self.finer: tuple[float, int] | None = None
        """Duration of the next etches, s, and how many of them are left."""

    # -- one cycle --------------------------------------------------------------------------

    def measured(self, cycle: int) -> bool:
        """Measure a cycle and do what its flags ask for; return True if it is the last one."""
        self.wait_for_the_pumps()
        if self.step.surveyed(cycle) and self.step.survey is not None:
            self.scan(self.step.survey, self.step.survey.sweeps)
        spectra = {region.line: self.region(region) for region in self.step.regions}
        self.etch_time = _etch_time(spectra, self.etch_time)
        for flag in self.watch.update(cycle, self.etch_time, spectra):
            self.follow(flag, cycle)
        self.run.tell(cycle_row(cycle, self.etch_time, self.watch.row()))
        self.run.progress(cycle + 1, self.step.max_cycles, f"{self.etch_time:.0f} s etched")
        ends = cycle + 1 >= self.step.max_cycles or self.watch.finished()
        ends = ends or (self.stop_at is not None and cycle >= self.stop_at)
        return self.run.decide("finished", ends)

    def wait_for_the_pumps(self) -> None:
        """Wait until the argon of the last etch is gone; the interlock refuses what is left."""
        most = self.step.pressure_max
        waited = 0.0
        while most is not None and waited < PUMPING_MOST:
            if not self.run.do(self.xps.status).pressure > most:
                return
            self.run.sleep(PUMPING_STEP)
            waited += PUMPING_STEP

    def region(self, region: Region) -> RegionSpectrum:
        """Measure a region, and again where it leaves in doubt whether there is a peak."""
        spectrum = self.scan(region, region.sweeps)
        watched = self.policies.get(region.line)
        if watched is None or watched.faint_sweeps is None:
            return spectrum
        doubt = self.watch.faint(region.line, spectrum)
        if not self.run.decide(f"more sweeps of {region.line}", doubt):
            return spectrum
        return joined([spectrum, self.scan(region, watched.faint_sweeps)])

    def scan(self, region: Region, sweeps: int) -> RegionSpectrum:
        """Measure a region with so many sweeps."""
        return self.run.do(self.xps.acquire, region, sweeps)

    def last_survey(self, cycle: int) -> None:
        """Take the survey of the last cycle."""
        if self.step.survey is not None and not self.step.surveyed(cycle):
            self.scan(self.step.survey, self.step.survey.sweeps)

    # -- flags and etches -------------------------------------------------------------------

    def follow(self, flag: Flag, cycle: int) -> None:
        """Journal a flag and take note of what it asks of the cycles to come."""
        policy = self.policy_of(flag)
        self.run.flag(flag, policy)
        if isinstance(policy, StopAfterCycles):
            stop_at = cycle + policy.stop_after_cycles
            self.stop_at = stop_at if self.stop_at is None else min(self.stop_at, stop_at)
        if isinstance(policy, ShorterEtch):
            self.finer = (policy.etch, policy.cycles)

    def policy_of(self, flag: Flag) -> CyclePolicy:
        """Return what a flag does: what the protocol says for its kind, others are noted."""
        watched = self.policies.get(flag.of)
        if watched is None:
            return "note"
        by_kind: dict[str, CyclePolicy] = {
            "onset": watched.on_onset,
            "plateau": watched.on_plateau,
            "falls": watched.on_falls,
            "gone": watched.on_gone,
        }
        return by_kind.get(flag.kind, "note")

    def etch(self) -> None:
        """Etch once, more finely where a flag asked for it."""
        seconds = self.step.etch.duration
        if self.finer is not None:
            finer, left = self.finer
            seconds = min(seconds, finer)
            self.finer = (finer, left - 1) if left > 1 else None
        seconds = self.run.decide("etch_s", seconds)
        etch = self.step.etch.model_copy(update={"duration": seconds})
        self.etch_time += self.run.do(self.xps.etch, etch).seconds

    # -- the end ----------------------------------------------------------------------------

    def result(self, cycles: int) -> dict[str, Any]:
        """Return boundaries, order, lines, composition, and what was spent."""
        return {
            "cycles": cycles,
            ETCH_TIME: self.etch_time,
            **self.watch.findings().as_dict(),
            XRAY_TIME: self.run.spent(XRAY_TIME),
        }


def _etch_time(spectra: dict[str, RegionSpectrum], counted: float) -> float:
    """Return the etch time that the data themselves give, or what was counted."""
    given = [each.etch_time for each in spectra.values() if each.etch_time is not None]
    return given[0] if given else counted
