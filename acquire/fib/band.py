"""A bright band between two dark ones: where it is in an image, before it is fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.fib import BeamPicture

Floats = npt.NDArray[np.float64]

LOOK = 2.2e-6
"""How far from the image's middle the band's middle is looked for, m."""
CLEAR = 5.0
"""Standard errors by which the band must be brighter than what is beside it."""
PART = 0.3
"""Of the way up from the dark to what is brightest: what is above it and hangs together is a band,
its faces with it."""
FOOT = 0.15
"""Of the way up from the darkest beside the band to its edge: there the trench begins."""
FILTERED = 8
"""Pixels over which the filter reaches that finds the turn."""
PARTS = 16
"""Pieces along the band that are seen each by itself."""


@dataclass(frozen=True)
class Band:
    """A bright band along u, roughly: m, in the image."""

    top: float
    """v of its upper edge at u = 0, at half its height."""
    bottom: float
    slope: float
    """dv/du."""
    clear_above: float
    """v from which on it is dark above the band."""
    clear_below: float


def places(count: int, size: float) -> Floats:
    """Return where the middles of `count` pixels are from the image's middle, m."""
    return np.asarray((np.arange(count) - (count - 1) / 2) * size)


def find_band(picture: BeamPicture, columns: npt.NDArray[np.intp]) -> Band | str:
    """Return the largest bright band near the image's middle in some `columns`, or why it is none.

    The band's turn is found by moving columns against each other until the profile is sharpest.
    """
    u = places(picture.pixels.shape[1], picture.pixel_size)[columns]
    v = places(picture.pixels.shape[0], picture.pixel_size)
    blocks = np.array_split(np.arange(len(columns)), min(4 * PARTS, len(columns)))
    begins, counts = ([part(block) for block in blocks] for part in (min, len))
    sums = np.add.reduceat(picture.pixels[:, columns], begins, axis=1, dtype=float)
    profiles = np.ascontiguousarray((sums / counts).T)
    middles = np.array([u[block].mean() for block in blocks])
    drops = middles / picture.pixel_size
    slope = 0.0
    for reach in (0.05, 0.005):
        turns = slope + reach * np.linspace(-1.0, 1.0, 9)
        slope = float(max(turns, key=lambda turn: _sharpness(profiles, turn * drops, v)))
    profile = _aligned(profiles, slope * drops, slice(0, len(v)))
    return _inside(profile, v, slope, len(columns))


def _aligned(profiles: Floats, down: Floats, rows: slice) -> Floats:
    """Return the mean of profiles that lie so many pixels further `down`, in some rows.

    In between pixels on a line; beyond the border they go on.
    """
    whole = np.floor(down).astype(int)
    part, most = down - whole, int(np.abs(whole).max()) + 1
    padded = np.pad(profiles, ((0, 0), (most, most)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, rows.stop - rows.start + 1, axis=1)
    moved = windows[np.arange(len(down)), whole + rows.start + most]
    return np.asarray(((1 - part) @ moved[:, :-1] + part @ moved[:, 1:]) / len(down))


def _sharpness(profiles: Floats, down: Floats, v: Floats) -> float:
    from scipy.ndimage import gaussian_filter1d

    near = np.flatnonzero(np.abs(v) < LOOK + 0.5e-6)
    rows = slice(max(0, int(near[0]) - FILTERED), min(len(v), int(near[-1]) + FILTERED + 1))
    steep = gaussian_filter1d(_aligned(profiles, down, rows), 2.0, order=1)
    return float((steep[near - rows.start] ** 2).sum())


def _inside(profile: Floats, v: Floats, slope: float, averaged: int) -> Band | str:
    """Return the largest band of a profile over v near v = 0."""
    from scipy.ndimage import gaussian_filter1d, label

    smooth = gaussian_filter1d(profile, 1.0)
    near = np.abs(v) < LOOK + 1e-6
    dark, bright = np.quantile(smooth[near], 0.1), smooth[np.abs(v) < LOOK].max()
    noise = math.sqrt(max(float(bright), 1.0) / averaged)
    if bright - dark < CLEAR * noise:
        return "no bright band stands out of the dark beside it; use more dose or survey again"
    labels, count = label(smooth > dark + PART * (bright - dark))
    found = [np.flatnonzero(labels == each) for each in range(1, count + 1)]
    found = [each for each in found if abs(v[each].mean()) < LOOK]
    if not found:
        return f"no bright band within {LOOK * 1e6:g} um of the image's middle; centre it"
    whole = max(found, key=lambda each: float(smooth[each].sum()))
    part = whole[smooth[whole] > (dark + smooth[whole].max()) / 2]
    first, last = int(part[0]), int(part[-1])
    if whole[0] == 0 or whole[-1] == len(v) - 1:
        return "the bright band reaches the image's border; use a larger field"
    above, below = (_foot(side, noise) for side in (smooth[first::-1], smooth[last:]))
    if above is None or below is None:
        return "the bright band is not between two dark trenches; mill them, or centre it"
    return Band(
        float(v[part[0]]),
        float(v[part[-1]]),
        slope,
        float(v[first - above]),
        float(v[last + below]),
    )


def _foot(side: Floats, noise: float) -> int | None:
    """Return how many pixels out of the band it is dark, or None if it stays bright.

    `side` begins in the band and goes outwards; what is dark is judged by the darkest within reach:
    a trench grows brighter away from the lamella.
    """
    near = side[: max(8, len(side) // 4)]
    dark, bright = float(near.min()), float(side[0])
    if bright - dark < CLEAR * noise:
        return None
    return int(np.flatnonzero(near < dark + FOOT * (bright - dark))[0])
