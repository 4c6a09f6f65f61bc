"""A scan follows its specimen, and stops where the specimen has gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from acquire.launch import begin_run
from acquire.record import RunRecord
from drivers.lab import simulated_lab
from protocols.loader import load_protocol
from tests.campaigns.scan import desk, write_protocol


def drifting(tmp_path: Path, largest_total: str) -> tuple[str, list[str]]:
    """Run a scan of 60 points on a specimen that creeps away; return its state and drift flags."""
    path = write_protocol(tmp_path, points=60, dwell_ms=100)
    text = path.read_text(encoding="utf-8")
    wide = f"largest_step: 40 nm\n  largest_total: {largest_total}"
    path.write_text(text.replace("largest_step: 20 nm", wide), encoding="utf-8")
    lab = simulated_lab({"stem": {"drift_rate": "8 nm/s", "drift_direction": "0 deg"}})
    end = begin_run(load_protocol(path), lab, tmp_path / "runs", seed=3, desk=desk())
    with RunRecord(end.folder) as record:
        notes = [f["flag"]["note"] for f in record.flags() if f["flag"]["kind"] == "drift"]
    return end.state, notes


def test_a_specimen_that_has_moved_too_far_in_all_stops_the_scan(tmp_path: Path) -> None:
    state, notes = drifting(tmp_path, "30 nm")
    assert state == "stopped"
    assert "beyond the 30 nm allowed; let it settle" in notes[-1]


@pytest.mark.parametrize("margin", ["400 nm"])
def test_within_the_margin_it_is_followed_to_the_end(tmp_path: Path, margin: str) -> None:
    state, notes = drifting(tmp_path, margin)
    assert (state, notes) == ("finished", [])
