"""What a line scan has found, in the words of a table: a row per onset and per plateau."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from acquire.pages.charts import Ruler
from acquire.pages.findings import Finding, Place


@dataclass(frozen=True)
class FoundRow:
    """An onset or a plateau of an element, or why there is none."""

    element: str
    """Empty where it stands in the row above."""
    line: str
    what: str
    place: str
    missing: str
    """In place of `place` and `interval`."""
    interval: str
    raised: str
    evidence: str
    note: str


def found_rows(found: Sequence[Finding], ruler: Ruler) -> tuple[FoundRow, ...]:
    """Return the table's rows in the order of the elements."""
    return tuple(row for each in found for row in _rows(each, ruler))


def _rows(found: Finding, ruler: Ruler) -> Iterator[FoundRow]:
    yield _row(found.element, found.line, "onset", found.onset, ruler)
    if found.plateau is not None:
        yield _row("", "", "plateau", found.plateau, ruler)


def _row(element: str, line: str, what: str, place: Place, ruler: Ruler) -> FoundRow:
    interval = "-"
    if place.interval is not None:
        interval = f"{place.confidence * 100:g} %: " if place.confidence else ""
        interval += ruler.span(*place.interval)
    evidence = "-"
    if place.statistic is not None:
        evidence = f"{place.statistic:.1f}"
        if place.threshold is not None:
            evidence += f" (flag above {place.threshold:.1f})"
    known = place.position is not None
    return FoundRow(
        element=element,
        line=line,
        what=what,
        place="" if place.position is None else ruler.text(place.position),
        missing="" if known else f"no {what}: {place.missing or 'not said'}",
        interval=interval,
        raised="-" if place.raised is None else ruler.text(place.raised),
        evidence=evidence,
        note=place.note,
    )
