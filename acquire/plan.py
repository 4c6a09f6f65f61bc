"""What one step would do, how long it takes and what it spends, as `check` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StepPlan:
    """What one step would do."""

    step: int
    kind: str
    figures: Mapping[str, float | int | str]
    """By name, with the unit in the name."""
    limits: tuple[Mapping[str, Any], ...] = ()
    """Each limit that counts here: name, value, limit, ok, cure."""
    notes: tuple[str, ...] = ()
    expected: Mapping[str, Any] | None = None
    """What it can be expected to answer; None where nothing is foretold."""
    foretold: tuple[str, ...] = ()
    """The same in words, a line each."""
    cannot: tuple[str, ...] = ()
    """Why it cannot answer what it is to answer, each with the cure; empty if it can."""

    @property
    def refusals(self) -> list[str]:
        """Return a sentence for each limit that the step would exceed, and for what it cannot."""
        exceeded = [
            f"step {self.step}: {each['name']}: {each['value']:.5g} is above the limit of "
            f"{each['limit']:.5g}; {each['cure']}"
            for each in self.limits
            if not each["ok"]
        ]
        return exceeded + [f"step {self.step}: {text}" for text in self.cannot]


def limit(name: str, value: float, most: float, cure: str) -> dict[str, Any]:
    """Return a limit as `StepPlan` holds it."""
    return {"name": name, "value": value, "limit": most, "ok": value <= most, "cure": cure}
