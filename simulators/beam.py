"""The electron beam of a simulated microscope: on, off, and what it does when nobody steers it.

An exposure is timed by the instrument itself. When the process or the link goes away, it ends by
its own timer and the electrons have reached the specimen all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.errors import ReadbackError
from protocols.units import ELEMENTARY_CHARGE
from simulators.faults import BlankerStuck, Scheduled, active, seconds_open
from simulators.world import Effect, Place, World

PROCESS_GONE = "process gone, ended by its own timer"
LINK_GONE = "link gone, ended by its own timer"
NOT_READ = "blanked early, counts not read"
STUCK = "the blanker is stuck"
_SAME_TIME = 2e-6
"""Seconds; world times are in whole microseconds."""


@dataclass
class Exposure:
    """An exposure under way."""

    number: int
    key: str
    begin: float
    """World time, s."""
    seconds: float
    """As asked for."""
    current: float
    """A."""
    place: Place
    done: float = 0.0
    """Seconds whose electrons are in the ledger."""
    left_alone: str = ""
    """Why nobody steers it; empty while somebody does."""
    stuck: bool = False

    @property
    def end(self) -> float:
        """World time at which its own timer blanks the beam, s."""
        return math.inf if self.stuck else round(self.begin + self.seconds, 6)


class Beam:
    """The beam between gun and specimen."""

    def __init__(self, world: World, faults: Sequence[Scheduled]) -> None:
        """Take up the beam; an exposure that a process left is lived through first."""
        self._world = world
        self._faults = faults
        self.running: Exposure | None = None
        effects = world.unfinished()
        if effects:
            self.running = _left(effects)
            if not self.running.stuck:
                world.live_until(self.running.end)
            self.catch_up()

    def on(self, action: str, key: str, seconds: float, current: float, place: Place) -> Exposure:
        """Unblank the beam for an exposure of `seconds`, as part of `action`.

        Raises:
            ReadbackError: the beam is still on elsewhere and cannot be blanked.
        """
        self.off()
        exposure = Exposure(
            self._world.begun() + 1, key, self._world.now(), seconds, current, place
        )
        self._commit(exposure, "unblank", exposure.begin, seconds, note=action)
        self.running = exposure
        return exposure

    def flow(self, elapsed: float, note: str = "") -> float:
        """Let the running exposure reach `elapsed` seconds; return the electrons since the last.

        Electrons arrive only while the column valve is open.
        """
        exposure = self.running
        if exposure is None or elapsed <= exposure.done:
            return 0.0
        seconds = elapsed - exposure.done
        start, end = exposure.begin + exposure.done, exposure.begin + elapsed
        if end == start:  # less than the clock of a world that has lived for long can tell
            return 0.0
        share = seconds_open(self._faults, start, end) / (end - start)
        electrons = exposure.current * seconds * share / ELEMENTARY_CHARGE
        self._commit(exposure, "electrons", end, seconds, electrons, note)
        exposure.done = elapsed
        return electrons

    def leave_alone(self) -> None:
        """Note that the link is gone: the exposure goes on by its own timer."""
        if self.running is not None:
            self.running.left_alone = self.running.left_alone or LINK_GONE

    def catch_up(self) -> None:
        """Live through what the beam did since it was last looked at, if nobody steered it."""
        exposure = self.running
        if exposure is None or not (exposure.left_alone or exposure.stuck):
            return
        over = self._world.now() >= exposure.end
        elapsed = exposure.seconds if over else self._world.now() - exposure.begin
        self.flow(elapsed, STUCK if exposure.stuck else exposure.left_alone)
        if over:
            self._blank(exposure)

    def off(self) -> None:
        """Blank the beam; may be repeated.

        Raises:
            ReadbackError: the beam is still on.
        """
        self.end()
        if self.running is not None:
            raise ReadbackError(
                "stem: the beam was blanked, but reads back as on; close the column valve at the "
                "console, and do not go on before the blanker has been seen to"
            )

    def end(self) -> None:
        """Blank the beam and do not read back: what an instrument does at the end of a dwell."""
        self.catch_up()
        exposure = self.running
        if exposure is None:
            return
        elapsed = min(self._world.now(), exposure.end) - exposure.begin
        if elapsed > exposure.done + _SAME_TIME:
            self.flow(elapsed, STUCK if exposure.stuck else NOT_READ)
        self._blank(exposure)

    def _blank(self, exposure: Exposure) -> None:
        t = round(exposure.begin + exposure.done, 6)
        if not active(self._faults, BlankerStuck, t):
            self._commit(exposure, "blank", t)
            self.running = None
        elif not exposure.stuck:
            self._commit(exposure, "stuck", t)
            exposure.stuck = True
            self.catch_up()

    def _commit(
        self,
        exposure: Exposure,
        kind: str,
        t: float,
        seconds: float = 0.0,
        electrons: float = 0.0,
        note: str = "",
    ) -> None:
        self._world.commit(
            Effect(
                exposure.number,
                exposure.key,
                kind,
                round(t, 6),
                seconds,
                electrons,
                exposure.current,
                exposure.place,
                note,
            )
        )


def _left(effects: Sequence[Effect]) -> Exposure:
    """Return the exposure that a process left running."""
    first = effects[0]
    return Exposure(
        first.exposure,
        first.key,
        first.t,
        first.seconds,
        first.current,
        first.place,
        math.fsum(effect.seconds for effect in effects if effect.kind == "electrons"),
        PROCESS_GONE,
        any(effect.kind == "stuck" for effect in effects),
    )
