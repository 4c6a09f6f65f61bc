"""How stage and needle of a simulated FIB move, and what they do to each other on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import astuple, replace

from drivers.errors import ReadbackError
from drivers.fib import NeedlePosition, StagePosition
from simulators.fib.chamber import Chamber
from simulators.fib.faults import MoveEarly, SilentClamp, StageStall, at
from simulators.fib.fib_world import Event
from simulators.fib.motion import STAGE_SETTLES, STAGE_SPEED, TILT_SPEED, Needle

NEEDLE_SPEED, NEEDLE_SETTLES = 20e-6, 0.5
"""m/s and s; ours."""
NEEDLE_LOOKS = 0.1e-6
"""m between two looks at what the needle touches."""
INSERTS_IN = 20.0
"""s; ours."""
STAGE_TOLERANCE, NEEDLE_TOLERANCE = 50e-9, 10e-9
"""m by which encoders may differ from the target."""
TURNS = math.radians(2)
"""rad of a tilt or rotation that is too much with the needle in; ours."""


class Moves:
    """The motors of stage and needle."""

    def __init__(self, chamber: Chamber, answer: Callable[[], float]) -> None:
        """Move what is in the chamber; `answer` is the link."""
        self._chamber, self._answer, self._world = chamber, answer, chamber.world
        self.needle_moving = False

    def stage(self, to: StagePosition) -> Generator[None, None, StagePosition]:
        """Move the stage, in slices."""
        self._answer()
        chamber = self._chamber
        begin, goal = chamber.stage.read, self._goal(to)
        if begin == goal == to:
            return goal
        self._note_needle(begin, goal)
        seconds, late = _duration(begin, goal), 0.0
        if early := at(chamber.faults, MoveEarly, self._world.now()):
            late = early.by
        until = round(self._world.now() + seconds + late, 6)
        chamber.stage = replace(chamber.stage, set_out=begin, pending=goal, moving_until=until)
        chamber.save()
        slices = self._slices(seconds)
        try:
            for index in range(1, slices + 1):
                self._world.wait_until(self._world.now() + seconds / slices)
                self._answer()
                if chamber.stage.pending is not None:
                    done = index / slices * seconds / (seconds + late)
                    self._pass(_between(begin, goal, done))
                yield
        except GeneratorExit:
            self._stop()
            raise
        if late:
            return to
        yield from self._wait(STAGE_SETTLES)
        return self._read_back(to)

    def _goal(self, to: StagePosition) -> StagePosition:
        """Return where the stage really goes."""
        t, begin = self._world.now(), self._chamber.stage.read
        if clamp := at(self._chamber.faults, SilentClamp, t):
            most = clamp.at_most
            to = replace(to, x=max(-most, min(most, to.x)), y=max(-most, min(most, to.y)))
        if at(self._chamber.faults, StageStall, t):
            to = _between(begin, to, 0.5)
        return to

    def _pass(self, place: StagePosition) -> None:
        """Be on the way."""
        chamber = self._chamber
        chamber.stage = replace(chamber.stage, read=place)
        events = chamber.meet()
        if events:
            chamber.save(*events)

    def _stop(self) -> None:
        """Stop where it is."""
        chamber, t = self._chamber, self._world.now()
        if chamber.stage.pending is not None:
            chamber.stage = replace(chamber.stage, pending=chamber.stage.read, moving_until=t)
            chamber.live()

    def _note_needle(self, begin: StagePosition, goal: StagePosition) -> None:
        """Bend a needle that is in while the stage tilts or turns."""
        chamber = self._chamber
        turn = max(abs(goal.t - begin.t), abs(goal.r - begin.r))
        if not chamber.needle.inserted or turn < TURNS:
            return
        chamber.bend(5e-6)
        events = [chamber.unsafe("stage tilted or turned with the needle in")]
        if chamber.solid.held == "needle":
            chamber.lose()
            events.append(Event("lamella", self._world.now(), note="lost while the stage turned"))
        chamber.save(*events)

    def _read_back(self, to: StagePosition) -> StagePosition:
        read = self._chamber.stage.read
        off = math.dist((read.x, read.y, read.z), (to.x, to.y, to.z))
        if off > STAGE_TOLERANCE or abs(read.t - to.t) > 1e-4 or abs(read.r - to.r) > 1e-4:
            raise ReadbackError(
                f"fib: the stage is at x {read.x:g}, y {read.y:g}, z {read.z:g} m, tilt "
                f"{read.t:g} rad, not where it was sent; look whether it stalls, then move again"
            )
        return read

    def insert(self) -> Generator[None, None, NeedlePosition]:
        """Bring the needle in."""
        self._answer()
        if not self._chamber.needle.inserted:
            with self._needle_moves():
                yield from self._wait(INSERTS_IN)
                self._chamber.needle = replace(
                    self._chamber.motion.inserted(self._world.now()),
                    bent=self._chamber.needle.bent,
                )
                self._chamber.save(
                    Event("needle", self._world.now(), note="inserted"), *self._chamber.meet()
                )
        return self._chamber.needle.read

    def retract(self) -> Generator[None, None, None]:
        """Take the needle out."""
        self._answer()
        chamber = self._chamber
        if chamber.needle.inserted:
            with self._needle_moves():
                yield from self._wait(INSERTS_IN)
                events = [Event("needle", self._world.now(), note="retracted")]
                if chamber.welded:
                    held = chamber.solid.held
                    events.append(chamber.unsafe(f"needle retracted with a lamella on it ({held})"))
                    chamber.let_go() if held != "needle" else chamber.lose()
                chamber.needle = Needle(bent=chamber.needle.bent)
                chamber.save(*events)

    def to(self, to: NeedlePosition) -> Generator[None, None, NeedlePosition]:
        """Move the needle in a straight line, in slices."""
        self._answer()
        if not self._chamber.needle.inserted:
            raise ReadbackError("fib: the needle is out and does not move; insert it first")
        begin = self._chamber.needle.read
        way = begin.to(to)
        seconds = way / NEEDLE_SPEED
        slices = self._slices(seconds)
        with self._needle_moves():
            for index in range(1, slices + 1):
                self._world.wait_until(self._world.now() + seconds / slices)
                self._answer()
                self._needle_step(begin, to, (index - 1) / slices, index / slices)
                yield
            yield from self._wait(NEEDLE_SETTLES)
        read = self._chamber.needle.read
        if read.to(to) > NEEDLE_TOLERANCE:
            raise ReadbackError(
                f"fib: the needle is at ({read.x:g}, {read.y:g}, {read.z:g}) m, not where it was "
                "sent: it met resistance; look at it in both beams before it moves again"
            )
        return read

    def _needle_step(
        self, begin: NeedlePosition, to: NeedlePosition, done: float, until: float
    ) -> None:
        """Move a part of the way, and look at every little step what the tip touches."""
        chamber, t = self._chamber, self._world.now()
        looks = max(1, min(200, math.ceil(begin.to(to) * (until - done) / NEEDLE_LOOKS)))
        events = []
        for look in range(1, looks + 1):
            share = done + (until - done) * look / looks
            place = NeedlePosition(
                *(
                    a + (b - a) * share
                    for a, b in ((begin.x, to.x), (begin.y, to.y), (begin.z, to.z))
                )
            )
            chamber.needle = chamber.motion.steered(chamber.needle, place if share < 1 else to)
            events += chamber.meet()
        read = chamber.needle.read
        chamber.save(Event("needle", t, note=f"{read.x!r} {read.y!r} {read.z!r}"), *events)

    @contextmanager
    def _needle_moves(self) -> Iterator[None]:
        self.needle_moving = True
        try:
            yield
        finally:
            self.needle_moving = False

    def _slices(self, seconds: float) -> int:
        return max(1, math.ceil(seconds / self._world.longest(seconds) - 1e-9))

    def _wait(self, seconds: float) -> Generator[None, None, None]:
        slices = self._slices(seconds)
        for _ in range(slices):
            self._world.wait_until(self._world.now() + seconds / slices)
            self._answer()
            yield


def _duration(a: StagePosition, b: StagePosition) -> float:
    """Return the seconds that a stage move takes."""
    way = math.dist((a.x, a.y, a.z), (b.x, b.y, b.z))
    return way / STAGE_SPEED + max(abs(b.t - a.t), abs(b.r - a.r)) / TILT_SPEED


def _between(a: StagePosition, b: StagePosition, share: float) -> StagePosition:
    if share >= 1:
        return b
    return StagePosition(
        *(p + (q - p) * share for p, q in zip(astuple(a), astuple(b), strict=True))
    )
