"""Between our frame and fibsem's: the only place where signs, tilts and shapes change.

fibsem is in SI units, but its stage limits are in degrees. Images: fibsem's patterns have y up,
ours v down. Stage: fibsem's x, y, z are the stage's own, as the operator reads them, and pass as
they are; its tilt is that of the stage, ours that of the specimen, which is less by `lean` on a
pre-tilted shuttle (r = 0), or more (r = 180 deg). Needle: fibsem's axes
follow the stage's tilt [fibsem 0.5.3, `_y_corrected_needle_movement`], y up in the electron image,
origin at the saved position EUCENTRIC. Nothing of this has been checked on an instrument.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.errors import LimitError
from drivers.fib import Milling, StagePosition
from protocols.fib import Array, CleaningCrossSection, Direction, Rectangle, extent

CHOICE = 0.01
"""Relative difference within which a current or voltage is the one in the vendor's list."""
NOMINAL_RATE = 0.27e-9
"""m^3/C, silicon under 30 kV gallium [lit]: for the depth that the vendor shows. Time governs."""
TURNED = math.radians(1)
"""A shuttle's rotation must be this near 0 or 180 deg for its pre-tilt to be known."""
GALLIUM_SPOT: Mapping[float, float] = {
    1e-12: 7e-9,
    10e-12: 12e-9,
    100e-12: 24e-9,
    1e-9: 55e-9,
    10e-9: 150e-9,
    100e-9: 500e-9,
}
"""Full width at half maximum (m) by current (A), a usual gallium column [lit], to verify."""
DIRECTIONS: Mapping[Direction, str] = {
    "left_to_right": "LeftToRight",
    "right_to_left": "RightToLeft",
    "top_to_bottom": "TopToBottom",
    "bottom_to_top": "BottomToTop",
}


@dataclass(frozen=True)
class VendorStage:
    """A stage position as fibsem has it: m, rad."""

    x: float
    y: float
    z: float
    r: float
    t: float


@dataclass(frozen=True)
class Shape:
    """One rectangle as fibsem draws it: m from the image's middle, y up."""

    centre_x: float
    centre_y: float
    width: float
    height: float
    depth: float
    time: float
    """Seconds, all passes."""
    passes: int
    """0: as many as the vendor likes."""
    scan_direction: str
    cleaning: bool


@dataclass(frozen=True)
class Shuttle:
    """How the specimen lies on the stage."""

    pre_tilt: float
    """rad."""
    reference: float
    """Stage rotation (rad) at which a stage tilt of `pre_tilt` faces the electron column."""

    def lean(self, r: float) -> float:
        """Return stage tilt less specimen tilt at our rotation `r`, rad.

        Raises:
            LimitError: the shuttle is pre-tilted and `r` is neither 0 nor 180 deg.
        """
        if self.pre_tilt == 0:
            return 0.0
        if abs(math.remainder(r, 2 * math.pi)) < TURNED:
            return self.pre_tilt
        if abs(math.remainder(r - math.pi, 2 * math.pi)) < TURNED:
            return -self.pre_tilt
        raise LimitError(
            f"a rotation of {math.degrees(r):.4g} deg on a shuttle with a pre-tilt of "
            f"{math.degrees(self.pre_tilt):.4g} deg: use 0 or 180 deg"
        )

    def to_vendor(self, to: StagePosition) -> VendorStage:
        """Return our stage position as fibsem has it."""
        return VendorStage(to.x, to.y, to.z, to.r + self.reference, to.t + self.lean(to.r))

    def from_vendor(self, at: VendorStage, *, turning: bool = False) -> StagePosition:
        """Return fibsem's stage position in our frame; tilt NaN where it cannot be known.

        While the stage turns from one rotation to the other its tilt is that of the surface about
        x: tan(lean) = tan(pre-tilt) cos(r).
        """
        r = math.remainder(at.r - self.reference, 2 * math.pi)
        r = 0.0 if abs(r) < 1e-12 else r
        try:
            lean = self.lean(r)
        except LimitError:
            lean = math.atan(math.tan(self.pre_tilt) * math.cos(r)) if turning else math.nan
        return StagePosition(at.x, at.y, at.z, r, at.t - lean)


