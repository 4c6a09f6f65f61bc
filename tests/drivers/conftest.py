"""OpenFIBSEM's demo microscope behind our driver, without its delays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drivers.openfibsem import OpenFibsem
from tests.drivers.fibsem_demo import opened


@pytest.fixture
def fib(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenFibsem]:
    """Skips where fibsem is not installed."""
    pytest.importorskip("fibsem", reason="needs liftline[openfibsem]")
    monkeypatch.setenv("FIBSEM_SIM_NO_DELAY", "1")
    made = opened()
    yield made
    made.close()


@pytest.fixture
def demo(fib: OpenFibsem) -> Any:
    """fibsem's own object, to be spied on and put into states."""
    return fib._microscope.behind
