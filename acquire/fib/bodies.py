"""A bright body that reaches in from the left of an image: the post."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.measured import Measured, agreed, refused
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

SCALES = (1.0, 2.0)
"""Standard deviations of the two filters, pixels; both must show the same edges."""
AGREE = 3.0
"""Pixels that they may differ by."""
ROWS = 4
"""Rows at least that a column of the body has."""
SURE = 8.0
"""Times the scatter of the dark by which a body is brighter; it ends at half its brightness."""
LEVELS = 5
"""How often the level may be doubled at which two bodies are told apart."""
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


def body_from_left(picture: BeamPicture) -> Body:
    """Return the body that reaches in from the left; refused where two filters do not agree."""
    found = [_at_scale(picture, scale) for scale in SCALES]
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


def _at_scale(picture: BeamPicture, scale: float) -> tuple[float, float, float] | str:
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.asarray(picture.pixels, float), scale)
    darker_half = smooth[smooth <= np.median(smooth)]
    dark = float(np.median(darker_half))
    scatter = 1.48 * float(np.median(np.abs(darker_half - dark)))
    body = _alone(smooth - dark, SURE * scatter)
    if body is None:
        return "nothing bright reaches in from the left without reaching across the image"
    v, u = (places(count, picture.pixel_size) for count in body.shape)
    tall = np.flatnonzero(body.sum(axis=0) >= ROWS)
    if not len(tall):
        return "what reaches in from the left is too thin to be a body; use more dose"
    reach = u[int(tall[-1])] - INSIDE[1]
    darker = float(np.quantile(smooth[body & (u > reach)], 0.25))
    body &= smooth > (dark + darker) / 2  # where it is darkest it may be cut off from the border
    tall = np.flatnonzero(body.sum(axis=0) >= ROWS)
    if not len(tall):
        return "what reaches in from the left does not stand out; use more dose"
    last = int(tall[-1])
    if last >= body.shape[1] - 2:
        return "what is bright at the left reaches across the image"
    near = np.flatnonzero((u <= u[last] - INSIDE[0]) & (u >= u[last] - INSIDE[1]))
    rows = [np.flatnonzero(body[:, column]) for column in near]
    rows = [each for each in rows if len(each)]
    if not rows:
        return "the body at the left is too short to be seen; move it further in"
    half = picture.pixel_size / 2
    upper = float(np.median([v[each[0]] for each in rows])) - half
    lower = float(np.median([v[each[-1]] for each in rows])) + half
    return float(u[last]) + half, upper, lower


def _alone(bright: Floats, least: float) -> npt.NDArray[np.bool_] | None:
    """Return the region that reaches in from the left, at the lowest level at which it ends.

    Across a narrow gap two bodies hang together at a level that shows each of them wholly.
    """
    for doubled in range(LEVELS):
        body = _reaching_in(bright > least * 2**doubled)
        if body is None:
            return None
        if not body[:, -2:].any():
            return body
    return None


def _reaching_in(bright: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_] | None:
    """Return the bright region that has most of the left border; None if none touches it."""
    from scipy.ndimage import label

    labels, _ = label(bright)
    at_side = np.bincount(labels[:, 0])[1:]
    return labels == int(np.argmax(at_side)) + 1 if at_side.any() else None
