"""Beginning a run, and going on with one: the same code after Ctrl-C, kill -9 or a power cut."""

from __future__ import annotations

import json
import platform
import shutil
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from acquire.actions import Actions
from acquire.attempts import Attempts
from acquire.budgets import Budgets
from acquire.channels import claims
from acquire.check import plan
from acquire.cycling.potentiostat_rules import RULES as POTENTIOSTAT_RULES
from acquire.eds.stem_rules import RULES as STEM_RULES
from acquire.endings import Ending, RunWaits, StepSkipped
from acquire.fib.rules import RULES as FIB_RULES
from acquire.files import write_whole
from acquire.folders import new_folder
from acquire.gate import Facts, Gate, Monitor
from acquire.journal import Journal
from acquire.lease import lease
from acquire.operator import Command, Inbox
from acquire.pictures import Pictures
from acquire.procedures import procedure_of, roles_of
from acquire.questions import Prompt, Questions
from acquire.record import RunRecord
from acquire.run import Observer, Run, RunTime
from acquire.views import Turns, Views
from acquire.xps.xps_rules import RULES as XPS_RULES
from drivers.action import action_of
from drivers.clock import Clock, RealClock
from drivers.errors import InputError, LiftlineError, LinkError, RunFolderError
from drivers.lab import (
    Driver,
    Identity,
    Lab,
    OpenLab,
    known_drivers,
    lab_of,
    make_clock,
    open_lab,
)
from protocols.loader import LoadedProtocol, protocol_of
from protocols.written import read_written

STOPPED, WAITING = 1, 4
"""Exit codes of a run that was stopped early, and of one that waits for an answer."""

NOT_REACHED = "not reached: "
"""How the reason begins when a run ends because an instrument does not answer at all."""


@dataclass(frozen=True)
class RunEnd:
    """How a run, or this session of it, ended."""

    folder: Path
    state: str
    """finished, stopped, fault or waiting."""
    reason: str
    exit_code: int


@dataclass(frozen=True)
class Desk:
    """The people's side of a run: who watches, and who answers."""

    observer: Observer
    prompt: Callable[[Inbox], Prompt | None] = lambda inbox: None
    boundary: Callable[[str], None] | None = None
    """For crash campaigns: called at each boundary of the journal."""
    turns: Turns | None = None
    """Of runs that go on side by side: they refresh their views one after the other."""


def begin_run(
    protocol: LoadedProtocol,
    lab: Lab,
    out: Path,
    *,
    seed: int,
    desk: Desk,
    origin: str = "run",
    clock: Clock | None = None,
) -> RunEnd:
    """Begin a run in a new folder of `out` and take it as far as it goes.

    `clock` is one that several runs share; None for the lab's own.

    Raises:
        InputError: the lab lacks an instrument, a limit would be exceeded, or the folder cannot be
            used; nothing has moved.
    """
    missing = set(roles_of(protocol.steps)) - {chosen.role for chosen in lab.instruments}
    if missing:
        raise InputError(_lacking(protocol.name, lab.name, missing))
    refusals = plan(protocol, lab).refusals
    if refusals:
        raise InputError("\n".join(refusals))
    now = RealClock().utc()
    folder = new_folder(out, protocol.name, now)
    write_whole(folder / "protocol.yaml", protocol.text)
    write_whole(folder / "lab.yaml", lab.written())
    with lease(folder):
        journal = _journal(folder, lab, desk)
        facts = _facts(protocol, lab, seed, origin, now)
        for key, value in facts.items():
            journal.set_meta(key, value)
        try:
            return _conduct(folder, journal, protocol, lab, desk, clock)
        except InputError:
            with RunRecord(folder) as record:
                spent = record.has_spent()
            if not spent:
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _lacking(protocol: str, lab: str, missing: set[str]) -> str:
    """Return that the lab lacks instruments, and which drivers there are for them."""
    known = known_drivers()
    drivers = "".join(
        f"\n  {role}: {{driver: {name}}}   # {spec.summary}"
        for role in sorted(missing)
        for name, spec in sorted(known.items(), key=lambda item: item[1].simulated)
        if spec.role == role
    )
    return (
        f"{protocol} needs {', '.join(sorted(missing))}, which lab {lab!r} does not have; add it "
        f"under instruments{', one of:' if drivers else ''}{drivers}"
    )


