"""The brightness across a lamella seen from above: what is fitted, and what is usual of it.

Over w, across the band: trench, face below the interface in two halves of one brightness each,
face above it, top, and the same down again; each step an error function with one blur for all.
Secondary electrons leave more easily near an edge, so the top has a brighter rim with a soft end.
"""

from __future__ import annotations

import math

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


SIDES = np.repeat([-1.0, 1.0], 4)[:, None]
"""The way out of the band, of each step of `Course`."""


def sizes(rise: float) -> Floats:
    """Return the usual sizes of the parameters, which scale the fit; `rise` is top less trench."""
    return np.array(
        [1e-8, 2e-8, 2e-8, 2e-8, 1e-8, rise, rise, rise, 1.0, 1.0, 1.0, 1.0, 1e-8, 1e-8]
    )


class Course:
    """The brightness over w, blurred, and how it changes with the parameters.

    Each side goes down from the top in four steps: at its edge, at the interface, half-way below
    that, and at the bottom; with those of both sides along an axis they are eight.
    """

    def __init__(self, x: Floats, w: Floats, share: float, top: float) -> None:
        """Work out the steps.

        Args:
            x: the parameters, in the order of NAMES; those of place and width are not used.
            w: m from the band's middle, shape (n,).
            share: depth of the interface by that of the lamella's bottom.
            top: width of the top, m.
        """
        from scipy.special import ndtr

        left, right, self._blur, *dark, bright, above, below, bottom, edge, rim, soft = x[
            2:
        ].tolist()
        self._bright, self._edge, self._soft = bright, edge, soft
        self._rise, aside = bright - (dark[0] + dark[1]) / 2, (dark[0] - dark[1]) / 2
        self._deep = (0.0, share, (1 + share) / 2, 1.0)
        at = np.array([top / 2 + deep * lean for lean in (left, right) for deep in self._deep])
        self._z = (SIDES * w - at[:, None]) / self._blur
        self._past = ndtr(self._z)
        self._softened = math.hypot(soft, self._blur)
        self._near = (self._z[::4] * self._blur + rim) / self._softened
        self._rim = ndtr(self._near)
        self._free = 1 - self._past[::4]
        self._lit = (self._free * self._rim).sum(axis=0)
        self._falls = np.array([above - 1, below - above, bottom - below, -bottom] * 2)
        self._heights = self._rise * self._falls
        self._heights[3::4] += (aside, -aside)

    @property
    def values(self) -> Floats:
        """The brightness, shape (n,)."""
        steps = self._heights @ self._past
        return np.asarray(self._bright + steps + self._rise * self._edge * self._lit)

    def slopes(self) -> Floats:
        """Return the derivatives by each parameter, shape (len(NAMES), n)."""
        past, rise, blur = self._past, self._rise, self._blur
        steep = _density(self._z) / blur
        by_step = self._heights[:, None] * steep
        by_step[::4] -= rise * self._edge * self._rim * steep[::4]
        by_rim = rise * self._edge * self._free * _density(self._near) / self._softened
        left, right = by_step[:4].sum(axis=0) + by_rim[0], by_step[4:].sum(axis=0) + by_rim[1]
        softer = -(self._near * by_rim).sum(axis=0) / self._softened
        by_rise = self._falls @ past + self._edge * self._lit
        aside = (past[3] - past[7]) / 2
        both = past[:4] + past[4:]
        slopes = np.empty((len(NAMES), past.shape[1]))
        slopes[MIDDLE], slopes[TOP] = left - right, -(left + right) / 2
        slopes[LEFT], slopes[RIGHT] = -(self._deep @ by_step[:4]), -(self._deep @ by_step[4:])
        slopes[BLUR] = blur * softer - (self._z * by_step).sum(axis=0)
        slopes[5], slopes[6], slopes[7] = aside - by_rise / 2, -aside - by_rise / 2, 1 + by_rise
        slopes[8:11] = rise * (both[:-1] - both[1:])
        slopes[11], slopes[12], slopes[13] = (
            rise * self._lit,
            by_rim.sum(axis=0),
            self._soft * softer,
        )
        return slopes


def _density(z: Floats) -> Floats:
    """Return that of the normal distribution."""
    return np.asarray(np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


def unusual(x: Floats) -> Floats:
    """Return how far parameters are from what is usual, in units of what they may be off.

    A bright trench takes the contrast from the lower faces, which are then as bright as it is.
    """
    lit = LIT * (x[5] + x[6]) / (2 * x[7])
    off = [
        (x[index] - value + (lit if index in (9, 10) else 0.0)) / width
        for index, (value, width) in USUAL.items()
    ]
    return np.array([*off, math.log(x[BLUR] / SHARP[0]) / SHARP[1]])


def unusual_slopes(x: Floats) -> Floats:
    """Return the derivatives of `unusual` by each parameter, shape (its length, len(NAMES))."""
    by = np.zeros((len(USUAL) + 1, len(x)))
    for row, (index, (_, width)) in enumerate(USUAL.items()):
        by[row, index] = 1 / width
        if index in (9, 10):
            by[row, 5:7] = LIT / (2 * x[7] * width)
            by[row, 7] = -LIT * (x[5] + x[6]) / (2 * x[7] ** 2 * width)
    by[-1, BLUR] = 1 / (x[BLUR] * SHARP[1])
    return by
