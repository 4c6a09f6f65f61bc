"""A limit on how long a session may take, so that one which hangs is told and not waited for."""

from __future__ import annotations

import _thread
import signal
import threading
from types import TracebackType

AGAIN = 2.0
"""Wall seconds between the two Ctrl-C that break a session off; the first only asks it to stop."""


class Limited:
    """Breaks off, by Ctrl-C, what the main thread does for longer than `seconds` (wall)."""

    def __init__(self, seconds: float) -> None:
        """Begin to count when it is entered."""
        self.seconds = seconds
        self.passed = False
        """It was broken off."""
        self._over = threading.Event()

    def _count(self) -> None:
        while not self._over.wait(AGAIN if self.passed else self.seconds):
            self.passed = True
            if hasattr(signal, "pthread_kill"):  # wakes a thread that waits, too
                signal.pthread_kill(int(threading.main_thread().ident or 0), signal.SIGINT)
            else:
                _thread.interrupt_main()

    def __enter__(self) -> Limited:
        threading.Thread(target=self._count, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._over.set()
        return self.passed and kind is not None and issubclass(kind, KeyboardInterrupt)
