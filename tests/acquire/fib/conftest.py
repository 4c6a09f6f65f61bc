"""Lift-outs for tests that read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acquire.fib.made_lift_out import MadeLiftOut
from tests.acquire.made_run import MadeRun


@pytest.fixture
def lifted(tmp_path: Path) -> MadeLiftOut:
    """A lift-out that has begun; the test says how it goes on."""
    return MadeLiftOut(MadeRun(tmp_path / "run"))
