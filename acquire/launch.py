"""Beginning a run, and going on with one: the same code after Ctrl-C, kill -9 or a power cut."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from acquire.channels import claims
from acquire.check import plan
from acquire.endings import Ending, RunWaits
from acquire.files import write_whole
from acquire.folders import new_folder
from acquire.journal import Journal
from acquire.lease import lease
from acquire.procedures import roles_of
from acquire.record import RunRecord
from acquire.run import RunTime
from acquire.share import Desk, Share
from acquire.views import Views
from drivers.clock import Clock, RealClock
from drivers.errors import InputError, LiftlineError, LinkError, RunFolderError
from drivers.lab import Lab, known_drivers, make_clock, met
from drivers.lab_file import lab_of
from drivers.open_lab import OpenLab, open_lab
from protocols.loader import LoadedProtocol, protocol_of
from protocols.written import read_written

STOPPED, WAITING = 1, 4
"""Exit codes of a run that was stopped early, and of one that waits for an answer."""

SESSION = "session"
"""Origin of the record of a session: a script's or a notebook's, without a protocol."""

PLACE = "place"
"""Key of the record's facts: the folder in which a run was begun."""

NOT_REACHED = "not reached: "
"""How the reason begins when a run ends because an instrument does not answer at all."""


@dataclass(frozen=True)
class Lent:
    """An open lab that a session lends to a run: its drivers, its clock and its channels."""

    opened: OpenLab
    tokens: Mapping[str, int]
    """Of the channels, as the session claimed them."""
    home: Path
    """The session's folder, where simulated instruments keep their worlds."""


@dataclass(frozen=True)
class RunEnd:
    """How a run, or this session of it, ended."""

    folder: Path
    state: str
    """finished, stopped, fault or waiting."""
    reason: str
    exit_code: int


def begin_run(
    protocol: LoadedProtocol,
    lab: Lab,
    out: Path,
    *,
    seed: int,
    desk: Desk,
    origin: str = "run",
    clock: Clock | None = None,
    lent: Lent | None = None,
) -> RunEnd:
    """Begin a run in a new folder of `out` and take it as far as it goes.

    `clock` is one that several runs share; None for the lab's own. `lent` is an open lab of which
    `lab` is a part; None to open `lab` for this run alone.

    Raises:
        InputError: the lab lacks an instrument, a limit would be exceeded, or the folder cannot be
            used; nothing has moved.
    """
    missing = set(roles_of(protocol.steps)) - {chosen.role for chosen in lab.instruments}
    if missing:
        raise InputError(_lacking(protocol.name, lab.name, missing))
    lab = met(lab) if lent is None else lab
    refusals = plan(protocol, lab).refusals
    if refusals:
        raise InputError("\n".join(refusals))
    now = RealClock().utc()
    folder = new_folder(out, protocol.name, now)
    write_whole(folder / "protocol.yaml", protocol.text)
    write_whole(folder / "lab.yaml", lab.written())
    with lease(folder):
        journal = _journal(folder, lab, desk)
        facts = {"title": protocol.title, "units": json.dumps(protocol.units)}
        if lent is not None:
            facts["home"] = os.path.relpath(lent.home, folder)
        facts[PLACE] = str(folder.resolve())
        begin_journal(journal, protocol.name, lab, seed=seed, origin=origin, now=now, more=facts)
        try:
            return _conduct(folder, journal, protocol, lab, desk, clock, lent)
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


