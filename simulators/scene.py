"""What is under the beam: a specimen laid into the field, and what each place of it gives."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from simulators import dark_field
from simulators.drift import Face
from simulators.eds_physics import Slab, broadening
from simulators.specimen import Specimen

Floats = npt.NDArray[np.float64]

STEP = 0.25e-9
"""Metres of depth between two samples of the scene; between them it is linear."""
REACH = 15e-6
"""Metres of depth on both sides of the boundary; beyond, as at the end."""
SPOT = 1e-9
"""Largest distance (m) between places at which a rastered rectangle is sampled."""


class Scene:
    """Expected counts and brightness as functions of place.

    Only depth matters for them, so they are sampled over depth once; each exposure then averages
    over its rectangle, wherever drift has taken that.
    """

    def __init__(
        self,
        specimen: Specimen,
        slab: Slab,
        face: Face,
        *,
        probe_size: float,
        texture: dark_field.Texture,
        contrast: float,
    ) -> None:
        """`contrast` is the rms of the dark-field texture; `probe_size` (m) a full width."""
        self.face = face
        self.units = slab.units()
        margin = 40 * STEP
        self._top = max(-margin, face.depth - REACH)
        bottom = min(float(specimen.faces[-1]) + margin, face.depth + REACH)
        depths = self._top + STEP * np.arange(math.ceil((bottom - self._top) / STEP) + 1)
        densities = specimen.densities(depths)
        spread = broadening(specimen.densities(face.depth + 100e-9), slab.symbols, slab.thickness)
        width = math.hypot(probe_size / 2.355, spread)
        self._amounts = _blurred(slab.amounts(densities), width / STEP)
        shares = dark_field.scattered(densities, slab.symbols, slab.thickness)
        self._bright = _blurred(shares[:, None], probe_size / 2.355 / STEP)[:, 0]
        self._texture = texture
        self._contrast = contrast

    def counts_per_electron(
        self, x: float, y: float, along: float, across: float, angle: float
    ) -> Floats:
        """Return the expected spectrum, counts per electron and channel, of a rectangle.

        Its centre (m) is in the specimen's coordinates. Shape (channels,).
        """
        turned = angle - self.face.tilt
        depths = np.add.outer(
            _spread(along * abs(math.cos(turned))), _spread(across * abs(math.sin(turned)))
        ).ravel() + self.face.depth_at(x, y)
        place = np.clip((depths - self._top) / STEP, 0, len(self._amounts) - 1.001)
        index = place.astype(np.intp)
        share = (place - index)[:, None]
        amounts = self._amounts[index] * (1 - share) + self._amounts[index + 1] * share
        # einsum, not @: BLAS would wake its threads for these few numbers, and they spin
        counts: Floats = np.einsum("i,ij->j", amounts.mean(axis=0), self.units)
        return counts

    def brightness(self, x: Floats, y: Floats) -> Floats:
        """Return the share of electrons that the dark-field detector sees on a grid of places.

        `x` and `y` (m) are in the specimen's coordinates; shape (len(y), len(x)).
        """
        tilt = self.face.tilt
        depths = np.add.outer(y * math.sin(tilt), x * math.cos(tilt)) + self.face.depth_at(0, 0)
        place = np.clip((depths - self._top) / STEP, 0, len(self._bright) - 1.001)
        index = place.astype(np.intp)
        shares = self._bright[index]
        shares += (self._bright[index + 1] - shares) * (place - index)
        if self._contrast > 0:
            shares *= np.maximum(0.0, 1 + self._contrast * self._texture.over(x, y))
        return np.minimum(shares, 1.0)


def _spread(width: float) -> Floats:
    """Return places evenly over a width (m), each the middle of its part."""
    parts = max(1, math.ceil(width / SPOT - 1e-9))
    return ((np.arange(parts) + 0.5) / parts - 0.5) * width


def _blurred(columns: Floats, sigma: float) -> Floats:
    """Return each column convolved with a Gaussian of `sigma` samples; the ends continue."""
    half = math.ceil(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / max(sigma, 1e-9)) ** 2)
    padded = np.pad(columns, ((half, half), (0, 0)), mode="edge")
    blurred = [np.convolve(c, kernel / kernel.sum(), mode="valid") for c in padded.T]
    return np.ascontiguousarray(np.array(blurred).T)
