"""Welds of redeposited metal: what fills the gap, and what the bond bears."""

from __future__ import annotations

from protocols.fib import Array
from simulators.fib.holding import end_of
from simulators.fib.solid import Bond, Joint, Solid

GAP_MAX = 1e-6
"""No wider gap is bridged, m. Source: reference sheet fib-and-tem.md, section 5.2."""
NEEDLE_HEIGHT, NEEDLE_WIDTH = 2e-6, 1.5e-6
"""Of the joint with the needle, m; ours, to verify. Only the top 2 um hold lithium."""
POST_HEIGHT = 2e-6
"""Of a joint with the post, m; its width is half the lamella's thickness. Ours, to verify."""
BEARS = 0.8e-12
"""Bridged area (m²) that holds the lamella when it is pulled; ours, to verify."""
BEARS_SCATTER = 0.2
"""Relative standard deviation of it from one instrument to another; ours."""


def begin_weld(solid: Solid, joint: Joint, gap: float, height: float, width: float) -> Bond:
    """Return the bond at a joint, new or as earlier welds left it.

    A joint that holds nothing yet takes the gap (m) that it has now.
    """
    for bond in solid.bonds:
        if bond.joint == joint:
            if bond.filled == 0.0:
                bond.gap, bond.height, bond.width = gap, height, width
            return bond
    x = end_of(solid, +1 if joint == "needle" else -1)
    solid.bonds.append(Bond(joint, max(gap, 1e-9), height, width, x))
    return solid.bonds[-1]


def caught(bond: Bond, array: Array, towards: tuple[float, float], drift: float) -> float:
    """Return the share (0 to 1) of what an array's pits lose to their walls that fills the gap.

    Args:
        bond: the weld.
        array: the pattern.
        towards: from the middle of the array to the joint, in the image (m).
        drift: how far the needle has moved since the weld began, m.
    """
    if bond.gap > GAP_MAX or drift >= bond.gap or not _away(array, towards):
        return 0.0
    return 1.0 / array.passes**2


def _away(array: Array, towards: tuple[float, float]) -> bool:
    """True if the scan goes away from the joint; one along the joint does not."""
    along_u = array.scan in ("left_to_right", "right_to_left")
    ahead = towards[0] if along_u else towards[1]
    forward = array.scan in ("left_to_right", "top_to_bottom")
    return ahead < 0.0 if forward else ahead > 0.0
