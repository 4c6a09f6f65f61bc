"""Quantities: SI floats in Python, a number with its unit in a file.

A field typed `Seconds` is a plain `float` in seconds. In a file it is written `50 us`; a bare
number is an error that shows how to write it. Two exceptions to SI that the field insists on:
electronvolts for energies, and electrons per square angstrom for dose.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    import pint
    from pydantic import ValidationInfo

WRITTEN = {"written": True}
"""Validation context of a file: quantities must carry their unit."""

_QUANTITY = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s].*)?$")
_PREFIXES = ((1e-12, "p"), (1e-9, "n"), (1e-6, "u"), (1e-3, "m"), (1.0, ""), (1e3, "k"), (1e6, "M"))


@dataclass(frozen=True)
class Dimension:
    """One kind of quantity: the unit it has in Python, and how people write it."""

    unit: str
    """Unit of the float in Python, as pint spells it."""
    example: str
    """What a person would write."""
    symbol: str | None = None
    """Symbol that takes SI prefixes when a unit is suggested; None where prefixes are not usual."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Spellings of the field that pint does not know."""

    def suggest(self, value: float) -> str:
        """Write `value` (in the Python unit) as a person would: 0.2 s becomes '200 ms'."""
        if not math.isfinite(value):
            return self.example
        if self.symbol is None or value == 0:
            return f"{value:g} {self.symbol or self.example.split(' ', 1)[1]}"
        factor, prefix = _PREFIXES[0]
        for factor_, prefix_ in _PREFIXES:
            if abs(value) >= factor_ * (1 - 1e-9):
                factor, prefix = factor_, prefix_
        return f"{value / factor:.6g} {prefix}{self.symbol}"


TIME = Dimension("second", "200 ms", "s")
LENGTH = Dimension("metre", "50 nm", "m")
CURRENT = Dimension("ampere", "100 pA", "A")
TEMPERATURE = Dimension("kelvin", "-170 degC")
PRESSURE = Dimension("pascal", "1e-5 Pa")
ANGLE = Dimension("radian", "15 deg")
ENERGY = Dimension("electron_volt", "392 eV", "eV")
DOSE = Dimension("e/angstrom**2", "2000 e/angstrom^2", aliases=(("Å", "angstrom"),))
SPEED = Dimension("metre/second", "1 nm/min")
SOLID_ANGLE = Dimension("steradian", "0.95 sr")
DENSITY = Dimension("kilogram/metre**3", "2.35 g/cm^3")
VOLTAGE = Dimension("volt", "30 kV", "V")
CHARGE = Dimension("coulomb", "20 uC", "C")
CHARGE_PER_AREA = Dimension("coulomb/metre**2", "20 pC/um^2")
VOLUME = Dimension("metre**3", "8 l")
HEATING = Dimension("kelvin/second", "0.1 K/min")
AREA = Dimension("metre**2", "4.9 mm^2")
CURRENT_DENSITY = Dimension("ampere/metre**2", "0.15 mA/cm^2")
SLOPE = Dimension("volt/second", "1 mV/h")
RESISTANCE = Dimension("ohm", "680 ohm", "ohm")


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[Any]:
    import pint

    return pint.UnitRegistry(cache_folder=None, autoconvert_offset_to_baseunit=True)


@lru_cache(maxsize=512)
def _affine(written: str, unit: str) -> tuple[float, float]:
    """Return (scale, offset) that take a number in `written` to `unit`; offset is for temperatures.

    Raises:
        ValueError: pint does not know the unit, or it measures something else.
    """
    import pint

    registry = _registry()
    try:
        zero = registry.Quantity(0.0, written).to(unit).magnitude
        one = registry.Quantity(1.0, written).to(unit).magnitude
    except pint.UndefinedUnitError as error:
        raise ValueError(f"unknown unit {written!r}") from error
    except pint.DimensionalityError as error:
        raise ValueError(f"{written!r} does not measure the same as {unit!r}") from error
    except Exception as error:  # pint raises its tokenizer's own errors for malformed units
        raise ValueError(f"{written!r} is not a unit") from error
    return float(one - zero), float(zero)


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("quantity", "{message}", {"message": message})


