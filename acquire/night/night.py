"""Many cells through many nights, with nobody there: one thread for each cell, one clock for all.

A cell is a run of its own, in a folder of its own: nothing of one touches another, and what breaks
one leaves the others alone. The same command after a reboot goes on with all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from acquire.flags import Flag
from acquire.launch import Desk, RunEnd, begin_run, resume_run
from acquire.night.alerts import alert
from acquire.night.cells import WINDOW, Cell, next_of, strange
from acquire.night.window import next_opening
from acquire.operator import Command, Inbox
from acquire.questions import Prompt
from drivers.clock import Clock, JumpingClock
from drivers.errors import LiftlineError
from protocols.night import NightPlan

LOOK_EVERY = 60.0
"""Seconds of the night's clock between two looks at whether the window has closed."""
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
    inbox: Inbox | None = field(default=None, repr=False)

    def line(self, now: float) -> str:
        """Return one line: what it does, how far it is, when it will be done."""
        text = f"{self.cell.name}: {self.state}"
        if self.total:
            text += f", {self.done} of {self.total}, {self.text}{self._eta(now)}"
        return text + (f": {self.reason}" if self.reason else "")

    def _eta(self, now: float) -> str:
        fresh = self.done - self.done_before
        if self.state != "running" or self.began is None or fresh < 1:
            return ""
        left = (now - self.began) / fresh * (self.total - self.done)
        return f", about {left / 3600.0:.1f} h left"


class _CellDesk:
    """The observer of one cell's run."""

    def __init__(
        self, state: CellState, say: Callable[[str], None], now: Callable[[], float]
    ) -> None:
        self._state, self._say, self._now = state, say, now

    def progress(self, done: int, total: int, text: str) -> None:
        """Take note of how far it is."""
        if self._now() - (self._state.began or 0.0) < REPLAYED_WITHIN:
            self._state.done_before = done
        self._state.done, self._state.total, self._state.text = done, total, text

    def flag(self, flag: Flag) -> None:
        """Say it."""
        self._say(f"{self._state.cell.name}: flag: {flag.kind}: {flag.note}")

    def say(self, text: str) -> None:
        """Say it."""
        self._say(f"{self._state.cell.name}: {text}")

    def prompt(self, inbox: Inbox) -> Prompt | None:
        """Nobody is there to answer; the inbox is where the night says stop."""
        self._state.inbox = inbox
        return None


class Night:
    """Cells that run side by side until the plan is done."""

    def __init__(
        self, plan: NightPlan, cells: list[Cell], clock: Clock, say: Callable[[str], None]
    ) -> None:
        """`say` is told a line at a time, from any thread."""
        self.plan, self.clock, self._say = plan, clock, say
        self.states = [CellState(cell) for cell in cells]
        self._stopping = threading.Event()
        self.clock_steps: list[tuple[datetime, float]] = []

    def run(self) -> None:
        """Run every cell as far as it goes; returns when nothing more can be done now."""
        threads = [
            threading.Thread(target=self._live, args=(state,), name=state.cell.name)
            for state in self.states
        ]
        with _registered(self.clock):
            for thread in threads:
                thread.start()
            try:
                self._watch_over(threads)
            except KeyboardInterrupt:
                self._say("stopping every cell; the same command goes on later")
                self._stop("Ctrl-C")
        for thread in threads:
            thread.join()

    # -- the supervisor ---------------------------------------------------------------------

    def _watch_over(self, threads: list[threading.Thread]) -> None:
        """Close the window, say how the cells are, look at the clock."""
        said = self.clock.now()
        offset = self.clock.utc().timestamp() - self.clock.now()
        while any(thread.is_alive() for thread in threads):
            self.clock.sleep(self._until_next_look())
            closes = next_opening(self.plan, self.clock.utc()).opens
            if closes > self.clock.utc():
                self._close()
            if self.clock.now() - said >= self.plan.status_every:
                said = self.clock.now()
                for state in self.states:
                    if state.state == "running":
                        self._say(state.line(said))
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
        self._stopping.set()
        for state in self.states:
            if state.inbox is not None:
                state.inbox.say(Command("stop", by))

    def _look_at_the_clock(self, offset: float) -> float:
        now = self.clock.utc().timestamp() - self.clock.now()
        if abs(now - offset) > CLOCK_STEP:
            self.clock_steps.append((self.clock.utc(), now - offset))
            self._say(
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
            if state.state not in ("done", "paused"):
                self._trip(state)

    def _through_windows(self, state: CellState) -> None:
        while not self._stopping.is_set():
            self._wait_for_opening()
            if self._stopping.is_set():
                break
            state.state, state.reason = next_of(state.cell)
            if state.state == "go on":
                state.reason = strange(state.cell, self.plan.fingerprint, self.clock)
                state.state = "held" if state.reason else state.state
            if state.state in ("done", "held"):
                return
            end = self._go(state)
            state.state, state.reason = next_of(state.cell)
            if state.state == "begin":  # refused before it made a folder
                state.state, state.reason = "held", end.reason
            if state.state != "go on":
                return
            state.state = "paused"

    def _wait_for_opening(self) -> None:
        while not self._stopping.is_set():
            opens = next_opening(self.plan, self.clock.utc()).opens
            left = (opens - self.clock.utc()).total_seconds()
            if left <= 0:
                return
            self.clock.sleep(min(left, LOOK_EVERY) if not _jumps(self.clock) else left)

    def _go(self, state: CellState) -> RunEnd:
        """Begin the cell's run, or go on with it; an error of its own is how it ended."""
        began = state.state == "begin"
        state.state, state.began, state.total = "running", self.clock.now(), 0
        observer = _CellDesk(state, self._say, self.clock.now)
        desk = Desk(observer, observer.prompt)
        cell, run = state.cell, state.cell.run
        try:
            if began or run is None:
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
            return resume_run(run, desk=desk, clock=self.clock)
        except LiftlineError as error:
            return RunEnd(cell.folder, "fault", str(error), error.exit_code)

    def _trip(self, state: CellState) -> None:
        self._say(state.line(self.clock.now()))
        for problem in alert(self.plan, state.cell, state.state, state.reason):
            self._say(problem)


def _jumps(clock: Clock) -> bool:
    return isinstance(clock, JumpingClock)


def _registered(clock: Clock) -> AbstractContextManager[None]:
    """Count this thread among those whose waiting lets a jumping clock go on."""
    return clock.registered() if isinstance(clock, JumpingClock) else nullcontext()


@contextmanager
def night_lock(folder: Path) -> Iterator[None]:
    """Hold a night's folder: a second command for the same night is refused.

    Raises:
        RunInUseError: another process runs it.
    """
    from acquire.lease import lease

    folder.mkdir(parents=True, exist_ok=True)
    with lease(folder):
        yield
