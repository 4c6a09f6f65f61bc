"""What adaptive dose gained: the electrons spent, beside a uniform scan of as many, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from acquire.pages.charts import Ruler

COLUMNS = (
    "reached",
    "expected_interval_m",
    "same_electrons_evenly_interval_m",
    "uniform_interval_m",
)
"""Of a result's `refined`: half intervals by quantity, in the order of the table."""


@dataclass(frozen=True)
class Compared:
    """One row: what, as reached, and as expected of three ways to expose the line."""

    what: str
    reached: str
    here: str
    """Of the exposures as they were laid out."""
    same: str
    """Of the same electrons laid out evenly."""
    uniform: str
    """Of the even scan of the protocol's dwell."""


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
    spent, whole = (_electrons(refined.get(key)) for key in ("electrons", "uniform_electrons"))
    yield Compared("electrons on the line", spent, spent, spent, whole)
    finer = replace(ruler, digits=ruler.digits + 1)
    columns: list[Mapping[str, float]] = [refined.get(key, {}) for key in COLUMNS]
    for name in dict.fromkeys(name for column in columns for name in column):
        yield Compared(
            f"half of the 95 % interval of {name}",
            *(_length(column.get(name), finer) for column in columns),
        )


def _electrons(number: float | None) -> str:
    return "-" if number is None else f"{number:.3g}"


def _length(metres: float | None, ruler: Ruler) -> str:
    return "-" if metres is None else ruler.text(metres)
