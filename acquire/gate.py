"""The interlock gate: deny by default, before an action and at every tick of it.

A rule says of one thing why it would be unsafe now, with the value, the limit and the way out. An
action that no rules cover is refused. The gate refuses; it never reroutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from drivers.clock import Clock
from drivers.errors import DriverError, InterlockError, OutOfDateError


@dataclass(frozen=True)
class Instrument:
    """An instrument of the lab, as a rule sees it."""

    status: Any
    limits: Any


class Facts:
    """What a run has verified, each with when: a later look may find that it holds no more."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` gives seconds since the run began."""
        self._now = now
        self._since: dict[str, float] = {}

    def set(self, what: str, holds: bool, at: float) -> None:
        """Take note that `what` was seen to hold, or not, `at` seconds since the run began."""
        if holds:
            self._since[what] = at
        else:
            self._since.pop(what, None)

    def hold(self, what: str) -> bool:
        """True if it was verified, and not found otherwise since."""
        return what in self._since

    def age(self, what: str) -> float:
        """Return how long ago (s) it was verified; infinite if it was not."""
        return self._now() - self._since[what] if what in self._since else math.inf


@dataclass(frozen=True)
class Situation:
    """What a rule may look at."""

    action: str
    """Role and method, such as stem.spectrum."""
    arguments: tuple[Any, ...]
    running: bool
    """False before the action begins, True at a tick of it."""
    status: Any
    """What the action's own instrument says of itself now."""
    limits: Any
    """The lab's limits for that instrument."""
    step: Any
    """The protocol's step; it may only be stricter."""
    instrument: Callable[[str], Instrument]
    """What another role's instrument says of itself now, with its limits."""
    facts: Facts
    """What this run has verified."""


class OutOfDate(str):
    """Why an action is refused that another look would let through."""

    __slots__ = ()


Rule = Callable[[Situation], str | None]
"""Returns why the action is refused (value, limit, way out), or None."""


class Monitor:
    """Reads an instrument's status, and says when a reading is too old to be one."""

    def __init__(self, read: Callable[[], Any], clock: Clock, age_max: float) -> None:
        """Read by calling `read`; a reading older than `age_max` seconds is none."""
        self._read = read
        self._clock = clock
        self._age_max = age_max

    def fresh(self, what: str) -> Any:
        """Return a reading taken now.

        Raises:
            InterlockError: the instrument does not answer, or took longer than a reading may age.
        """
        asked = self._clock.now()
        try:
            reading = self._read()
        except DriverError as error:
            raise InterlockError(f"{what}: its state cannot be read: {error}") from error
        age = self._clock.now() - asked
        if age > self._age_max:
            raise InterlockError(
                f"{what}: its state took {age:.3g} s to read, older than the limit of "
                f"{self._age_max:.3g} s; check the link, or raise reading_age_max in the lab file"
            )
        return reading


class Gate:
    """Decides whether an action may begin, and whether it may go on."""

    def __init__(
        self,
        rules: Mapping[str, Sequence[Rule]],
        monitors: Mapping[str, Monitor],
        limits: Mapping[str, Any],
        facts: Facts,
    ) -> None:
        """Take the rules by action (`stem.spectrum`), a monitor and the limits by role."""
        self._rules = rules
        self._monitors = monitors
        self._limits = limits
        self._facts = facts

    def check(self, action: str, arguments: tuple[Any, ...], step: Any, *, running: bool) -> None:
        """Let the action begin or go on.

        Raises:
            InterlockError: it may not; the message says why and what to do.
            OutOfDateError: it may after another look.
        """
        role = action.split(".", 1)[0]
        rules = self._rules.get(action)
        if rules is None:
            raise InterlockError(
                f"{action}: no interlock rule covers it, so it is refused; add rules for it"
            )
        seen: dict[str, Instrument] = {}

        def instrument(role: str) -> Instrument:
            """Return its reading of this moment, which is one for all rules."""
            if role not in seen:
                seen[role] = self._instrument(action, role)
            return seen[role]

        own = instrument(role)
        situation = Situation(
            action,
            arguments,
            running,
            own.status,
            own.limits,
            step,
            instrument,
            self._facts,
        )
        for rule in rules:
            reason = rule(situation)
            if reason is not None:
                kind = OutOfDateError if isinstance(reason, OutOfDate) else InterlockError
                raise kind(f"{action}: {reason}")

    def _instrument(self, action: str, role: str) -> Instrument:
        """Return what a role's instrument says of itself now.

        Raises:
            InterlockError: there is none, it does not answer, or it does not know something.
        """
        monitor = self._monitors.get(role)
        if monitor is None:
            raise InterlockError(
                f"{action}: the lab has no {role} that can be read, and the rules need one; add "
                f"it under instruments"
            )
        status = monitor.fresh(role)
        unknown = list(_unknown(status))
        if unknown:
            raise InterlockError(
                f"{action}: {role} does not know its {', '.join(unknown)} (NaN); an unknown "
                f"reading is a refusal. Check the sensor"
            )
        return Instrument(status, self._limits[role])


def _unknown(status: Any) -> Iterator[str]:
    """Yield the names of readings that are NaN, also of places within the status."""
    for field in fields(status):
        value = getattr(status, field.name)
        if isinstance(value, float):
            if math.isnan(value):
                yield field.name
        elif is_dataclass(value):
            yield from (f"{field.name}.{inner}" for inner in _unknown(value))
