"""What must hold whatever happens; each yields what is wrong, in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from acquire.launch import NOT_REACHED, RunEnd
from acquire.rows import Entry
from acquire.torture.account import Account, above_limits, account, amounts, beyond
from acquire.torture.course import Course
from acquire.torture.evidence import Evidence
from acquire.torture.troubles import Plan

CODES = {"finished": (0,), "stopped": (1,), "fault": (2, 3), "waiting": (4,)}
"""Exit codes by how a run ended, as DESIGN says."""

ROUNDING = 1e-12
LEFT = 1e-6
"""Share of an action that its parts may lack, or have more, by rounding."""


@dataclass(frozen=True)
class Lost:
    """Entries that were under way, or not committed yet, when a run was cut off.

    Instruments may have done what they say; it is done again, later in the instruments' time.
    """

    first: int
    last: int | None
    """None where nobody knows, as of a process that was killed."""

    def begins_with(self, entry: Entry) -> bool:
        """True for an entry of it that takes time."""
        within = entry.id >= self.first and (self.last is None or entry.id <= self.last)
        return within and entry.kind in ("do", "sleep")


@dataclass(frozen=True)
class Case:
    """A try at one moment: cut off just now, or at rest."""

    course: Course
    plan: Plan
    worlds: Path
    """Where the simulated instruments keep their worlds."""
    held: Evidence
    before: Evidence | None
    """What was acknowledged earlier."""
    end: RunEnd | None = None
    """How the session ended; None where it was cut off."""
    lost: tuple[Lost, ...] = ()
    """What crashes of the try took of the journal."""

    @cached_property
    def account(self) -> Account:
        """The journal against the ledgers."""
        return account(self.worlds, self.course.lab, self.held)


def acknowledged_data_stay(case: Case) -> Iterator[str]:
    """Every row that was once committed is still there, bit for bit."""
    for key, row in ({} if case.before is None else case.before.rows).items():
        if case.held.rows.get(key) != row:
            yield f"{' '.join(map(str, key))} {'changed' if key in case.held.rows else 'is gone'}"


def files_are_whole(case: Case) -> Iterator[str]:
    """Every data file that an outcome names is there, with the bytes that it had."""
    before = {} if case.before is None else case.before.files
    for name, checksum in case.held.files.items():
        if checksum is None:
            yield f"the journal names {name}, which is not there"
        elif before.get(name, checksum) != checksum:
            yield f"{name} has changed"


def nothing_is_done_twice(case: Case) -> Iterator[str]:
    """What really happened was intended before it began, and is no more than was intended."""
    yield from (f"done without an intent: {text}" for text in case.account.untold)
    interfaces, obedient = case.course.interfaces, not case.plan.faults
    yield from beyond(case.account.made, case.held, interfaces, obedient=obedient)


def nothing_is_left_out(case: Case) -> Iterator[str]:
    """What was cut off was done to its end: as much really happened as in an undisturbed run.

    Asked of each action with the course's arguments, where nothing changes what is measured.
    """
    if not case.plan.transient:
        return
    course = case.course
    ours = amounts(case.account.made, case.held, course.interfaces)
    theirs = amounts(course.account.made, course.held, course.interfaces)
    requests = {entry.id: (entry.name, entry.request) for entry in course.held.entries}
    for entry in case.held.entries:
        same = requests.get(entry.id) == (entry.name, entry.request)
        mine, other = ours.get(entry.id), theirs.get(entry.id)
        if same and mine is not None and other is not None and abs(mine - other) > LEFT * other:
            yield f"{entry.name} (action {entry.id}): {mine:.6g} really done, not {other:.6g}"


def budgets_hold(case: Case) -> Iterator[str]:
    """Nothing was begun for which the limits of its step had no room, by what was really spent."""
    course, obedient = case.course, not case.plan.faults
    yield from above_limits(
        case.account.made, case.held, course.protocol, course.interfaces, obedient=obedient
    )


def all_is_safe_at_rest(case: Case) -> Iterator[str]:
    """Nothing is on when a run has ended or waits, unless the record says it cannot be helped."""
    earlier = 0 if case.before is None else len(case.before.unsafe)
    told = case.held.unsafe[earlier:]
    if case.end is None or told or case.end.reason.startswith(NOT_REACHED):
        return
    yield from (f"left on: {what}" for what in case.account.on)


def no_harm_is_done(case: Case) -> Iterator[str]:
    """Where the instruments have no faults, nothing is done to them that the course did not do."""
    allowed = set(case.course.account.harm)
    if not case.plan.faults:
        yield from (what for what in case.account.harm if what not in allowed)


def every_stop_has_a_reason(case: Case) -> Iterator[str]:
    """How a session ended is one of four, with a reason, and stands in the record."""
    end = case.end
    if end is None:
        return
    if end.state not in CODES or not end.reason.strip():
        yield f"ended as {end.state!r} because {end.reason!r}"
    last = case.held.sessions[-1]["state"] if case.held.sessions else None
    if last != end.state and "the record cannot be written" not in end.reason:
        yield f"it ended as {end.state} ({end.reason}), the record says {last}"


def exit_codes_are_as_designed(case: Case) -> Iterator[str]:
    """0 finished, 1 stopped, 2 wrong input, 3 instrument fault, 4 waiting."""
    end = case.end
    if end is not None and end.exit_code not in CODES.get(end.state, ()):
        yield f"ended as {end.state} with exit code {end.exit_code}"


def results_are_those_of_an_undisturbed_run(case: Case) -> Iterator[str]:
    """What was measured before anything was cut off is the course's, bit for bit.

    Where nothing was cut off, that is all of it, results included. An action that was cut off is
    gone on with at another time, with other draws of the noise, and what was lost with an
    uncommitted end of the journal is done again: from there on numbers may differ, and only what
    kind of results there are is compared. Not asked after faults of instruments, nor
    where the date jumped ahead.
    """
    if not case.plan.transient or case.end is None:
        return
    ours, theirs = case.held, case.course.held
    cut = [int(each["action"]) for each in ours.cut_off]
    for lost in case.lost:
        cut += [entry.id for entry in ours.entries if lost.begins_with(entry)][:1]
    first = min(cut, default=None)
    for mine, other in zip(ours.entries, theirs.entries, strict=False):
        if first is not None and mine.id >= first:
            break
        if (mine.kind, mine.name, mine.request) != (other.kind, other.name, other.request):
            yield f"action {mine.id} is {mine.name}({mine.request}), not {other.name}"
            return
        outcome = ours.outcomes.get(mine.id)
        if outcome not in (None, theirs.outcomes.get(mine.id)):
            yield f"action {mine.id} ({mine.name}) has another outcome"
            return
    if case.end.state == "finished":
        yield from _finished_alike(ours, theirs, whole=first is None)


def _finished_alike(ours: Evidence, theirs: Evidence, *, whole: bool) -> Iterator[str]:
    if whole and not _alike(ours.results, theirs.results):
        yield "results differ though nothing was cut off"
    if [set(result) for result in ours.results] != [set(result) for result in theirs.results]:
        yield "results are of another kind"


def _alike(one: Any, other: Any) -> bool:
    """True if two results are the same; sums may differ by the rounding of another order."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=ROUNDING)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other)


Invariant = Callable[[Case], Iterator[str]]
ALWAYS: tuple[Invariant, ...] = (acknowledged_data_stay, files_are_whole)
"""Asked of a run that was cut off just now as well."""
AT_REST: tuple[Invariant, ...] = (
    every_stop_has_a_reason,
    exit_codes_are_as_designed,
    nothing_is_done_twice,
    nothing_is_left_out,
    budgets_hold,
    all_is_safe_at_rest,
    no_harm_is_done,
    results_are_those_of_an_undisturbed_run,
)
"""Asked at the end of each session that was not cut off."""
