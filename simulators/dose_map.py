"""Which dose each place of the specimen has had: the exposures of a world's ledger, laid out."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from simulators.drift import Creep, DriftPath, Vector
from simulators.world import Effect, Place, World

Floats = npt.NDArray[np.float64]
_X, _Y, _COS, _SIN, _ALONG, _ACROSS, _DOSE = range(7)


class DoseMap:
    """Rectangles of the specimen with their dose, read from the ledger and from nowhere else.

    So a session that was cut off and resumed has the doses of one that was not. A rectangle lies
    where it was when its exposure began; its dose is even, and nothing spreads beyond it (neither
    probe nor scattering, which are small beside a strip).
    """

    def __init__(self, world: World, path: DriftPath) -> None:
        """Begin with nothing; `look` reads the ledger."""
        self._world = world
        self._path = path
        self._read = 0
        self._stage: Vector = (0.0, 0.0)
        self._shift: Vector = (0.0, 0.0)
        self._rows = np.zeros((64, 7))
        self._count = 0
        self._number = 0

    def look(self, creeps: tuple[Creep, ...]) -> None:
        """Take up what has happened since the last look; `creeps` follow the stage's moves."""
        effects = self._world.effects_after(self._read)
        self._read += len(effects)
        for effect in effects:
            self._take(effect, creeps)

    def before(self, x: Floats, y: Floats, angle: float, number: int) -> Floats:
        """Return the dose (e/Å²) that places had from exposures before the one of that number.

        `x` and `y` (m) are in the specimen's coordinates, shape (n,) both; so is the result, or
        (1,) where all places have had the same. They lie in a rectangle turned by `angle` (rad).
        """
        near = self._rows[: self._count - (number == self._number)]
        c, s = math.cos(angle), math.sin(angle)
        near = near[_reaching(near, c, s, x * c + y * s)]
        near = near[_reaching(near, -s, c, y * c - x * s)]
        if not len(near):
            return np.zeros(1)
        dx, dy = x[:, None] - near[:, _X], y[:, None] - near[:, _Y]
        along = np.abs(dx * near[:, _COS] + dy * near[:, _SIN]) <= near[:, _ALONG]
        across = np.abs(dy * near[:, _COS] - dx * near[:, _SIN]) <= near[:, _ACROSS]
        # einsum, not @: BLAS would wake its threads for these few numbers, and they spin
        doses: Floats = np.einsum("ij,j->i", (along & across).astype(float), near[:, _DOSE])
        return doses[:1] if (doses == doses[0]).all() else doses

    def _take(self, effect: Effect, creeps: tuple[Creep, ...]) -> None:
        if effect.kind == "move":
            self._stage = effect.place[:2]
        elif effect.kind == "shift":
            self._shift = effect.place[:2]
        elif effect.kind == "unblank":
            self._lay(effect.place, self._path.at(effect.t, creeps))
            self._number = effect.exposure
        elif effect.kind == "electrons":
            _, _, along, across, _ = effect.place
            self._rows[self._count - 1, _DOSE] += effect.electrons / (along * across * 1e20)

    def _lay(self, place: Place, drift: Vector) -> None:
        """Add a rectangle without dose."""
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        x, y, along, across, angle = place
        self._rows[self._count] = (
            x + self._stage[0] + self._shift[0] - drift[0],
            y + self._stage[1] + self._shift[1] - drift[1],
            math.cos(angle),
            math.sin(angle),
            along / 2,
            across / 2,
            0.0,
        )
        self._count += 1


def _reaching(
    rows: Floats, ahead_x: float, ahead_y: float, places: Floats
) -> npt.NDArray[np.bool_]:
    """Return which rectangles may reach any of the places, both projected on one direction (m)."""
    low, high = float(places.min()), float(places.max())
    along = np.abs(rows[:, _COS] * ahead_x + rows[:, _SIN] * ahead_y) * rows[:, _ALONG]
    across = np.abs(rows[:, _COS] * ahead_y - rows[:, _SIN] * ahead_x) * rows[:, _ACROSS]
    centre = rows[:, _X] * ahead_x + rows[:, _Y] * ahead_y
    near: npt.NDArray[np.bool_] = np.abs(centre - (low + high) / 2) <= (
        along + across + (high - low) / 2
    )
    return near