def mirrored(x: float, y: float, z: float, lean: float) -> tuple[float, float, float]:
    """Return a needle's place of our frame in fibsem's axes, or back: it is its own inverse.

    With Y up in the electron image and Z towards its column, a specimen at tilt t has
    Y = -y cos t + z sin t, Z = y sin t + z cos t; fibsem's axes at stage tilt T have
    Y = y cos T + z sin T, Z = -y sin T + z cos T; `lean` is T - t.
    """
    cos, sin = math.cos(lean), math.sin(lean)
    return x, -y * cos - z * sin, -y * sin + z * cos


def chosen(what: str, asked: float, available: Sequence[float], unit: str) -> float:
    """Return the vendor's own value for what was asked for.

    Raises:
        LimitError: the vendor has none; the message names its neighbours.
    """
    near = min(available, key=lambda value: abs(value - asked), default=math.nan)
    if math.isfinite(asked) and abs(near - asked) <= CHOICE * near:
        return near
    choices = ", ".join(f"{value:.3g}" for value in sorted(available))
    raise LimitError(f"{what} {asked:.4g} {unit} is not one of the microscope's: {choices} {unit}")


def written(value: float) -> float:
    """Return a vendor's value as people write it: 1.00005 nA is 1 nA."""
    return float(f"{value:.3g}")


def spot(current: float) -> float:
    """Return the usual full width at half maximum (m) at a current (A), log-log interpolated."""
    known = sorted(GALLIUM_SPOT.items())
    lower = max((i for i, (c, _) in enumerate(known[:-1]) if c <= current), default=0)
    (c0, s0), (c1, s1) = known[lower], known[lower + 1]
    return float(s0 * (s1 / s0) ** (math.log(current / c0) / math.log(c1 / c0)))


def pieces(
    pattern: Rectangle | CleaningCrossSection | Array,
) -> Iterator[tuple[float, float, float, float]]:
    """Yield x, y, width and height (ours, m) of each rectangle of a pattern."""
    if not isinstance(pattern, Array):
        yield pattern.x, pattern.y, pattern.width, pattern.height
        return
    for index in range(pattern.count):
        step = (index - (pattern.count - 1) / 2) * pattern.pitch
        dx, dy = (step, 0.0) if pattern.along == "x" else (0.0, step)
        yield pattern.x + dx, pattern.y + dy, pattern.width, pattern.height


def shapes(job: Milling, current: float) -> list[Shape]:
    """Return what fibsem is to draw: each rectangle with its share of the charge, by area.

    A job that was cut off goes on where its charge says: what was milled is left out.
    """
    area = sum(w * h for pattern in job.patterns for _, _, w, h in pieces(pattern))
    done, drawn = job.done, []
    for pattern in job.patterns:
        for x, y, width, height in pieces(pattern):
            share = job.charge * width * height / area
            left, done = max(0.0, share - done), max(0.0, done - share)
            if left > 0:
                place = (x, -y, width, height)
                drawn.append(_shape(pattern, place, left, current))
    return drawn


def _shape(
    pattern: Rectangle | CleaningCrossSection | Array,
    place: tuple[float, float, float, float],
    charge: float,
    current: float,
) -> Shape:
    _, _, width, height = place
    return Shape(
        *place,
        depth=charge * NOMINAL_RATE / (width * height),
        time=charge / current,
        passes=pattern.passes if isinstance(pattern, Array) else 0,
        scan_direction=DIRECTIONS[pattern.scan],
        cleaning=isinstance(pattern, CleaningCrossSection),
    )


def needed_field(job: Milling) -> float:
    """Return the smallest square field (m) that holds all patterns; infinite if one is NaN."""
    edges = [abs(edge) for pattern in job.patterns for edge in extent(pattern)]
    return 2 * max(edges) if all(math.isfinite(edge) for edge in edges) else math.inf
