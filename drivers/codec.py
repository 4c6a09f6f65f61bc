"""Values of the driver interfaces as a plain tree and a list of arrays, and back by their type.

The journal keeps readings in this form, and the wire between computers carries it. What may cross:
None, bool, int, float, str, enums, tuples, dicts with string keys, frozen dataclasses, written
(Pydantic) models, and NumPy arrays. Arrays stand in the tree as `{"$": index}`.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import types
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
Tree = Any
"""JSON: None, bool, int, float, str, list, dict."""
Arrays = list["np.ndarray[Any, Any]"]


class CodecError(TypeError):
    """A value of a kind that cannot cross, or a tree that does not fit its type."""


def pack(value: Any, arrays: Arrays) -> Tree:
    """Return `value` as a tree; its arrays are appended to `arrays`.

    Raises:
        CodecError: the value, or a part of it, is of a kind that cannot cross.
    """
    kind: Any = type(value)
    return _packer(kind)(value, arrays)


def unpack(kind: type[T], tree: Tree, arrays: Sequence[Any]) -> T:
    """Return the value of type `kind` that `pack` took apart.

    Raises:
        CodecError: the tree does not fit the type.
    """
    try:
        key: Any = kind
        value: T = _unpacker(key)(tree, arrays)
        return value
    except CodecError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise CodecError(f"not a {kind}: {error}") from error


def canonical(value: Any) -> str:
    """Return the one JSON text of a value without arrays: sorted keys, no spaces.

    Raises:
        CodecError: it holds an array, NaN, or something that cannot cross.
    """
    arrays: Arrays = []
    tree = pack(value, arrays)
    if arrays:
        raise CodecError("an array has no canonical JSON; pass numbers")
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)
    if '{"$float":' in text:
        raise CodecError(f"NaN and infinity cannot be arguments: {value!r}")
    return text


def _same(value: Any, arrays: Arrays) -> Tree:
    return value


def _pack_float(value: float, arrays: Arrays) -> Tree:
    """Write NaN and infinity as strings: JSON has none, and a stale reading may be NaN."""
    return value if math.isfinite(value) else {"$float": str(value)}


def _pack_items(value: Any, arrays: Arrays) -> Tree:
    return [pack(item, arrays) for item in value]


def _pack_dict(value: Mapping[Any, Any], arrays: Arrays) -> Tree:
    for key in value:
        if not isinstance(key, str):
            raise CodecError(f"a key must be text, not {key!r}")
    return {key: pack(item, arrays) for key, item in value.items()}


def _pack_enum(value: enum.Enum, arrays: Arrays) -> Tree:
    return value.name


def _pack_model(value: BaseModel, arrays: Arrays) -> Tree:
    return value.model_dump(mode="json")


def _pack_array(value: np.ndarray[Any, Any], arrays: Arrays) -> Tree:
    arrays.append(value)
    return {"$": len(arrays) - 1}


def _pack_scalar(value: Any, arrays: Arrays) -> Tree:
    return pack(value.item(), arrays)


@lru_cache(maxsize=1024)
def _packer(kind: Any) -> Callable[[Any, Arrays], Tree]:
    if kind in (type(None), bool, int, str):
        return _same
    if kind is float:
        return _pack_float
    if issubclass(kind, enum.Enum):
        return _pack_enum
    if issubclass(kind, BaseModel):
        return _pack_model
    if issubclass(kind, (list, tuple)) and not hasattr(kind, "_fields"):
        return _pack_items
    if issubclass(kind, Mapping):
        return _pack_dict
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))

        def pack_fields(value: Any, arrays: Arrays) -> Tree:
            return {name: pack(getattr(value, name), arrays) for name in names}

        return pack_fields
    import numpy as np

    if issubclass(kind, np.ndarray):
        return _pack_array
    if issubclass(kind, np.generic):
        return _pack_scalar
    raise CodecError(f"a {kind.__name__} cannot be kept or sent; use a frozen dataclass")


def _exactly(kind: type) -> Callable[[Tree, Sequence[Any]], Any]:
    def take(tree: Tree, arrays: Sequence[Any]) -> Any:
        if type(tree) is not kind:
            raise CodecError(f"not a {kind.__name__}: {tree!r:.80}")
        return tree

    return take


def _one_of(values: tuple[Any, ...]) -> Callable[[Tree, Sequence[Any]], Any]:
    def take(tree: Tree, arrays: Sequence[Any]) -> Any:
        if tree not in values:
            raise CodecError(f"not one of {values}: {tree!r:.80}")
        return tree

    return take


def _unpack_float(tree: Tree, arrays: Sequence[Any]) -> float:
    if type(tree) is float:
        return tree
    if type(tree) is int:
        return float(tree)
    if type(tree) is dict and tree["$float"] in ("nan", "inf", "-inf"):
        return float(tree["$float"])
    raise CodecError(f"not a number: {tree!r:.80}")


def _unpack_array(tree: Tree, arrays: Sequence[Any]) -> Any:
    number = tree["$"]
    if type(number) is not int or number < 0:
        raise CodecError(f"not the number of an array: {number!r:.80}")
    return arrays[number]


def _listed(tree: Tree) -> Tree:
    if type(tree) is not list:
        raise CodecError(f"not a list: {tree!r:.80}")
    return tree


def _unpack_any(tree: Tree, arrays: Sequence[Any]) -> Any:
    if isinstance(tree, dict):
        if "$" in tree:
            return arrays[tree["$"]]
        if "$float" in tree:
            return float(tree["$float"])
        return {key: _unpack_any(item, arrays) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_unpack_any(item, arrays) for item in tree]
    return tree


@lru_cache(maxsize=1024)
def _unpacker(kind: Any) -> Callable[[Tree, Sequence[Any]], Any]:
    origin = get_origin(kind)
    if origin is Annotated:
        return _unpacker(get_args(kind)[0])
    if kind is Any:
        return _unpack_any
    if origin is Literal:
        return _one_of(get_args(kind))
    if kind in (None, type(None), bool, int, str):
        return _exactly(type(None) if kind is None else kind)
    if kind is float:
        return _unpack_float
    if origin in (Union, types.UnionType):
        return _unpack_union(get_args(kind))
    if origin is not None:
        return _unpack_generic(origin, get_args(kind))
    if issubclass(kind, enum.Enum):
        return lambda tree, arrays: kind[tree]
    if issubclass(kind, BaseModel):
        return lambda tree, arrays: kind.model_validate(tree)
    if dataclasses.is_dataclass(kind):
        return _unpack_dataclass(kind)
    import numpy as np

    if issubclass(kind, np.ndarray):
        return _unpack_array
    raise CodecError(f"a {kind!r} cannot be kept or sent")


def _unpack_dataclass(kind: Any) -> Callable[[Tree, Sequence[Any]], Any]:
    from typing import get_type_hints

    hints = get_type_hints(kind)
    fields = [(field.name, _unpacker(hints[field.name])) for field in dataclasses.fields(kind)]

    def unpack_fields(tree: Tree, arrays: Sequence[Any]) -> Any:
        if len(tree) != len(fields):
            raise CodecError(f"not the fields of {kind.__name__}: {sorted(tree)!r:.200}")
        return kind(**{name: take(tree[name], arrays) for name, take in fields})

    return unpack_fields


def _unpack_union(kinds: tuple[Any, ...]) -> Callable[[Tree, Sequence[Any]], Any]:
    others = [_unpacker(kind) for kind in kinds if kind is not type(None)]
    optional = len(others) < len(kinds)

    def unpack_first(tree: Tree, arrays: Sequence[Any]) -> Any:
        if tree is None and optional:
            return None
        for take in others[:-1]:
            try:
                return take(tree, arrays)
            except (CodecError, KeyError, TypeError, ValueError):
                continue
        return others[-1](tree, arrays)

    return unpack_first


def _unpack_generic(origin: Any, args: tuple[Any, ...]) -> Callable[[Tree, Sequence[Any]], Any]:
    import numpy as np

    if origin is np.ndarray:
        return _unpack_array
    if isinstance(origin, type) and issubclass(origin, Mapping):
        item = _unpacker(args[1])
        return lambda tree, arrays: {key: item(part, arrays) for key, part in tree.items()}
    if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        items = [_unpacker(arg) for arg in args]
        return lambda tree, arrays: tuple(
            take(part, arrays) for take, part in zip(items, _listed(tree), strict=True)
        )
    item = _unpacker(args[0])
    make = tuple if origin in (tuple, Sequence) else list
    return lambda tree, arrays: make(item(part, arrays) for part in _listed(tree))
