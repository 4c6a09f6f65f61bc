"""Time. The only file that may ask the computer what time it is, or wait.

The lab owns one clock and its drivers carry it: the real one, one that jumps (simulated hours pass
in milliseconds), one that is scaled, for simulated devices in other processes, or that of another
computer which serves the lab's instruments.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Durations from `now` are monotonic seconds; stamps are UTC."""

    def now(self) -> float:
        """Return seconds since the clock's beginning; never goes back."""
        ...

    def utc(self) -> datetime:
        """Return the present date and time, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; returns at once for zero or less."""
        ...


class RealClock:
    """The computer's own time."""

    def now(self) -> float:
        """Return seconds of the computer's monotonic clock."""
        return time.monotonic()

    def utc(self) -> datetime:
        """Return the computer's date and time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        if seconds > 0:
            time.sleep(seconds)


class ScaledClock:
    """The computer's time, faster: `factor` seconds pass in each real one."""

    def __init__(
        self, factor: float, start: float = 0.0, start_utc: datetime | None = None
    ) -> None:
        """Begin at `start` seconds and at `start_utc` (now, if None)."""
        if not 0 < factor < float("inf"):
            raise ValueError(f"a clock's factor is a positive number, not {factor}")
        self.factor = factor
        self._start = start
        self._began = time.monotonic()
        self._utc = start_utc or datetime.now(UTC)

    def now(self) -> float:
        """Return scaled seconds since the clock's beginning."""
        return self._start + (time.monotonic() - self._began) * self.factor

    def utc(self) -> datetime:
        """Return the scaled date and time in UTC."""
        return self._utc + timedelta(seconds=self.now() - self._start)

    def sleep(self, seconds: float) -> None:
        """Wait until `seconds` of scaled time have passed."""
        if seconds > 0:
            time.sleep(seconds / self.factor)


class JumpingClock:
    """A clock that advances only when everyone registered on it waits.

    A thread that uses it without registering counts as the only one: its sleeps jump at once.
    Threads that share one night each hold `registered()` around their work.
    """

    def __init__(self, start: float = 0.0, start_utc: datetime | None = None) -> None:
        """Begin at `start` seconds and at `start_utc` (the computer's now, if None)."""
        self._now = start
        self._start = start
        self._utc = start_utc or datetime.now(UTC)
        self._members = 0
        self._waking: list[tuple[float, int]] = []
        self._tickets = 0
        self._moved = threading.Condition()

    def now(self) -> float:
        """Return simulated seconds since the clock's beginning."""
        return self._now

    def utc(self) -> datetime:
        """Return the simulated date and time in UTC."""
        return self._utc + timedelta(seconds=self._now - self._start)

    @contextmanager
    def registered(self) -> Iterator[None]:
        """Count the calling thread among those whose waiting lets time pass."""
        with self._moved:
            self._members += 1
        try:
            yield
        finally:
            with self._moved:
                self._members -= 1
                self._advance()

    def sleep(self, seconds: float) -> None:
        """Wait until everyone waits and it is this thread's turn."""
        if seconds <= 0:
            return
        with self._moved:
            if self._members <= 1 and not self._waking:
                self._now += seconds
                return
            self._tickets += 1
            ticket = (self._now + seconds, self._tickets)
            heapq.heappush(self._waking, ticket)
            self._advance()
            while ticket in self._waking:
                self._moved.wait()

    def _advance(self) -> None:
        if self._waking and len(self._waking) >= self._members:
            self._now = max(self._now, self._waking[0][0])
            while self._waking and self._waking[0][0] <= self._now:
                heapq.heappop(self._waking)
            self._moved.notify_all()


@dataclass(frozen=True)
class ToldTime:
    """What another computer's clock shows."""

    now: float
    """Seconds since that clock's beginning."""
    utc: datetime
    rate: float
    """Seconds of it that pass in each real one; 0 for one that jumps."""


class ServedClock:
    """The clock of another computer, by what it tells with each of its answers."""

    def __init__(self, told: ToldTime) -> None:
        """Begin at what was told when that computer was met."""
        self._told = told
        self._now = told.now
        self._heard = time.monotonic()
        self._wait: Callable[[float], object] | None = None

    def follow(self, wait: Callable[[float], object]) -> None:
        """Ask for waits on the other clock by calling `wait`; only one that jumps needs it."""
        self._wait = wait

    def hear(self, now: float) -> None:
        """Take note of what the other clock shows now."""
        self._now, self._heard = max(now, self.now()), time.monotonic()

    def now(self) -> float:
        """Return seconds since the other clock's beginning."""
        if not self._told.rate:
            return self._now
        return self._now + (time.monotonic() - self._heard) * self._told.rate

    def utc(self) -> datetime:
        """Return the other clock's date and time in UTC."""
        return self._told.utc + timedelta(seconds=self.now() - self._told.now)

    def sleep(self, seconds: float) -> None:
        """Wait until `seconds` have passed on the other clock."""
        if seconds <= 0:
            return
        if self._told.rate:
            time.sleep(seconds / self._told.rate)
        elif self._wait is not None:
            self._wait(seconds)


def told_time(clock: Clock) -> ToldTime:
    """Return what a clock shows, for another computer."""
    rate = 0.0 if isinstance(clock, JumpingClock) else getattr(clock, "factor", 1.0)
    return ToldTime(clock.now(), clock.utc(), rate)


def wall_seconds() -> float:
    """Return real monotonic seconds, whatever the lab's clock: for how often to look or save."""
    return time.monotonic()


def wait_a_moment(seconds: float) -> None:
    """Wait in real time for a person or another process, whatever clock the lab has."""
    time.sleep(seconds)
