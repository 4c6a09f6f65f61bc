from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from acquire.night.window import next_opening
from protocols.night import NightPlan


def plan(window: str, start: str | None = None) -> NightPlan:
    cells = [{"name": "a", "protocol": "joule2020/cycling"}]
    asked = {"name": "n", "window": window, "cells": cells}
    return NightPlan.model_validate(asked | ({"start": start} if start else {}))


def utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[misc]


BERLIN = "20:00-07:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("noon", "length"),
    [
        (utc(2026, 11, 24, 11), timedelta(hours=11)),
        (utc(2026, 3, 28, 11), timedelta(hours=10)),  # clocks go forward: the day has 23 h
        (utc(2026, 10, 24, 10), timedelta(hours=12)),  # they go back: it has 25 h
    ],
)
def test_a_night_is_hours_of_the_wall(noon: datetime, length: timedelta) -> None:
    found = next_opening(plan(BERLIN), noon)
    assert found.closes is not None
    assert found.closes - found.opens == length


def test_within_a_window_it_is_open_now_and_closes_at_its_own_hour() -> None:
    now = utc(2026, 11, 25, 2, 30)
    found = next_opening(plan(BERLIN), now)
    assert found.opens == now
    assert found.closes == utc(2026, 11, 25, 6)


def test_a_window_by_day_does_not_cross_midnight() -> None:
    found = next_opening(plan("09:00-17:30 UTC"), utc(2026, 11, 24, 18))
    assert found == type(found)(utc(2026, 11, 25, 9), utc(2026, 11, 25, 17, 30))


def test_until_done_never_closes_and_a_start_is_waited_for() -> None:
    found = next_opening(plan("until done", "2026-11-24T20:00:00+01:00"), utc(2026, 11, 24, 12))
    assert found.opens == utc(2026, 11, 24, 19)
    assert found.closes is None


@pytest.mark.parametrize(
    "window", ["tonight", "20-7 UTC", "25:00-07:00 UTC", "20:00-20:00 UTC", "20:00-07:00 Mars/Base"]
)
def test_what_is_no_window_is_refused_with_how_to_write_one(window: str) -> None:
    with pytest.raises(ValidationError, match="20:00-07:00 Europe/Berlin"):
        plan(window)


def test_a_start_without_an_offset_is_refused() -> None:
    with pytest.raises(ValidationError, match="has no offset"):
        plan("until done", "2026-11-24T20:00:00")
