"""The brightness across a lamella seen from above: what is fitted, and what is usual of it.

Over w, across the band: trench, face below the interface, face above it, top, and the same down
again; each step an error function with one blur for all. Secondary electrons leave more easily near
an edge, so the top is brighter there, fading inwards over their escape depth.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NAMES = ("middle", "top", "left lean", "right lean", "blur", "dark left", "dark right", "bright",
         "face above", "face below", "edge", "escape")  # fmt: skip
"""Parameters: m; brightness; brightness of faces and edges in parts of top less trench."""
MIDDLE, TOP, LEFT, RIGHT, BLUR = range(5)
LOW = np.array([-3e-6, 5e-9, 0.0, 0.0, 2e-9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2e-9])
HIGH = np.array([3e-6, 4e-6, 0.8e-6, 0.8e-6, 0.2e-6, 1e9, 1e9, 1e9, 1.2, 1.2, 2.0, 60e-9])
USUAL = {
    2: (35e-9, 40e-9),
    3: (35e-9, 40e-9),
    8: (0.5, 0.2),
    9: (0.4, 0.2),
    10: (0.0, 0.4),
    11: (15e-9, 8e-9),
}
"""What is usual of a parameter (by its place in NAMES) and how far it may be off: faces lean by 0
to 1 deg (taper less over-tilt [lit]) and are half as bright as the top; edges are brighter over the
escape depth of secondary electrons, 5 to 25 nm [lit]. Ours, to verify."""
SHARP = (18e-9, 0.6)
"""Usual blur (standard deviation, m), and by how much its logarithm may be off. Ours, to verify."""


def sizes(rise: float) -> Floats:
    """Return the usual sizes of the parameters, which scale the fit; `rise` is top less trench."""
    return np.array([1e-8, 2e-8, 2e-8, 2e-8, 1e-8, rise, rise, rise, 1.0, 1.0, 1.0, 1e-8])


def brightness(x: Floats, w: Floats, share: float, top: float) -> Floats:
    """Return the brightness at w (m) from the band's middle, blurred.

    Args:
        x: the parameters, in the order of NAMES; those of place and width are not used.
        w: shape (n,).
        share: depth of the interface by that of the lamella's bottom.
        top: width of the top, m.
    """
    from scipy.special import ndtr

    left, right, blur, dark_left, dark_right, bright, above, below, edge, escape = x[2:12]
    dark = (dark_left + dark_right) / 2
    rise = bright - dark
    total = dark + rise * (ndtr((w + top / 2) / blur) - ndtr((w - top / 2) / blur))
    for sign, lean, level in ((1, left, dark_left), (-1, right, dark_right)):
        out = -sign * w - top / 2
        total += (level - dark) * ndtr((out - lean) / blur)
        parts = [ndtr((depth * lean - out) / blur) for depth in (0.0, share, 1.0)]
        total += rise * (above * (parts[1] - parts[0]) + below * (parts[2] - parts[1]))
        total += rise * edge * _fading(-out, escape, blur)
    return np.asarray(total)


def _fading(inwards: Floats, escape: float, blur: float) -> Floats:
    """Return exp(-d/escape) for d > 0 inwards from an edge, blurred by a Gaussian."""
    from scipy.special import log_ndtr

    ratio = blur / escape
    return np.asarray(np.exp(ratio**2 / 2 - inwards / escape + log_ndtr(inwards / blur - ratio)))


def unusual(x: Floats) -> Floats:
    """Return how far parameters are from what is usual, in units of what they may be off."""
    off = [(x[index] - value) / width for index, (value, width) in USUAL.items()]
    return np.array([*off, math.log(x[BLUR] / SHARP[0]) / SHARP[1]])
