"""A depth profile's protocol fitted to a recording: its regions, cycles and etch times."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from drivers.errors import InputError
from drivers.xps_recording import RecordedRegion, XpsRecording
from protocols.protocol import AnyStep
from protocols.xps import SURVEY, DepthProfile, Region, ShorterEtch, WatchedRegion

WITHOUT_END = 1e12
"""Seconds; the budget of what costs the specimen nothing."""
POLICIES = ("on_onset", "on_plateau", "on_falls", "on_gone")


def fitted_profiles(
    steps: Sequence[AnyStep], recording: XpsRecording, etch_times: Sequence[float]
) -> tuple[AnyStep, ...]:
    """Return the steps with their depth profiles fitted to the recording.

    Raises:
        InputError: the recording lacks a region of the protocol, or one holds its line no more.
    """
    return tuple(
        _fitted(step, recording, etch_times) if isinstance(step, DepthProfile) else step
        for step in steps
    )


def _fitted(
    step: DepthProfile, recording: XpsRecording, etch_times: Sequence[float]
) -> DepthProfile:
    wanted = [_found(region, recording) for region in step.regions]
    cycles = _whole_cycles(wanted, recording)
    etches = [after - before for before, after in pairwise(etch_times[:cycles])] or [
        step.etch.duration
    ]
    changed = {
        "photon_energy": recording.photon_energy,
        "survey": _survey(step, recording, cycles),
        "regions": [_as_recorded(*pair) for pair in zip(step.regions, wanted, strict=True)],
        "etch": {**step.etch.model_dump(), "duration": max(etches, default=step.etch.duration)},
        "max_cycles": cycles,
        "xray_budget": WITHOUT_END,
        "etch_budget": WITHOUT_END,
        "pressure_max": None,
        "watch": [_watched(watched) for watched in step.watch],
    }
    try:
        return DepthProfile.model_validate({**step.model_dump(), **changed})
    except ValidationError as error:
        said = "\n".join(each["msg"] for each in error.errors())
        raise InputError(f"the protocol does not fit {recording.path.name}: {said}") from None


def _survey(step: DepthProfile, recording: XpsRecording, cycles: int) -> dict[str, Any] | None:
    """Return the survey as it was taken; None unless it is there whenever it is due.

    It is due at the first cycle and the last one, which is any if the protocol may end earlier.
    """
    asked, found = step.survey, recording.region(SURVEY)
    if asked is None or found is None:
        return None
    if set(range(cycles)) <= set(found.counts):
        return {**_as_recorded(asked, found), "every": 1}
    if {0, cycles - 1} <= set(found.counts) and not _may_end(step):
        return {**_as_recorded(asked, found), "every": None}
    return None


def _may_end(step: DepthProfile) -> bool:
    """Return whether the protocol may end the profile before its last cycle."""
    policies = [getattr(watched, name) for watched in step.watch for name in POLICIES]
    return step.stop is not None or any(
        policy != "note" and not isinstance(policy, ShorterEtch) for policy in policies
    )


def _found(asked: Region, recording: XpsRecording) -> RecordedRegion:
    """Return a region as it was recorded, or its part of the recorded survey.

    Raises:
        InputError: there is neither.
    """
    found = recording.region(asked.line)
    if found is None and (survey := recording.region(SURVEY)) is not None:
        found = survey.cut(asked.start, asked.stop)
    if found is None:
        raise InputError(
            f"{recording.path.name} has no {asked.line}; it has {recording.held()}. Take "
            f"{asked.line} out of the protocol's regions, watch, references and stop"
        )
    return found


def _whole_cycles(wanted: Sequence[RecordedRegion], recording: XpsRecording) -> int:
    """Return how many cycles from the first on have every region.

    Raises:
        InputError: the first has not.
    """
    cycles = range(recording.cycles)
    lacking = next((k for k in cycles if any(k not in each.counts for each in wanted)), None)
    if lacking == 0:
        absent = ", ".join(each.line for each in wanted if 0 not in each.counts)
        raise InputError(
            f"the first cycle of {recording.path.name} has no {absent}; take it out of the protocol"
        )
    return recording.cycles if lacking is None else lacking


def _as_recorded(asked: Region, found: RecordedRegion) -> dict[str, Any]:
    return {
        **asked.model_dump(),
        "start": found.start,
        "stop": found.stop,
        "step": found.step,
        "dwell": found.dwell or asked.dwell,
        "sweeps": min(found.sweeps.values()),
        "pass_energy": found.pass_energy or asked.pass_energy,
    }


def _watched(watched: WatchedRegion) -> dict[str, Any]:
    """Return a watched line without what a recording cannot do: more sweeps, finer etches."""
    noted = {name: "note" for name in POLICIES if isinstance(getattr(watched, name), ShorterEtch)}
    return {**watched.model_dump(), "faint_sweeps": None, **noted}
