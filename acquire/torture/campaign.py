"""A campaign: which tries there are, how they are done, and what came of them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acquire.launch import begin_run
from acquire.share import Desk
from acquire.torture.course import UNCOUNTED, Course
from acquire.torture.evidence import evidence
from acquire.torture.kills import killed
from acquire.torture.network import afar
from acquire.torture.ordeal import Broken, Ordeal, PowerOff
from acquire.torture.people import Unwatched
from acquire.torture.snapshots import Synced, leave, tear
from acquire.torture.troubles import Plan, crash, dice, mixed, stormy
from drivers.errors import InputError

SUFFERED: Mapping[str, Callable[[Ordeal], Iterator[Broken]]] = {
    "kill": killed,
    "network": afar,
    "mixed": Ordeal.go,
}
"""How a try of each family is done; crashes and torn commits share runs, and are done apart."""
MESSAGES = 2
"""Messages over a network for each boundary of a journal, about."""
SHARES: Mapping[str, float] = {
    "crash": 0.35,
    "tail": 0.1,
    "kill": 0.05,
    "network": 0.05,
    "mixed": 0.45,
}
"""Families of tries, and how many of a hundred tries are of each."""
AT_BOUNDARIES = ("crash", "tail")
"""Families whose tries are numbered by boundaries of the journal."""
AT_ONCE = 100
"""Folders that are left by one run for crashes at its boundaries."""
COMMITTING = ("after intent", "after outcome", "after a failed attempt", "question asked")
"""Boundaries just after a commit, which a power cut may catch half done."""


@dataclass
class Tally:
    """What was tried and what broke."""

    tried: Counter[str] = field(default_factory=Counter)
    """Tries by family."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Troubles by kind."""
    ended: Counter[str] = field(default_factory=Counter)
    """How the last session of each try ended."""
    sessions: int = 0
    broken: list[Broken] = field(default_factory=list)


def chosen(course: Course, family: str, count: int) -> list[int]:
    """Return the numbers of a family's tries: of boundaries, those that differ, by kind in turn.

    Boundaries of what is irreversible come first of each kind's turn.
    """
    if family not in AT_BOUNDARIES:
        return list(range(count))
    able = _able(course, family)
    draw = dice(course.seed, f"which {family}")
    draw.shuffle(able)
    turns: list[tuple[int, bool, int]] = []
    seen: Counter[tuple[str, str]] = Counter()
    for number in able:
        boundary = course.boundaries[number]
        kind = (boundary.name, boundary.action)
        turns.append((seen[kind], not boundary.irreversible, number))
        seen[kind] += 1
    return sorted(number for _, _, number in sorted(turns)[:count])


def _able(course: Course, family: str) -> list[int]:
    """Return the numbers of the boundaries that are tries of a family."""
    return [number for number in range(len(course.boundaries)) if _is_able(course, family, number)]


def _is_able(course: Course, family: str, number: int) -> bool:
    boundary = course.boundaries[number]
    commits = boundary.name in COMMITTING or boundary.name.endswith(" event")
    return boundary.fresh and (family == "crash" or (commits and number > 0))


def counts(course: Course, runs: int, families: Sequence[str]) -> dict[str, int]:
    """Return how many tries of each family there are among so many."""
    whole = sum(SHARES[family] for family in families)
    return {family: round(runs * SHARES[family] / whole) for family in families}


