"""Flags: what the inline analysis says while data arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Flag:
    """Something seen in the data, with the evidence for it."""

    kind: str
    """onset, present, plateau, gone, end-point, fade, short ..."""
    of: str
    """The element or quantity, such as N."""
    index: int
    """Index of the reading (position, cycle ...) at which it was raised."""
    place: Mapping[str, float | tuple[float, float] | None] = field(default_factory=dict)
    """Where it is, back-dated, with unit-bearing keys such as position_m and interval_m."""
    confidence: float | None = None
    """Of the interval, such as 0.95; None where there is none."""
    statistic: float | None = None
    threshold: float | None = None
    """The statistic crossed this; set for the run's false-alarm rate."""
    note: str = ""
