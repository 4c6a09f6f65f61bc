from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simulators.fib.truth import truth
from tests.simulators.fib.fibs import PICTURE, PIT, STILL, UM, open_fib
from tests.simulators.stems import run_through


def test_the_ledger_adds_up_to_the_meters(tmp_path: Path) -> None:
    fib = open_fib(tmp_path / "world.db", **STILL, prepared="trench")
    run_through(fib.mill(PIT))
    run_through(fib.ion_image(PICTURE))
    run_through(fib.electron_image(PICTURE.model_copy(update={"current": 25e-12})))
    found = truth(tmp_path / "world.db")
    assert sum(event.ions for event in found.events) == pytest.approx(fib.ion_charge())
    assert sum(event.electrons for event in found.events) == pytest.approx(fib.electron_charge())
    assert found.charge("trench") == pytest.approx(PIT.charge)
    assert not found.beams_on
    assert not found.unsafe


def test_a_job_in_two_parts_was_milled_once(tmp_path: Path) -> None:
    fib = open_fib(tmp_path / "world.db", **STILL, prepared="trench")
    action = fib.mill(PIT)
    next(action)
    action.close()
    run_through(fib.mill(replace(PIT, done=fib.ion_charge())))
    found = truth(tmp_path / "world.db")
    assert len(found.jobs) == 2
    assert found.charge("trench") == pytest.approx(PIT.charge)


def test_a_job_that_was_milled_twice_shows(tmp_path: Path) -> None:
    fib = open_fib(tmp_path / "world.db", **STILL, prepared="trench")
    run_through(fib.mill(PIT))
    run_through(fib.mill(PIT))
    found = truth(tmp_path / "world.db")
    assert found.charge("trench") == pytest.approx(2 * PIT.charge)


def test_the_truth_of_a_finished_lamella_is_scored(tmp_path: Path) -> None:
    fib = open_fib(tmp_path / "world.db", **STILL, prepared="final")
    fib.close()
    score = truth(tmp_path / "world.db").score(5 * UM)
    assert score.success(120e-9)
    assert score.thickness == pytest.approx(90e-9, rel=0.2)
