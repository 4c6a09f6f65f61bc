"""What is under the beam: a specimen laid into the field, and what each place of it gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators import dark_field
from simulators.damage import Damage
from simulators.drift import Face
from simulators.eds_physics import Slab, broadening
from simulators.materials import known_materials
from simulators.specimen import Specimen

Floats = npt.NDArray[np.float64]

STEP = 0.25e-9
"""Metres of depth between two samples of the scene; between them it is linear."""
REACH = 15e-6
"""Metres of depth on both sides of the boundary; beyond, as at the end."""
SPOT = 1e-9
"""Largest distance (m) between places at which a rastered rectangle is sampled."""
FEWEST, MOST = 3, 256
"""Places at which each side of a rectangle is sampled; the dose may differ along both."""
THINNEST, THICKEST = 0.2, 5.0
"""Range of a wedge's thickness, relative to its thickness at the boundary; ours."""
NO_DOSE: Floats = np.zeros(1)
UNDAMAGED = Damage(critical_dose={})


@dataclass(frozen=True)
class Wedge:
    """How the thickness changes with depth."""

    change: float = 0.0
    """Relative, over `length`."""
    length: float = 350e-9
    """m."""

    def thickness(self, at_boundary: float, beyond: Floats) -> Floats:
        """Return the thickness (m) at distances (m) beyond the boundary, same shape."""
        relative = 1 + self.change * beyond / self.length
        thickness: Floats = at_boundary * np.clip(relative, THINNEST, THICKEST)
        return thickness


@dataclass(frozen=True)
class Surroundings:
    """What gives X-rays beside the specimen, and what the beam does to it."""

    copper: float = 0.0
    """m of copper film under the beam that would give what stray electrons give."""
    carbon: float = 0.0
    """m of carbon on the specimen before any exposure."""
    contamination: float = 0.0
    """m of carbon that 1,000 e/Å² make grow."""
    damage: Damage = UNDAMAGED

    def film(self, before: Floats, during: float) -> float:
        """Return the carbon (m) on places with these doses (e/Å²), mean over an exposure."""
        return self.carbon + self.contamination * (float(before.mean()) + during / 2) / 1000


