"""The interlock gate: deny by default, before an action and at every tick of it.

A rule says of one thing why it would be unsafe now, with the value, the limit and the way out. An
action that no rules cover is refused. The gate refuses; it never reroutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from drivers.clock import Clock
from drivers.errors import DriverError, InterlockError


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
    ) -> None:
        """Take the rules by action (`stem.spectrum`), a monitor and the limits by role."""
        self._rules = rules
        self._monitors = monitors
        self._limits = limits

    def check(self, action: str, arguments: tuple[Any, ...], step: Any, *, running: bool) -> None:
        """Let the action begin or go on.

        Raises:
            InterlockError: it may not; the message says why and what to do.
        """
        role = action.split(".", 1)[0]
        rules = self._rules.get(action)
        if rules is None:
            raise InterlockError(
                f"{action}: no interlock rule covers it, so it is refused; add rules for it"
            )
        status = self._monitors[role].fresh(role)
        situation = Situation(action, arguments, running, status, self._limits[role], step)
        unknown = [
            field.name
            for field in fields(status)
            if isinstance(value := getattr(status, field.name), float) and math.isnan(value)
        ]
        if unknown:
            raise InterlockError(
                f"{action}: {role} does not know its {', '.join(unknown)} (NaN); an unknown "
                f"reading is a refusal. Check the sensor"
            )
        for rule in rules:
            reason = rule(situation)
            if reason is not None:
                raise InterlockError(f"{action}: {reason}")
