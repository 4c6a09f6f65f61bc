"""Every fault of the simulated FIB, each at three moments of a lift-out.

    python -m tests.campaigns.fib_faults [KIND ...] [--seed N] [--moments 1 2 3] [--processes N]
        [--prepared]

A run of the same seed without faults says when each stage goes on; the moments are in stages in
which the fault matters. Every run must end safe: done, stopped, or waiting for an answer, with no
beam on; never with a success that is none; never with a cut after nothing was verified. Prepared,
each run begins in the stage of its fault, on a specimen as it ideally is before it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

from protocols.lift_out import StageName
from simulators.faults import Scheduled
from simulators.fib.faults import FibFault
from tests.campaigns.fib_runs import Ended, lift_out, settings_of

Moments = tuple[StageName, StageName, StageName]
ANYWHERE: Moments = ("trench", "weld", "polish")
WITH_NEEDLE: Moments = ("contact", "weld", "land")
WHEN: Mapping[str, Moments] = {
    "needle_warm": WITH_NEEDLE,
    "needle_bent": ("needle_in", "contact", "land"),
    "needle_drift": WITH_NEEDLE,
    "needle_lost_calibration": ("needle_in", "contact", "land"),
    "contact_missed": ("needle_in", "contact", "land"),
    "lamella_sticks": ("weld", "sever", "lift"),
    "lamella_falls": ("lift", "land", "weld_grid"),
    "lamella_rotates": ("lift", "land", "weld_grid"),
    "no_bridge": ("contact", "weld", "weld_grid"),
    "weld_breaks": ("weld", "sever", "lift"),
    "stage_stall": ("survey", "undercut", "thin"),
    "stage_backlash": ("survey", "undercut", "thin"),
    "silent_clamp": ("survey", "lift", "thin"),
    "move_early": ("survey", "undercut", "thin"),
    "z_dropped": ("trench", "clean", "land"),
    "stale_coincidence": ("trench", "needle_in", "land"),
}
"""Stages in which a fault matters most; the others are injected anywhere."""
INTO = 0.3
"""Share of a stage that is over when the fault begins."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "vacuum_spike": ("pressure",),
    "slow_leak": ("pressure",),
    "oxidation": ("pressure",),
    "vented": ("vented", "pressure", "beam is off"),
    "ln2_dry": ("nitrogen", "degC", "K/min", "cold"),
    "heater_runaway": ("degC", "K/min", "cold"),
    "needle_warm": ("needle is at", "cold"),
    "source_drop": ("ion current", "cannot be told"),
    "source_flicker": ("ion current",),
    "emission_decay": ("ion current", "ion source"),
    "current_readback_differs": ("ion current",),
    "stage_stall": ("stage is at", "not where it was sent"),
    "lost_home": ("home",),
    "silent_clamp": ("stage is at", "not where it"),
    "move_early": ("stage is moving",),
    "gis_stuck": ("gas",),
    "gis_leak": ("gas", "pressure"),
    "milling_never_completes": ("not reported as done",),
    "pattern_rejected": ("rejects",),
    "nan_reading": ("NaN",),
    "link_drops": ("no answer", "link"),
    "slow_call": ("to read",),
    "stale_reply": ("earlier request",),
    "no_bridge": ("weld", "bridge"),
    "weld_breaks": ("weld", "did not come", "told", "see"),
    "lamella_sticks": ("did not come",),
    "contact_missed": ("contact", "needle", "gap"),
}
"""Words of which one is in the reason where the fault ends a run; others are seen in images only,
and what they end with depends on what they spoil."""
LASTS: Mapping[str, float] = {"charging_jump": 120.0, "slow_call": 60.0}
"""s of what does not last for good."""


UNREACHABLE = "link_drops"
"""Nobody can blank a beam over a dead link: the pattern ends by the instrument's own timer."""


