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
    except (KeyError, TypeError, ValueError, IndexError) as error:
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


def _as_is(tree: Tree, arrays: Sequence[Any]) -> Any:
    return tree


def _unpack_float(tree: Tree, arrays: Sequence[Any]) -> float:
    return float(tree["$float"]) if isinstance(tree, dict) else float(tree)


def _unpack_array(tree: Tree, arrays: Sequence[Any]) -> Any:
    return arrays[tree["$"]]


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
    if kind is Any or origin is Literal or kind in (None, type(None), bool, int, str):
        return _unpack_any if kind is Any else _as_is
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
            take(part, arrays) for take, part in zip(items, tree, strict=True)
        )
    item = _unpacker(args[0])
    make = tuple if origin in (tuple, Sequence) else list
    return lambda tree, arrays: make(item(part, arrays) for part in tree)
