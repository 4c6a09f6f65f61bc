"""A run on OpenFIBSEM's demo microscope that dies while it mills; skipped without fibsem.

fibsem keeps no meter: how much was milled nobody can tell, so that a person has to.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from pytest_mock import MockerFixture

pytest.importorskip("fibsem", reason="needs liftline[openfibsem]")

from acquire.fib import lift_out
from acquire.fib.session import Session
from acquire.launch import RunEnd, begin_run, resume_run
from acquire.operator import Command, Inbox
from acquire.record import Done, RunRecord
from acquire.share import Desk
from drivers.fib import Milled
from drivers.lab_file import load_lab
from protocols.loader import load_protocol
from tests.campaigns.scan import Silent
from tests.drivers.fibsem_demo import TRENCH
from tests.drivers.test_openfibsem_run import COLD, CRYO, LAB, PROTOCOL

FASTER = 10
"""Times as fast as the demo microscope mills of its own: 0.5 s for a pattern."""


@dataclass
class Operator:
    """Says that what comes before is done, and answers what to do about the cut so."""

    inbox: Inbox
    said: str

    def ask(self, number: int, text: str, choices: Any, safe: str) -> None:
        answer = next((c for c in ("they are done", self.said) if c in choices), safe)
        self.inbox.say(Command("answer", "a test", number, answer))


def desk(said: str, boundary: Callable[[str], None] | None = None) -> Desk:
    return Desk(Silent(), prompt=lambda inbox: Operator(inbox, said), boundary=boundary)


def mill_unseen(session: Session) -> None:
    """Mill without a look, since the demo's images show text and noise."""
    session.run.verified("aligned", True)
    session.run.do(session.fib.mill, TRENCH)


@pytest.fixture(scope="module", autouse=True)
def hurried() -> Iterator[None]:
    """The demo microscope mills faster, and is asked to without a look."""
    from fibsem.microscopes import simulator

    usual: Any = simulator.sim_sleep
    with (
        patch.object(simulator, "sim_sleep", lambda seconds: usual(seconds / FASTER)),
        patch.dict(lift_out.DO, {"trench": mill_unseen}),
    ):
        yield


@pytest.fixture(scope="module")
def died(hurried: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run as the death of its process leaves it while a pattern is milled."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "cold-stage.yaml").write_text(COLD)
    (folder / "lab.yaml").write_text(LAB + CRYO.replace("cold-stage", f"{folder}/cold-stage"))
    (folder / "trench.yaml").write_text(
        PROTOCOL.replace("last: survey", "first: trench\nlast: trench")
    )

    def die(name: str) -> None:
        if name == "readings committed" and not (folder / "died").exists():
            (run,) = [path.parent for path in folder.glob("*/run.db")]
            shutil.copytree(run, folder / "died", ignore=shutil.ignore_patterns("lease*"))

    protocol, lab = load_protocol(folder / "trench.yaml"), load_lab(folder / "lab.yaml")
    end = begin_run(protocol, lab, folder, seed=0, desk=desk("", die))
    assert end.state == "finished", end.reason
    end.folder.rename(folder / "went-on")  # a copy is gone on with where there is no original
    return folder / "died"


@pytest.fixture
def cut_off(died: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(died, tmp_path / "run")


@pytest.fixture
def demo_mills(mocker: MockerFixture) -> MagicMock:
    """Counts the patterns that the demo microscope runs."""
    from fibsem.microscopes import simulator

    return mocker.spy(simulator.DemoMicroscope, "run_milling")


def cuts(end: RunEnd) -> list[Done]:
    with RunRecord(end.folder) as record:
        return list(record.done(0, "fib.mill", Milled))


def test_a_pattern_that_was_cut_off_is_asked_about_and_not_milled(
    cut_off: Path, demo_mills: MagicMock
) -> None:
    end = resume_run(cut_off, desk=Desk(Silent()))
    assert end.state == "waiting"
    assert "the instrument cannot say how much of it was done" in end.reason
    assert demo_mills.call_count == 0
    assert not cuts(end)


def test_what_is_kept_of_it_is_what_was_told_as_it_came(
    cut_off: Path, demo_mills: MagicMock
) -> None:
    (cut,) = cuts(resume_run(cut_off, desk=desk("keep")))
    assert 0 < cut.result.charge <= TRENCH.charge
    assert demo_mills.call_count == 0


def test_it_is_milled_again_if_the_operator_says_so(cut_off: Path, demo_mills: MagicMock) -> None:
    (cut,) = cuts(resume_run(cut_off, desk=desk("repeat")))
    assert cut.result.charge == TRENCH.charge
    assert demo_mills.call_count == 1
