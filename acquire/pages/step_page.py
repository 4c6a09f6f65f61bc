"""One step's part of the report, ready to be drawn; each kind of step has its own page."""

from __future__ import annotations

from dataclasses import dataclass

from acquire.record import StepRecord


@dataclass(frozen=True)
class Dose:
    """The largest dose anywhere, beside its limit, e/Å²."""

    spent: float
    limit: float

    @property
    def share(self) -> float:
        """Of the limit, from 0 to 1 and beyond."""
        return self.spent / self.limit


@dataclass(frozen=True)
class StepPage:
    """One step of the run; a kind that has more to show extends it and names its template."""

    index: int
    title: str
    kind: str
    state: str
    template: str = "step.html"
    """Of `acquire/pages`, drawn with this page as `s`."""
    facts: tuple[tuple[str, str], ...] = ()
    dose: Dose | None = None
    raw_result: str = ""
    """Of a kind that has no page of its own."""


def title_of(step: StepRecord) -> str:
    """Return the step's own name, or its kind in words."""
    return str(step.request.get("name") or step.kind.replace("_", " "))


def state_of(step: StepRecord) -> str:
    """Return how the step ended, in words."""
    if step.result is None:
        return "not ended"
    return step.ended_by or "ended"