class Scene:
    """Expected counts and brightness as functions of place.

    Without dose only depth matters for them, so they are sampled over depth once; each exposure
    then averages over its rectangle, wherever drift has taken that, and weighs each place by what
    earlier exposures have left of it.
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
        wedge: Wedge = Wedge(),
        around: Surroundings = Surroundings(),
    ) -> None:
        """`contrast` is the rms of the dark-field texture; `probe_size` (m) a full width."""
        self.face = face
        self.around = around
        self.symbols = slab.symbols
        films = [known_materials()[name].number_densities[name] for name in ("C", "Cu")]
        self._films = np.array(films)
        self.units = np.concatenate([slab.units(), slab.films(("C", "Cu"))])
        margin = 40 * STEP
        self._top = max(-margin, face.depth - REACH)
        bottom = min(float(specimen.faces[-1]) + margin, face.depth + REACH)
        samples = np.arange(math.ceil((bottom - self._top) / STEP) + 1, dtype=float)
        depths: Floats = self._top + STEP * samples
        densities = specimen.densities(depths)
        thickness = wedge.thickness(slab.thickness, depths - face.depth)
        spread = np.hypot(probe_size / 2.355, broadening(densities, slab.symbols, thickness))
        self._amounts = _blurred(slab.amounts(densities, thickness), spread / STEP)
        shares = dark_field.scattered(densities, slab.symbols, thickness)
        narrow = np.full(len(depths), probe_size / 2.355 / STEP)
        self._bright = _blurred(shares[:, None], narrow)[:, 0]
        self._texture = texture
        self._contrast = contrast

    def places(
        self, x: float, y: float, along: float, across: float, angle: float
    ) -> tuple[Floats, Floats]:
        """Return x and y (m) of places evenly over a rectangle, each of shape (places,).

        As far apart as `SPOT` at most in the direction in which depth grows.
        """
        turned, c, s = angle - self.face.tilt, math.cos(angle), math.sin(angle)
        ahead = _spread(along, along * abs(math.cos(turned)))[:, None]
        aside = _spread(across, across * abs(math.sin(turned)))[None, :]
        return (x + ahead * c - aside * s).ravel(), (y + ahead * s + aside * c).ravel()

    def counts_per_electron(
        self,
        x: float,
        y: float,
        along: float,
        across: float,
        angle: float,
        *,
        before: Floats = NO_DOSE,
        during: float = 0.0,
    ) -> Floats:
        """Return the expected spectrum, counts per electron and channel, of a rectangle.

        Its centre (m) is in the specimen's coordinates. `before` is the dose (e/Å²) that its
        `places` have had, shape (places,) or (1,), `during` what they get now. Shape (channels,).
        """
        depths = self.face.depth_at(*self.places(x, y, along, across, angle))
        place = np.clip((depths - self._top) / STEP, 0, len(self._amounts) - 1.001)
        index = place.astype(np.intp)
        share = (place - index)[:, None]
        amounts = self._amounts[index] * (1 - share) + self._amounts[index + 1] * share
        there = float((amounts.sum(axis=1) > 0).mean())
        left = self.around.damage.left(self.symbols, before, during)
        halves = amounts.reshape(len(amounts), 2, -1)
        # einsum, not @: BLAS would wake its threads for these few numbers, and they spin
        if len(left) == 1:
            mean = halves.mean(axis=0) * left
        else:
            mean = np.einsum("ikj,ij->kj", halves, left) / len(left)
        films = self._films * (there * self.around.film(before, during), self.around.copper)
        weights = np.concatenate([mean.ravel(), films])
        counts: Floats = np.einsum("i,ij->j", weights, self.units)
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


def _spread(width: float, in_depth: float) -> Floats:
    """Return places evenly over a width (m), each the middle of its part.

    `in_depth` is how far (m) depth changes over it: more of that, more places.
    """
    parts = min(MOST, max(FEWEST, math.ceil(in_depth / SPOT - 1e-9)))
    return ((np.arange(parts) + 0.5) / parts - 0.5) * width


def _blurred(columns: Floats, sigmas: Floats) -> Floats:
    """Return each row averaged over its neighbours with a Gaussian of its own sigma (samples).

    Widths between a few levels are mixed of the two beside them. The ends continue.
    """
    low, high = float(sigmas.min()), float(sigmas.max())
    levels = np.geomspace(low, high, 1 + math.ceil(math.log(high / low) / math.log(1.6) - 1e-9))
    if len(levels) == 1:
        return _evenly_blurred(columns, low)
    place = np.interp(sigmas, levels, np.arange(len(levels)))
    blurred = np.zeros_like(columns)
    for level, sigma in enumerate(levels):
        weight = np.maximum(0.0, 1 - np.abs(place - level))
        used = np.flatnonzero(weight)
        if used.size:
            part, half = slice(used[0], used[-1] + 1), math.ceil(4 * sigma)
            start = max(0, part.start - half)
            near = _evenly_blurred(columns[start : part.stop + half], float(sigma))
            blurred[part] += (
                weight[part, None] * near[part.start - start :][: used[-1] - used[0] + 1]
            )
    return blurred


def _evenly_blurred(columns: Floats, sigma: float) -> Floats:
    """Return each column convolved with a Gaussian of `sigma` samples; the ends continue."""
    half = math.ceil(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / max(sigma, 1e-9)) ** 2)
    padded = np.pad(columns, ((half, half), (0, 0)), mode="edge")
    blurred = [np.convolve(c, kernel / kernel.sum(), mode="valid") for c in padded.T]
    return np.ascontiguousarray(np.array(blurred).T)
