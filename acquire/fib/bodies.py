"""A bright body that reaches in from one side of an image: the post, or a lamella on its needle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.measured import Measured, agreed, refused
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

SCALES = (1.5, 3.0)
"""Standard deviations of the two filters, pixels; both must show the same edges."""
AGREE = 3.0
"""Pixels that they may differ by."""
OUTLINE = 0.12
"""Of the way from the dark to what reaches in that counts as a body: a lamella is darker than the
needle that holds it."""
SURE = 4.0
"""Standard errors by which a body must be brighter than the dark."""
ROWS = 4
"""Rows at least that a column of the body has."""
INSIDE = (0.5e-6, 4e-6)
"""From the body's end, where its upper and lower borders are looked for, m."""


@dataclass(frozen=True)
class Body:
    """What an image shows of a body."""

    end: Measured
    """u at which it ends towards the other body."""
    upper: Measured
    """v of its upper border, near that end."""
    lower: Measured
    """v of its lower border there."""

    @property
    def parts(self) -> tuple[Measured, Measured, Measured]:
        """All that is measured."""
        return (self.end, self.upper, self.lower)


def body_from(picture: BeamPicture, side: Literal["left", "right"]) -> Body:
    """Return the body that reaches in from a side; refused where two filters do not agree."""
    found = [_at_scale(picture, side, scale) for scale in SCALES]
    for each in found:
        if isinstance(each, str):
            no = refused(each)
            return Body(no, no, no)
    size = picture.pixel_size
    parts = [
        agreed(Measured(float(a), size), Measured(float(b), size), what, beyond=AGREE * size)
        for a, b, what in zip(
            *found, ("the body's end", "its upper border", "its lower border"), strict=True
        )
    ]
    return Body(*parts)


def _at_scale(
    picture: BeamPicture, side: Literal["left", "right"], scale: float
) -> tuple[float, float, float] | str:
    from scipy.ndimage import gaussian_filter, label

    turn = 1 if side == "left" else -1
    smooth = gaussian_filter(np.asarray(picture.pixels, float), scale)[:, ::turn]
    dark, bright = float(np.quantile(smooth, 0.1)), float(np.quantile(smooth[:, :5], 0.97))
    if bright - dark < SURE * math.sqrt(max(dark, 1.0)) / scale:
        return f"nothing bright reaches in from the {side}"
    labels, _ = label(smooth > dark + OUTLINE * (bright - dark))
    at_side = np.bincount(labels[:, 0])[1:]
    if not at_side.any():
        return f"nothing bright reaches in from the {side}"
    body = labels == int(np.argmax(at_side)) + 1
    v, u = (places(count, picture.pixel_size) for count in body.shape)
    last = int(np.flatnonzero(body.sum(axis=0) >= ROWS)[-1])
    if last >= body.shape[1] - 2:
        return f"what is bright at the {side} reaches across the image"
    near = np.flatnonzero((u <= u[last] - INSIDE[0]) & (u >= u[last] - INSIDE[1]))
    rows = [np.flatnonzero(body[:, column]) for column in near]
    rows = [each for each in rows if len(each)]
    if not rows:
        return f"the body at the {side} is too short to be seen; move it further in"
    half = picture.pixel_size / 2
    upper = float(np.median([v[each[0]] for each in rows])) - half
    lower = float(np.median([v[each[-1]] for each in rows])) + half
    return turn * (float(u[last]) + half), upper, lower
