"""A limit on how long a session may take, so that one which hangs is told and not waited for."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

AGAIN = 2.0
"""Wall seconds between the two Ctrl-C that break a session off; the first only asks it to stop."""


@dataclass
class Limit:
    """How long something may take."""

    seconds: float
    """Wall."""
    passed: bool = False
    """It took longer, and was broken off."""


@contextmanager
def limited(seconds: float) -> Iterator[Limit]:
    """Break off, by Ctrl-C, what the main thread does here for longer than `seconds` (wall)."""
    limit, over = Limit(seconds), threading.Event()

    def count() -> None:
        while not over.wait(AGAIN if limit.passed else seconds):
            limit.passed = True
            if hasattr(signal, "pthread_kill"):  # wakes a thread that waits, too
                signal.pthread_kill(int(threading.main_thread().ident or 0), signal.SIGINT)
            else:
                _thread.interrupt_main()

    threading.Thread(target=count, daemon=True).start()
    try:
        yield limit
    except KeyboardInterrupt:
        if not limit.passed:
            raise
    finally:
        over.set()
