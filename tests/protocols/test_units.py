"""Quantities: SI floats in Python, a number with its unit in a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from protocols import units
from protocols.units import WRITTEN

CASES = [
    (units.Seconds, "50 us", 50e-6),
    (units.Seconds, "1.5h", 5400.0),
    (units.Metres, "-200 nm", -200e-9),
    (units.Metres, "1e3 um", 1e-3),
    (units.Amperes, "100 pA", 100e-12),
    (units.Kelvin, "-185 degC", 88.15),
    (units.Kelvin, "77 K", 77.0),
    (units.Pascals, "1e-7 mbar", 1e-5),
    (units.ElectronVolts, "200 keV", 200e3),
    (units.ElectronsPerSquareAngstrom, "2000 e/angstrom^2", 2000.0),
    (units.ElectronsPerSquareAngstrom, "2000 e/Å^2", 2000.0),
    (units.ElectronsPerSquareAngstrom, "20 e/nm^2", 0.2),
    (units.Radians, "180 deg", 3.14159265358979),
]

WRONG = [
    (units.Seconds, 0.2, "0.2 has no unit; write it like '200 ms'"),
    (units.Seconds, 3, "3 has no unit; write it like '3 s'"),
    (units.Metres, 1e-9, "1e-09 has no unit; write it like '1 nm'"),
    (units.Seconds, "0.2", "0.2 has no unit; write it like '200 ms'"),
    (units.Seconds, "3 nm", "does not measure the same as 'second'; write it like '200 ms'"),
    (units.Seconds, "3 parsnips", "unknown unit 'parsnips'; write it like '200 ms'"),
    (units.Seconds, "soon", "'soon' is not a quantity; write it like '200 ms'"),
    (units.Seconds, True, "True is not a quantity"),
    (units.Seconds, None, "None is not a quantity"),
    (units.Seconds, "1e999 s", "is not a finite number"),
    (units.Seconds, float("nan"), "is not a finite number"),
    (units.Seconds, float("inf"), "is not a finite number"),
]


@pytest.mark.parametrize(("kind", "text", "value"), CASES)
def test_a_quantity_is_read_in_any_unit_of_its_kind(kind: type, text: str, value: float) -> None:
    assert TypeAdapter(kind).validate_python(text, context=WRITTEN) == pytest.approx(
        value, rel=1e-12
    )


@pytest.mark.parametrize(("kind", "given_", "message"), WRONG)
def test_a_wrong_quantity_says_what_to_write(kind: type, given_: object, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(given_, context=WRITTEN)
    assert message in caught.value.errors()[0]["msg"]


def test_a_number_is_si_in_python() -> None:
    assert TypeAdapter(units.Seconds).validate_python(0.2) == 0.2


@given(st.floats(1e-12, 1e6))
def test_what_is_suggested_can_be_written(seconds: float) -> None:
    text = units.TIME.suggest(seconds)
    assert units.parse(text, units.TIME) == pytest.approx(seconds, rel=1e-5)


def test_fifty_microseconds_are_exactly_that() -> None:
    assert units.parse("50 us", units.TIME) == 5e-5


def test_dose_of_the_published_scan() -> None:
    dose = units.electrons_per_square_angstrom(100e-12, 0.18, 600e-18)
    assert dose == pytest.approx(1872.45, abs=0.01)
