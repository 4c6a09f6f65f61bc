"""What crosses between journal, wire and drivers comes back as it was."""

from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.codec import CodecError, canonical, pack, unpack
from protocols.eds import ImageSettings


class Colour(enum.Enum):
    RED = 1


@dataclass(frozen=True)
class Part:
    name: str
    level: float
    maybe: int | None
    colour: Colour
    pair: tuple[int, float]
    many: tuple[str, ...]
    table: dict[str, float]
    array: npt.NDArray[Any]
    settings: ImageSettings


def there_and_back(value: Any, kind: Any = None) -> Any:
    arrays: list[Any] = []
    tree = json.loads(json.dumps(pack(value, arrays), allow_nan=False))
    return unpack(kind or type(value), tree, arrays)


floats = st.floats(allow_nan=False)


@given(floats, st.none() | st.integers(), st.dictionaries(st.text(), floats), st.text())
def test_a_dataclass_comes_back(
    level: float, maybe: int | None, table: dict[str, float], name: str
) -> None:
    settings = ImageSettings(field=1e-6, dwell=1e-6, probe_current=1e-11)
    array = np.arange(6, dtype=np.uint16).reshape(2, 3)
    part = Part(name, level, maybe, Colour.RED, (1, level), ("a", "b"), table, array, settings)
    back = there_and_back(part)
    assert (back.name, back.level, back.maybe, back.table) == (name, level, maybe, table)
    assert (back.colour, back.pair, back.many) == (Colour.RED, (1, level), ("a", "b"))
    assert back.settings == settings
    np.testing.assert_array_equal(back.array, array)


def test_nan_crosses_as_a_reading_but_is_no_argument() -> None:
    assert math.isnan(there_and_back(float("nan")))
    with pytest.raises(CodecError, match="NaN"):
        canonical([1.0, float("nan")])


def test_canonical_text_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": 1, "a": 2.0}) == canonical({"a": 2.0, "b": 1}) == '{"a":2.0,"b":1}'


def test_an_array_is_no_argument() -> None:
    with pytest.raises(CodecError, match="an array has no canonical JSON"):
        canonical(np.zeros(3))


def test_what_cannot_cross_is_named() -> None:
    with pytest.raises(CodecError, match="a set cannot be kept or sent"):
        pack({1, 2}, [])


def test_a_tree_of_another_shape_is_refused() -> None:
    with pytest.raises(CodecError):
        unpack(Part, {"name": "x"}, [])
