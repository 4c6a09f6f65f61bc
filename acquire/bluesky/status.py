"""Whether something is over: what Bluesky waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Status:
    """Whether something that was begun is over, and how it ended."""

    def __init__(self) -> None:
        """It has begun."""
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Status], None]] = []
        self._lock = threading.Lock()

    def finish(self, error: BaseException | None = None) -> None:
        """Say that it is over."""
        with self._lock:
            self._error = error
            self._over.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def add_callback(self, callback: Callable[[Status], None]) -> None:
        """Call `callback` with this status when it is over; at once if it is."""
        with self._lock:
            if not self._over.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def exception(self, timeout: float | None = 0.0) -> BaseException | None:
        """Return what went wrong, waiting for the end.

        Raises:
            TimeoutError: it is not over within `timeout` seconds of real time.
        """
        if not self._over.wait(timeout):
            raise TimeoutError(f"not over within {timeout} s")
        return self._error

    @property
    def done(self) -> bool:
        """True when it is over."""
        return self._over.is_set()

    @property
    def success(self) -> bool:
        """True when it is over and nothing went wrong."""
        return self.done and self._error is None


def begun(work: Callable[[], None]) -> Status:
    """Return the status of `work`, which goes on in a thread of its own."""
    status = Status()

    def go() -> None:
        try:
            work()
        except BaseException as error:  # all of it is the status's to tell
            status.finish(error)
        else:
            status.finish()

    threading.Thread(target=go, daemon=True).start()
    return status


def over() -> Status:
    """Return the status of what is over at once."""
    status = Status()
    status.finish()
    return status
