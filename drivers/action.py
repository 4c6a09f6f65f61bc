"""What an interface says of each method: irreversible? what does it spend? what if cut off?"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from inspect import isgeneratorfunction
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

OnInterrupt = Literal["repeat", "remaining", "adopt", "ask"]

R = TypeVar("R")
Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Spend:
    """An amount that an action uses up of a budget.

    `kind` names the budget. A scalar amount (etch seconds, charge) has no place. A dose has one: a
    rectangle in the instrument's frame, and counts wherever rectangles overlap.
    """

    kind: str
    amount: float
    place: tuple[float, float, float, float, float] | None = None
    """Centre x and y, extent along and across (m), and angle (rad) of the rectangle; or None."""
    given_up: bool = False
    """The place is spoiled on purpose: it counts only against what is exposed within it."""


@dataclass(frozen=True)
class Remainder:
    """How an action that was cut off part way goes on with what is left of it.

    `spent` is what the instrument's meter advanced since the action began, in the meter's unit.
    """

    arguments: Callable[[tuple[Any, ...], float], tuple[Any, ...] | None]
    """(arguments, spent) -> arguments for the rest; None where nothing is left to do."""
    result: Callable[[tuple[Any, ...], Sequence[Any], Any, float], Any]
    """(arguments, kept blocks, result of the rest or None, spent before it) -> the whole result."""


@dataclass(frozen=True)
class Adoption:
    """How an action that the device itself goes on with is taken up again after a crash."""

    method: str
    """A generator method of the driver: (*arguments, after) -> as the action, from what the device
    has since `after`. It raises NotRunningError where the device does it no more and cannot tell
    how it ended."""
    after: Callable[[Sequence[Any]], float]
    """(kept blocks) -> how far into the action they reach, s."""
    otherwise: Callable[[tuple[Any, ...]], str]
    """(arguments) -> repeat, remaining, keep or ask: what is done where it runs no more."""
    shown: Callable[[Sequence[Any]], float]
    """(kept blocks) -> what they show to be spent, where the device has no meter."""
    counted: Callable[[Any], float]
    """(result) -> what the device counted itself, where it has no meter."""
    bounded: Callable[[tuple[Any, ...]], bool]
    """(arguments) -> whether the rest may be done by what the blocks show: what ends it does not
    hang on how much was spent unseen."""
    whole: Callable[[tuple[Any, ...], Sequence[Any], Any], Any]
    """(arguments, blocks kept before, result of what was taken up) -> the whole result."""


@dataclass(frozen=True)
class Action:
    """What an interface says of one method."""

    name: str = ""
    irreversible: bool = False
    spends: Callable[..., Sequence[Spend]] | None = None
    """The worst case that a call with these arguments spends."""
    spent: Callable[..., Sequence[Spend]] | None = None
    """(meter advance, *arguments) -> what was spent, as read back from the meter."""
    meter: str | None = None
    """A plain method of the driver: a number that grows with what is spent; None if unknown."""
    on_interrupt: OnInterrupt = "repeat"
    remainder: Remainder | None = None
    adoption: Adoption | None = None
    setting: bool = False
    """True for an absolute setting: a resumed run makes it again before anything else."""
    moves: bool = False
    """True for what touches the specimen or moves anything; False for a reading."""
    generator: bool = False
    block: Any = None
    """Type of the blocks that it yields."""
    result: Any = None
    """Type of its result."""


def action(
    *,
    irreversible: bool = False,
    spends: Callable[..., Sequence[Spend]] | None = None,
    spent: Callable[..., Sequence[Spend]] | None = None,
    meter: str | None = None,
    on_interrupt: OnInterrupt = "repeat",
    remainder: Remainder | None = None,
    adoption: Adoption | None = None,
    setting: bool = False,
) -> Callable[[Method], Method]:
    """Mark a method of an interface as something that touches the world, and say how."""

    def mark(method: Method) -> Method:
        method.__liftline_action__ = Action(  # type: ignore[attr-defined]
            irreversible=irreversible,
            spends=spends,
            spent=spent,
            meter=meter,
            on_interrupt=on_interrupt,
            remainder=remainder,
            adoption=adoption,
            setting=setting,
            moves=True,
        )
        return method

    return mark


@lru_cache(maxsize=1024)
def action_of(driver: type, name: str) -> Action:
    """Return what the driver's interface says of its method `name`.

    A method without `@action` is a plain reading: repeatable, it spends nothing.

    Raises:
        TypeError: the driver has no such method, or its interface gives it no return type.
    """
    owners = [owner for owner in driver.__mro__ if name in vars(owner)]
    if not owners:
        raise TypeError(f"{driver.__name__} has no method {name!r}")
    marked = [o for o in owners if hasattr(vars(o)[name], "__liftline_action__")]
    owner = (marked or owners)[-1 if not marked else 0]
    method = vars(owner)[name]
    said: Action = getattr(method, "__liftline_action__", Action())
    hints = get_type_hints(method)
    if "return" not in hints:
        raise TypeError(f"{owner.__name__}.{name} says no return type")
    returns, block = hints["return"], None
    generator = get_origin(returns) is Generator
    if generator:
        block, _, returns = get_args(returns)
    elif isgeneratorfunction(method):
        raise TypeError(f"{owner.__name__}.{name} yields, but is not typed Generator")
    return replace(said, name=name, generator=generator, block=block, result=returns)


def result_of(generator: Generator[Any, None, R]) -> R:
    """Run a generator method to its end and return its result; its blocks are dropped."""
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            result: R = stop.value
            return result
