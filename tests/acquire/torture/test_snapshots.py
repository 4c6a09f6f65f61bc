"""Folders as a crash and a power cut leave them."""

from __future__ import annotations

import random
from pathlib import Path

from acquire.journal import Journal
from acquire.rows import Stamp
from acquire.torture.evidence import evidence
from acquire.torture.snapshots import LOG, Synced, leave, state_of, tear

NOW = Stamp(1.0, "2026-01-01T00:00:00+00:00")


def begun(folder: Path) -> Journal:
    folder.mkdir()
    journal = Journal(folder / "run.db")
    for number in range(20):
        journal.add_event("warning", {"text": f"{number} " + "word " * 300}, NOW)
    return journal


def test_a_copy_holds_what_was_committed_and_no_more(tmp_path: Path) -> None:
    journal = begun(tmp_path / "run")
    journal.add_entry(0, "now", "now", "null", NOW, "1.0")
    copy = leave(tmp_path / "run", tmp_path / "copy")
    assert not evidence(copy).entries
    assert len(evidence(copy).rows) == 20
    journal.close()


def test_the_state_changes_with_what_is_committed_only(tmp_path: Path) -> None:
    journal = begun(tmp_path / "run")
    before = state_of(tmp_path / "run")
    journal.add_entry(0, "now", "now", "null", NOW, "1.0")
    assert state_of(tmp_path / "run") == before
    journal.commit()
    assert state_of(tmp_path / "run") != before
    journal.close()


def test_a_torn_commit_takes_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    journal = begun(tmp_path / "run")
    before = Synced.of(tmp_path / "run")
    held = evidence(tmp_path / "run").rows
    journal.add_event("warning", {"text": "word " * 3000}, NOW)
    assert before.is_before(Synced.of(tmp_path / "run"))
    found = set()
    for number in range(25):
        copy = leave(tmp_path / "run", tmp_path / f"{number}")
        tear(copy, len(before.log), random.Random(number))
        assert (copy / LOG).read_bytes().startswith(before.log)
        rows = evidence(copy).rows
        assert held.items() <= rows.items()
        found.add(len(rows) - len(held))
    assert 0 in found, "no commit was torn"
    journal.close()
