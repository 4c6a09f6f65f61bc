"""The hidden truth of a simulated XPS: drawn once from the seed, then kept in its world."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from protocols.core_levels import AL_KA_EV
from simulators.draws import generator
from simulators.materials import known_materials
from simulators.specimen import Layer, Specimen, load_specimen
from simulators.xps.analyser import Analyser
from simulators.xps.chemistry import known_states
from simulators.xps.settings import SimXpsSettings
from simulators.xps.sputtering import Mixing, etching
from simulators.xps.surface import Surfaces
from simulators.xps.xps_world import XpsWorld

CHARGING = 1.0, 3.5
"""eV between which the shift of floating layers is drawn; ours, see the settings."""
CONTACT, SHARPNESS = 0.12, 0.03
"""Share of lithium metal within reach below which a layer floats, and how sharply; ours."""
COMPENSATED = 0.1
"""Part of the charging that is left with the neutraliser on; ours."""
TAKE_OFF, SOURCE_ANGLE = 0.0, math.radians(54.7)
"""rad: analyser along the normal, X-rays at the magic angle to it; ours, as AXIS instruments."""


@dataclass(frozen=True)
class Hidden:
    """What the instrument does not show."""

    specimen: Specimen
    """With the carbon on top."""
    mixing: Mixing
    rate: float
    """Etch rates in parts of the usual."""
    flux: float
    """Count rates in parts of the usual."""
    charging: float
    """eV, of floating layers without neutraliser."""
    charging_scatter: float
    """eV, from etch to etch."""
    shifts: Mapping[str, float]
    """eV by which this specimen's states lie beside the table's, by `material/level`."""

    def surfaces(self) -> Surfaces:
        """Return the surfaces that it shows as it is etched."""
        return Surfaces(
            self.specimen,
            etching(self.specimen, self.mixing),
            self.mixing,
            photon_energy=AL_KA_EV,
            cos_angle=math.cos(TAKE_OFF),
            shifts=self.shifts,
        )

    def analyser(self) -> Analyser:
        """Return the analyser, with this session's flux."""
        return Analyser(AL_KA_EV, self.flux)

    def charge(self, seed: int, key: str, metal: float, *, neutralised: bool = False) -> float:
        """Return the shift (eV) of all lines of a surface.

        Args:
            seed: of the world.
            key: of the etch that made it: the scatter is the etch's.
            metal: share of lithium metal within reach of the electrons.
            neutralised: the neutraliser is on.
        """
        floats = 1.0 / (1.0 + math.exp((metal - CONTACT) / SHARPNESS))
        scatter = self.charging_scatter * generator(seed, "xps", "charge", key).standard_normal()
        left = COMPENSATED if neutralised else 1.0
        return floats * left * (self.charging + float(scatter))


_HIDDEN: TypeAdapter[Hidden] = TypeAdapter(Hidden)


def draw(settings: SimXpsSettings, seed: int) -> Hidden:
    """Return the hidden truth of a new world."""
    rng = generator(seed, "xps", "hidden")
    rate, flux = rng.standard_normal(2)
    charging = settings.charging
    return Hidden(
        _as_it_comes_in(load_specimen(settings.specimen), settings.adventitious),
        Mixing(settings.mixing, settings.roughness),
        float(math.exp(settings.rate_scatter * rate)),
        float(math.exp(settings.flux_scatter * flux)),
        float(rng.uniform(*CHARGING)) if charging is None else charging,
        settings.charging_scatter,
        _shifts(seed, settings.energy_scatter),
    )


def settle(world: XpsWorld, settings: SimXpsSettings) -> Hidden:
    """Return the world's hidden truth; a new world gets one from its seed and the settings.

    A world that exists keeps what it has, whatever the settings say now; faults are the settings'.
    """
    if world.get("hidden") is None:
        hidden = _HIDDEN.dump_python(draw(settings, world.seed), mode="json")
        world.put("hidden", hidden)
    world.put("settings", settings.model_dump(mode="json"))
    return hidden_of(world.get("hidden"))


def hidden_of(kept: object) -> Hidden:
    """Return the hidden truth that a world's state holds."""
    return _HIDDEN.validate_python(kept)


def _as_it_comes_in(specimen: Specimen, carbon: float) -> Specimen:
    """Return the specimen with adventitious carbon (m) on top."""
    if not carbon:
        return specimen
    film = Layer(name="adventitious carbon", thickness=carbon, phases={"C": 1.0})
    materials = {**specimen.materials, "C": known_materials()["C"]}
    return Specimen(name=specimen.name, materials=materials, layers=(film, *specimen.layers))


def _shifts(seed: int, times: float) -> dict[str, float]:
    return {
        f"{material}/{level}": times * states[0].scatter * _normal(seed, material, level)
        for material, levels in known_states().items()
        for level, states in levels.items()
        if states[0].scatter and times
    }


def _normal(seed: int, *parts: str) -> float:
    return float(generator(seed, "xps", "energy", *parts).standard_normal())
