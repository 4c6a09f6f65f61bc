"""A small instrument with a meter, for tests of the run itself.

It keeps its truth in a plain file, so that it outlives a process that is killed.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from drivers.action import Remainder, Spend, action
from drivers.clock import Clock, JumpingClock
from drivers.errors import DriverError, InstrumentFaultError
from drivers.lab import DriverSpec, Identity, Lab, NoSettings, OpenRequest
from drivers.open_lab import OpenLab
from protocols.model import Step, Written


@dataclass(frozen=True)
class Reading:
    values: npt.NDArray[Any]


@dataclass(frozen=True)
class Total:
    counts: int
    seconds: float


@dataclass(frozen=True)
class ToyStatus:
    pressure: float
    door_closed: bool


class ToyLimits(Written):
    reading_age_max: float = 2.0


class ToyStep(Step):
    kind: str = "toy"
    exposures: int = 20
    allowed: float = Field(default=1e9)

    @property
    def budgets(self) -> dict[str, float]:
        return {"exposure_s": self.allowed}


def _rest(arguments: tuple[Any, ...], spent: float) -> tuple[Any, ...] | None:
    where, seconds = arguments
    return (where, seconds - spent) if seconds - spent > 1e-9 else None


def _whole(
    arguments: tuple[Any, ...], kept: Sequence[Reading], rest: Total | None, spent: float
) -> Total:
    counts = sum(int(block.values.sum()) for block in kept) + (rest.counts if rest else 0)
    return Total(counts, spent + (rest.seconds if rest else 0.0))


class Toy:
    """One instrument; `truth` counts the seconds that each place was exposed."""

    def __init__(self, clock: Clock, path: Path | None = None, metered: bool = True) -> None:
        self.clock = clock
        self.path = path
        self.metered = metered
        self.truth: dict[str, float] = {}
        if path is not None and path.exists():
            self.truth = json.loads(path.read_text())
        self.calls: list[str] = []
        self.on = False
        self.door_closed = True
        self.pressure = 1.0
        self.fail_at: int | None = None
        self.settings: list[float] = []

    def identity(self) -> Identity:
        return Identity("toy", "toy", "1", simulated=True)

    def status(self) -> ToyStatus:
        return ToyStatus(self.pressure, self.door_closed)

    def meter(self) -> float | None:
        return sum(self.truth.values()) if self.metered else None

    def safe(self) -> None:
        self.on = False

    def close(self) -> None:
        self.safe()

    def read(self) -> float:
        self.calls.append("read")
        return 4.5

    @action()
    def nothing(self) -> None:
        """Do nothing at all."""

    @action(setting=True)
    def set_level(self, level: float) -> None:
        self.settings.append(level)

    @action(
        irreversible=True,
        spends=lambda where, seconds: (Spend("exposure_s", seconds),),
        spent=lambda advance, where, seconds: (Spend("exposure_s", advance),),
        meter="meter",
        on_interrupt="remaining",
        remainder=Remainder(_rest, _whole),
    )
    def expose(self, where: str, seconds: float) -> Generator[Reading, None, Total]:
        self.calls.append(f"expose {where} {seconds:g}")
        counts, done = 0, 0.0
        self.on = True
        try:
            while done < seconds - 1e-9:
                if self.fail_at is not None and len(self.calls) == self.fail_at:
                    self.fail_at = None
                    raise InstrumentFaultError("the lamp went out; change it")
                step = min(1.0, seconds - done)
                self.clock.sleep(step)
                done += step
                self._add(where, step)
                value = sum(map(ord, where)) % 7 + 1
                counts += value
                yield Reading(np.array([value], np.uint16))
        finally:
            self.on = False
        return Total(counts, done)

    @action()
    def stream(self, blocks: int, size: int) -> Generator[Reading, None, int]:
        values = np.arange(size, dtype=np.float64)
        for _ in range(blocks):
            yield Reading(values)
        return blocks

    def _add(self, where: str, seconds: float) -> None:
        self.truth[where] = self.truth.get(where, 0.0) + seconds
        if self.path is not None:
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(self.truth))
            part.replace(self.path)


def door(situation: Any) -> str | None:
    return None if situation.status.door_closed else "the door is open; close it"


TOY_RULES = {f"toy.{name}": (door,) for name in ("expose", "nothing", "stream", "set_level")}


def _open(request: OpenRequest) -> Any:
    return Toy(request.clock)


SPEC = DriverSpec("toy", "a toy", NoSettings, ToyLimits, _open, simulated=True)


def toy_lab(toy: Toy) -> OpenLab:
    lab = Lab("toys", "jumping", ())
    return OpenLab(lab, toy.clock, {"toy": toy}, {"toy": ToyLimits()})


__all__ = ["TOY_RULES", "DriverError", "JumpingClock", "Toy", "ToyStep", "toy_lab"]