def parse(text: str, dimension: Dimension) -> float:
    """Return the quantity written in `text` as a float in the dimension's Python unit.

    Raises:
        PydanticCustomError: no number, no unit, an unknown unit or another dimension; the message
            shows what to write instead.
    """
    match = _QUANTITY.match(text)
    if match is None:
        raise _wrong(f"{text!r} is not a quantity; write it like '{dimension.example}'")
    number, unit = float(match[1]), match[2]
    if unit is None:
        raise _wrong(f"{text} has no unit; write it like '{dimension.suggest(number)}'")
    for theirs, ours in dimension.aliases:
        unit = unit.replace(theirs, ours)
    try:
        scale, offset = _affine(unit.strip().replace("^", "**"), dimension.unit)
    except ValueError as error:
        raise _wrong(f"{text!r}: {error}; write it like '{dimension.example}'") from None
    return float(f"{number * scale + offset:.15g}")  # 50 us is 5e-05, not 4.9999999999999996e-05


def _validate(value: Any, info: ValidationInfo, dimension: Dimension) -> float:
    if isinstance(value, str):
        result = parse(value, dimension)
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(f"{value!r} is not a quantity; write it like '{dimension.example}'")
    elif info.context and info.context.get("written") and math.isfinite(value):
        raise _wrong(f"{value!r} has no unit; write it like '{dimension.suggest(value)}'")
    else:
        result = float(value)
    if not math.isfinite(result):
        raise _wrong(f"{value!r} is not a finite number; write it like '{dimension.example}'")
    return result


def quantity(dimension: Dimension) -> tuple[BeforeValidator, WithJsonSchema]:
    """Return what makes an `Annotated[float, ...]` a quantity of this dimension."""

    def validate(value: Any, info: ValidationInfo) -> float:
        return _validate(value, info, dimension)

    schema = {
        "type": "string",
        "pattern": r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*[^\d\s].*$",
        "examples": [dimension.example],
        "title": f"quantity in {dimension.unit} or any unit of the same kind",
    }
    return BeforeValidator(validate), WithJsonSchema(schema, mode="validation")


def closest(word: str, known: list[str]) -> str:
    """Return ', did you mean X?' for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f", did you mean {near[0]!r}?" if near else ""


Seconds = Annotated[float, *quantity(TIME)]
Metres = Annotated[float, *quantity(LENGTH)]
Amperes = Annotated[float, *quantity(CURRENT)]
Kelvin = Annotated[float, *quantity(TEMPERATURE)]
Pascals = Annotated[float, *quantity(PRESSURE)]
Radians = Annotated[float, *quantity(ANGLE)]
ElectronVolts = Annotated[float, *quantity(ENERGY)]
ElectronsPerSquareAngstrom = Annotated[float, *quantity(DOSE)]
MetresPerSecond = Annotated[float, *quantity(SPEED)]
Steradians = Annotated[float, *quantity(SOLID_ANGLE)]
KilogramsPerCubicMetre = Annotated[float, *quantity(DENSITY)]
Volts = Annotated[float, *quantity(VOLTAGE)]
Coulombs = Annotated[float, *quantity(CHARGE)]
CoulombsPerSquareMetre = Annotated[float, *quantity(CHARGE_PER_AREA)]
CubicMetres = Annotated[float, *quantity(VOLUME)]
KelvinPerSecond = Annotated[float, *quantity(HEATING)]
SquareMetres = Annotated[float, *quantity(AREA)]
AmperesPerSquareMetre = Annotated[float, *quantity(CURRENT_DENSITY)]
VoltsPerSecond = Annotated[float, *quantity(SLOPE)]
Ohms = Annotated[float, *quantity(RESISTANCE)]

ELEMENTARY_CHARGE = 1.602176634e-19
"""Coulombs per electron. Source: SI definition, 2019."""


def electrons_per_square_angstrom(current: float, seconds: float, area: float) -> float:
    """Return the dose of `current` (A) for `seconds` spread over `area` (m²): D = I t / (e A)."""
    return current * seconds / ELEMENTARY_CHARGE / (area * 1e20)
