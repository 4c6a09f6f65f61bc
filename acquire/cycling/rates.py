"""Cycles by their rate: C/10 and 5C have other capacities and efficiencies, and stand apart."""

from __future__ import annotations

from collections.abc import Sequence

from acquire.cycling.cycle_watch import SAME_RATE
from protocols.cycling import Cycling, Size
from protocols.units import CURRENT

Groups = dict[str, tuple[int, ...]]


def told_rate(rate: float) -> str:
    """Return a rate (nominal capacities per hour) as a protocol writes it: C/10, 5C."""
    if rate <= 0:
        return "no discharge"
    return f"{rate:.3g}C" if rate >= 0.995 else f"C/{1 / rate:.3g}"


def written_size(step: Cycling, size: Size) -> str:
    """Return an amount of current as the protocol writes it: `0.1 C`, else in amperes."""
    if size.rate is not None:
        return f"{size.rate:g} C"
    return CURRENT.suggest(float(f"{step.amperes(size):.4g}"))


def by_rate(rates: Sequence[float]) -> Groups:
    """Return the places (from 0) of the cycles of each rate, by its name, in order of appearance.

    Rates that differ by less than a fifth are one: a held voltage makes each a little slower.
    """
    firsts: list[float] = []
    places: list[list[int]] = []
    for place, rate in enumerate(rates):
        near = (n for n, first in enumerate(firsts) if abs(rate - first) <= SAME_RATE * first)
        number = next(near, len(firsts))
        if number == len(firsts):
            firsts.append(rate)
            places.append([])
        places[number].append(place)
    return {told_rate(first): tuple(held) for first, held in zip(firsts, places, strict=True)}
