"""Folders of runs for tests that read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acquire.made_run import TWICE, MadeRun


@pytest.fixture
def made(tmp_path: Path) -> MadeRun:
    """A run that has begun; the test says how it goes on."""
    return MadeRun(tmp_path / "run")


@pytest.fixture
def a_run_folder(made: MadeRun) -> Path:
    """A finished line scan with both flags, two lost positions and two exposed twice."""
    made.whole_scan(lost=(12, 13))
    made.flag("N", 27, 25, 23, 26)
    made.flag("P", 37, 35, 33, 36)
    for place in TWICE:
        made.expose(place)
    made.result()
    return made.close()
