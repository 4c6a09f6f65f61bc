"""A run's journal held against what its simulated instruments really did.

Every deed in an instrument's ledger must have been intended before it began: it belongs to one
attempt in the journal, the newest whose meter stood no further than it did. What the attempts of an
action did together is held against what the action may spend in the worst case.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from acquire.attempts import marked
from acquire.budgets import Budgets
from acquire.rows import Attempt, Entry
from acquire.torture.evidence import Evidence
from drivers.action import Action, Spend, action_of
from drivers.codec import unpack
from drivers.errors import BudgetError
from drivers.lab import Lab
from drivers.ledger import Deed, Ledger
from protocols.loader import LoadedProtocol

SAME = 1e-9
"""Share of a meter's reading within which two readings are the same."""
OVER = 0.01
"""Share of a reservation by which a meter may go beyond it, as `Budgets.exceeded` allows."""


@dataclass(frozen=True)
class Made:
    """One deed and the attempt that it belongs to."""

    name: str
    """Role and method, such as stem.spectrum."""
    deed: Deed
    attempt: Attempt


@dataclass(frozen=True)
class Account:
    """All deeds of a run."""

    made: tuple[Made, ...]
    untold: tuple[str, ...]
    """Deeds that nothing in the journal intended, in words."""
    on: tuple[str, ...]
    harm: tuple[str, ...]


def ledgers(worlds: Path, lab: Lab) -> Iterator[tuple[str, Ledger]]:
    """Yield role and ledger of each simulated instrument that keeps one in a folder."""
    for chosen in lab.instruments:
        world = worlds / f"world-{chosen.role}.db"
        if chosen.spec.ledger is not None and world.is_file():
            yield chosen.role, chosen.spec.ledger(world)


def account(worlds: Path, lab: Lab, held: Evidence) -> Account:
    """Return whose every deed of a run was."""
    made: list[Made] = []
    untold: list[str] = []
    on: list[str] = []
    harm: list[str] = []
    for role, ledger in ledgers(worlds, lab):
        on += [f"{role}: {what}" for what in ledger.on]
        harm += [f"{role}: {what}" for what in ledger.harm]
        for action in sorted({deed.action for deed in ledger.deeds}):
            name = f"{role}.{action}"
            done = [deed for deed in ledger.deeds if deed.action == action]
            found, left = _matched(name, done, held)
            made += found
            untold += left
    made.sort(key=lambda one: (one.attempt.entry, one.attempt.n))
    return Account(tuple(made), tuple(untold), tuple(on), tuple(harm))


def _matched(name: str, deeds: Sequence[Deed], held: Evidence) -> tuple[list[Made], list[str]]:
    """Return the deeds of one action with their attempts, and those that have none, in words."""
    numbers = {entry.id for entry in held.entries if entry.name == name}
    waiting = [each for each in held.attempts if each.entry in numbers]
    found: list[Made] = []
    left: list[str] = []
    for deed in deeds:
        least = SAME * max(abs(deed.meter), abs(deed.amount))
        if deed.amount <= least:
            continue
        mine = [one for one in waiting if one.meter is None or one.meter <= deed.meter + least]
        if not mine:
            left.append(f"{name} at {deed.meter:.6g} of its meter: {deed.amount:.6g} of it more")
            continue
        found.append(Made(name, deed, mine[-1]))
        waiting = waiting[waiting.index(mine[-1]) + 1 :]
    return found, left


def beyond(
    made: Sequence[Made], held: Evidence, interfaces: Mapping[str, type], *, obedient: bool
) -> Iterator[str]:
    """Yield the actions that did more to the specimen than they were intended to, in words.

    Of an instrument that is not `obedient`, such as one whose current is not the one it was told,
    one attempt may give more than was asked; nothing is begun again that has had all it may have.
    """
    entries = {entry.id: entry for entry in held.entries}
    by_entry: dict[int, list[Made]] = {}
    for one in made:
        by_entry.setdefault(one.attempt.entry, []).append(one)
    for number, mine in by_entry.items():
        action, arguments = _call(entries[number], entries[number].request, interfaces)
        parts = [[one] for one in mine] if _is_repeated(action, arguments) else [mine]
        for part in parts:
            counted = part if obedient else part[:-1]
            amount = sum(one.deed.amount for one in counted)
            for spent, most in _spends(action, amount, arguments):
                if spent.amount > most.amount * (1 + OVER) + SAME:
                    yield (
                        f"{mine[0].name} (action {number}, {len(mine)} attempts): {spent.kind} "
                        f"{spent.amount:.6g}, it may spend {most.amount:.6g}"
                    )


