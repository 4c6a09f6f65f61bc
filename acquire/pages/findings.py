"""What a line scan has found: of each element its onset and its plateau, and what follows.

From the step's result, or from its flags while there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protocols.eds import Watch

PRESENT = "present from the first point"


@dataclass(frozen=True)
class Place:
    """Where an element appears or stops rising, distances in m; None for what is not known."""

    position: float | None = None
    interval: tuple[float, float] | None = None
    confidence: float | None = None
    raised: float | None = None
    """Where the scan was when the flag was raised."""
    statistic: float | None = None
    threshold: float | None = None
    note: str = ""
    missing: str = ""
    """Why there is no position."""
    midpoint: float | None = None
    """Of an onset: where half of the plateau is reached."""


@dataclass(frozen=True)
class Finding:
    """What was found of one element."""

    element: str
    line: str
    onset: Place = Place()
    plateau: Place | None = None
    """None where the run did not look for it."""

    @property
    def present(self) -> bool:
        """Whether it is there from the first point."""
        return self.onset.position is None and self.onset.missing.startswith(PRESENT)


def findings(
    watched: Sequence[Watch], result: Mapping[str, Any] | None, flags: Sequence[Mapping[str, Any]]
) -> tuple[Finding, ...]:
    """Return what was found of each watched element.

    Args:
        watched: the elements, in the order of the protocol.
        result: of the step; None while there is none.
        flags: of the step, as `show` gives them.
    """
    return tuple(
        Finding(
            each.element,
            each.xray_line.replace("_", " "),
            _place("onset", each.element, result, flags) or Place(),
            _place("plateau", each.element, result, flags),
        )
        for each in watched
    )


def interval_of(found: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the interval that a found place or width has, m."""
    interval = found.get("interval_m")
    return None if interval is None else (float(interval[0]), float(interval[1]))


def _place(
    kind: str,
    element: str,
    result: Mapping[str, Any] | None,
    flags: Sequence[Mapping[str, Any]],
) -> Place | None:
    raised = [flag for flag in flags if flag["of"] == element and flag["kind"] == kind]
    flag = raised[-1] if raised else {}
    found: Mapping[str, Any] = flag
    missing = "" if flag else "not seen so far"
    if result is not None:
        if element not in result.get(f"{kind}s", {}):
            return None  # of a run that did not say it
        found = result[f"{kind}s"][element]
        missing = found.get("none", "")
    elif any(flag["of"] == element and flag["kind"] == "present" for flag in flags):
        missing = PRESENT if kind == "onset" and not flag else missing
    return Place(
        position=found.get("position_m"),
        interval=interval_of(found),
        confidence=found.get("confidence"),
        raised=flag.get("raised_position_m"),
        statistic=flag.get("statistic"),
        threshold=flag.get("threshold"),
        note=flag.get("note", ""),
        missing=missing,
        midpoint=found.get("midpoint_m"),
    )
