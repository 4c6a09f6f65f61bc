"""What a person gives to a call: SI numbers or text with a unit, fields of settings one by one."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from protocols.errors import InputError
from protocols.model import Written
from protocols.units import Dimension, closest, parse

Quantity = float | str
"""A number in SI units, or text with its unit such as '2 um'."""

W = TypeVar("W", bound=Written)
F = TypeVar("F", bound=Callable[..., Any])

HOW = "Quantities are SI numbers, or text with a unit such as '2 um'."


def si(name: str, value: Quantity, dimension: Dimension) -> float:
    """Return a quantity in its SI unit.

    Raises:
        InputError: it is none; the message names it and says what to write.
    """
    try:
        number = parse(value, dimension) if isinstance(value, str) else float(value)
    except PydanticCustomError as error:
        raise InputError(f"{name}: {error.message()}") from None
    except TypeError:
        raise InputError(f"{name}: {value!r} is not a quantity; {HOW}") from None
    if not math.isfinite(number):
        raise InputError(f"{name}: {value!r} is not a finite number")
    return number


def si_or_none(name: str, value: Quantity | None, dimension: Dimension) -> float | None:
    """Return a quantity in its SI unit; None for none."""
    return None if value is None else si(name, value, dimension)


def settings(kind: type[W], **given: Any) -> W:
    """Return settings of the fields given; text may carry units.

    Raises:
        InputError: a field is wrong; one line for each, saying what to write.
    """
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        lines = [_told(kind, each) for each in error.errors()]
    raise InputError("\n".join(dict.fromkeys(lines)))


def _told(kind: type[Written], details: Any) -> str:
    name = ".".join(str(part) for part in details["loc"])
    if details["type"] == "extra_forbidden":
        return f"{name}: there is no such setting{closest(name, list(kind.model_fields))}"
    return f"{name}: {details['msg']}"


def as_in(method: Callable[..., Any], *kinds: type[Written]) -> Callable[[F], F]:
    """Give a call the documentation of the interface's method and of the settings it takes."""

    def mark(function: F) -> F:
        told = [inspect.getdoc(method) or "", HOW]
        fields = [
            f"    {name}: {field.description}"
            for kind in kinds
            for name, field in kind.model_fields.items()
            if name in inspect.signature(function).parameters and field.description
        ]
        told += ["Settings:\n" + "\n".join(fields)] if fields else []
        function.__doc__ = "\n\n".join(told)
        return function

    return mark
