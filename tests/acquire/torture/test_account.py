"""Deeds of an instrument held against the attempts of a journal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acquire.rows import Attempt, Entry
from acquire.torture import account as accounts
from acquire.torture.course import Course
from acquire.torture.evidence import Evidence
from drivers.lab import Lab
from drivers.ledger import Deed, Ledger

EMPTY = Evidence((), (), {}, {}, {}, (), (), (), None)


def entry(number: int) -> Entry:
    return Entry(number, 0, "do", "stem.spectrum", "[]", None, 0.0, "")


def attempt(number: int, n: int, meter: float) -> Attempt:
    return Attempt(number, n, "[]", meter, [], None, None, 0.0, None, None)


def made(
    deeds: list[Deed], attempts: list[Attempt], monkeypatch: pytest.MonkeyPatch
) -> accounts.Account:
    held = replace(
        EMPTY,
        entries=tuple(entry(number) for number in {each.entry for each in attempts}),
        attempts=tuple(attempts),
    )
    told = [("stem", Ledger(tuple(deeds)))]
    monkeypatch.setattr(accounts, "ledgers", lambda run, lab: told)
    return accounts.account(Path(), Lab("none", "jumping", ()), held)


def test_each_deed_is_of_the_newest_attempt_whose_meter_stood_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = made(
        [Deed("spectrum", 0.0, 5.0), Deed("spectrum", 5.0, 2.0)],
        [attempt(1, 0, 0.0), attempt(1, 1, 0.0), attempt(2, 0, 5.0)],
        monkeypatch,
    )
    assert [(one.attempt.entry, one.attempt.n) for one in found.made] == [(1, 1), (2, 0)]
    assert found.untold == ()


def test_what_is_done_twice_in_one_attempt_is_done_without_an_intent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twice = [Deed("spectrum", 0.0, 5.0), Deed("spectrum", 5.0, 5.0)]
    assert len(made(twice, [attempt(1, 0, 0.0)], monkeypatch).untold) == 1


def test_what_did_nothing_needs_no_intent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert made([Deed("spectrum", 0.0, 0.0)], [], monkeypatch).untold == ()


def test_an_action_that_gave_more_than_was_asked_is_told(course: Course) -> None:
    one = next(one for one in course.account.made if one.name == "stem.spectrum")
    more = replace(one, deed=replace(one.deed, amount=1.5 * one.deed.amount))
    found = accounts.beyond([more], course.held, course.interfaces, obedient=True)
    assert "it may spend" in next(found)
    assert not list(accounts.beyond([more], course.held, course.interfaces, obedient=False))


def test_a_limit_that_earlier_deeds_have_used_up_is_told(course: Course) -> None:
    made = course.account.made
    one = next(one for one in made if one.name == "stem.spectrum")
    again = [replace(one, attempt=replace(one.attempt, n=n)) for n in range(400)]
    for deeds, tells in ((made, False), (again, True)):
        found = accounts.above_limits(
            deeds, course.held, course.protocol, course.interfaces, obedient=True
        )
        assert any("the limit is" in text for text in found) == tells