@dataclass
class Campaign:
    """Tries one after the other."""

    course: Course
    folder: Path
    progress: Callable[[int, int, str], None]
    tally: Tally = field(default_factory=Tally)

    def go(self, tries: Mapping[str, Sequence[int]], *, whole: bool = False) -> Tally:
        """Do tries by family; `whole` takes crashes at boundaries to the run's end."""
        total = sum(map(len, tries.values()))
        for family, numbers in tries.items():
            for plan, broken in self._family(family, numbers, whole):
                self.tally.tried[family] += 1
                self.tally.kinds.update(plan.kinds)
                self.tally.broken += broken
                done = sum(self.tally.tried.values())
                self.progress(done, total, f"{plan.name}: {len(self.tally.broken)} broken")
        return self.tally

    def _family(
        self, family: str, numbers: Sequence[int], whole: bool
    ) -> Iterator[tuple[Plan, list[Broken]]]:
        if family in AT_BOUNDARIES:
            for start in range(0, len(numbers), AT_ONCE):
                yield from self._left(family, numbers[start : start + AT_ONCE], whole)
        else:
            for number in numbers:
                plan = self._plan(family, number)
                ordeal = Ordeal(self.course, plan, self._place(plan))
                yield plan, self._done(plan, SUFFERED[family](ordeal), ordeal)

    def _plan(self, family: str, number: int) -> Plan:
        if family == "kill":
            return Plan(f"kill {number}", ())
        if family == "network":
            messages = MESSAGES * len(self.course.boundaries)
            return stormy(self.course.seed, number, messages=messages)
        return self._mixed(number)

    def _mixed(self, number: int) -> Plan:
        course = self.course
        return mixed(
            course.seed,
            number,
            boundaries=len(course.boundaries),
            size=course.size,
            seconds=course.seconds,
            lab=course.lab,
        )

    def _place(self, plan: Plan) -> Path:
        folder = self.folder / plan.name.replace(" ", "-")
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _left(
        self, family: str, numbers: Sequence[int], whole: bool
    ) -> Iterator[tuple[Plan, list[Broken]]]:
        """Leave folders at boundaries of one run, then go on with each."""
        plans = {number: crash(self.course.seed, number, whole=whole) for number in numbers}
        if family == "tail":
            plans = {n: Plan(f"tail {n}", plan.sessions) for n, plan in plans.items()}
        places = {number: self._place(plan) for number, plan in plans.items()}
        camera = _Camera(self.folder / f"{family}-from-{numbers[0]}", places, torn=family == "tail")
        shutil.rmtree(camera.out, ignore_errors=True)
        course = self.course
        try:
            desk = Desk(Unwatched(), course.rule.at, camera)
            begin_run(course.protocol, course.lab, camera.out, seed=course.seed, desk=desk)
        except PowerOff:
            pass
        shutil.rmtree(camera.out, ignore_errors=True)
        for number, plan in plans.items():
            yield plan, self._done(plan, *self._gone_on_with(plan, camera, number))

    def _gone_on_with(
        self, plan: Plan, camera: _Camera, number: int
    ) -> tuple[Iterable[Broken], Ordeal | None]:
        run = camera.left.get(number)
        if run is None:
            return (), None
        ordeal = Ordeal(self.course, plan, camera.places[number], run=run, number=1)
        ordeal.written = self.course.written(number)
        synced = camera.synced.get(number)
        if synced is not None:
            ordeal.held = evidence(run, wal=synced)
            tear(run, synced, dice(self.course.seed, plan.name))
        broken = list(ordeal.wrong(None, ""))
        return (broken or ordeal.go()), ordeal

    def _done(
        self, plan: Plan, broken: Iterable[Broken], ordeal: Ordeal | None = None
    ) -> list[Broken]:
        """Return what broke; the folder of a try in which nothing did is removed."""
        found = list(broken)
        if ordeal is not None:
            self.tally.sessions += ordeal.number
            self.tally.ended[ordeal.ends[-1].state if ordeal.ends else "broken"] += 1
        if not found:
            shutil.rmtree(self._place(plan), ignore_errors=True)
        return found


@dataclass
class _Camera:
    """Leaves a run's folder at chosen boundaries."""

    out: Path
    places: Mapping[int, Path]
    torn: bool
    passed: int = 0
    before: Synced | None = None
    left: dict[int, Path] = field(default_factory=dict)
    synced: dict[int, int] = field(default_factory=dict)
    """Of a folder whose last commit may be spoilt, the bytes of the log before it."""

    def __call__(self, name: str) -> None:
        if name == UNCOUNTED:
            return
        number, self.passed = self.passed, self.passed + 1
        if self.torn and number + 1 in self.places:
            self.before = Synced.of(self._run)
        if number not in self.places:
            return
        self._leave(number)
        if number == max(self.places):
            raise PowerOff

    @property
    def _run(self) -> Path:
        (database,) = self.out.glob("*/run.db")
        return database.parent

    def _leave(self, number: int) -> None:
        run = self._run
        if self.torn:
            now = Synced.of(run)
            if self.before is None or not self.before.is_before(now):
                return
            self.synced[number] = len(self.before.log)
        self.left[number] = leave(run, self.places[number] / "00" / run.name)


def check_try(course: Course, family: str, number: int) -> None:
    """Refuse a try at a boundary that the run does not have.

    Raises:
        InputError: it says which there are.
    """
    if family not in AT_BOUNDARIES or number in (able := _able(course, family)):
        return
    some = ", ".join(map(str, able[:12])) + (f" ... {able[-1]}" if len(able) > 12 else "")
    raise InputError(
        f"--only '{family} {number}' is no try of this run: it passes {len(course.boundaries)} "
        f"boundaries, and those that leave something on the disk for it are {some}"
    )


def parse_try(text: str) -> tuple[str, int]:
    """Return family and number of a try as it is written, such as `mixed 17`.

    Raises:
        InputError: it names none.
    """
    family, _, number = text.strip().partition(" ")
    if family not in SHARES or not number.isdigit():
        raise InputError(f"--only {text!r} is no try; write one like 'mixed 17' or 'crash 120'")
    return family, int(number)
