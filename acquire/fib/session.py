"""What the stages of a lift-out share: instruments, where things were last seen, what was found."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from acquire.endings import RunStopped
from acquire.fib.measured import Measured, first_refusal
from acquire.fib.views import more
from acquire.run import Run
from drivers.cryo import Cryo
from drivers.fib import BeamPicture, Fib, FibSetup, NeedlePosition, StagePosition
from protocols.fib import BeamImage, StagePlace
from protocols.lift_out import LiftOut

T = TypeVar("T")


@dataclass
class Places:
    """Where things were last seen, against where the frame has them (m)."""

    u: float = 0.0
    """Of the lamella in the ion image at the present tilt."""
    v: float = 0.0
    z: float = 0.0
    """Height of the free surface as both beams saw it last; 0 where the survey left it."""
    stage: StagePlace = field(default_factory=lambda: StagePlace(x=0.0, y=0.0))
    """The saved place where the stage is, with what was corrected since."""
    needle: NeedlePosition = field(default_factory=lambda: NeedlePosition(0.0, 0.0, 0.0))
    """Of the needle's tip as seen in both images, against its encoders."""
    reference: BeamPicture | None = None
    """The ion image at this tilt in which the lamella was at `reference_u`, `reference_v`."""
    reference_u: float = 0.0
    reference_v: float = 0.0
    half: float = 0.0
    """Half of the lamella's thickness as it stands."""
    stood_at: float = 0.0
    """When the image was begun in which it last stood still, s since the run began."""


@dataclass
class Retries:
    """What was milled or looked at again because a first try was not enough: no plan has it."""

    count: int = 0
    """Of patterns."""
    charge: float = 0.0
    """Of them, C."""
    seconds: float = 0.0
    """Of them, of beam."""
    ion_dose: float = 0.0
    """Of images with more frames, C/m²."""


@dataclass
class Session:
    """A lift-out under way."""

    step: LiftOut
    fib: Fib
    cryo: Cryo
    run: Run
    setup: FibSetup
    places: Places = field(default_factory=Places)
    stage: str = "cool"
    """The stage under way, or the last one done."""
    welds: list[dict[str, Any]] = field(default_factory=list)
    temperatures: list[dict[str, float]] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    """What the result says beside these, by key."""
    misplaced: dict[tuple[str, bool], float] = field(default_factory=dict)
    """How much too far out slices of a purpose end on the front (True) or back face where nothing
    is done about it, m; learned from each slice."""
    retries: Retries = field(default_factory=Retries)
    over_tilt: float = 0.0
    """By which the stage is tilted over towards a face that is thinned, rad."""
    doubts: list[str] = field(default_factory=list)
    """Why success is not claimed, each in words."""

    # -- looking ------------------------------------------------------------------------------

    def ion(self, view: BeamImage, frames: int = 1) -> BeamPicture:
        """Take an ion image with `frames` times the frames of `view`."""
        wanted = more(view, frames)
        if frames > 1:
            self.retries.ion_dose += wanted.charge / wanted.field**2
        return self.run.do(self.fib.ion_image, wanted)

    def electron(self, view: BeamImage, frames: int = 1) -> BeamPicture:
        """Take an electron image likewise, with the electron beam's own current."""
        current = {"current": self.step.electrons.current}
        return self.run.do(self.fib.electron_image, more(view, frames).model_copy(update=current))

    def known(
        self,
        what: str,
        look: Callable[[int], T],
        needed: Callable[[T], Iterable[Measured]],
        tries: int = 3,
    ) -> T:
        """Return what `look` measures, taken again with more frames where it refuses, then asked.

        Raises:
            RunStopped: it cannot be measured, and the operator says stop.
        """
        while True:
            for attempt in range(tries):
                found = look(2**attempt)
                why = self.decide(f"cannot tell {what}", first_refusal(needed(found)) or "")
                if not why:
                    return found
            self.ask(f"{what} cannot be told from the image: {why}", ("look again", "stop"))

    def decide(self, name: str, value: T) -> T:
        """Journal a value that steers the procedure, as plain Python numbers."""
        plain: T = self.run.decide(name, _plain(value))
        return plain

    # -- asking -------------------------------------------------------------------------------

    def ask(self, question: str, choices: tuple[str, ...] = ("go on", "stop")) -> str:
        """Return the operator's answer; `stop`, the safe one, ends the run.

        Raises:
            RunStopped: the answer is stop.
        """
        # its figures are the analysis's: the journal's words are asked again, whatever it gives now
        question = self.decide("question", question)
        said = self.run.ask(f"{self.stage}: {question}", choices, "stop")
        if said == "stop":
            raise RunStopped(f"stopped at {self.stage}: {question}")
        return said

    # -- moving -------------------------------------------------------------------------------

    def go(self, place: StagePlace, tilt: float) -> None:
        """Bring the stage to a saved place at a tilt; what was seen elsewhere no longer counts."""
        self.places.stage = place
        self.places.u = self.places.v = 0.0
        self.tilt(tilt)

    def tilt(self, tilt: float) -> None:
        """Bring the stage to a tilt where it is."""
        at = self.places.stage
        self.run.verified("aligned", False)
        self.places.reference = None
        self.places.z = 0.0
        self.run.do(self.fib.move_stage, StagePosition(at.x, at.y, at.z, at.r, tilt))

    def shift(self, tilt: float, *, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
        """Move the specimen by x, y, z (m) in the frame: the stage's place is what is looked at."""
        at = self.places.stage
        moved = {"x": at.x - x, "y": at.y - y, "z": at.z + z}
        self.places.stage = self.decide("stage", at.model_copy(update=moved))
        self.tilt(tilt)

    def needle(self, x: float, y: float, z: float) -> NeedlePosition:
        """Bring the tip to a place of the frame, as it is seen; far moves go in steps.

        Returns where the encoders then say that it is.
        """
        error = self.places.needle
        return self.needle_encoders(NeedlePosition(x - error.x, y - error.y, z - error.z))

    def needle_encoders(self, to: NeedlePosition, step: float = 25e-6) -> NeedlePosition:
        """Bring the tip to where its encoders read `to`, in steps of at most `step`."""
        here = self.run.do(self.fib.status).needle
        parts = max(1, math.ceil(here.to(to) / step - 1e-9))
        now = here
        for part in range(1, parts + 1):
            share = part / parts
            target = NeedlePosition(
                here.x + (to.x - here.x) * share,
                here.y + (to.y - here.y) * share,
                here.z + (to.z - here.z) * share,
            )
            now = self.run.do(self.fib.move_needle, target, now.to(target))
        return now

    def needle_by(
        self, *, x: float = 0.0, y: float = 0.0, z: float = 0.0, step: float = 25e-6
    ) -> NeedlePosition:
        """Move the tip by x, y, z (m) in steps of at most `step`."""
        here = self.run.do(self.fib.status).needle
        return self.needle_encoders(NeedlePosition(here.x + x, here.y + y, here.z + z), step)


def _plain(value: Any) -> Any:
    """Return numbers of NumPy as Python's own, within tuples and dicts too."""
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value.item() if hasattr(value, "item") else value
