"""Many cells through many nights, with nobody there: one thread for each cell, one clock for all.

A cell is a run of its own, in a folder of its own: nothing of one touches another, and what breaks
one leaves the others alone. The same command after a reboot goes on with all of them.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from acquire.cycling.plan import seconds_by_cycle
from acquire.flags import Flag
from acquire.launch import RunEnd, begin_run, resume_run
from acquire.lease import holder, lease
from acquire.night.alerts import alert
from acquire.night.cells import WINDOW, Cell, next_of, strange
from acquire.night.forecast import at_pace, done_at, told_utc
from acquire.night.window import next_opening
from acquire.operator import Command, Inbox
from acquire.questions import Prompt
from acquire.share import Desk
from acquire.views import Turns
from drivers.clock import Clock, JumpingClock
from drivers.errors import LiftlineError, RunInUseError
from protocols.cycling import Cycling
from protocols.night import NightPlan

LOOK_EVERY = 60.0
"""Seconds of the night's clock between two looks at whether the window has closed."""
LISTEN_EVERY = 0.2
"""Wall seconds between two looks at whether the night is to end, on a clock that does not jump."""
TRY_AGAIN_AFTER, LONGEST_WAIT = 60.0, 1800.0
"""Seconds of the night's clock after which a device that was not reached, or whose link broke, is
tried again: each time twice as many, up to the second figure."""
TRIES = 24
"""How often in a row a device is tried before its cell is held: ten hours and a half, a night."""
REPLAYED_WITHIN = 10.0
"""Seconds after a run went on within which its progress is that of its past."""
CLOCK_STEP = 2.0
"""Seconds by which date and durations may differ before it is said that the clock was stepped."""


@dataclass
class CellState:
    """What a cell is doing, as the others see it."""

    cell: Cell
    state: str = "waits"
    reason: str = ""
    done: int = 0
    total: int = 0
    text: str = ""
    began: float | None = None
    """Seconds of the night's clock at which its run went on in this window."""
    done_before: int = 0
    reached: float = 0.0
    """Seconds of the night's clock at which the last cycle of `done` was over."""
    inbox: Inbox | None = field(default=None, repr=False)

    def line(self, plan: NightPlan, clock: Clock) -> str:
        """Return one line: what it does, how far it is, when it will be done."""
        text = f"{self.cell.name}: {self.state}"
        if self.total:
            text += f", {self.done} of {self.total}, {self.text}{self._eta(plan, clock)}"
        return text + (f": {self.reason}" if self.reason else "")

    def _eta(self, plan: NightPlan, clock: Clock) -> str:
        steps = [step for step in self.cell.protocol.steps if isinstance(step, Cycling)]
        expected = next((e for e in map(seconds_by_cycle, steps) if len(e) == self.total), None)
        if self.state != "running" or self.began is None or expected is None:
            return ""
        if self.done <= self.done_before:
            return ""
        taken = self.reached - self.began
        left = at_pace(expected, self.done_before, self.done, taken)
        left = max(0.0, left - (clock.now() - self.reached))
        done = told_utc(done_at(plan, clock.utc(), left))
        return f", about {left / 3600.0:.1f} h left, done {done}"


class _CellDesk:
    """The observer of one cell's run."""

    def __init__(self, state: CellState, night: Night) -> None:
        self._state, self._night = state, night
        self._say, self._now = night.say, night.clock.now

    def progress(self, done: int, total: int, text: str) -> None:
        """Take note of how far it is."""
        if self._now() - (self._state.began or 0.0) < REPLAYED_WITHIN:
            self._state.done_before = done
        self._state.done, self._state.total, self._state.text = done, total, text
        self._state.reached = self._now()

    def flag(self, flag: Flag) -> None:
        """Say it."""
        self._say(f"{self._state.cell.name}: flag: {flag.kind}: {flag.note}")

    def say(self, text: str) -> None:
        """Say it."""
        self._say(f"{self._state.cell.name}: {text}")

    def prompt(self, inbox: Inbox) -> Prompt | None:
        """Nobody is there to answer; the inbox is where the night says stop."""
        self._state.inbox = inbox
        self._night.tell(self._state)
        return None


