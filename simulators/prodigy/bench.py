"""The spectrometer behind the server: one thing runs at a time, in a thread of its own.

While something runs, readings are those taken after its last block: only the thread that runs it
touches the instrument.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from drivers.errors import DriverError
from drivers.xps import Xps, XpsStatus
from protocols.errors import LiftlineError

ENDS_WITHIN = 60.0
"""Wall seconds within which what runs must end when it is told to."""


@dataclass(frozen=True)
class Reading:
    """What the instrument shows."""

    status: XpsStatus
    etch_seconds: float | None


class Job:
    """A generator of the instrument, run in a thread."""

    def __init__(
        self, steps: Generator[Any, None, Any], see: Callable[[Any], None], read: Callable[[], None]
    ) -> None:
        """`see` gets each block, and `read` is called after it."""
        self._steps = steps
        self._see = see
        self._read = read
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self.error: LiftlineError | None = None
        self._thread = threading.Thread(target=self._run, name="prodigy-job", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """True until it is over, by itself or not."""
        return self._thread.is_alive()

    def pause(self, yes: bool) -> None:
        """Hold it between two blocks, or let it go on."""
        if yes:
            self._go.clear()
        else:
            self._go.set()

    def stop(self) -> None:
        """End it after the present block and wait for that."""
        self._stop.set()
        self._go.set()
        self._thread.join(ENDS_WITHIN)

    def wait(self, seconds: float) -> bool:
        """Wait until it is over for so many wall seconds at most; True if it is."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            for block in self._steps:
                self._see(block)
                self._read()
                self._go.wait()
                if self._stop.is_set():
                    break
        except LiftlineError as error:
            self.error = error
        finally:
            with suppress(DriverError):
                self._steps.close()
            with suppress(DriverError):
                self._read()


class Bench:
    """One spectrometer, and what runs on it."""

    def __init__(self, xps: Xps) -> None:
        """Take an open spectrometer."""
        self.xps = xps
        self._job: Job | None = None
        self._latest = self._now()

    def _now(self) -> Reading:
        return Reading(self.xps.status(), self.xps.etch_seconds())

    def _note(self) -> None:
        self._latest = self._now()

    @property
    def job(self) -> Job | None:
        """What runs, or ran last."""
        return self._job

    @property
    def busy(self) -> bool:
        """True while something runs."""
        return self._job is not None and self._job.running

    def reading(self) -> Reading:
        """Return what the instrument shows; while something runs, after its last block."""
        if not self.busy:
            with suppress(DriverError):
                self._note()
        return self._latest

    def run(self, steps: Generator[Any, None, Any], see: Callable[[Any], None]) -> Job:
        """Run a generator of the instrument."""
        if self.busy:
            raise RuntimeError("something runs already")
        self._job = Job(steps, see, self._note)
        return self._job

    def stop(self) -> None:
        """End what runs."""
        if self._job is not None:
            self._job.stop()

    def safe(self) -> None:
        """End what runs, ions and detector voltage off."""
        self.stop()
        self.xps.safe()
