"""What a beam sees: the solid, where the needle is, how steady it all is; and how bright it looks.

Brightness is relative to tungsten's. Yields, charging and detector are ours throughout, to verify:
no public source gives secondary-electron contrast of Li, LiPON and tungsten under 30 kV ions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from drivers.fib import BeamName
from simulators.fib.solid import Solid

Floats = npt.NDArray[np.float64]
Place = Literal["site", "grid", "elsewhere"]


class Layers(Protocol):
    """What the film is made of, by depth."""

    @property
    def materials(self) -> tuple[str, ...]:
        """Order of the materials in arrays of volumes."""
        ...

    def above(self, depths: Floats) -> Floats:
        """Return m³ of each material per m² above each depth (m), shape (*depths, materials)."""
        ...


@dataclass(frozen=True)
class Scene:
    """What there is to be seen at one moment."""

    solid: Solid
    stack: Layers
    place: Place = "site"
    """What the stage has brought under the beams; elsewhere is the film as it was."""
    needle: tuple[float, float, float] | None = None
    """True place of the tip in the frame (m); None while it is out."""
    stub: tuple[float, float, float] | None = None
    """Where the piece is that stays welded to the needle after the lamella was released, as
    `Solid.moved` counts it (m); None without one."""
    in_contact: bool = False
    """The needle touches the lamella and leads its charge away."""
    shift: tuple[float, float] = (0.0, 0.0)
    """u and v by which everything is displaced in the image, m."""
    blur: float = 0.0
    """Standard deviation of the vibration, m."""
    charging: float = 0.0
    """Scatter (natural logarithm) of the insulators' brightness from image to image."""
    texture: int = 0
    """Seed of the surfaces' grains: the same places of a specimen always look the same."""


_IONS = MappingProxyType(
    {
        "W": 1.0,
        "Cu": 0.9,
        "Pt": 0.95,
        "Cr": 0.8,
        "Li": 0.55,
        "Li2O": 0.45,
        "Li3N": 0.45,
        "Li3PO4": 0.36,
        "Li2CO3": 0.36,
        "LiPON": 0.35,
        "SiO2": 0.3,
        "Al2O3": 0.3,
        "LNMO": 0.45,
        "Si": 0.5,
        "H2O": 0.25,
    }
)
_ELECTRONS = MappingProxyType({**_IONS, "Li": 0.5, "LiPON": 0.4, "Pt": 1.0, "Si": 0.55})
"""As with ions, heavy elements brighter: backscattered electrons make secondaries of their own."""
INSULATORS = frozenset({"Li2O", "Li3N", "Li3PO4", "Li2CO3", "LiPON", "SiO2", "Al2O3", "H2O"})


@dataclass(frozen=True)
class Look:
    """How bright and sharp things are; ours, to verify, unless a source is named."""

    ion_yields: Mapping[str, float] = field(default_factory=lambda: _IONS)
    electron_yields: Mapping[str, float] = field(default_factory=lambda: _ELECTRONS)
    other: float = 0.45
    """Of a material that the tables lack."""
    per_ion: float = 0.6
    """Counts per ion from tungsten: 2 secondary electrons, 0.3 of them detected."""
    per_electron: float = 0.15
    """Counts per electron from tungsten at 5 kV."""
    contrast: float = 1.0
    """1 is usual, 0.5 the worst case: differences shrink towards the mean brightness."""
    mean: float = 0.5
    background: float = 0.02
    """Counts of the detector itself, as brightness."""
    edge: float = 0.3
    """By which edges are brighter."""
    steep: float = 0.75
    """Times the brightness of what a steep face shows beside the top: grazing ions free more
    electrons, but few of those reach a detector above."""
    rim: float = 40e-9
    """Width of the bright edge, m: about the range of the ions, as of 5 kV secondaries."""
    wall: float = 0.8
    """Share of the light on an upright wall of a trench at its top, against the flat film."""
    contact: float = 1.35
    """Times brighter is a lamella whose charge the needle leads away."""
    void: float = 0.06
    """Brightness where nothing is near: beyond the grid."""
    shade: float = 0.12
    """Brightness that is left where no sky is open, as a share."""
    transparent: float = 150e-9
    """Thickness (m) over which a face gains 1 - 1/e of its brightness for 5 kV electrons."""
    escape: float = 10e-9
    """Depth (m) from which secondary electrons escape: thicker films hide what is below."""
    electron_spot: float = 5e-9
    """Full width at half maximum, m."""
    ion_spots: tuple[tuple[float, float], ...] = (
        (1e-12, 10e-9),
        (10e-12, 15e-9),
        (30e-12, 20e-9),
        (100e-12, 30e-9),
        (1e-9, 60e-9),
        (3e-9, 100e-9),
        (15e-9, 300e-9),
    )
    """Full width at half maximum (m) by current (A); interpolated between."""

    def brightness(self, beam: BeamName, material: str) -> float:
        """Return the brightness of a material against tungsten's."""
        table = self.ion_yields if beam == "ion" else self.electron_yields
        return table.get(material, self.other)

    def spot(self, beam: BeamName, current: float) -> float:
        """Return the spot's full width at half maximum, m."""
        if beam == "electron":
            return self.electron_spot
        currents, widths = np.transpose(self.ion_spots)
        return float(np.exp(np.interp(np.log(current), np.log(currents), np.log(widths))))


@dataclass(frozen=True)
class Shades:
    """Brightness by depth of the layers, and of what is not a layer, for one image."""

    depths: Floats
    by_depth: Floats
    redeposit: float
    ice: float
    needle: float
    post: float

    def at(self, depth: Floats) -> Floats:
        """Return the layers' brightness at depths (m), of the same shape."""
        return np.interp(depth, self.depths, self.by_depth)

    def behind_ice(self, brightness: Floats, ice: float, escape: float) -> Floats:
        """Return what is seen of a surface under `ice` (m)."""
        through = np.exp(-ice / escape)
        return np.asarray(brightness * through + self.ice * (1 - through))


LAYER_STEP = 10e-9
"""Of the table of brightness by depth, m."""
DEEPEST = 12e-6


def shades(scene: Scene, look: Look, beam: BeamName, insulators: float) -> Shades:
    """Return the brightness of everything; `insulators` times that of what is charged."""
    edges = np.linspace(0.0, DEEPEST, round(DEEPEST / LAYER_STEP) + 1)
    depths, materials = (edges[:-1] + edges[1:]) / 2, scene.stack.materials
    fractions = np.diff(scene.stack.above(edges), axis=0) / LAYER_STEP
    factors = [insulators if name in INSULATORS else 1.0 for name in materials]
    each = np.array([look.brightness(beam, name) for name in materials]) * factors
    return Shades(
        depths,
        np.asarray(fractions @ each, np.float64),
        look.brightness(beam, "Li"),
        look.brightness(beam, "H2O"),
        look.brightness(beam, "W"),
        look.brightness(beam, "Cu"),
    )
