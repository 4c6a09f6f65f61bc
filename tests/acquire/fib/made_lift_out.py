"""The journal of a lift-out made by hand, entry by entry as the procedure writes it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from acquire.fib.lift_out_data import BEGUN, ENDED, MEASURED
from acquire.flags import Flag
from drivers.codec import canonical
from drivers.cryo import CryoStatus
from drivers.fib import BeamPicture, FibSetup, Geometry, Milled, Milling, NeedlePosition, Purpose
from protocols.fib import BeamImage, Rectangle
from protocols.lift_out import ION_CHARGE, STAGES, LiftOut, StageName
from protocols.loader import load_protocol
from tests.acquire.made_run import MadeRun

SETUP = FibSetup(
    ion_species="gallium",
    geometry=Geometry(),
    ion_currents=(1e-11, 1e-10, 3e-9),
    electron_currents=(2.5e-11,),
    ion_voltages=(30e3,),
    electron_voltages=(5e3,),
    largest_field=1e-3,
    ion_spot={"10": 7e-9},
    electron_spot=2e-9,
    overhead=5.0,
    stage_speed=1e-4,
    needle_park=NeedlePosition(0.0, 0.0, 1e-4),
)
WELDS: list[dict[str, Any]] = [
    {
        "joint": joint,
        "area_m2": area,
        "area_sigma_m2": 0.1e-12,
        "gap_m": 0.3e-6,
        "tries": 1,
        "verified": area > 1.5e-12,
    }
    for joint, area in (("needle", 2.1e-12), ("post_front", 1.9e-12), ("post_back", 0.7e-12))
]
RESULT: dict[str, Any] = {
    "stage": "final",
    "success": True,
    "reason": "on the grid, 92 nm thick at the interface (standard error 4 nm)",
    "thickness_m": 92e-9,
    "thickness_sigma_m": 4e-9,
    "interval_m": [84e-9, 100e-9],
    "welds": WELDS,
    "duration_s": 20000.0,
    "ln2_l": 11.5,
    "ice_m": [8e-9, 80e-9],
    "species": {"written": "gallium", "as_stated": "argon", "as_reported": "gallium"},
}


def the_step(**changed: Any) -> LiftOut:
    """Return the published step."""
    (step,) = load_protocol("joule2020/lift-out").steps
    assert isinstance(step, LiftOut)
    return step.model_copy(update=changed)


class MadeLiftOut:
    """Writes a lift-out into a made run."""

    def __init__(self, made: MadeRun, step: LiftOut | None = None, seed: int = 0) -> None:
        self.made = made
        self.step = step or the_step()
        self.draws = np.random.default_rng(seed)
        request = canonical(self.step)
        made.journal.add_entry(0, "step", self.step.kind, request, made.stamp())
        made.do("fib.setup", [], SETUP)

    def begin(self, stage: StageName) -> None:
        self.made.decide(f"stage {stage}", BEGUN)
        self.made.seconds += 600.0

    def end(self, stage: StageName) -> None:
        self.made.seconds += 300.0
        self.made.decide(f"stage {stage}", ENDED)

    def stage(self, stage: StageName) -> None:
        """A stage with images of both beams, two each, and the patterns that it may have."""
        self.begin(stage)
        for _ in range(2):
            self.look("ion")
            self.look("electron")
        self.end(stage)

    def look(self, beam: str, view: BeamImage | None = None, angle: float = 0.0) -> int:
        """An image that is nothing but noise, which compresses worst."""
        taken = view or self.step.views.wide
        shape = (taken.pixels, taken.pixels)
        pixels = self.draws.integers(0, 60000, shape, dtype=np.uint16)
        size = taken.field / taken.pixels
        picture = BeamPicture(pixels, size, "ion" if beam == "ion" else "electron", angle, 1e-12)
        return self.made.do(f"fib.{beam}_image", [taken], picture)

    def measure(self, thickness: float) -> None:
        """An image in which the lamella is measured to 4 nm."""
        self.look("ion", self.step.views.thin)
        self.made.decide("cannot tell the lamella's thickness", "")
        self.made.decide(MEASURED, [0.0, thickness / 2, 4e-9])
        self.made.seconds += 240.0

    def approach(self, levels: Sequence[int]) -> None:
        """Images of the approach in which the lamella's top has these mean counts."""
        self.made.decide("lamella at", [0.0, 0.0])
        self.made.decide("half thickness", self.step.lamella.thickness / 2)
        for number, level in enumerate(levels):
            pixels = np.full((128, 128), level, np.uint16)
            view = self.step.views.near.model_copy(update={"pixels": 128})
            picture = BeamPicture(pixels, view.field / 128, "ion", 0.0, 1e-12)
            self.made.do("fib.ion_image", [view], picture)
            self.made.decide("touches", number == len(levels) - 1)
            self.made.seconds += 20.0

    def mill(self, purpose: Purpose, charge: float, current: float = 1e-10) -> int:
        pattern = Rectangle(x=0.0, y=0.0, width=1e-6, height=1e-6)
        job = Milling(purpose, (pattern,), current, 30e3, charge)
        entry = self.made.do("fib.mill", [job], Milled(charge, charge / current))
        stamp = self.made.stamp()
        self.made.journal.add_attempt(entry, 0, "[]", 0.0, [], stamp)
        self.made.journal.settle(entry, 0, charge, [[ION_CHARGE, charge, None]])
        return entry

    def weld(self, found: dict[str, Any] | None) -> None:
        """A joint that is looked at, filled and looked at again: with what was found, if it was."""
        self.made.decide("charge", 3e-8)
        self.look("ion", self.step.views.near)
        self.mill("weld", 3e-8)
        if found is not None:
            self.look("ion", self.step.views.near)
            self.made.decide(f"weld {found['joint']}", found)

    def cold(self, kelvin: float, used: float = 5e-3) -> None:
        status = CryoStatus(kelvin, 0.0, kelvin + 8, kelvin - 5, 88.15, 9e3, used, False)
        self.made.do("cryo.status", [], status)
        self.made.seconds += 600.0

    def ask(self, text: str, answer: str | None) -> None:
        stamp = self.made.stamp()
        entry = self.made.journal.add_entry(0, "ask", text, '["go on","stop"]', stamp)
        choices = ["go on", "stop"]
        number = self.made.journal.add_question(
            entry, "procedure", text, choices, "stop", stamp.utc
        )
        if answer is not None:
            self.made.journal.answer(number, answer, "ada", stamp.utc)

    def cool(self) -> None:
        self.begin("cool")
        for minute in range(0, 100, 10):
            self.cold(88.15 + 205 * math.exp(-minute / 17))
        self.end("cool")

    def whole(self) -> None:
        """Every stage, with all that is measured."""
        self.cool()
        for stage in STAGES[1:]:
            if stage == "contact":
                self.begin(stage)
                self.approach([200, 202, 199, 201, 260, 262])
                self.end(stage)
            elif stage in ("weld", "weld_grid"):
                self.begin(stage)
                for joint in WELDS[:1] if stage == "weld" else WELDS[1:]:
                    self.weld(joint)
                self.end(stage)
            elif stage in ("thin", "polish"):
                self.begin(stage)
                rounds = (0.9e-6, 0.5e-6, 0.3e-6) if stage == "thin" else (180e-9, 92e-9)
                for thickness in rounds:
                    self.mill(stage, 1e-8)
                    self.measure(thickness)
                self.end(stage)
            else:
                self.stage(stage)
            self.cold(88.2)

    def flag(self, flag: Flag) -> None:
        stamp = self.made.stamp()
        raised = {"action": 1, "index": flag.index, "time_utc": stamp.utc}
        value = {"flag": json.loads(canonical(asdict(flag))), "raised_at": raised, "policy": "note"}
        name = f"{flag.kind} {flag.of}"
        self.made.journal.add_entry(0, "flag", name, "null", stamp, json.dumps(value))

    def result(self, **changed: Any) -> None:
        text = json.dumps({"result": {**RESULT, **changed}, "ended_by": None})
        self.made.journal.add_entry(0, "result", "result", "null", self.made.stamp(), text)

    def close(self, state: str = "finished", reason: str = "every step is done") -> Path:
        return self.made.close(state, reason)
