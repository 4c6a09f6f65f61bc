"""Results of instruments as flat columns, each with the data key that event-model asks for."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel

from protocols import units
from protocols.units import Dimension

DataKey = dict[str, Any]

_MEASURED: tuple[tuple[Dimension, str], ...] = (
    (units.LENGTH, "x y z dx dy field along across pixel_size stage_x stage_y shift_x shift_y"),
    (units.LENGTH, "raster_width raster_height"),
    (units.TIME, "dwell live_time real_time seconds duration before after every end_seconds"),
    (units.TIME, "seconds_max etch_time"),
    (units.CURRENT, "current probe_current end_current current_range current_change emission"),
    (units.CURRENT, "ion_current ion_current_set gun_emission"),
    (units.VOLTAGE, "voltage end_voltage voltage_min voltage_max voltage_change"),
    (units.ENERGY, "start stop step energy pass_energy beam_energy photon_energy work_function"),
    (units.ANGLE, "r t angle elevation_angle azimuth_angle"),
    (units.CHARGE, "charge end_charge"),
    (units.PRESSURE, "column_pressure chamber_pressure pressure"),
    (units.TEMPERATURE, "setpoint holder_temperature stage_temperature needle_temperature"),
    (units.TEMPERATURE, "shield_temperature"),
    (units.DOSE, "dose"),
    (units.SLOPE, "end_slope"),
)
QUANTITIES: Mapping[str, Dimension] = {
    name: dimension for dimension, names in _MEASURED for name in names.split()
}
"""What real numbers in fields of these names measure, in all interfaces."""


def flat(value: Any, name: str) -> dict[str, Any]:
    """Return a value as columns named `name`_field_field; what is None is left out.

    Columns hold bool, int, float, str or arrays (of these, or of NumPy's).
    """
    if value is None:
        return {}
    if isinstance(value, BaseModel):
        return flat(value.model_dump(mode="json"), name)
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return flat(fields, name)
    if isinstance(value, Mapping):
        parts = [flat(part, f"{name}_{_word(key)}") for key, part in value.items()]
        return {key: column for part in parts for key, column in part.items()}
    if isinstance(value, (list, tuple)):
        if all(isinstance(item, (bool, int, float, str)) for item in value):
            return {name: np.asarray(value)} if value else {}
        return flat({str(number): item for number, item in enumerate(value)}, name)
    if isinstance(value, np.generic):
        return {name: value.item()}
    return {name: value.name if isinstance(value, enum.Enum) else value}


def _word(key: str) -> str:
    """Return a key as event-model allows it: no dots and no slashes."""
    return re.sub(r"[^A-Za-z0-9]+", "_", key).strip("_") or "_"


def data_key(key: str, value: Any, source: str) -> DataKey:
    """Return what event-model wants to know of a column."""
    described: DataKey = {"source": source, "shape": []}
    if isinstance(value, np.ndarray):
        described |= {"dtype": "array", "shape": list(value.shape)}
        described["dtype_numpy"] = value.dtype.str
    elif isinstance(value, bool):
        described |= {"dtype": "boolean", "dtype_numpy": "|b1"}
    elif isinstance(value, int):
        described |= {"dtype": "integer", "dtype_numpy": np.dtype(np.int64).str}
    elif isinstance(value, float):
        described |= {"dtype": "number", "dtype_numpy": np.dtype(np.float64).str}
    else:
        described["dtype"] = "string"
    real = described.get("dtype_numpy", "").startswith(("<f", ">f"))
    unit = unit_of(key) if real else None
    return described if unit is None else {**described, "units": unit}


def dimension_of(key: str) -> Dimension | None:
    """Return what a column or field measures by the end of its name; None where it has no unit."""
    words = key.split("_")
    endings = ("_".join(words[-count:]) for count in (2, 1) if count <= len(words))
    return next((QUANTITIES[ending] for ending in endings if ending in QUANTITIES), None)


def unit_of(key: str) -> str | None:
    """Return the unit of a column as a person writes it; None where it has none."""
    dimension = dimension_of(key)
    if dimension is None:
        return None
    return dimension.symbol or {"kelvin": "K", "radian": "rad", "pascal": "Pa"}.get(
        dimension.unit, dimension.unit
    )
