"""One try: sessions of a run with the troubles of its plan, until it ends or something breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from acquire.files import write_whole
from acquire.launch import RunEnd, begin_run, resume_run
from acquire.operator import Command, Inbox
from acquire.questions import Prompt
from acquire.share import Desk
from acquire.torture.course import ENTRY, UNCOUNTED, Course
from acquire.torture.evidence import Evidence, evidence
from acquire.torture.invariants import ALWAYS, AT_REST, Case, Invariant, Lost
from acquire.torture.limited import limited
from acquire.torture.people import Rule, Unwatched
from acquire.torture.snapshots import leave
from acquire.torture.troubles import Plan, Session, Weather
from drivers.clock import JumpingClock, wait_a_moment
from drivers.errors import LiftlineError, RunFolderError
from drivers.lab import Lab

MOST_SESSIONS = 25
"""After which a try is said not to end."""
PATIENCE, PER_WALL = 60.0, 20.0
"""Wall seconds after which a session is said not to end: so many, and so many times as long as
the undisturbed run took."""
SLOW = 0.25
"""Wall seconds that a slow disk takes: longer than the journal waits before it commits readings."""
NEVER_BEGUN = "was never begun"
"""How a run is refused that was cut off before it could say what it is: nothing has moved."""
STOP = "the end of the try"
"""Who stops a run that need not go to its end."""


class PowerOff(BaseException):
    """The process is no more; what it was doing is left as the copy of its folder has it."""


@dataclass(frozen=True)
class Broken:
    """Something that must hold and did not."""

    plan: Plan
    invariant: str
    text: str
    session: int


@dataclass
class Watch:
    """Has the troubles of one session happen at the boundaries of its journal."""

    session: Session
    rule: Rule
    parent: Path
    """Folder in which the run's folder is."""
    to: Path
    """Where the folder is left as a crash leaves it."""
    written: int = 0
    """Entries of the journal."""
    passed: int = 0
    actions: int = 0
    inbox: Inbox | None = None
    left: Path | None = None
    blocked: Path | None = None

    def desk(self) -> Desk:
        """Return the desk of the session."""
        return Desk(Unwatched(), self._prompt, self)

    def _prompt(self, inbox: Inbox) -> Prompt | None:
        self.inbox = inbox
        return self.rule.at(inbox) if self.session.attended else None

    @property
    def run(self) -> Path:
        """The run's folder."""
        (database,) = self.parent.glob("*/run.db")
        return database.parent

    def __call__(self, name: str) -> None:
        """Pass a boundary."""
        if name == UNCOUNTED or self.left is not None:
            return
        session, number = self.session, self.passed
        self.passed += 1
        self.actions += name == "after outcome"
        self.written += name.endswith(ENTRY)
        if self.inbox is not None and self.actions == session.actions:
            self.inbox.say(Command("stop", STOP))
        if number in session.slow:
            wait_a_moment(SLOW)
        if number == session.blocked:
            self._block()
        if number == session.crash:
            self.left = leave(self.run, self.to / self.run.name)
            raise PowerOff

    def _block(self) -> None:
        """Have no file be written into the run's `data`: a file stands where it was."""
        data = self.run / "data"
        self.blocked = data.with_name("data-away")
        data.mkdir(exist_ok=True)
        data.rename(self.blocked)
        data.write_bytes(b"")

    def unblock(self) -> None:
        """Let files be written again."""
        for run in [self.run, self.left] if self.blocked is not None else []:
            if run is not None:
                (run / "data").unlink()
                if (run / "data-away").is_dir():  # a copy has no empty folders
                    (run / "data-away").rename(run / "data")


