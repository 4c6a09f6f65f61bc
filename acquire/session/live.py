"""The record of a session and its open instruments, from the first use to the end."""

from __future__ import annotations

import math
import signal
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any, ParamSpec, TypeVar, overload

from acquire.channels import claims
from acquire.endings import Ending
from acquire.files import write_whole
from acquire.flags import Flag
from acquire.folders import new_folder
from acquire.journal import Journal
from acquire.launch import SESSION, Lent, begin_journal
from acquire.lease import lease
from acquire.operator import Command
from acquire.record import RunRecord
from acquire.run import Policy, RunTime
from acquire.session.broken import LAB, asked, broken_off, known_identity, runs_of
from acquire.session.line import Line
from acquire.session.prompt import prompt_of
from acquire.session.result import RunResult
from acquire.session.shown import Origin, Shown
from acquire.share import Desk, Share, interruptible
from acquire.views import Views
from drivers.action import action_of
from drivers.clock import RealClock
from drivers.errors import DriverError, LiftlineError, RunFolderError
from drivers.lab import Driver, Identity, Lab, make_clock, met
from drivers.open_lab import OpenLab, unopened
from protocols.session import ByHand

P = ParamSpec("P")
R = TypeVar("R")


class LiveSession:
    """The lab of a session while it is open; nothing is connected before it is used."""

    def __init__(
        self, lab: Lab, out: Path, *, seed: int, step: ByHand, line: Line, shown: Shown
    ) -> None:
        """Begin a record in `out`, or go on with the one in which a session of this lab broke off.

        Raises:
            InputError: the folder cannot be used, or another process uses the lab.
        """
        self.out = out
        self.line = line
        self._shown = shown
        self.desk = Desk(line, prompt_of)
        self.readings: list[Any] = []
        """Blocks of what was done last, or is done now."""
        self._busy = self._told_to_stop = False
        self._one_at_a_time = RLock()
        self._done: Counter[str] = Counter()
        self._counted: dict[str, int] = {}
        self._known: dict[str, Identity] = {}
        self._setups: dict[str, Any] = {}
        self.closed = False
        broken = broken_off(lab, out, seed)
        asked_for, lab = lab, met(lab)
        self.folder = broken or _new_record(asked_for, lab, out, seed)
        with ExitStack() as held:
            held.enter_context(lease(self.folder))
            self._tokens = held.enter_context(claims(lab, self.folder.name))
            most = None if lab.storage_limit_mb is None else lab.storage_limit_mb * 1e6
            self._journal = Journal(self.folder / "run.db", most_bytes=most)
            held.callback(self._journal.close)
            self.opened = self._begin(lab, seed, step)
            self._held = held.pop_all()
        if broken is not None:
            line.say(f"going on with {broken}, in which the last session of this lab broke off")
            self._take_up()

    def _begin(self, lab: Lab, seed: int, step: ByHand) -> OpenLab:
        last = self._journal.last_stamp()
        utc = datetime.fromisoformat(last.utc) if last else None
        clock = make_clock(lab.clock, last.time if last else 0.0, utc, lab.time)
        self._time = RunTime(clock, last)
        opened = unopened(lab, clock=clock, seed=seed, folder=self.folder, keep=self._keep)
        self._share = Share(self.folder, self._journal, opened, self.desk, self._time, seed)
        self._run = self._share.run
        self._run.leave_past()
        self._note("running", "", gap_s=self._time.gap)
        with RunRecord(self.folder) as record:
            index = len(record.steps())
        self._run.begin_step(index, step)
        return opened

    def _keep(self, name: str, text: str) -> None:
        if not (self.folder / name).exists():
            write_whole(self.folder / name, text)

    def _note(self, state: str, reason: str, **more: Any) -> None:
        value = {"state": state, "reason": reason, **more}
        self._journal.add_event("session", value, self._time.stamp())

    # -- instruments ------------------------------------------------------------------------

    def driver(self, role: str) -> Driver:
        """Return the driver of a role, connected now if it is not yet.

        Raises:
            DriverError: the instrument does not answer.
            RunFolderError: the session is over, or it is another instrument than it began with.
        """
        if self.closed:
            raise RunFolderError("this session is over; begin another: Session(...)")
        with self._one_at_a_time:
            driver = self.opened.open(role)
            self._tell_opened()
        return driver

    def _tell_opened(self) -> None:
        """Tell and journal which instruments have been connected since the last look."""
        for role in set(self.opened.drivers) - set(self._known):
            before = known_identity(self.folder, role)
            found: Identity = self._run.do(self.opened.drivers[role].identity)
            if before is not None and before != found:
                raise RunFolderError(
                    f"{role}: this session began with {_name(before)}, now there is "
                    f"{_name(found)}; connect the first one again"
                )
            self._known[role] = found
            if (setup := getattr(self.opened.drivers[role], "setup", None)) is not None:
                self._setups[role] = self._run.do(setup)
            self.line.say(f"{role} is connected: {self.told(role)}")

    def told(self, role: str) -> str:
        """Return which instrument stands for a role, in words."""
        if role not in self._known:
            return "not connected yet"
        known = self._known[role]
        return f"{_name(known)}{', SIMULATED' if known.simulated else ''}"

    # -- what is done -----------------------------------------------------------------------

    @overload
    def do(
        self, method: Callable[P, Generator[Any, None, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    def do(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...
    def do(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do something with an instrument, as `Run.do` does; the first Ctrl-C ends it safe.

        Raises:
            KeyboardInterrupt: after Ctrl-C, when the instrument is safe and all is journalled.
            RunStopped: somebody stopped it from another terminal; likewise.
            LiftlineError: as `Run.do`.
        """
        with self._one_at_a_time, interruptible(self._share.inbox) as came:
            self.readings = []
            with self._under_way(method.__name__, came):
                try:
                    result = self._run.watching(self).do(method, *args, **kwargs)
                except (Ending, KeyboardInterrupt) as ending:
                    with suppress(LiftlineError):
                        self._run.give_up(None, method, args, str(ending) or "Ctrl-C, twice")
                    raise
            self._tell_opened()
            self._remember(method, result)
        if signal.SIGINT in came:
            self._share.inbox.take()
            raise KeyboardInterrupt("it was done before it could be stopped; see the record")
        return result

    def wait(self, seconds: float) -> None:
        """Wait on the lab's clock, as `Run.sleep` does.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            RunStopped: somebody stopped it from another terminal.
        """
        with (
            self._one_at_a_time,
            interruptible(self._share.inbox) as came,
            self._under_way("wait", came),
        ):
            self._run.sleep(seconds)

    @contextmanager
    def _under_way(self, name: str, came: Collection[int]) -> Iterator[None]:
        """Have one thing go on that another terminal, or a signal among those that came, ends.

        Raises:
            KeyboardInterrupt: Ctrl-C ended it.
        """
        self.line.begins(name)
        self._busy = True
        try:
            yield
        except Ending:
            if signal.SIGINT in came:
                raise KeyboardInterrupt("stopped; the instrument is safe") from None
            raise
        finally:
            self._busy = False
            self.line.clear()
            if self._told_to_stop:  # nothing of it is left for the next one
                self._share.inbox.take()
                self._told_to_stop = False

    def see(self, block: Any) -> Sequence[tuple[Flag, Policy]]:
        """Keep and show a block of readings of what is done now; it raises no flag."""
        self.readings.append(block)
        self.line.see()
        return ()

    def safe(self, role: str) -> None:
        """Leave an instrument safe, when what goes on is over; `stop` ends that."""
        with self._one_at_a_time:
            self.driver(role).safe()

    def stop(self, by: str) -> None:
        """End what goes on now, safe, from another thread."""
        if self._busy:
            self._told_to_stop = True
            self._share.inbox.say(Command("stop", by))

    def _remember(self, method: Callable[..., Any], result: Any) -> None:
        """Count what moved something, and keep in mind where the result is from."""
        driver: Any = getattr(method, "__self__", None)
        kind: Any = type(driver)
        role = next(role for role, each in self.opened.drivers.items() if each is driver)
        if action_of(kind, method.__name__).moves:
            self._done[f"{role}.{method.__name__}"] += 1
        axis = getattr(self._setups.get(role), "energy_axis", None)
        self._shown.remember(result, Origin(self._known[role].simulated, axis))

    def spent(self) -> dict[str, dict[str, float | None]]:
        """Return what calls by hand and runs have spent, by kind of budget; None is no limit."""
        return {
            kind: {**each, "limit": None if each["limit"] == math.inf else each["limit"]}
            for kind, each in self._share.spent().items()
            if each["spent"] or each["limit"] != math.inf
        }

    def saved(self) -> Path:
        """Return the folder, with all that was done so far in its record."""
        with self._one_at_a_time:
            self._journal.commit()
        return self.folder

    def lent(self) -> Lent:
        """Return what a run borrows."""
        return Lent(self.opened, self._tokens, self.folder)

    def count(self, folder: Path) -> None:
        """Count what a run in this session has spent: it is the same specimen."""
        with RunRecord(folder) as record:
            spends = record.spends()
            value = {"folder": folder.name, "state": record.state}
        known = self._counted.get(folder.name, 0)
        self._counted[folder.name] = len(spends)
        self._share.count(spends[known:])
        self._journal.add_event("run", value, self._time.stamp())
        self._tell_opened()

    # -- after a session that broke off -----------------------------------------------------

    def _take_up(self) -> None:
        """Look at what was cut off, settle it, and tell; nothing of it is done again."""
        for entry in self._journal.unended():
            role, method = entry.name.split(".", 1)
            try:
                driver = self.driver(role)
                driver.safe()
                bound = getattr(driver, method)
                done = self._run.give_up(entry.id, bound, asked(bound, entry.request), "cut off")
            except DriverError as error:
                self.line.say(
                    f"{entry.name} (action {entry.id}) cannot be looked at: {error}. What was "
                    f"reserved for it stays spent"
                )
                continue
            kept = "what was recorded is kept" if done is not None else "it has no result"
            self.line.say(f"{entry.name} (action {entry.id}): {kept}; it is not done again")
        for folder in runs_of(self.folder, self.out):
            self.count(folder)
            state = RunResult(folder).state
            if state == "interrupted":
                self.line.say(f"{folder} was cut off; go on with it: lab.resume({str(folder)!r})")

    # -- the end ----------------------------------------------------------------------------

    def close(self, state: str, reason: str) -> None:
        """Leave every instrument safe, write how the session ended, and let go of everything."""
        if self.closed:
            return
        self.closed = True
        try:
            self._run.end_step({"done": dict(self._done)}, None)
            for problem in self.opened.close():
                state, reason = "fault", problem
                self._journal.add_event("unsafe", {"text": problem}, self._time.stamp())
                self.line.say(problem)
            self._note(state, reason)
            self._journal.finish()
        finally:
            self.opened.close()
            self._held.close()
        Views(self.folder, say=self.line.say).refresh()


def _new_record(asked_for: Lab, lab: Lab, out: Path, seed: int) -> Path:
    now = RealClock().utc()
    folder = new_folder(out, SESSION, now)
    write_whole(folder / "lab.yaml", lab.written())
    journal = Journal(folder / "run.db")
    more = {"title": f"by hand in {lab.name}", "units": "true", LAB: asked_for.written()}
    begin_journal(journal, SESSION, lab, seed=seed, origin=SESSION, now=now, more=more)
    journal.close()
    return folder


def _name(identity: Identity) -> str:
    return f"{identity.make} {identity.model} {identity.serial}"
