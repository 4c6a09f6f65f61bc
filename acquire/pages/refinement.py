"""What adaptive dose gained: the electrons spent, beside a uniform scan of as many, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from acquire.pages.charts import Ruler


@dataclass(frozen=True)
class Compared:
    """One row: what, of this scan, of a uniform one."""

    what: str
    here: str
    uniform: str


@dataclass(frozen=True)
class Refinement:
    """What the passes after the first reached."""

    passes: str
    rows: tuple[Compared, ...]


def refinement_of(refined: Mapping[str, Any] | None, ruler: Ruler) -> Refinement | None:
    """Return the comparison; None where nothing was refined."""
    if not refined:
        return None
    return Refinement(str(refined.get("passes", "")), tuple(_compared(refined, ruler)))


def _compared(refined: Mapping[str, Any], ruler: Ruler) -> Iterator[Compared]:
    electrons = (refined.get("electrons"), refined.get("uniform_electrons"))
    if electrons != (None, None):
        yield Compared("electrons on the line", *(_electrons(each) for each in electrons))
    reached = _by_name(refined.get("reached"))
    uniform = _by_name(refined.get("uniform_interval_m"))
    for name in dict.fromkeys([*reached, *uniform]):
        yield Compared(
            f"interval of {name}",
            _length(reached.get(name), ruler),
            _length(uniform.get(name), ruler),
        )


def _by_name(value: Any) -> Mapping[str, Any]:
    """Return values by what they are of; a single one is of the whole."""
    if value is None:
        return {}
    return value if isinstance(value, Mapping) else {"all": value}


def _electrons(number: float | None) -> str:
    return "-" if number is None else f"{number:.3g}"


def _length(value: Any, ruler: Ruler) -> str:
    """Return an interval, or the length of one, with its unit."""
    if isinstance(value, Mapping):
        value = value.get("interval_m")
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        return f"{ruler.text(value[1] - value[0])} ({ruler.span(*value)})"
    return ruler.text(value) if isinstance(value, (int, float)) else str(value)
