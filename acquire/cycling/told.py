"""A cell's result in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from acquire.cycling.rates import by_rate, told_rate
from protocols.units import CURRENT, RESISTANCE

LAST = 11
"""Cycles whose median stands for the efficiency at the end."""
PER_AMPERE_HOUR = 3600.0


def told_cycling(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield a cell's result as a person reads it."""
    groups = by_rate(result["rate_per_h"])
    parts = ", ".join(f"{len(places)} at {name}" for name, places in groups.items())
    yield f"{result['cycles']} cycles" + (f": {parts}" if parts else "")
    for name, places in groups.items():
        yield f"{name}: {told_capacities(result, places)}; {told_efficiency(result, places)}"
    if result["interrupted"]:
        numbers = ", ".join(str(each) for each in result["interrupted"])
        yield f"interrupted, left out of efficiencies: cycle {numbers}"
    yield from told_nominal(result)


def told_capacities(result: Mapping[str, Any], places: Sequence[int]) -> str:
    """Return the first and the last capacity of some cycles."""
    first, last = (result["capacity_coulomb"][place] for place in (places[0], places[-1]))
    if len(places) == 1:
        return f"{told_charge(first)} in cycle {places[0] + 1}"
    return (
        f"{told_charge(first)} in cycle {places[0] + 1}, {told_charge(last)} in cycle "
        f"{places[-1] + 1}"
    )


def told_efficiency(result: Mapping[str, Any], places: Sequence[int]) -> str:
    """Return the efficiency at the end of some cycles, or why there is none."""
    cut = {number - 1 for number in result["interrupted"]}
    good = [
        place for place in places if place not in cut and result["efficiency"][place] is not None
    ]
    if not good:
        return "no efficiency: no whole cycle"
    if len(good) < LAST:
        each = (f"{told_share(result, place)} in cycle {place + 1}" for place in good)
        return f"efficiency {', '.join(each)}"
    good = good[-LAST:]
    value = median(result["efficiency"][place] for place in good)
    sigma = median(result["efficiency_uncertainty"][place] or 0.0 for place in good)
    which = f"median of the last {LAST}, to cycle {good[-1] + 1}"
    return f"efficiency {value:.3%} ± {sigma:.3%} ({which})"


def told_share(result: Mapping[str, Any], place: int) -> str:
    """Return one cycle's efficiency with its standard uncertainty."""
    value, sigma = result["efficiency"][place], result["efficiency_uncertainty"][place]
    return f"{value:.3%}" + ("" if sigma is None else f" ± {sigma:.3%}")


def told_nominal(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what each rate is in amperes, by every nominal capacity that the source allows."""
    used = result["nominal"][0]["capacity"]
    for number, nominal in enumerate(result["nominal"]):
        scale = nominal["capacity"] / used
        amounts = {
            written: amount * scale
            for written, amount in _amounts(result["resolved_current_A"], used).items()
        }
        currents = ", ".join(f"{name} {told_current(each)}" for name, each in amounts.items())
        unit = told_current(nominal["capacity"] / PER_AMPERE_HOUR)
        word = "used" if number == 0 else "not used; it would be"
        yield f"1C = {unit} ({nominal['basis']}), {word}: {currents}"


def _amounts(resolved: Mapping[str, float], capacity: float) -> dict[str, float]:
    """Return each current once, named by its rate."""
    amounts = sorted(set(resolved.values()))
    return {told_rate(amount * PER_AMPERE_HOUR / capacity): amount for amount in amounts}


def told_current(amperes: float) -> str:
    """Return a current with four digits and its unit."""
    return CURRENT.suggest(float(f"{amperes:.4g}")).replace(" u", " µ")


def told_charge(coulomb: float) -> str:
    """Return a charge in ampere hours, as batteries have them, with four digits."""
    hours = CURRENT.suggest(float(f"{coulomb / PER_AMPERE_HOUR:.4g}"))
    return hours.replace(" u", " µ") + "h"


def told_resistance(ohm: float) -> str:
    """Return a resistance with three digits and its unit."""
    return RESISTANCE.suggest(float(f"{ohm:.3g}"))
