"""The needle's tip: a bright cone that comes into the image from its right border."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquire.fib.band import places
from acquire.fib.height import Seen
from acquire.fib.measured import Measured, agreed, refused
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

Tip = Seen
"""Where the tip is in the image: u to the right, v down."""

SCALES = (1.5, 3.0)
"""Standard deviations of the two filters, pixels; both must show the same tip."""
AGREE = 3.0
"""Pixels that the two may differ by: a wider filter rounds the tip off."""
WIDER = 1.2
"""Times that the cone must be wider at the border than at its first third."""


def needle_tip(picture: BeamPicture) -> Tip:
    """Return where the tip of the needle is.

    Refused if nothing bright enters from the right, if it does not narrow to a tip, or if two
    filters show tips more than AGREE pixels apart.
    """
    fine, coarse = (_tip(picture, scale) for scale in SCALES)
    if isinstance(fine, str):
        return Tip(refused(fine), refused(fine))
    if isinstance(coarse, str):
        return Tip(refused(coarse), refused(coarse))
    size = picture.pixel_size
    return Tip(
        _both(fine[0], coarse[0], size, "u of the tip"),
        _both(fine[1], coarse[1], size, "v of the tip"),
    )


def _both(first: float, second: float, size: float, what: str) -> Measured:
    sigma = max(size, abs(first - second))
    return agreed(Measured(first, sigma), Measured(second, sigma), what, beyond=AGREE * size)


def _tip(picture: BeamPicture, scale: float) -> tuple[float, float] | str:
    """Return u and v of the tip at one filter scale, or why it is not seen."""
    from scipy.ndimage import gaussian_filter, label
    from skimage.filters import threshold_multiotsu

    smooth = gaussian_filter(np.asarray(picture.pixels, float), scale)
    threshold = float(threshold_multiotsu(smooth, classes=3)[-1])
    labels, _ = label(smooth > threshold)
    at_border = np.bincount(labels[:, -1])[1:]
    if not at_border.any():
        return "nothing bright comes in from the right border; insert the needle, or look lower"
    cone = labels == int(np.argmax(at_border)) + 1
    across = cone.sum(axis=0)
    first = int(np.flatnonzero(across)[0])
    if first == 0:
        return "what is bright at the right border reaches the left one: it is not the needle"
    third = across[first + (len(across) - first) // 3]
    if across[-1] < WIDER * third:
        return "what comes in from the right does not narrow to a tip; look at the image"
    rows = np.flatnonzero(cone[:, first : first + 3].any(axis=1))
    row = round(float(rows.mean()))
    line = smooth[max(0, row - 1) : row + 2].mean(axis=0)
    share = (threshold - line[first - 1]) / max(line[first] - line[first - 1], 1e-9)
    u = places(smooth.shape[1], picture.pixel_size)
    v = places(smooth.shape[0], picture.pixel_size)
    at = u[first] - (1 - float(np.clip(share, 0.0, 1.0))) * picture.pixel_size
    return float(at), float(v[rows].mean())
