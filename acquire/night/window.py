"""The hours in which cells may run, on the wall clock of a named zone.

The night in which clocks go back is an hour longer, and the one in which they go forward an hour
shorter: an opening is an hour of the wall, not a number of seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from protocols.night import UNTIL_DONE, NightPlan, hours


@dataclass(frozen=True)
class Opening:
    """One stretch in which cells may run."""

    opens: datetime
    """UTC."""
    closes: datetime | None
    """UTC; None if it never does."""


def next_opening(plan: NightPlan, now: datetime) -> Opening:
    """Return the opening that is now, or the next one; `now` is aware."""
    begins = max(now, plan.start) if plan.start is not None else now
    if plan.window == UNTIL_DONE:
        return Opening(begins.astimezone(UTC), None)
    opens_at, closes_at, zone = hours(plan.window)
    day = begins.astimezone(zone).date() - timedelta(days=1)
    while True:
        opens = datetime.combine(day, opens_at, zone)
        last = day if closes_at > opens_at else day + timedelta(days=1)
        closes = datetime.combine(last, closes_at, zone)
        if closes.astimezone(UTC) > begins:
            return Opening(
                max(opens.astimezone(UTC), begins.astimezone(UTC)), closes.astimezone(UTC)
            )
        day += timedelta(days=1)
