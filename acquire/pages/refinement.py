"""What adaptive dose gained: the electrons spent, beside a uniform scan of as many, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
    reached: Mapping[str, float] = refined.get("reached", {})
    uniform: Mapping[str, float] = refined.get("uniform_interval_m", {})
    finer = replace(ruler, digits=ruler.digits + 1)
    for name in dict.fromkeys([*reached, *uniform]):
        yield Compared(
            f"half of the 95 % interval of {name}",
            _length(reached.get(name), finer),
            _length(uniform.get(name), finer),
        )


def _electrons(number: float | None) -> str:
    return "-" if number is None else f"{number:.3g}"


def _length(metres: float | None, ruler: Ruler) -> str:
    return "-" if metres is None else ruler.text(metres)
