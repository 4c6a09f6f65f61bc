"""Folders of cells for tests that read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acquire.cycling.cells import lived


@pytest.fixture(scope="session")
def cell_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cell that was cycled ten times; only to be read."""
    return lived(tmp_path_factory.mktemp("cell") / "runs")
