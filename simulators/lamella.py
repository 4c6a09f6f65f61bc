"""The lamella in the simulated STEM: specimen, geometry and surroundings put together."""

from __future__ import annotations

from drivers.stem import EnergyAxis
from simulators import dark_field
from simulators.draws import generator
from simulators.eds_physics import Slab
from simulators.hidden import Hidden
from simulators.scene import Scene, Surroundings, Wedge
from simulators.stem_settings import SimStemSettings


def lamella(hidden: Hidden, settings: SimStemSettings, axis: EnergyAxis, seed: int) -> Scene:
    """Return what is under the beam of a world with that truth and seed."""
    slab = Slab(
        hidden.specimen.elements,
        settings.thickness,
        settings.elevation,
        settings.solid_angle,
        settings.detector,
        axis,
    )
    return Scene(
        hidden.specimen,
        slab,
        hidden.face,
        probe_size=settings.probe_size,
        texture=dark_field.texture(generator(seed, "stem", "texture")),
        contrast=settings.texture,
        wedge=Wedge(settings.wedge, settings.wedge_length),
        around=Surroundings(
            settings.stray_copper, settings.carbon, settings.contamination, settings.damage
        ),
    )
