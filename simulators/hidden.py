"""The hidden truth of a simulated STEM: drawn once from the seed, then kept in its world."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from simulators.draws import generator
from simulators.drift import Creep, DriftPath, Face
from simulators.faults import Fault
from simulators.holder import Holder
from simulators.specimen import Specimen, load_specimen
from simulators.stem_settings import SimStemSettings
from simulators.world import World

OFFSET, TILT = 60e-9, math.radians(10)
"""Metres and radians within which the boundary lies from the centre and the y axis; ours."""
_FAULTS: TypeAdapter[tuple[Fault, ...]] = TypeAdapter(tuple[Fault, ...])


@dataclass(frozen=True)
class Hidden:
    """What the instrument does not show."""

    specimen: Specimen
    face: Face
    path: DriftPath
    holder: Holder


def settle(world: World, settings: SimStemSettings) -> Hidden:
    """Return the world's hidden truth; a new world gets one from its seed and the settings.

    A world that exists keeps what it has, whatever the settings say now; faults are the settings'.
    """
    if world.get("hidden") is None:
        specimen = load_specimen(settings.specimen)
        rng = generator(world.seed, "stem", "hidden")
        offset, tilt = rng.uniform(-OFFSET, OFFSET), rng.uniform(-TILT, TILT)
        direction = rng.uniform(0, 2 * math.pi)
        if settings.interface_offset is not None:
            offset = settings.interface_offset
        if settings.interface_tilt is not None:
            tilt = settings.interface_tilt
        if settings.drift_direction is not None:
            direction = settings.drift_direction
        rate = settings.drift_rate
        hidden = {
            "specimen": specimen.model_dump(mode="json"),
            "face": [specimen.upper_face(settings.interface), offset, tilt],
            "rate": [rate * math.cos(direction), rate * math.sin(direction)],
            "settling_time": settings.settling_time,
            "holder": [settings.holder_temperature, settings.hold_time, settings.warming_time],
        }
        world.put("hidden", hidden)
    world.put("faults", _FAULTS.dump_python(settings.faults, mode="json"))
    return hidden_of(world.get("hidden"), world.get("faults"))


def hidden_of(kept: dict[str, object], faults: object) -> Hidden:
    """Return the hidden truth that a world's state holds."""
    face: Sequence[float] = TypeAdapter(tuple[float, ...]).validate_python(kept["face"])
    rate = TypeAdapter(tuple[float, float]).validate_python(kept["rate"])
    settling = TypeAdapter(float).validate_python(kept["settling_time"])
    dewar = TypeAdapter(tuple[float, float, float]).validate_python(kept["holder"])
    scheduled = _FAULTS.validate_python(faults)
    holder = Holder(*dewar, scheduled)
    return Hidden(
        Specimen.model_validate(kept["specimen"]),
        Face(*face),
        DriftPath(rate, settling, scheduled, holder),
        holder,
    )


@dataclass(frozen=True)
class Stage:
    """Where the stage is, and how the specimen still creeps after its moves."""

    read: tuple[float, float] = (0.0, 0.0)
    """By its encoders, m."""
    true: tuple[float, float] = (0.0, 0.0)
    """In truth, m."""
    creeps: tuple[Creep, ...] = ()


STAGE: TypeAdapter[Stage] = TypeAdapter(Stage)
