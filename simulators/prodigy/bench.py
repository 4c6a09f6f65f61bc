"""The spectrometer behind the server: one thing runs at a time, in a thread of its own.

The instrument is never touched by two threads at once: others read it while the thread that runs
something waits for time to pass, which is when they may also end it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from drivers.clock import ScaledClock
from drivers.errors import DriverError
from drivers.xps import Xps, XpsStatus
from protocols.errors import LiftlineError

ENDS_WITHIN = 60.0
"""Wall seconds within which what runs must end when it is told to."""


class EndedError(LiftlineError):
    """What runs was told to end."""


class BenchClock(ScaledClock):
    """The clock of the spectrometer: while what runs waits, others have their turn."""

    def __init__(self, factor: float) -> None:
        """Pass `factor` seconds in each real one."""
        super().__init__(factor)
        self.turn = threading.Condition(threading.RLock())
        """Whoever holds it may touch the instrument."""
        self._runs: threading.Thread | None = None
        self.ending = False
        """What runs is to end."""

    def sleep(self, seconds: float) -> None:
        """Wait until `seconds` of scaled time have passed.

        Raises:
            EndedError: what runs was told to end; it knows how long it waited by the time.
        """
        if threading.current_thread() is not self._runs:
            super().sleep(seconds)
            return
        self.turn.wait_for(lambda: self.ending, max(seconds, 0.0) / self.factor)
        if self.ending:
            raise EndedError("told to end")

    def begin(self) -> None:
        """Have the calling thread, which holds the turn, be the one that runs."""
        self._runs = threading.current_thread()

    def end(self) -> None:
        """Have what runs end as soon as it waits."""
        with self.turn:
            self.ending = True
            self.turn.notify_all()


class Job:
    """A generator of the instrument, run in a thread."""

    def __init__(
        self, clock: BenchClock, steps: Generator[Any, None, Any], see: Callable[[Any], None]
    ) -> None:
        """`see` gets each block."""
        self._clock, self._steps, self._see = clock, steps, see
        self._paused = False
        self._over = threading.Event()
        self.error: LiftlineError | None = None
        self._thread = threading.Thread(target=self._run, name="prodigy-job", daemon=True)
        with clock.turn:
            clock.ending = False
            self._thread.start()

    @property
    def running(self) -> bool:
        """True until it is over, by itself or not."""
        return not self._over.is_set()

    def pause(self, yes: bool) -> None:
        """Hold it between two blocks, or let it go on."""
        with self._clock.turn:
            self._paused = yes
            self._clock.turn.notify_all()

    def stop(self) -> None:
        """End it and wait for that."""
        if self.running:
            self._clock.end()
        self._thread.join(ENDS_WITHIN)

    def wait(self, seconds: float) -> bool:
        """Wait until it is over for so many wall seconds at most; True if it is."""
        return self._over.wait(seconds)

    def _run(self) -> None:
        turn = self._clock.turn
        with turn:
            self._clock.begin()
            try:
                for block in self._steps:
                    self._see(block)
                    turn.wait_for(lambda: self._clock.ending or not self._paused)
                    if self._clock.ending:
                        break
            except EndedError:
                pass
            except LiftlineError as error:
                self.error = error
            finally:
                with suppress(LiftlineError):
                    self._steps.close()
                self._over.set()


class Bench:
    """One spectrometer, and what runs on it."""

    def __init__(self, xps: Xps, clock: BenchClock) -> None:
        """Take an open spectrometer and the clock that it has."""
        self.xps = xps
        self._clock = clock
        self._job: Job | None = None
        self._latest = xps.status()

    @property
    def job(self) -> Job | None:
        """What runs, or ran last."""
        return self._job

    @property
    def busy(self) -> bool:
        """True while something runs."""
        return self._job is not None and self._job.running

    def now(self) -> float:
        """Return the time by the instrument's clock."""
        return self._clock.now()

    def status(self) -> XpsStatus:
        """Return what the instrument shows; the last it did where it does not answer."""
        with self._clock.turn, suppress(DriverError):
            self._latest = self.xps.status()
        return self._latest

    def etch_seconds(self) -> float:
        """Return the gun's timer."""
        with self._clock.turn:
            return self.xps.etch_seconds() or 0.0

    def run(self, steps: Generator[Any, None, Any], see: Callable[[Any], None]) -> Job:
        """Run a generator of the instrument."""
        if self.busy:
            raise RuntimeError("something runs already")
        self._job = Job(self._clock, steps, see)
        return self._job

    def stop(self) -> None:
        """End what runs."""
        if self._job is not None:
            self._job.stop()

    def safe(self) -> None:
        """End what runs; ions and detector voltage off."""
        self.stop()
        with self._clock.turn:
            self.xps.safe()