def _facts(
    protocol: LoadedProtocol, lab: Lab, seed: int, origin: str, now: datetime
) -> dict[str, str]:
    """Return what the journal says of the run as a whole."""
    return {
        "name": protocol.name,
        "title": protocol.title,
        "origin": origin,
        "seed": str(seed),
        "units": json.dumps(protocol.units),
        "simulated": json.dumps(any(c.spec.simulated for c in lab.instruments)),
        "lab": lab.name,
        "begun_utc": now.isoformat(),
        "version": version("liftline"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
    }


def resume_run(folder: Path, *, desk: Desk, clock: Clock | None = None) -> RunEnd:
    """Go on with the run in `folder`, wherever it was left; `clock` as with `begin_run`.

    Raises:
        RunInUseError: another process runs it.
        ReplayMismatchError: the procedure changed since.
    """
    if not (folder / "run.db").is_file():
        raise RunFolderError(f"{folder} is not the folder of a run: it has no run.db")
    with lease(folder):
        lab = lab_of(read_written(folder / "lab.yaml"), units=False)
        journal = _journal(folder, lab, desk)
        name = journal.meta("name")
        if name is None:
            raise RunFolderError(f"{folder} was never begun; delete it and run again")
        written = read_written(folder / "protocol.yaml")
        protocol = protocol_of(name, written, units=journal.meta("units") == "true")
        return _conduct(folder, journal, protocol, lab, desk, clock)


def _journal(folder: Path, lab: Lab, desk: Desk) -> Journal:
    most = None if lab.storage_limit_mb is None else lab.storage_limit_mb * 1e6
    return Journal(folder / "run.db", most_bytes=most, boundary=desk.boundary)


def _conduct(
    folder: Path,
    journal: Journal,
    protocol: LoadedProtocol,
    lab: Lab,
    desk: Desk,
    shared: Clock | None,
) -> RunEnd:
    """Claim the lab's channels, take the procedure as far as it goes, and write how it ended."""
    last = journal.last_stamp()
    utc = datetime.fromisoformat(last.utc) if last else None
    clock = shared or make_clock(lab.clock, last.time if last else 0.0, utc)
    time = RunTime(clock, last)

    def claim() -> _Ended:
        with claims(lab, folder.name) as tokens:
            for channel, token in tokens.items():
                value = {"channel": channel, "token": token}
                journal.add_event("claim", value, time.stamp())
            return _in_the_lab(folder, journal, protocol, lab, desk, time, clock)

    try:
        running = {"state": "running", "reason": "", "gap_s": time.gap}
        journal.add_event("session", running, time.stamp())
        ended = _ended_by(claim)
        with suppress(LiftlineError):
            value = {"state": ended.state, "reason": ended.reason, "error": ended.kind}
            journal.add_event("session", value, time.stamp())
            journal.finish()
    finally:
        journal.close()
    if ended.error is not None:
        raise ended.error
    Views(folder, say=desk.observer.say).refresh()
    return RunEnd(folder, ended.state, ended.reason, ended.exit_code)


def _in_the_lab(
    folder: Path,
    journal: Journal,
    protocol: LoadedProtocol,
    lab: Lab,
    desk: Desk,
    time: RunTime,
    clock: Clock,
) -> _Ended:
    """Open the lab, do the protocol, and leave every instrument safe."""
    seed = int(journal.meta("seed") or 0)

    def keep(name: str, text: str) -> None:
        if not (folder / name).exists():
            write_whole(folder / name, text)

    try:
        opened = open_lab(lab, clock=clock, seed=seed, folder=folder, keep=keep)
    except LinkError as error:
        raise LinkError(f"{NOT_REACHED}{error}") from None
    ended = _ended_by(lambda: _Session(folder, journal, opened, desk, time, seed).go(protocol))
    problems = opened.close()
    for problem in problems:
        journal.add_event("unsafe", {"text": problem}, time.stamp())
        desk.observer.say(problem)
    return ended if not problems or ended.exit_code else _Ended("fault", problems[0], 3)


@dataclass(frozen=True)
class _Ended:
    state: str
    reason: str
    exit_code: int
    error: BaseException | None = None
    """What is to be raised when all is written: wrong input, or a defect."""
    kind: str = ""
    """Name of the error's class, where an error of ours ended it."""


def _ended_by(work: Callable[[], _Ended]) -> _Ended:
    """Return how `work` ended, whatever it raised."""
    try:
        return work()
    except RunWaits as ending:
        return _Ended("waiting", str(ending), WAITING)
    except Ending as ending:
        return _Ended("stopped", str(ending), STOPPED)
    except KeyboardInterrupt:
        return _Ended("stopped", "interrupted twice by the operator", STOPPED)
    except InputError as error:
        return _Ended("fault", str(error), error.exit_code, error)
    except LiftlineError as error:
        state = "stopped" if error.exit_code == STOPPED else "fault"
        return _Ended(state, str(error), error.exit_code, kind=type(error).__name__)
    except Exception as error:
        told = f"a defect in liftline: {type(error).__name__}: {error}"
        return _Ended("fault", told, 3, error)


class _Session:
    """One process's share of a run."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        opened: OpenLab,
        desk: Desk,
        time: RunTime,
        seed: int,
    ) -> None:
        self._drivers: Mapping[str, Driver] = opened.drivers
        self._inbox = Inbox(folder)
        self._journal = journal
        budgets = Budgets()
        simulated = any(chosen.spec.simulated for chosen in opened.lab.instruments)
        pictures = Pictures(folder, simulated=simulated)

        def safe(apart: Collection[str] = ()) -> None:
            for problem in opened.safe(apart):
                journal.add_event("unsafe", {"text": problem}, time.stamp())
                desk.observer.say(problem)

        self._safe = safe
        questions = Questions(journal, self._inbox, time.stamp, safe, desk.prompt(self._inbox))
        facts = Facts(time.now)
        gate = _gate(opened, facts)
        attempts = Attempts(journal, gate, budgets, self._inbox, time.now, time.stamp)
        views = Views(folder, say=desk.observer.say, turns=desk.turns)
        actions = Actions(
            journal,
            attempts,
            questions,
            pictures,
            opened.drivers,
            safe=safe,
            stamp=time.stamp,
            sleep=opened.clock.sleep,
            say=desk.observer.say,
            after=views.refresh_if_due,
        )
        self.run = Run(journal, actions, attempts, questions, time, desk.observer, facts, seed)

    def go(self, protocol: LoadedProtocol) -> _Ended:
        """Do the steps one after the other."""
        with _interruptible(self._inbox):
            self._safe(self._perhaps_busy())
            self._check_identities()
            for index, step in enumerate(protocol.steps):
                self.run.begin_step(index, step)
                procedure = procedure_of(step)
                drivers = [self._drivers[role] for role in procedure.roles]
                try:
                    result, ended_by = procedure.load()(step, *drivers, self.run), None
                except StepSkipped as skipped:
                    result, ended_by = {}, str(skipped)
                self.run.end_step(result, ended_by)
        return _Ended("finished", "every step is done", 0)

    def _perhaps_busy(self) -> tuple[str, ...]:
        """Return the instrument that may still do what was cut off here, and goes on with it."""
        name = self._journal.cut_off()
        if name is None:
            return ()
        role, method = name.split(".", 1)
        kind: Any = type(self._drivers[role])
        return (role,) if action_of(kind, method).on_interrupt == "adopt" else ()

    def _check_identities(self) -> None:
        """Refuse to go on with another instrument than the run began with."""
        for role, driver in self._drivers.items():
            known: Identity = self.run.do(driver.identity)
            found = driver.identity()
            if found != known:
                raise RunFolderError(
                    f"{role}: this run began with {_name(known)}, now there is {_name(found)}; "
                    f"connect the first one again, or start a new run"
                )


def _name(identity: Identity) -> str:
    return f"{identity.make} {identity.model} {identity.serial}"


def _gate(opened: OpenLab, facts: Facts) -> Gate:
    monitors = {}
    for role, driver in opened.drivers.items():
        read = getattr(driver, "status", None)
        if read is not None:
            age_max = float(opened.limits[role].reading_age_max)
            monitors[role] = Monitor(read, opened.clock, age_max)
    return Gate(
        {**STEM_RULES, **FIB_RULES, **XPS_RULES, **POTENTIOSTAT_RULES},
        monitors,
        opened.limits,
        facts,
    )


@contextmanager
def _interruptible(inbox: Inbox) -> Iterator[None]:
    """Let the first Ctrl-C stop the run at the next tick, and the second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        inbox.say(Command("stop", "Ctrl-C" if number == signal.SIGINT else "the system (SIGTERM)"))
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
