"""Milling: what the charge of a job takes off the solid, and where that goes.

What the model leaves out: ions that go on behind what they have cut through, milling of needle and
post, the rounding of the ends along x, and slots inside the band's solid that are not pits of an
array (a trench has to reach out of the band).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d

from drivers.fib import Milling
from protocols.fib import Array, CleaningCrossSection
from simulators.draws import generator
from simulators.fib import columns, faces, films, pits, undercut
from simulators.fib.account import Account
from simulators.fib.faces import Edges, Goal, Side
from simulators.fib.holding import carried_end
from simulators.fib.material_stack import Stack, Through
from simulators.fib.pieces import Piece, pieces
from simulators.fib.redeposition import captured, to_wall
from simulators.fib.solid import DX, DZ, NX, Floats, Solid
from simulators.fib.sputter import REDEPOSIT, TrueRates, curtain, enhancement, recession

TILTED = math.radians(20)
"""A beam further from the normal mills the faces that it sees, not the top."""
STEP, STEP_CLEANING = 0.1e-6, 1e-6
"""Depth over which the captured share is taken as constant, m; a cleaning cross-section's share is
small."""
TAPER, TAPER_SCATTER = math.radians(1.5), math.radians(0.3)
"""Natural slope of a milled face; 1 to 2 deg are compensated in practice [lit]."""
ON_FACES = 0.1
"""Of what is captured the share that stays on faces and floors beside the cut; ours, to verify."""
LINE_BY_LINE = 0.3
"""A cleaning cross-section's captured share against a rectangle's: its front is open; ours."""
SLOPE = math.radians(45)
"""Angle to the beam of the front of a cleaning cross-section, on average; ours, to verify."""
WAVE_LENGTH = 0.6e-6
"""Over which curtaining is smooth along x, m; ours, to verify."""
Place = Literal["site", "grid"]


def draw_taper(draws: np.random.Generator) -> float:
    """Draw the natural slope of faces, rad."""
    return float(TAPER + TAPER_SCATTER * draws.standard_normal())


@dataclass(frozen=True)
class _Beam:
    """How the ions come in for one job."""

    angle: float
    current: float
    place: Place
    drift: float
    shift: tuple[float, float]
    """What to add to u and v of the image to have x and y of the band at the free surface."""


class Mill:
    """Mills a solid; the same solid, charge and seed give the same result."""

    def __init__(
        self,
        solid: Solid,
        stack: Stack,
        rates: TrueRates,
        account: Account,
        *,
        seed: int,
        taper: float | None = None,
        curtains: float = 1.0,
        sticking: float = 1.0,
    ) -> None:
        """Mill `solid` with an instrument's true rates.

        Args:
            solid: changed in place.
            stack: what it is made of.
            rates: of this instrument.
            account: changed in place.
            seed: of the faces' waviness and, unless given, of the taper.
            taper: natural slope of the faces, rad.
            curtains: times the waviness.
            sticking: share of atoms that stay where they land.
        """
        self._solid, self._stack, self._account = solid, stack, account
        self._through = Through(stack, rates)
        self._loose_rate = rates[REDEPOSIT]
        draws = generator(seed, "fib", "faces")
        self._taper = math.tan(draw_taper(draws) if taper is None else taper)
        self._wave = (curtains * _wave(draws), curtains * _wave(draws))
        self.sticking = sticking
        """May change as the solid warms."""

    def advance(
        self,
        job: Milling,
        begin: float,
        end: float,
        *,
        angle: float,
        offset: tuple[float, float] = (0.0, 0.0),
        place: Place = "site",
        drift: float = 0.0,
    ) -> None:
        """Apply the charge of a job from `begin` to `end` (C, counted from the job's first ion).

        Args:
            job: what is milled.
            begin: charge of it that had been applied before.
            end: and now has.
            angle: between the surface's normal and the ion beam, rad, signed.
            offset: by which patterns land beside their coordinates, u and v, m.
            place: what lies under the beam.
            drift: how far the needle has moved since the weld began, m.
        """
        away = self._solid.moved if place == "grid" else (0.0, 0.0, 0.0)
        angle += self._solid.rolled if place == "grid" else 0.0
        shift = away[0] - carried_end(self._solid) if place == "grid" else 0.0
        v = -(away[1] * math.cos(angle) - away[2] * math.sin(angle))
        beam = _Beam(angle, job.current, place, drift, (offset[0] - shift, offset[1] + v))
        for piece in pieces(job, begin, end):
            self._mill(piece, beam)

    def _mill(self, piece: Piece, beam: _Beam) -> None:
        left, right, top, bottom = piece.box
        u, v = beam.shift
        box = (left + u, right + u, top + v, bottom + v)
        if abs(beam.angle) > TILTED:
            undercut.mill(self._solid, self._tools, box, piece, beam.angle, self.sticking)
        elif isinstance(piece.pattern, Array):
            flat = (box[0], box[1], box[2] / math.cos(beam.angle), box[3] / math.cos(beam.angle))
            pits.mill(self._solid, self._tools, flat, piece, beam.place, beam.drift, self.sticking)
        else:
            self._from_above(piece, box, beam)

    @property
    def _tools(self) -> undercut.Tools:
        return undercut.Tools(self._stack, self._through, self._account, self._loose_rate)

    def _from_above(
        self, piece: Piece, box: tuple[float, float, float, float], beam: _Beam
    ) -> None:
        steep = math.cos(beam.angle)
        flat = (box[0], box[1], box[2] / steep, box[3] / steep)
        fastest = float(self._through.cells.max())
        fine = STEP_CLEANING if _towards(piece) else STEP
        steps = max(1, math.ceil((piece.after - piece.before) * fastest / fine))
        charge = (piece.after - piece.before) / steps
        to = faces.edges(
            flat,
            lean=math.tan(beam.angle),
            taper=self._taper,
            wave=self._waves(beam.current),
            towards=_towards(piece),
        )
        at = columns.under(flat) if beam.place == "site" else None
        for _ in range(steps):
            if not self._step(flat, to, at, charge):
                break  # nor would the same charge again
        self._tail(to, piece, beam.current)

    def _step(
        self,
        box: tuple[float, float, float, float],
        to: Edges,
        at: columns.Columns | None,
        charge: float,
    ) -> bool:
        """Mill over a charge (C/m²) that is small enough for one captured share.

        Returns:
            Whether anything has changed.
        """
        aim = faces.goal(self._solid, to)
        deep = faces.reached(aim)
        floor = columns.depth(self._solid, at) if at is not None else None
        share = self.sticking * _walls(box, to, aim, deep, floor)
        cleaning = to.towards is not None
        landing = films.landing(self._solid, to, aim, deep, at is not None and floor is None)
        stays = share * ON_FACES if landing.anywhere else 0.0
        back = share - stays
        speed = enhancement(SLOPE) if cleaning else 1.0
        rates = self._through.cells * speed * (1 - back)
        gone = faces.take(self._solid, to, aim, charge, rates)
        landing.lay(self._book(gone, back, stays))
        sheer = charge * self._loose_rate
        loose = films.wipe(self._solid, to, aim, sheer) + films.mill_bonds(self._solid, box, sheer)
        self._account.book(self._loose(loose), back=0.0, away=0.0)
        changed = bool(gone.any()) or loose > 0
        if at is not None and floor is not None:
            dug = columns.mill(
                self._solid, at, self._stack, self._through, charge * (1 - back), self._loose_rate
            )
            self._account.book(dug, back=back, away=0.0)
            changed = changed or bool(dug.any())
        return changed

    def _waves(self, current: float) -> tuple[Floats, Floats]:
        rms = curtain(current)
        return rms * self._wave[0], rms * self._wave[1]

    def _book(self, gone: Floats, back: float, away: float) -> float:
        by_depth = gone.sum(axis=0) * DX * DZ
        removed = np.append(by_depth @ self._stack.cells, 0.0)
        return self._account.book(removed, back=back, away=away)

    def _loose(self, volume: float) -> Floats:
        removed = np.zeros(len(self._stack.materials) + 1)
        removed[-1] = volume
        return removed

    def _tail(self, to: Edges, piece: Piece, current: float) -> None:
        """Let the beam's tail widen what has had more charge than it needed."""
        aim = faces.goal(self._solid, to)
        speed = enhancement(SLOPE) if to.towards is not None else 1.0
        needed = np.cumsum(DZ / (self._through.cells * speed))
        by = recession(current, piece.after / needed)
        if by.any():
            self._book(faces.recede(self._solid, to, aim, by), 0.0, 0.0)


def _towards(piece: Piece) -> Side | None:
    if not isinstance(piece.pattern, CleaningCrossSection):
        return None
    ends: dict[str, Side] = {"bottom_to_top": "front", "top_to_bottom": "back"}
    return ends.get(piece.pattern.scan)


def _walls(
    box: tuple[float, float, float, float],
    to: Edges,
    aim: Goal,
    deep: float,
    floor: float | None,
) -> float:
    """Return the share of the sputtered atoms that hits walls of the cut, 0 to 1.

    A pit in the film has four walls, a slice off a face one, a cut across the lamella two.
    """
    width, height = box[1] - box[0], box[3] - box[2]
    if to.towards is not None:
        return LINE_BY_LINE * to_wall(width, height, max(deep, DZ / 2))
    if floor is not None:
        return captured(width, height, floor)
    if aim.crosses:
        return min(1.0, 2 * to_wall(height, width, deep))
    return to_wall(width, height, deep)


def _wave(draws: np.random.Generator) -> Floats:
    """Return a smooth random line along x of unit rms, shape (NX,)."""
    rough = draws.standard_normal(NX)
    smooth = gaussian_filter1d(rough, WAVE_LENGTH / DX / 2.355, mode="wrap")
    return np.asarray(smooth / smooth.std())
