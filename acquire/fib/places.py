"""What stands where, by the protocol: the lamella at its site, the post on the grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

from drivers.fib import StagePosition
from protocols.fib import StagePlace
from protocols.lift_out import LiftOut

NEARBY = 100e-6
"""Distance from a saved place (m) up to which the stage is there; corrections are smaller. Ours,
to verify."""
POST_WIDTH, POST_HALF, POST_HEIGHT = 20e-6, 5e-6, 50e-6
"""Of the grid's post: along x, half across, below its top (m); ours, to verify."""

Place = tuple[float, float, float]


@dataclass(frozen=True)
class Box:
    """What the needle must not run into, m, in the specimen's frame."""

    low: Place
    high: Place

    def outside(self, at: Place) -> float:
        """Return the distance of a place from the box, 0 inside."""
        return math.hypot(
            *(
                max(low - x, 0.0, x - high)
                for x, low, high in zip(at, self.low, self.high, strict=True)
            )
        )

    def distance(self, begin: Place, end: Place) -> float:
        """Return how near a straight move comes.

        The distance from a convex body is convex along a line, so that cutting the line at two
        thirds again and again finds the least.
        """

        def at(share: float) -> float:
            here = [b + (e - b) * share for b, e in zip(begin, end, strict=True)]
            return self.outside((here[0], here[1], here[2]))

        low, high = 0.0, 1.0
        for _ in range(30):
            third = (high - low) / 3
            if at(low + third) <= at(high - third):
                high -= third
            else:
                low += third
        return min(at(low), at(high))


def in_the_way(stage: StagePosition, step: LiftOut) -> Box | None:
    """Return what the needle can run into where the stage stands; None away from both places.

    The frame begins where the beams meet, so that things are to the left when the stage stands to
    the right of their place.
    """
    if at_site(stage, step):
        return _shifted(_site_box(step), step.site, stage)
    return _shifted(_grid_box(step), step.grid, stage) if at_grid(stage, step) else None


def _shifted(box: Box, place: StagePlace, stage: StagePosition) -> Box:
    x, y = place.x - stage.x, place.y - stage.y
    (left, back, bottom), (right, front, top) = box.low, box.high
    return Box((left + x, back + y, bottom), (right + x, front + y, top))


def _site_box(step: LiftOut) -> Box:
    """Return the lamella where it is cut, with what the trenches leave on its faces."""
    x = step.lamella.length / 2
    y = step.lamella.thickness / 2 + step.trench.leave
    return Box((-x, -y, -step.lamella.depth), (x, y, 0.0))


def _grid_box(step: LiftOut) -> Box:
    """Return the post with the lamella at it: the tip that carries one is at its right end."""
    right = step.lamella.length + step.land.gap
    return Box((-POST_WIDTH, -POST_HALF, -POST_HEIGHT), (right, POST_HALF, 0.0))


def at_site(stage: StagePosition, step: LiftOut) -> bool:
    """True where the site is under the beams."""
    return _near(stage, step.site)


def at_grid(stage: StagePosition, step: LiftOut) -> bool:
    """True where the grid's post is."""
    return _near(stage, step.grid)


def _near(stage: StagePosition, place: StagePlace) -> bool:
    return math.dist((stage.x, stage.y), (place.x, place.y)) <= NEARBY
