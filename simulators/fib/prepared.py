"""The specimen as ideal work before a stage leaves it, for rehearsals that begin in the middle."""

from __future__ import annotations

import math

import numpy as np

from protocols.lift_out import STAGES, LiftOut, StageName
from simulators.fib import columns
from simulators.fib.bonds import NEEDLE_HEIGHT, NEEDLE_WIDTH, POST_HEIGHT, begin_weld
from simulators.fib.faces import cells_between
from simulators.fib.holding import carry
from simulators.fib.milling import draw_taper
from simulators.fib.solid import DZ, Solid, band_depth

GAP = 0.2e-6
"""Between needle and lamella when they were welded, m; ours."""
INSIDE = 1e-6
"""From the lamella's right end to the middle of the cut that releases it, m."""


def prepared(stage: StageName, step: LiftOut, draws: np.random.Generator) -> Solid:
    """Return the solid as it is when `stage` begins; faces have a natural taper that is drawn."""
    solid = Solid()
    taper = math.tan(draw_taper(draws))
    for each in STAGES[: STAGES.index(stage)]:
        if each in _DO:
            _DO[each](solid, step, taper)
    return solid


def _trench(solid: Solid, step: LiftOut, taper: float) -> None:
    settings = step.trench
    half = step.lamella.thickness / 2 + settings.leave
    x = (step.lamella.length + settings.extra) / 2
    _faces(solid, x, half, settings.depth, taper)
    for y in ((half, half + settings.height), (-half - settings.height, -half)):
        at = columns.under((-x, x, *y))
        solid.floor[at.x, at.y][at.outside] = settings.depth


def _faces(solid: Solid, x: float, half: float, depth: float, taper: float) -> None:
    """Mill both faces at |x| < `x` to `half` at the top, down to `depth` (m)."""
    cells, rows = cells_between(-x, x), slice(0, round(depth / DZ))
    face = half + band_depth()[rows] * taper
    solid.front[cells, rows] = np.minimum(solid.front[cells, rows], face)
    solid.back[cells, rows] = np.maximum(solid.back[cells, rows], -face)


def _through(solid: Solid, x: tuple[float, float], depth: tuple[float, float]) -> None:
    cells = cells_between(*x)
    solid.cut[cells, round(depth[0] / DZ) : round(depth[1] / DZ)] = 1.0


def _undercut(solid: Solid, step: LiftOut, taper: float) -> None:
    width, depth = step.undercut.width, step.lamella.depth
    x = step.lamella.length / 2
    _through(solid, (-x - width, x + width), (depth, depth + width))
    _through(solid, (x, x + width), (0.0, depth))
    _through(solid, (-x - width, -x), (step.undercut.bridge, depth))


def _clean(solid: Solid, step: LiftOut, taper: float) -> None:
    x = (step.lamella.length + step.trench.extra) / 2
    _faces(solid, x, step.lamella.thickness / 2, step.trench.depth, taper)


def _weld(solid: Solid, step: LiftOut, taper: float) -> None:
    bond = begin_weld(solid, "needle", GAP, NEEDLE_HEIGHT, NEEDLE_WIDTH)
    bond.filled = bond.gap * bond.height * bond.width


def _sever(solid: Solid, step: LiftOut, taper: float) -> None:
    x = -step.lamella.length / 2
    _through(solid, (x - step.sever.width, x), (0.0, step.undercut.bridge))
    solid.held = "needle"


def _lift(solid: Solid, step: LiftOut, taper: float) -> None:
    carry(solid, step.interface)
    solid.moved = (0.0, 0.0, sum(step.lift.steps))


def _land(solid: Solid, step: LiftOut, taper: float) -> None:
    solid.moved = (step.land.gap, 0.0, 0.0)


def _weld_grid(solid: Solid, step: LiftOut, taper: float) -> None:
    for joint in ("post_front", "post_back"):
        width = step.lamella.thickness / 2
        bond = begin_weld(solid, joint, step.land.gap, POST_HEIGHT, width)
        bond.filled = bond.gap * bond.height * bond.width
    solid.held = "needle and grid"


def _release(solid: Solid, step: LiftOut, taper: float) -> None:
    middle = step.lamella.length / 2 - INSIDE
    _through(solid, (middle - step.release.width / 2, 10e-6), (0.0, step.lamella.depth))
    solid.bonds = [bond for bond in solid.bonds if bond.joint != "needle"]
    solid.held = "grid"


def _thin(solid: Solid, step: LiftOut, taper: float) -> None:
    _thinned(solid, step, step.thin.to[-1])


def _polish(solid: Solid, step: LiftOut, taper: float) -> None:
    _thinned(solid, step, step.target.thickness)


def _thinned(solid: Solid, step: LiftOut, thickness: float) -> None:
    """Mill the kept zone to a thickness at the interface, its faces upright by the over-tilt."""
    _faces(solid, step.lamella.kept / 2, thickness / 2, step.lamella.depth, 0.0)


_DO = {
    "trench": _trench,
    "undercut": _undercut,
    "clean": _clean,
    "weld": _weld,
    "sever": _sever,
    "lift": _lift,
    "land": _land,
    "weld_grid": _weld_grid,
    "release": _release,
    "thin": _thin,
    "polish": _polish,
}
