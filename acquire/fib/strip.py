"""The lamella from above: how thick it is, where it lies, in an ion image along its faces.

A lamella between two dark trenches has a bright top and, where its faces lean, two bands of middle
brightness beside it. The image's columns over the kept zone are fitted together: each edge is an
error function of one common blur, the faces are straight, the band may be turned. The thickness at
the interface lies between the top's and the outer width, by depth. A face that overhangs is not
seen from above: below its top the lamella is then thinner than what is told here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from acquire.fib.band import Band, find_band, places
from acquire.fib.measured import Measured, agreed, refused
from acquire.fib.strip_fit import StripFit, fit_strip
from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

STEEP = math.radians(4.0)
"""Largest angle between surface's normal and beam at which it is a picture from above."""
OF_BLUR = 0.1
"""Share of the blur's standard deviation by which an edge's true place may differ from where the
fit puts it (edge brightening, spot not round): the stated systematic. Ours, to verify."""
OF_LEAN = 0.04
"""Share of what both faces lean by which the place of the interface on them may be off beyond what
the fit knows of it: layers are not of one brightness each. Ours, to verify."""
SCALE = 0.01
"""Relative error of the pixel's size as microscopes are calibrated, 1 to 3 % [lit]."""


@dataclass(frozen=True)
class Strip:
    """The lamella as seen from above."""

    middle: Measured
    """v of its middle at u = 0."""
    top: Measured
    """Thickness of its top, at the free surface."""
    outer: Measured
    """With the sloping faces: thickness at its bottom."""
    at_interface: Measured
    """Thickness at the interface, averaged along the kept zone."""
    thinnest: Measured
    """The same of its thinnest piece along u: curtaining shows here."""
    waviness: float
    """Scatter of the thickness along u beyond what noise makes, m; 0.0 if refused."""
    left: Measured
    """u of its left end."""
    right: Measured
    """u of its right end."""


def lamella_strip(
    picture: BeamPicture, *, kept: float, depth: float, interface: float, u: float | None = None
) -> Strip:
    """Return the lamella's thickness over the zone of length `kept` in its middle.

    Args:
        picture: an ion image at nearly normal incidence.
        kept: length along u that is averaged (m).
        depth: of the lamella's bottom, where `outer` is (m).
        interface: depth at which the thickness is asked for (m); faces are nearly straight.
        u: of the middle of what is averaged (m); where it is not said that of the lamella if both
            its ends are seen, else of the image.
    """
    if picture.beam != "ion" or abs(picture.angle) > STEEP:
        return _refused("thickness is seen along the faces only: take an ion image at the tilt "
                        "where the ion beam is normal to the surface")  # fmt: skip
    everywhere = np.arange(picture.pixels.shape[1])
    left, right = ends(picture)
    middle = (left.value + right.value) / 2 if left.known and right.known else 0.0
    centre = middle if u is None else u
    along = places(len(everywhere), picture.pixel_size)
    columns = everywhere[np.abs(along - centre) < kept / 2]
    if len(columns) < 32:
        return _refused(
            "fewer than 32 columns show the kept zone; use a smaller field", left, right
        )
    band = find_band(picture, columns)
    if isinstance(band, str):
        return _refused(band, left, right)
    fit = fit_strip(picture, columns, band, interface / depth)
    if isinstance(fit, str):
        return _refused(fit, left, right)
    return _strip(fit, band, left, right)


def _refused(reason: str, left: Measured | None = None, right: Measured | None = None) -> Strip:
    no = refused(reason)
    return Strip(no, no, no, no, no, 0.0, left or no, right or no)


def _strip(fit: StripFit, band: Band, left: Measured, right: Measured) -> Strip:
    spot, lean = OF_BLUR * fit.blur, OF_LEAN * (fit.outer[0] - fit.top[0])
    middle = Measured(fit.middle[0], math.hypot(fit.middle[1], spot, lean))
    top, outer, width = (
        Measured(value, math.hypot(sigma, spot, lean, SCALE * value))
        for value, sigma in (fit.top, fit.outer, fit.at_interface)
    )
    pieces = fit.pieces
    of_mean = float(pieces.std(ddof=1)) / math.sqrt(len(pieces))
    own = Measured(float(pieces.mean()), math.hypot(of_mean, spot))
    at_interface = agreed(width, own, "thickness, all together and piece by piece")
    if at_interface.known:
        at_interface = Measured(at_interface.value, math.hypot(at_interface.sigma, of_mean))
    lowest = int(np.argmin(pieces))
    thinnest = Measured(float(pieces[lowest]), math.hypot(fit.piece_sigma, width.sigma))
    return Strip(middle, top, outer, at_interface, thinnest, fit.waviness, left, right)


def ends(picture: BeamPicture) -> tuple[Measured, Measured]:
    """Return u of the left and right end of the band that crosses the image's middle."""
    count = picture.pixels.shape[1]
    band = find_band(picture, np.arange(count // 4, count - count // 4))
    if isinstance(band, str):
        return refused(band), refused(band)
    u = places(count, picture.pixel_size)
    return _end(picture, band, u, -1), _end(picture, band, u, 1)


def _end(picture: BeamPicture, band: Band, u: Floats, side: int) -> Measured:
    """Return u at which the band stops being bright on one side, at two filter widths."""
    from scipy.ndimage import gaussian_filter1d

    v = places(picture.pixels.shape[0], picture.pixel_size)
    inside = (v[:, None] > band.top + band.slope * u) & (v[:, None] < band.bottom + band.slope * u)
    rows = np.maximum(inside.sum(axis=0), 1)
    along = np.asarray((picture.pixels * inside).sum(axis=0) / rows, float)
    beside = v[:, None] < band.clear_above + band.slope * u
    dark = float(np.median(np.asarray(picture.pixels, float)[beside & (np.abs(u) < u[-1] / 2)]))
    half = (float(np.median(along[np.abs(u) < u[-1] / 2])) + dark) / 2
    found = [
        _crossing(gaussian_filter1d(along[::side], width), u[::side], half) for width in (2.0, 4.0)
    ]
    if found[0] is None or found[1] is None:
        return refused("this end of the lamella is not in the image; use a larger field")
    first, second = (Measured(each, 0.0) for each in found if each is not None)
    end = agreed(first, second, "the lamella's end", beyond=3 * picture.pixel_size + 30e-9)
    apart = abs(first.value - second.value)
    return replace(end, sigma=max(picture.pixel_size, apart)) if end.known else end


def _crossing(along: Floats, u: Floats, half: float) -> float | None:
    """Return where, from the middle on, it first falls below `half` and stays so for 5 pixels."""
    dark = along < half
    for index in range(len(u) // 2, len(u) - 5):
        if dark[index : index + 5].all() and not dark[index - 1]:
            share = (along[index - 1] - half) / (along[index - 1] - along[index])
            return float(u[index - 1] + share * (u[index] - u[index - 1]))
    return None