def begin_journal(
    journal: Journal,
    name: str,
    lab: Lab,
    *,
    seed: int,
    origin: str,
    now: datetime,
    more: Mapping[str, str],
) -> None:
    """Write what the journal says of the run as a whole."""
    facts = {
        "name": name,
        "origin": origin,
        "seed": str(seed),
        "simulated": json.dumps(any(c.spec.simulated for c in lab.instruments)),
        "lab": lab.name,
        "begun_utc": now.isoformat(),
        "version": version("liftline"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
    }
    for key, value in {**facts, **more}.items():
        journal.set_meta(key, value)


def resume_run(
    folder: Path, *, desk: Desk, clock: Clock | None = None, lent: Lent | None = None
) -> RunEnd:
    """Go on with the run in `folder`, wherever it was left; the rest as with `begin_run`.

    Raises:
        RunInUseError: another process runs it, or the session that it was begun in goes on.
        RunFolderError: it is no run that can be gone on with.
        ReplayMismatchError: the procedure changed since.
    """
    if not (folder / "run.db").is_file():
        raise RunFolderError(f"{folder} is not the folder of a run: it has no run.db")
    with lease(folder):
        lab = met(lab_of(read_written(folder / "lab.yaml"), units=False))
        journal = _journal(folder, lab, desk)
        name = journal.meta("name")
        if name is None:
            raise RunFolderError(f"{folder} was never begun; delete it and run again")
        if journal.meta("origin") == SESSION:
            journal.close()
            raise RunFolderError(
                f"{folder} is a session of a script or notebook, which has no protocol to go on "
                f"with; the next Session of that lab in {folder.parent} takes it up if it broke off"
            )
        if not lab.simulated:  # a simulated specimen is copied with its run
            _refuse_a_copy(folder, journal)
        written = read_written(folder / "protocol.yaml")
        protocol = protocol_of(name, written, units=journal.meta("units") == "true")
        return _conduct(folder, journal, protocol, lab, desk, clock, lent)


def _refuse_a_copy(folder: Path, journal: Journal) -> None:
    """Refuse a copy whose original is still there: the specimen would be exposed once for each.

    Raises:
        RunFolderError: it names the original.
    """
    place = Path(journal.meta(PLACE) or folder)
    if place == folder.resolve() or not (place / "run.db").is_file():
        return
    with RunRecord(place) as original:
        same = all(original.meta.get(key) == journal.meta(key) for key in ("name", "begun_utc"))
    if same:
        journal.close()
        raise RunFolderError(
            f"{folder} is a copy of {place}, which may have gone further since: what it did would "
            f"be done again. Say: liftline resume {place}; or move that one away first"
        )


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
    lent: Lent | None,
) -> RunEnd:
    """Claim the lab's channels, take the procedure as far as it goes, and write how it ended."""
    last = journal.last_stamp()
    utc = datetime.fromisoformat(last.utc) if last else None
    clock = lent.opened.clock if lent else shared
    clock = clock or make_clock(lab.clock, last.time if last else 0.0, utc, lab.time)
    time = RunTime(clock, last)

    def claim() -> _Ended:
        with nullcontext(lent.tokens) if lent else claims(lab, folder.name) as tokens:
            for channel, token in tokens.items():
                value = {"channel": channel, "token": token}
                journal.add_event("claim", value, time.stamp())
            if lent is not None:
                return _in_a_lent_lab(folder, journal, protocol, lab, desk, time, lent)
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
        _keep(folder, name, text)

    with ExitStack() as held:
        home = _home(folder, journal)
        if home != folder:
            held.enter_context(lease(home))  # its worlds are those of the session it was begun in
        try:
            opened = open_lab(lab, clock=clock, seed=seed, folder=home, keep=keep)
        except LinkError as error:
            raise LinkError(f"{NOT_REACHED}{error}") from None
        ended = _done(Share(folder, journal, opened, desk, time, seed), protocol)
        return _left_safe(ended, opened.close(), journal, desk, time)


def _in_a_lent_lab(
    folder: Path,
    journal: Journal,
    protocol: LoadedProtocol,
    lab: Lab,
    desk: Desk,
    time: RunTime,
    lent: Lent,
) -> _Ended:
    """Do the protocol in a session's lab, and leave its instruments safe and open."""
    here = all(c.spec.simulated and c.spec.meet is None for c in lab.instruments)
    if here and _home(folder, journal).resolve() != lent.home.resolve():
        raise RunFolderError(
            f"{folder} was begun with another simulated specimen than this session has; go on with "
            f"it outside: liftline resume {folder}"
        )
    opened = lent.opened.part(lab)
    for name, text in opened.kept.items():
        _keep(folder, name, text)
    seed = int(journal.meta("seed") or 0)
    ended = _done(Share(folder, journal, opened, desk, time, seed), protocol)
    return _left_safe(ended, opened.safe(), journal, desk, time)


def _keep(folder: Path, name: str, text: str) -> None:
    if not (folder / name).exists():
        write_whole(folder / name, text)


def _home(folder: Path, journal: Journal) -> Path:
    """Return the folder with the worlds of a run: its own, or that of its session."""
    home = folder / (journal.meta("home") or ".")
    return home if journal.meta("home") and home.is_dir() else folder


def _done(share: Share, protocol: LoadedProtocol) -> _Ended:
    def work() -> _Ended:
        share.go(protocol.steps)
        return _Ended("finished", "every step is done", 0)

    return _ended_by(work)


def _left_safe(
    ended: _Ended, problems: list[str], journal: Journal, desk: Desk, time: RunTime
) -> _Ended:
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
