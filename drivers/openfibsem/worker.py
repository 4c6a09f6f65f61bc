"""One thread for vendor calls that block, so that whoever waits for them can look around and stop.

A vendor's calls are never made from two threads of ours at once, but for two: reading the state
and stopping, which every vendor has to allow while something runs.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Any, TypeVar

from drivers.errors import DriverError, LinkError

T = TypeVar("T")

POLL = 0.2
"""Seconds of wall time between two looks at a running call."""


class Worker:
    """A daemon thread that makes one call after the other."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds of wall time within which a stopped call must return."""
        self._patience = patience
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._closed = False
        self._running: tuple[str, Future[Any]] | None = None
        threading.Thread(target=self._serve, name="openfibsem", daemon=True).start()

    @property
    def busy(self) -> str:
        """What is running now, in words; empty if nothing is."""
        if self._running is None or self._running[1].done():
            return ""
        return self._running[0]

    def run(
        self, what: str, call: Callable[[], T], stop: Callable[[], None] | None = None
    ) -> Generator[None, None, T]:
        """Make a call, yield while it runs, and return its result.

        Closed before that, `stop` is called until the call has returned; without a `stop` its end
        is waited for: a stage that moves arrives.

        Raises:
            LinkError: an earlier call has not returned, or this one did not after `stop`.
        """
        future = self._begin(what, call)
        try:
            while not _ended(future, POLL):
                yield
        finally:
            if not future.done():
                self._end(what, future, stop)
        return future.result()

    def wait(self, what: str, call: Callable[[], T]) -> T:
        """Make a short call and wait for it; for the way out, where nothing can be yielded.

        Raises:
            LinkError: it does not return.
        """
        future = self._begin(what, call)
        if not _ended(future, self._patience):
            raise LinkError(f"{what}: the microscope does not answer; look at its own screen")
        return future.result()

    def close(self) -> None:
        """Let the thread end after what it does; may be repeated."""
        self._closed = True
        self._calls.put(None)

    def _begin(self, what: str, call: Callable[[], T]) -> Future[T]:
        if self._closed:
            raise LinkError(f"{what}: the driver is closed; open the lab again")
        if self.busy:
            raise LinkError(
                f"{what}: the microscope has not returned from {self.busy!r}; look at its own "
                f"screen, stop it there, and resume the run"
            )
        future: Future[T] = Future()
        self._running = (what, future)
        self._calls.put((future, call))
        return future

    def _end(self, what: str, future: Future[Any], stop: Callable[[], None] | None) -> None:
        """Stop a call until it returns: a vendor may miss a stop that comes before its start."""
        for _ in range(max(1, round(self._patience / POLL))):
            with contextlib.suppress(DriverError):  # a broken link may come back
                if stop is not None:
                    stop()
            if _ended(future, POLL):
                return
        raise LinkError(
            f"{what}: the microscope was told to end it, but did not within {self._patience:g} s; "
            f"look at its own screen before anything else"
        )

    def _serve(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call = item
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)


def _ended(future: Future[Any], seconds: float) -> bool:
    return bool(wait([future], seconds).done)
