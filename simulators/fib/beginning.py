"""How a new world begins: untouched, or as ideal work before a stage leaves it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from drivers.fib import NeedlePosition, StagePosition
from protocols.fib import StagePlace
from protocols.lift_out import STAGES, Ions, Layer, LiftOut
from simulators.draws import generator
from simulators.fib.motion import Needle, triple
from simulators.fib.prepared import prepared
from simulators.fib.touch import ends, moved

if TYPE_CHECKING:
    from simulators.fib.chamber import Chamber

AHEAD = 10e-9
"""m from the lamella's end to the tip: they touch."""
TIP_DEPTH = 0.5e-6
"""m below the lamella's top at which the tip is welded; ours."""
_IN, _TOUCHING, _AT_GRID, _OUT = (
    STAGES.index(name) for name in ("contact", "weld", "weld_grid", "thin")
)


def begin(chamber: Chamber) -> None:
    """Put the specimen, the stage and the needle where the settings say."""
    settings = chamber.settings
    if settings.prepared is None:
        return
    draws = generator(chamber.world.seed, "fib", "prepared")
    step = _step(chamber)
    chamber.solid = prepared(settings.prepared, step, draws)
    index = STAGES.index(settings.prepared)
    here = _lamella_in_the_middle(step) if index >= _AT_GRID else settings.site
    tilt = settings.column_angle
    chamber.stage = replace(
        chamber.stage,
        read=StagePosition(here.x, here.y, here.z, here.r, tilt),
        framed=index > STAGES.index("trench"),
    )
    if _IN <= index < _OUT:
        chamber.needle = chamber.motion.inserted(0.0)
    if _TOUCHING <= index < _OUT:
        _hold(chamber)


def _step(chamber: Chamber) -> LiftOut:
    """Return the lift-out that ideal work has followed."""
    settings = chamber.settings
    interface = chamber.specimen.upper_face(settings.interface)
    return LiftOut(
        ions=Ions(species=settings.ion_species),
        layers=(Layer(material="Li", thickness=interface),),
        interface=interface,
        site=settings.site,
        grid=settings.grid,
        lamella=settings.lamella,
    )


def _lamella_in_the_middle(step: LiftOut) -> StagePlace:
    """Return where the stage is when the images' middle shows the landed lamella's, not the post.

    The lift-out leaves it so: the lamella lies beside the post.
    """
    beside = step.land.gap + step.lamella.length / 2
    return step.grid.model_copy(update={"x": step.grid.x + beside})


def _hold(chamber: Chamber) -> None:
    """Put the tip at the lamella's right end."""
    solid = chamber.solid
    right = ends(solid)[1] or chamber.settings.lamella.length / 2
    tip = np.array([right + AHEAD, 0.0, -TIP_DEPTH])
    lamella = np.asarray(moved(solid, chamber.place))
    where = lamella + tip + chamber.displaced(0.0)
    read = NeedlePosition(*triple(where))
    needle = Needle(read, True, 0.0)
    missed = where - chamber.motion.tip(needle, 0.0)
    chamber.needle = replace(needle, missed=triple(missed))
    if chamber.solid.bonds:
        chamber.grip = triple(tip)
