"""What really happened in a simulated STEM's world: read-only, for scoring; not for drivers."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.ledger import Deed, Ledger
from simulators.beam import LINK_GONE, PROCESS_GONE
from simulators.hidden import STAGE, Hidden, Stage, hidden_of
from simulators.world import Effect, Place, read_ledger, read_state

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Exposed:
    """One exposure as it really was."""

    number: int
    key: str
    """The same for the same place (and kind of exposure), whatever the dwell."""
    begin: float
    """World time, s."""
    asked: float
    """Dwell that it began with, s."""
    seconds: float
    """Seconds that the beam was on."""
    electrons: float
    current: float
    """A."""
    place: Place
    """In the frame."""
    by_its_own_timer: bool
    """True if nobody steered it to its end: the process or the link was gone."""
    blanked: bool
    """False while the beam is on."""
    action: str
    """image or spectrum."""


@contextmanager
def _reading(world: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{world.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        yield db


def ledger(world: Path) -> list[Effect]:
    """Return every physical effect in a world's file, oldest first."""
    with _reading(world) as db:
        return read_ledger(db)


def exposures(world: Path) -> list[Exposed]:
    """Return every exposure in a world's file, oldest first."""
    grouped: dict[int, list[Effect]] = {}
    for effect in ledger(world):
        if effect.exposure:
            grouped.setdefault(effect.exposure, []).append(effect)
    return [_exposed(effects) for effects in grouped.values()]


def _exposed(effects: list[Effect]) -> Exposed:
    first = effects[0]
    flown = [effect for effect in effects if effect.kind == "electrons"]
    return Exposed(
        first.exposure,
        first.key,
        first.t,
        first.seconds,
        math.fsum(effect.seconds for effect in flown),
        math.fsum(effect.electrons for effect in flown),
        first.current,
        first.place,
        any(effect.note in (PROCESS_GONE, LINK_GONE) for effect in flown),
        effects[-1].kind == "blank",
        first.note,
    )


def deeds(world: Path) -> Ledger:
    """Return the exposures in a world's file as deeds, counted in electrons."""
    done, made, total = exposures(world), [], 0.0
    for each in done:
        made.append(Deed(each.action, total, each.electrons))
        total += each.electrons
    return Ledger(tuple(made), () if not done or done[-1].blanked else ("beam",))


@dataclass(frozen=True)
class Truth:
    """The hidden truth of a world: what is where."""

    hidden: Hidden
    stage: Stage
    shifts: tuple[tuple[float, float, float], ...]
    """World time (s) and scan shift (m, m) from then on."""

    def on_specimen(self, x: float, y: float, t: float) -> tuple[float, float]:
        """Return the specimen's place (m) under the frame's place (x, y) at the world time `t`.

        It takes the stage as it is at the end of the ledger.
        """
        dx, dy = self.hidden.path.at(t, self.stage.creeps)
        shifts = [(sx, sy) for begins, sx, sy in self.shifts if begins <= t]
        sx, sy = shifts[-1] if shifts else (0.0, 0.0)
        return x + self.stage.true[0] + sx - dx, y + self.stage.true[1] + sy - dy

    def profile(
        self, x: float, y: float, angle: float, distances: npt.ArrayLike, t: float = 0.0
    ) -> dict[str, Floats]:
        """Return each element's atoms/m³ at distances (m) along a line of the frame.

        The line begins at (x, y) and goes in the direction `angle` (rad, clockwise from x).
        """
        depths = self._depth(x, y, t) + np.asarray(distances, float) * self._slope(angle)
        densities = self.hidden.specimen.densities(depths)
        return {e: densities[..., i] for i, e in enumerate(self.hidden.specimen.elements)}

    def onset(self, element: str, x: float, y: float, angle: float, t: float = 0.0) -> float | None:
        """Return the distance (m) along the line at which an element is first found.

        None where it is nowhere, or the line runs along the layers.
        """
        depth, slope = self.hidden.specimen.first_depth(element), self._slope(angle)
        if depth is None or abs(slope) < 1e-9:
            return None
        return (depth - self._depth(x, y, t)) / slope

    def _slope(self, angle: float) -> float:
        return math.cos(angle - self.hidden.face.tilt)

    def _depth(self, x: float, y: float, t: float) -> float:
        return self.hidden.face.depth_at(*self.on_specimen(x, y, t))


def truth(world: Path) -> Truth:
    """Return the hidden truth of a world's file."""
    with _reading(world) as db:
        hidden = hidden_of(read_state(db, "hidden"), read_state(db, "faults"))
        stage = STAGE.validate_python(read_state(db, "stage") or Stage())
        moved = read_ledger(db, "kind = 'shift'")
    shifts = tuple((effect.t, effect.place[0], effect.place[1]) for effect in moved)
    return Truth(hidden, stage, shifts)
