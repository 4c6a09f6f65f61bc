"""What may be asked of an instrument over the network: its interface, taken from the classes.

The interface of a role is its Protocol class of `drivers/`; a driver may follow further, smaller
ones, whose methods travel as well. Its version is a digest of all methods and of all that their
arguments and results are made of, so that two computers never read one value in two ways.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    Protocol,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import BaseModel

from drivers.action import Action, action_of
from drivers.codec import Arrays, CodecError, pack, unpack
from drivers.errors import InputError, LimitError
from drivers.interfaces import ROLES, Role
from drivers.lab import GROUP, Remembering


@dataclass(frozen=True)
class Method:
    """One method of an interface."""

    name: str
    function: Callable[..., Any]
    """As the interface has it."""
    parameters: tuple[Any, ...]
    """The types of its arguments."""
    said: Action

    def trees(self, arguments: Sequence[Any], arrays: Arrays) -> list[Any]:
        """Return arguments as they cross; their arrays are appended to `arrays`."""
        return [
            pack(_as_declared(kind, value), arrays)
            for kind, value in zip(self.parameters, arguments, strict=True)
        ]

    def arguments(self, trees: Any, arrays: Sequence[Any]) -> list[Any]:
        """Return the arguments that came over the network.

        Raises:
            LimitError: they are not what the method takes.
        """
        if trees == [] and not self.parameters:
            return []
        if type(trees) is not list or len(trees) != len(self.parameters):
            raise LimitError(f"{self.name} takes {len(self.parameters)} arguments")
        try:
            return [
                unpack(kind, tree, arrays)
                for kind, tree in zip(self.parameters, trees, strict=True)
            ]
        except CodecError as error:
            raise LimitError(f"{self.name}: its arguments cannot be: {error}") from None


def _as_declared(kind: Any, value: Any) -> Any:
    """Return what of a written value the method takes: a step's own may have more fields."""
    if type(value) is kind or not isinstance(value, BaseModel) or not isinstance(value, kind):
        return value
    return kind.model_construct(**{name: getattr(value, name) for name in kind.model_fields})


@dataclass(frozen=True)
class Interface:
    """What may be asked of one instrument."""

    kind: type
    extras: tuple[str, ...]
    """Further Protocols that its driver follows, as `module:name`."""
    methods: Mapping[str, Method]
    digest: str


def role_of(name: str) -> Role:
    """Return what an instrument of a role is.

    Raises:
        InputError: no such role can be reached over the network.
    """
    if name not in ROLES:
        raise InputError(f"there is no instrument {name!r}; there are: {', '.join(ROLES)}")
    return ROLES[name]


def extras_of(driver: type, role: str) -> tuple[str, ...]:
    """Return the further Protocols that a driver's class follows, as `module:name`."""
    known = {*role_of(role).kind.__mro__, Protocol, Generic, Remembering}
    return tuple(
        f"{kind.__module__}:{kind.__qualname__}"
        for kind in driver.__mro__
        if getattr(kind, "_is_protocol", False) and kind not in known
    )


@lru_cache(maxsize=64)
def interface(role: str, extras: tuple[str, ...] = ()) -> Interface:
    """Return the interface of a role whose driver follows `extras` too.

    Raises:
        InputError: one of them is not installed here.
    """
    kinds = [role_of(role).kind, *map(_extra, extras)]
    kind = kinds[0] if len(kinds) == 1 else type(f"{kinds[0].__name__}AndMore", tuple(kinds), {})
    methods = {method.name: method for method in _methods(kind, kinds)}
    text = "\n".join(_signature(methods[name]) for name in sorted(methods))
    return Interface(kind, extras, methods, hashlib.sha256(text.encode()).hexdigest()[:16])


def _extra(name: str) -> type:
    """Return a Protocol that another computer names; only from packages that have drivers.

    Raises:
        InputError: it is not installed here, or is none.
    """
    packages = {"drivers"} | {point.value.split(".")[0] for point in entry_points(group=GROUP)}
    try:
        found = resolve_name(name) if name.split(".")[0].split(":")[0] in packages else None
    except (ImportError, AttributeError, ValueError):
        found = None
    if not isinstance(found, type) or not getattr(found, "_is_protocol", False):
        raise InputError(
            f"the instrument also follows {name}, which is not installed here; install the package "
            "of its driver"
        )
    return found


def _methods(kind: type, kinds: Sequence[type]) -> Iterator[Method]:
    names = [name for each in kinds for name, value in vars(each).items() if callable(value)]
    for name in dict.fromkeys(name for name in names if not name.startswith("_")):
        function = getattr(kind, name)
        hints = get_type_hints(function)
        if "return" in hints:
            taken = [
                hints[each] for each in inspect.signature(function).parameters if each in hints
            ]
            yield Method(name, function, tuple(taken), action_of(kind, name))


def _signature(method: Method) -> str:
    said = method.said
    parts = [_described(kind) for kind in (*method.parameters, said.block, said.result)]
    return f"{method.name} {said.generator} {said.irreversible} {said.on_interrupt} {parts}"


def _described(kind: Any) -> str:
    """Return a type in words that are the same on every computer."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _described(get_args(kind)[0])
    if origin is Literal:
        return repr(get_args(kind))
    if origin in (Union, types.UnionType):
        return f"Union[{', '.join(map(_described, get_args(kind)))}]"
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(_described, get_args(kind)))}]"
    if not isinstance(kind, type):
        return repr(kind)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        fields = [(field.name, hints[field.name]) for field in dataclasses.fields(kind)]
    elif issubclass(kind, BaseModel):
        fields = [(name, field.annotation) for name, field in kind.model_fields.items()]
    elif issubclass(kind, enum.Enum):
        return f"{kind.__name__}{[each.name for each in kind]}"
    else:
        return kind.__name__
    return f"{kind.__name__}({', '.join(f'{name}: {_described(of)}' for name, of in fields)})"