@dataclass
class Ordeal:
    """A try under way."""

    course: Course
    plan: Plan
    folder: Path
    """Of the try; the run's folder is in one of it for each session that was cut off."""
    lab: Lab | None = None
    """How the run reaches its instruments; None for the course's lab."""
    worlds: Path | None = None
    """Where their worlds are kept; None for the run's folder."""
    weather: Callable[[Weather], None] = lambda weather: None
    """Is told of each session's network."""
    run: Path | None = None
    held: Evidence | None = None
    """What was acknowledged."""
    ends: list[RunEnd] = field(default_factory=list)
    mended: bool = False
    """Nothing was planned for the last session that came to an end."""
    number: int = 0
    """Of the session."""
    written: int | None = None
    """Entries of the journal when it was last cut off, also those not committed; None: unknown."""
    lost: tuple[Lost, ...] = ()

    def go(self) -> Iterator[Broken]:
        """Go through all sessions; yield what broke, and go on no further then."""
        while self.number < MOST_SESSIONS:
            session = self._session()
            mended = session is None
            end, defect = self._try(session or Session())
            self.number += 1
            if end is not None and NEVER_BEGUN in end.reason:
                return
            found = list(self.wrong(end, defect))
            yield from found
            if found or self.run is None or self._is_over(end, session, mended):
                return
        yield Broken(
            self.plan, "every_run_ends", f"not after {MOST_SESSIONS} sessions", self.number
        )

    def _session(self) -> Session | None:
        """Return what is planned for the session; None where nothing is left to happen."""
        sessions = self.plan.sessions
        return sessions[self.number] if self.number < len(sessions) else None

    def _is_over(self, end: RunEnd | None, session: Session | None, mended: bool) -> bool:
        """Return whether the try ends with this session; an open question is answered if not."""
        assert self.run is not None
        if end is None:
            return False
        before = self.ends[-1] if self.ends and self.mended else None
        self.mended = mended
        self.ends.append(end)
        if end.state == "finished" or end.reason.startswith(f"stopped by {STOP}"):
            return True
        if end.state == "waiting":
            self.course.rule.answer_all(self.run)
            return False
        return before is not None and (before.state, before.reason) == (end.state, end.reason)

    def _try(self, session: Session) -> tuple[RunEnd | None, str]:
        """Do one session; return how it ended (None: cut off), and a defect that it met."""
        parent = self.folder / f"{self.number:02d}" if self.run is None else self.run.parent
        to = self.folder / f"{self.number + 1:02d}"
        before = len(self.held.entries) if self.held is not None else 0
        watch = Watch(session, self.course.rule, parent, to, before)
        self.weather(session.weather)
        try:
            with limited(PATIENCE + PER_WALL * self.course.wall) as limit:
                end = self._begin(watch) if self.run is None else self._resume(watch, self.run)
                self.run = end.folder
            if limit.passed:
                return None, f"a session was not over after {limit.seconds:.0f} s"
            return end, ""
        except PowerOff:
            self.written = watch.written
            return None, ""
        except LiftlineError as error:
            refused = RunEnd(parent, "fault", str(error), error.exit_code)
            return refused, ""
        except Exception as error:
            return RunEnd(parent, "fault", str(error), 3), f"{type(error).__name__}: {error}"
        finally:
            found = list(parent.glob("*/run.db"))
            if found:
                watch.unblock()
            self.run = watch.left or (found[0].parent if found else None)

    def _begin(self, watch: Watch) -> RunEnd:
        course = self.course
        lab = self.lab or roomy(with_faults(course.lab, self.plan), watch.session)
        watch.parent.mkdir(parents=True, exist_ok=True)
        return begin_run(course.protocol, lab, watch.parent, seed=course.seed, desk=watch.desk())

    def _resume(self, watch: Watch, run: Path) -> RunEnd:
        """Go on as an operator does: faults are mended when no more troubles are planned."""
        if self.lab is not None:
            return resume_run(run, desk=watch.desk())
        mended = self._session() is None
        lab = self.course.lab if mended else with_faults(self.course.lab, self.plan)
        lab = roomy(gone_on(lab, watch.session.away), watch.session)
        write_whole(run / "lab.yaml", lab.written())
        clock = None
        last = self.held.last if self.held else None
        later = watch.session.step + watch.session.away
        if later and last is not None:
            date = datetime.fromisoformat(last.utc) + timedelta(seconds=later)
            clock = JumpingClock(last.time, date)
        return resume_run(run, desk=watch.desk(), clock=clock)

    def wrong(self, end: RunEnd | None, defect: str) -> Iterator[Broken]:
        """Yield what is wrong after a session, and take up what is acknowledged now."""
        if defect:
            yield Broken(self.plan, "no_defect_shows", defect, self.number)
        if self.run is None:
            return
        try:
            held = evidence(self.run)
        except RunFolderError as error:
            yield Broken(self.plan, "every_journal_opens", str(error), self.number)
            return
        if end is None:
            self.lost += (Lost(held.first_undone, self.written),)
        worlds = self.worlds or self.run
        case = Case(self.course, self.plan, worlds, held, self.held, end, self.lost)
        self.held = held
        invariants: tuple[Invariant, ...] = ALWAYS if end is None else (*ALWAYS, *AT_REST)
        for invariant in invariants:
            for text in invariant(case):
                yield Broken(self.plan, invariant.__name__, text, self.number)


def with_faults(lab: Lab, plan: Plan) -> Lab:
    """Return the lab with a plan's faults beside those that it has."""
    for role, faults in plan.faults.items():
        (settings,) = (chosen.settings for chosen in lab.instruments if chosen.role == role)
        lab = lab.with_settings(role, faults=(*getattr(settings, "faults", ()), *faults))
    return lab


def gone_on(lab: Lab, seconds: float) -> Lab:
    """Return the lab in which so much time has passed since a simulator's world was last open."""
    for chosen in lab.instruments if seconds else ():
        if "down_time" in type(chosen.settings).model_fields:
            lab = lab.with_settings(chosen.role, down_time=seconds)
    return lab


def roomy(lab: Lab, session: Session) -> Lab:
    """Return the lab with as much room on the disk as the session has."""
    return lab if session.room is None else replace(lab, storage_limit_mb=session.room / 1e6)
