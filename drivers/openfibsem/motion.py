"""Stage and needle of a FIB-SEM behind OpenFIBSEM: checked, moved, read back."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import astuple, fields
from functools import partial
from typing import Any

from drivers.errors import LimitError, ReadbackError
from drivers.fib import NeedlePosition, StagePosition
from drivers.openfibsem import vendor
from drivers.openfibsem.convert import Shuttle, VendorStage, mirrored
from drivers.openfibsem.settings import OpenFibsemSettings
from drivers.openfibsem.worker import Worker

MOVE_STAGE = "move the stage"
MOVE_NEEDLE = "move the needle"
SAME_ROTATION = math.radians(0.05)
"""Below this the stage does not rotate, and need not be flat."""


class Motion:
    """What moves."""

    def __init__(
        self, microscope: Any, settings: OpenFibsemSettings, worker: Worker, reach: float
    ) -> None:
        """`reach`: largest distance (m) of a needle target from the origin along each axis."""
        self._microscope = microscope
        self._settings = settings
        self._worker = worker
        self._reach = reach
        self._shuttle: Shuttle = vendor.shuttle_of(microscope, settings)
        self._range = vendor.stage_limits(microscope)
        self._origin = microscope._get_saved_manipulator_position("EUCENTRIC")
        self._park = microscope._get_saved_manipulator_position("PARK")

    def stage(self) -> StagePosition:
        """Return where the stage is; its tilt is NaN where the shuttle's lean is not known."""
        return self.both()[0]

    def both(self) -> tuple[StagePosition, NeedlePosition]:
        """Return where stage and needle are, the needle's park when it is out."""
        raw = vendor.stage_of(self._microscope)
        at = self._shuttle.from_vendor(raw, turning=self._worker.busy == MOVE_STAGE)
        needle = self._park
        if self.inserted():
            needle = self._microscope.get_manipulator_position()
        return at, self._ours(needle, raw.t - at.t)

    def move_stage(self, to: StagePosition) -> Generator[None, None, StagePosition]:
        """Tilt flat and rotate, if it rotates; then the rest. A move that began arrives.

        Raises:
            LimitError: NaN, or outside the stage's range; nothing has moved.
            ReadbackError: it is not where it was sent.
        """
        target = self._checked_stage(to)
        here = vendor.stage_of(self._microscope)
        whole = dict(zip("xyzrt", astuple(target), strict=True))
        legs: list[dict[str, float]] = [whole]
        if abs(math.remainder(target.r - here.r, 2 * math.pi)) > SAME_ROTATION:
            legs = [{"t": 0.0}, {"r": target.r}, whole]
        for leg in legs:
            move = partial(self._microscope.move_stage_absolute, vendor.stage_target(**leg))
            yield from self._worker.run(MOVE_STAGE, move)
        self._check_arrived(target)
        return self.stage()

    def inserted(self) -> bool:
        """True while the needle is in."""
        return bool(self._microscope.get_manipulator_state())

    def park(self) -> NeedlePosition:
        """Return where `insert` brings the needle, at the present tilt of the shuttle."""
        return self._ours(self._park, self._lean())

    def needle(self) -> NeedlePosition:
        """Return where the needle is; its park when it is out."""
        return self.both()[1]

    def insert(self) -> Generator[None, None, NeedlePosition]:
        """Bring the needle to its saved park position; in 0.5.3 no other name is honoured."""
        if not self.inserted():
            yield from self._worker.run(
                "insert the needle", lambda: self._microscope.insert_manipulator("PARK")
            )
        if not self.inserted():
            raise ReadbackError("the needle was inserted, but the microscope says that it is out")
        return self.needle()

    def retract(self) -> Generator[None, None, None]:
        """Take the needle out."""
        if self.inserted():
            yield from self._worker.run("retract the needle", self._microscope.retract_manipulator)
        if self.inserted():
            raise ReadbackError("the needle was retracted, but the microscope says that it is in")

    def move_needle(self, to: NeedlePosition, way: float) -> Generator[None, None, NeedlePosition]:
        """Move the needle in a straight line.

        Raises:
            LimitError: NaN, out of reach, or the needle is out; nothing has moved.
            ReadbackError: it is not where it was sent.
        """
        self._check_needle(to, way)
        x, y, z = mirrored(to.x, to.y, to.z, self._lean())
        now, origin = self._microscope.get_manipulator_position(), self._origin
        target = vendor.needle_target(x + origin.x, y + origin.y, z + origin.z, now)
        yield from self._worker.run(
            MOVE_NEEDLE, lambda: self._microscope.move_manipulator_absolute(target)
        )
        there = self.needle()
        if not there.to(to) <= self._settings.needle_tolerance:
            raise ReadbackError(
                f"the needle is {there.to(to) * 1e6:.3g} um from where it was sent; look at it "
                f"in both beams before it moves again"
            )
        return there

    def _lean(self) -> float:
        """Return stage tilt less specimen tilt now, rad; NaN where it is not known."""
        at = vendor.stage_of(self._microscope)
        return at.t - self._shuttle.from_vendor(at).t

    def _ours(self, raw: Any, lean: float) -> NeedlePosition:
        origin = self._origin
        x, y, z = (vendor.number(getattr(raw, a)) - getattr(origin, a) for a in "xyz")
        return NeedlePosition(*mirrored(x, y, z, lean))

    def _check_needle(self, to: NeedlePosition, way: float) -> None:
        if not self.inserted():
            raise LimitError(
                "the needle is out, and fibsem would move it all the same; insert_needle first"
            )
        if not all(abs(value) <= self._reach for value in (to.x, to.y, to.z)):
            place = ", ".join(f"{value * 1e6:.4g}" for value in (to.x, to.y, to.z))
            raise LimitError(
                f"needle to ({place}) um is out of reach: {self._reach * 1e6:.4g} um along each "
                f"axis"
            )
        if not 0 <= way < math.inf:
            raise LimitError(f"a way of {way} m is no length")

    def _checked_stage(self, to: StagePosition) -> VendorStage:
        """Return the target as fibsem has it."""
        if not all(math.isfinite(value) for value in astuple(to)):
            raise LimitError(f"stage to {to}: each axis needs a finite number")
        target = self._shuttle.to_vendor(to)
        for field in fields(target):
            value = getattr(target, field.name)
            low, high = self._range.get(field.name, (-math.inf, math.inf))
            if not low <= value <= high:
                unit, turn = ("deg", math.degrees) if field.name in "rt" else ("m", float)
                raise LimitError(
                    f"stage {field.name} of {turn(value):.4g} {unit} is outside the stage's "
                    f"{turn(low):.4g} to {turn(high):.4g} {unit}"
                    + (" (shuttle pre-tilt included)" if field.name == "t" else "")
                )
        return target

    def _check_arrived(self, target: VendorStage) -> None:
        at, settings = vendor.stage_of(self._microscope), self._settings
        way = math.dist((at.x, at.y, at.z), (target.x, target.y, target.z))
        turn = max(abs(math.remainder(at.r - target.r, 2 * math.pi)), abs(at.t - target.t))
        if not (way <= settings.stage_tolerance and turn <= settings.angle_tolerance):
            raise ReadbackError(
                f"the stage is {way * 1e6:.3g} um and {math.degrees(turn):.3g} deg from where it "
                f"was sent; home it, and check that nothing touches"
            )
