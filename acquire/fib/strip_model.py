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
         "face above", "face below", "face bottom", "edge", "rim", "soft",
         "bulge")  # fmt: skip
"""Parameters: m; brightness; brightness of faces and edges in parts of top less trench; and by how
much further out than a straight face the interface is on either side, m."""
MIDDLE, TOP, LEFT, RIGHT, BLUR, DARK_LEFT, DARK_RIGHT, BRIGHT = range(8)
BULGE = 14
LOW = np.array([-3e-6, 15e-9, 0.0, 0.0, 2e-9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2e-9, 1e-9,
                -10e-9])  # fmt: skip
HIGH = np.array([3e-6, 4e-6, 0.8e-6, 0.8e-6, 0.2e-6, 1e9, 1e9, 1e9, 1.1, 1.0, 1.0, 1.0, 80e-9,
                 40e-9, 20e-9])  # fmt: skip
USUAL = {
    2: (35e-9, 40e-9),
    3: (35e-9, 40e-9),
    8: (0.75, 0.2),
    9: (0.45, 0.25),
    10: (0.45, 0.25),
    11: (0.3, 0.25),
    12: (35e-9, 20e-9),
    13: (12e-9, 8e-9),
}
"""What is usual of a parameter (by its place in NAMES) and how far it may be off: faces lean by 0
to 1 deg (taper less over-tilt [lit]); above the interface a face is of the top's material, but few
of its electrons reach a detector above; below it is another material; edges are brighter over the
escape depth of secondary electrons and the ions' range, 10 to 40 nm [lit], in lithium, which is
light, rather at its upper end. Ours, to verify."""
CONVEX = (2e-9, 2e-9)
"""Usual bulge, m, and how far it may be off: the beam's tail takes most off where it has been
longest, near the top. Of a tail that reaches spot sqrt(ln overdose / (4 ln 2)), for a spot of 12 nm
and 1.5 times the charge, between the top, the interface and the bottom. Ours, to verify."""
SHARP = (18e-9, 0.6)
"""Usual blur (standard deviation, m), and by how much its logarithm may be off. Ours, to verify."""


SIDES = np.repeat([-1.0, 1.0], 4)[:, None]
"""The way out of the band, of each step of `Course`."""


def sizes(rise: float) -> Floats:
    """Return the usual sizes of the parameters, which scale the fit; `rise` is top less trench."""
    return np.array(
        [1e-8, 2e-8, 2e-8, 2e-8, 1e-8, rise, rise, rise, 1.0, 1.0, 1.0, 1.0, 1e-8, 1e-8, 1e-9]
    )


class Course:
    """The brightness over w, blurred, and how it changes with the parameters.

    Each side goes down from the top in four steps: at its edge, at the interface, half-way below
    that, and at the bottom; with those of both sides along an axis they are eight.
    """

    def __init__(self, x: Floats, v: Floats, share: float) -> None:
        """Work out the steps.

        Args:
            x: the parameters, in the order of NAMES.
            v: places across the band, m, shape (n,).
            share: depth of the interface by that of the lamella's bottom.
        """
        from scipy.special import ndtr

        middle, top, left, right, self._blur, *others = x.tolist()
        *dark, bright, above, below, bottom, edge, rim, soft, bulge = others
        self._bright, self._edge, self._soft = bright, edge, soft
        self._rise, aside = bright - (dark[0] + dark[1]) / 2, (dark[0] - dark[1]) / 2
        self._deep = (0.0, share, (1 + share) / 2, 1.0)
        out = (0.0, bulge, bulge / 2, 0.0)
        at = np.array(
            [
                top / 2 + deep * lean + more
                for lean in (left, right)
                for deep, more in zip(self._deep, out, strict=True)
            ]
        )
        self._z = (SIDES * (v - middle) - at[:, None]) / self._blur
        self._past = ndtr(self._z)
        self._softened = math.hypot(soft, self._blur)
        self._near = (self._z[::4] * self._blur + rim) / self._softened
        self._rim = ndtr(self._near)
        self._free = 1 - self._past[::4]
        self._lit = (self._free * self._rim).sum(axis=0)
        self._faces = above, below, bottom
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
        slopes[BULGE] = -(by_step[1::4] + by_step[2::4] / 2).sum(axis=0)
        return slopes

    def by_face(self, slopes: Floats) -> Floats:
        """Return the derivative by the brightness of all of both faces, in parts of itself."""
        return np.asarray(self._faces @ slopes[8:11])


def at_interface(x: Floats, share: float) -> tuple[float, Floats]:
    """Return the thickness at the interface (m), and its derivatives by the parameters."""
    slopes = np.zeros(len(x))
    slopes[TOP], slopes[[LEFT, RIGHT]], slopes[BULGE] = 1.0, share, 2.0
    return float(slopes @ x), slopes


def _density(z: Floats) -> Floats:
    """Return that of the normal distribution."""
    return np.asarray(np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


def unusual(x: Floats) -> Floats:
    """Return how far parameters are from what is usual, in units of what they may be off.

    Brightness counts in parts of top less trench, which a detector's offset and gain leave alone.
    """
    off = [(x[index] - value) / width for index, (value, width) in USUAL.items()]
    convex = (x[BULGE] - CONVEX[0]) / CONVEX[1]
    return np.array([*off, math.log(x[BLUR] / SHARP[0]) / SHARP[1], convex])


def unusual_slopes(x: Floats) -> Floats:
    """Return the derivatives of `unusual` by each parameter, shape (its length, len(NAMES))."""
    by = np.zeros((len(USUAL) + 2, len(x)))
    for row, (index, (_, width)) in enumerate(USUAL.items()):
        by[row, index] = 1 / width
    by[-2, BLUR] = 1 / (x[BLUR] * SHARP[1])
    by[-1, BULGE] = 1 / CONVEX[1]
    return by