class Night:
    """Cells that run side by side until the plan is done."""

    def __init__(
        self, plan: NightPlan, cells: list[Cell], clock: Clock, say: Callable[[str], None]
    ) -> None:
        """`say` is told a line at a time, from any thread."""
        self.plan, self.clock, self.say = plan, clock, say
        self.states = [CellState(cell) for cell in cells]
        self._turns = Turns()
        self._stopping = threading.Event()
        self._stopped_by = ""
        self._alive: list[threading.Thread] = []
        self.clock_steps: list[tuple[datetime, float]] = []

    def run(self) -> None:
        """Run every cell as far as it goes; returns when nothing more can be done now."""
        threads = [
            threading.Thread(target=self._live, args=(state,), name=state.cell.name)
            for state in self.states
        ]
        self._alive = threads
        with _told_to_end():
            try:
                with _registered(self.clock):
                    for thread in threads:
                        thread.start()
                    self._watch_over()
            except _End as ending:
                self.say("stopping every cell; the same command goes on later")
                self._stop(ending.by)
            self._wait_for_all()

    def _wait_for_all(self) -> None:
        while any(thread.is_alive() for thread in self._alive):
            try:
                for thread in self._alive:
                    thread.join()
            except _End:
                self.say("waiting until every cell is at open circuit")

    def tell(self, state: CellState) -> None:
        """Tell a run that has just begun if the night is ending."""
        if self._stopping.is_set() and state.inbox is not None:
            state.inbox.say(Command("stop", self._stopped_by))

    # -- the supervisor ---------------------------------------------------------------------

    def _watch_over(self) -> None:
        """Close the window, say how the cells are, look at the clock."""
        said = self.clock.now()
        offset = self.clock.utc().timestamp() - self.clock.now()
        while any(thread.is_alive() for thread in self._alive):
            self._nap(self._until_next_look())
            closes = next_opening(self.plan, self.clock.utc()).opens
            if closes > self.clock.utc():
                self._close()
            if self.clock.now() - said >= self.plan.status_every:
                said = self.clock.now()
                for state in self.states:
                    if state.state == "running":
                        self.say(state.line(self.plan, self.clock))
            offset = self._look_at_the_clock(offset)

    def _until_next_look(self) -> float:
        opening = next_opening(self.plan, self.clock.utc())
        if opening.closes is None:
            return LOOK_EVERY
        left = (opening.closes - self.clock.utc()).total_seconds()
        return min(max(left, 0.0) + 1e-3, LOOK_EVERY)

    def _close(self) -> None:
        for state in self.states:
            if state.state == "running" and state.inbox is not None:
                state.inbox.say(Command("stop", WINDOW))
                state.inbox = None

    def _stop(self, by: str) -> None:
        self._stopped_by = by
        self._stopping.set()
        for state in self.states:
            self.tell(state)

    def _nap(self, seconds: float) -> None:
        """Wait, as long as there is something to wait for."""
        if isinstance(self.clock, JumpingClock):
            self.clock.sleep(seconds)
            return
        until = self.clock.now() + seconds
        while (left := until - self.clock.now()) > 0 and not self._stopping.is_set():
            if not any(thread.is_alive() for thread in self._alive):
                return
            # a scaled clock's seconds are short: its own sleep ends in time, ours listens
            if left < LISTEN_EVERY:
                self.clock.sleep(left)
            else:
                self._stopping.wait(LISTEN_EVERY)

    def _look_at_the_clock(self, offset: float) -> float:
        now = self.clock.utc().timestamp() - self.clock.now()
        if abs(now - offset) > CLOCK_STEP:
            self.clock_steps.append((self.clock.utc(), now - offset))
            self.say(
                f"the computer's clock was stepped by {now - offset:+.1f} s; durations are kept"
            )
        return now

    # -- a cell -----------------------------------------------------------------------------

    def _live(self, state: CellState) -> None:
        """Take a cell through the windows, until it is done or held."""
        with _registered(self.clock):
            try:
                self._through_windows(state)
            except Exception as error:  # a defect in one cell's run leaves the others alone
                state.state, state.reason = "held", f"{type(error).__name__}: {error}"
            if state.state == "held":
                self._trip(state)

    def _through_windows(self, state: CellState) -> None:
        missed = 0
        while not self._stopping.is_set():
            self._wait_for_opening(state)
            if self._stopping.is_set():
                break
            state.state, state.reason = next_of(state.cell)
            if state.state == "go on":
                state.reason = strange(state.cell, self.plan.fingerprint, self.clock)
                state.state = "held" if state.reason else state.state
            if state.state in ("done", "held"):
                return
            try:
                end = self._go(state)
            except LiftlineError as error:  # refused: another process has it, or it is wrong
                state.state, state.reason = "held", str(error)
                return
            state.state, state.reason = next_of(state.cell)
            if state.state != "go on":
                return
            if end.state == "fault" and not state.reason:
                # its record could not be written: the next command looks for room first
                state.state, state.reason = "held", end.reason
                return
            missed = self._missed(state, missed)
            if missed >= TRIES:
                state.state = "held"
                state.reason += f" (tried {TRIES} times)"
                return
            state.state = "paused"
            if missed:
                wait = min(TRY_AGAIN_AFTER * 2 ** (missed - 1), LONGEST_WAIT)
                told = f"{state.reason}; it is tried again in {wait / 60.0:.0f} min"
                self.say(f"{state.cell.name}: {told}")
                self._nap(wait)

    def _missed(self, state: CellState, before: int) -> int:
        """Return how often in a row the cell's device was not there, of `before` the last time."""
        if not state.reason:
            return 0
        lasted = self.clock.now() - (state.began or 0.0)
        return 1 if lasted > LONGEST_WAIT else before + 1

    def _wait_for_opening(self, state: CellState) -> None:
        said = False
        while not self._stopping.is_set():
            opens = next_opening(self.plan, self.clock.utc()).opens
            left = (opens - self.clock.utc()).total_seconds()
            if left <= 0:
                return
            if not said:
                self.say(f"{state.cell.name}: waits until {opens:%Y-%m-%d %H:%M} UTC")
                said = True
            self._nap(left if _jumps(self.clock) else min(left, LOOK_EVERY))

    def _go(self, state: CellState) -> RunEnd:
        """Begin the cell's run, or go on with it.

        Raises:
            LiftlineError: it is refused.
        """
        began = state.state == "begin"
        state.state, state.began, state.total = "running", self.clock.now(), 0
        observer = _CellDesk(state, self)
        desk = Desk(observer, observer.prompt, turns=self._turns)
        cell, run = state.cell, state.cell.run
        if not began and run is not None:
            return resume_run(run, desk=desk, clock=self.clock)
        cell.folder.mkdir(parents=True, exist_ok=True)
        return begin_run(
            cell.protocol,
            cell.lab,
            cell.folder,
            seed=cell.planned.seed,
            desk=desk,
            origin=f"night {self.plan.name}",
            clock=self.clock,
        )

    def _trip(self, state: CellState) -> None:
        self.say(state.line(self.plan, self.clock))
        for problem in alert(self.plan, state.cell, state.state, state.reason):
            self.say(problem)


def _jumps(clock: Clock) -> bool:
    return isinstance(clock, JumpingClock)


def _registered(clock: Clock) -> AbstractContextManager[None]:
    """Count this thread among those whose waiting lets a jumping clock go on."""
    return clock.registered() if isinstance(clock, JumpingClock) else nullcontext()


class _End(KeyboardInterrupt):
    """Somebody ends the night."""

    def __init__(self, by: str) -> None:
        super().__init__()
        self.by = by


@contextmanager
def _told_to_end() -> Iterator[None]:
    """Turn Ctrl-C, and the system's own wish, into an end with every cell at open circuit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        raise _End("Ctrl-C" if number == signal.SIGINT else "the system (SIGTERM)")

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def night_lock(folder: Path) -> Iterator[None]:
    """Hold a night's folder: a second command for the same night is refused.

    Raises:
        RunInUseError: another process runs it; the message names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = ExitStack()
    try:
        held.enter_context(lease(folder))
    except RunInUseError:
        raise RunInUseError(
            f"this night goes on already, in {holder(folder)}; look at it with --look, or end it "
            "there with Ctrl-C"
        ) from None
    with held:
        yield