@dataclass(frozen=True)
class Injected:
    """A fault in a run."""

    kind: str
    stage: str
    ended: Ended

    @property
    def told_right(self) -> bool:
        """True where a run that did not succeed says what the fault leads to."""
        words = WORDS.get(self.kind)
        if self.ended.claimed or words is None:
            return True
        return any(word in self.ended.reason for word in words)

    @property
    def verdict(self) -> str:
        """What to make of it, in a word or two; capitals for what must not be."""
        ended = self.ended
        if ended.false_success:
            return "FALSE SUCCESS"
        if ended.beams_on:
            return "own timer" if self.kind == UNREACHABLE else "BEAM ON"
        if not ended.safe:
            return "NOT SAFE"
        if ended.unverified:
            return "UNVERIFIED CUT"
        if ended.claimed:
            return "went on"
        return ended.state if self.told_right else f"{ended.state}, reason?"


def kinds() -> dict[str, type[Scheduled]]:
    """Return the faults by kind."""
    union, *_ = get_args(FibFault)
    return {str(each.model_fields["kind"].default): each for each in get_args(union)}


def moments(
    stages: Mapping[str, float], end: float, kind: str, moment: int
) -> Iterator[tuple[str, float]]:
    """Yield the stage of a fault's first, second or third moment and the world time (s) of it.

    None where the run without faults did not get there.
    """
    names = [*stages, "end"]
    times = [*stages.values(), end]
    for stage in WHEN.get(kind, ANYWHERE)[moment - 1 : moment]:
        if stage in stages:
            index = names.index(stage)
            yield stage, times[index] + INTO * (times[index + 1] - times[index])


def _inject(work: tuple[int, str, str, float, bool]) -> Injected:
    seed, kind, stage, at, begins_there = work
    values: dict[str, Any] = {"at": at}
    if kind in LASTS:
        values["lasting"] = LASTS[kind]
    fault = kinds()[kind](**values)
    faults, first = (fault,), stage if begins_there else None
    return Injected(kind, stage, lift_out(seed, settings_of(False, faults, first)))


def told(each: Injected) -> str:
    """Return an injected fault and what came of it, in one line."""
    ended = each.ended
    return (
        f"{each.kind:25} {each.stage:9} {each.verdict:18} at {ended.stage or '-':9} "
        f"{len(ended.unsafe):2} unsafe  {ended.reason[:220]}"
    )


def wanted() -> argparse.Namespace:
    """Return what the command line asks for."""
    words = argparse.ArgumentParser(prog="python -m tests.campaigns.fib_faults")
    words.add_argument("kinds", nargs="*", metavar="KIND", default=sorted(kinds()))
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--moments", type=int, nargs="+", choices=(1, 2, 3), default=(1, 2, 3))
    words.add_argument("--processes", type=int, default=2)
    words.add_argument("--prepared", action="store_true")
    return words.parse_args()


def _moment(asked: argparse.Namespace, moment: int) -> Iterator[tuple[int, str, str, float, bool]]:
    """Yield what to inject: seed, kind, stage, time (s), and whether the run begins there."""
    for kind in asked.kinds:
        first = WHEN.get(kind, ANYWHERE)[moment - 1] if asked.prepared else None
        clean = without_faults(asked.seed, first)
        end = clean.said.get("duration_s", max(clean.stages.values(), default=0.0) * 1.02)
        for stage, at in moments(clean.stages, end, kind, moment):
            yield asked.seed, kind, stage, at, asked.prepared


@lru_cache
def without_faults(seed: int, first: StageName | None) -> Ended:
    """Do a run without faults, and say how it ended."""
    clean = lift_out(seed, settings_of(worst=False, first=first))
    print(f"without faults: {clean.state} at {clean.stage}: {clean.reason[:120]}", flush=True)
    return clean


def main() -> None:
    """Print the table."""
    asked = wanted()
    work = [each for moment in asked.moments for each in _moment(asked, moment)]
    found = []
    with ProcessPoolExecutor(asked.processes) as pool:
        for each in pool.map(_inject, work):
            found.append(each)
            print(told(each), flush=True)
    print("\n".join(summary(found)))


def summary(found: Sequence[Injected]) -> list[str]:
    """Return the counts, in lines."""
    counts = Counter(each.verdict for each in found)
    return [
        f"{len(found)} faults: " + ", ".join(f"{n} {v}" for v, n in counts.most_common()),
        f"{counts['BEAM ON']} beams on ({counts['own timer']} more ended by their own timer), "
        f"{sum(each.ended.unverified for each in found)} cuts after nothing verified, "
        f"{sum(each.ended.false_success for each in found)} false successes",
    ]


if __name__ == "__main__":
    main()