def amounts(
    made: Sequence[Made], held: Evidence, interfaces: Mapping[str, type]
) -> dict[int, float]:
    """Return how far the meter went in all for each action that is done to its end whatever comes.

    By the number of its entry. One that a device goes on with, or that is done again where it was
    cut off, is not among them.
    """
    entries = {entry.id: entry for entry in held.entries}
    found: dict[int, float] = {}
    for one in made:
        number = one.attempt.entry
        action, _ = _call(entries[number], entries[number].request, interfaces)
        if action.on_interrupt == "remaining" and number in held.outcomes:
            found[number] = found.get(number, 0.0) + one.deed.amount
    return found


def _is_repeated(action: Action, arguments: tuple[Any, ...]) -> bool:
    """True for an action that, as declared, is done again where it was cut off."""
    if action.adoption is not None:
        return action.adoption.otherwise(arguments) == "repeat"
    return action.on_interrupt == "repeat"


def _spends(
    action: Action, amount: float, arguments: tuple[Any, ...]
) -> Iterator[tuple[Spend, Spend]]:
    """Yield of each kind what an action spent by its meter, and what it may spend."""
    if action.spends is not None and action.spent is not None:
        yield from zip(action.spent(amount, *arguments), action.spends(*arguments), strict=True)


def above_limits(
    made: Sequence[Made],
    held: Evidence,
    protocol: LoadedProtocol,
    interfaces: Mapping[str, type],
    *,
    obedient: bool,
) -> Iterator[str]:
    """Yield the attempts that should not have begun: what was really spent left no room for them.

    The limits are those of their steps, the room is what earlier deeds really left of them. What an
    instrument that is not `obedient` goes on giving when its meter has been read at the end, as a
    beam that cannot be blanked does, is in no budget: the record warns of it.
    """
    entries = {entry.id: entry for entry in held.entries}
    budgets, now = Budgets(), -1
    for one in made:
        entry = entries[one.attempt.entry]
        if entry.step is None:
            continue
        step, key = protocol.steps[entry.step], (one.attempt.entry, one.attempt.n)
        if entry.step != now:
            now = entry.step
            budgets.allow(step.budgets, given_up=bool(step.gives_up))
        action, arguments = _call(entry, one.attempt.request, interfaces)
        read = one.deed.amount if obedient else one.attempt.advance or 0.0
        both = list(_spends(action, min(one.deed.amount, read), arguments))
        try:
            budgets.reserve(key, marked(step, one.name, [most for _, most in both]))
            budgets.settle(key, marked(step, one.name, [spent for spent, _ in both]))
        except BudgetError as error:
            yield f"{one.name} (action {entry.id}): {error}"


def _call(
    entry: Entry, request: str, interfaces: Mapping[str, type]
) -> tuple[Action, tuple[Any, ...]]:
    """Return what an action's interface says of it, and the arguments of a request."""
    role, method = entry.name.split(".", 1)
    driver = interfaces[role]
    hints = _hints(driver, method)
    values = json.loads(request)
    return action_of(driver, method), tuple(
        unpack(kind, _as_declared(kind, value), ())
        for kind, value in zip(hints, values, strict=True)
    )


def _as_declared(kind: Any, value: Any) -> Any:
    """Return what of a written value the interface declares: a step's own may have more fields."""
    fields = getattr(kind, "model_fields", None)
    if fields is None or not isinstance(value, dict):
        return value
    return {name: each for name, each in value.items() if name in fields}


def _hints(driver: type, method: str) -> list[Any]:
    """Return the types of a method's arguments as its interface gives them."""
    owner = next(
        (o for o in driver.__mro__ if hasattr(vars(o).get(method), "__liftline_action__")), driver
    )
    hints = get_type_hints(vars(owner)[method])
    return [kind for name, kind in hints.items() if name != "return"]
