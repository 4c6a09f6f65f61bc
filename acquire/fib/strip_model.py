"""The brightness across a lamella seen from above: what is fitted, and what is usual of it.

Over w, across the band: trench, face below the interface in two halves of one brightness each,
face above it, top, and the same down again; each step an error function with one blur for all.
Secondary electrons leave more easily near an edge, so the top has a brighter rim with a soft end.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NAMES = ("middle", "top", "left lean", "right lean", "blur", "dark left", "dark right", "bright",
         "face above", "face below", "face bottom", "edge", "rim", "soft")  # fmt: skip
"""Parameters: m; brightness; brightness of faces and edges in parts of top less trench."""
MIDDLE, TOP, LEFT, RIGHT, BLUR = range(5)
LOW = np.array([-3e-6, 15e-9, 0.0, 0.0, 2e-9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2e-9, 1e-9])
HIGH = np.array(
    [3e-6, 4e-6, 0.8e-6, 0.8e-6, 0.2e-6, 1e9, 1e9, 1e9, 1.1, 1.0, 1.0, 1.0, 80e-9, 40e-9]
)
USUAL = {
    2: (35e-9, 40e-9),
    3: (35e-9, 40e-9),
    8: (0.75, 0.2),
    9: (0.45, 0.25),
    10: (0.45, 0.25),
    11: (0.3, 0.25),
    12: (25e-9, 15e-9),
    13: (12e-9, 8e-9),
}
"""What is usual of a parameter (by its place in NAMES) and how far it may be off: faces lean by 0
to 1 deg (taper less over-tilt [lit]); above the interface a face is of the top's material, but few
of its electrons reach a detector above; below it is another material; edges are brighter over the
escape depth of secondary electrons and the ions' range, 10 to 40 nm [lit]. Ours, to verify."""
LIT = 0.4
"""By how much the lower faces lose contrast, times the trench's brightness against the top's. Ours,
to verify."""
SHARP = (18e-9, 0.6)
"""Usual blur (standard deviation, m), and by how much its logarithm may be off. Ours, to verify."""


def sizes(rise: float) -> Floats:
    """Return the usual sizes of the parameters, which scale the fit; `rise` is top less trench."""
    return np.array(
        [1e-8, 2e-8, 2e-8, 2e-8, 1e-8, rise, rise, rise, 1.0, 1.0, 1.0, 1.0, 1e-8, 1e-8]
    )


def brightness(x: Floats, w: Floats, share: float, top: Floats | float) -> Floats:
    """Return the brightness at w (m) from the band's middle, blurred.

    Args:
        x: the parameters, in the order of NAMES along the first axis; each of a shape that
            broadcasts with w. Those of place and width are not used.
        w: m.
        share: depth of the interface by that of the lamella's bottom.
        top: width of the top, m.
    """
    from scipy.special import ndtr

    left, right, blur, dark_left, dark_right, bright, *faces, edge, rim, soft = x[2:14]
    dark = (dark_left + dark_right) / 2
    rise = bright - dark
    softened = np.hypot(soft, blur)
    total = dark + rise * (ndtr((w + top / 2) / blur) - ndtr((w - top / 2) / blur))
    for sign, lean, level in ((1, left, dark_left), (-1, right, dark_right)):
        out = -sign * w - top / 2
        past = [ndtr((out - depth * lean) / blur) for depth in (0.0, share, (1 + share) / 2, 1.0)]
        total = total + (level - dark) * past[3]
        for face, begin, end in zip(faces, past, past[1:], strict=False):
            total += rise * face * (begin - end)
        total += rise * edge * (1 - past[0]) * ndtr((rim + out) / softened)
    return np.asarray(total)


def unusual(x: Floats) -> Floats:
    """Return how far parameters are from what is usual, in units of what they may be off.

    Parameters along the last axis, as in the result. A bright trench takes the contrast from the
    lower faces, which are then as bright as it is.
    """
    lit = (x[..., 5] + x[..., 6]) / (2 * x[..., 7])
    off = [
        (x[..., index] - value + (LIT * lit if index in (9, 10) else 0.0)) / width
        for index, (value, width) in USUAL.items()
    ]
    return np.stack([*off, np.log(x[..., BLUR] / SHARP[0]) / SHARP[1]], axis=-1)
