"""The campaigns of cycling: a short one in the default run, the paper's cell with -m slow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.campaigns.cycling_runs import cycled, median_of_11
from tests.campaigns.cycling_trust import BOUND, trusted


@pytest.mark.parametrize("on_device", [True, False])
def test_an_efficiency_is_near_the_charge_that_passed(on_device: bool) -> None:
    found = trusted(5, 12, on_device=on_device)
    assert (np.abs(found.passed) < BOUND).mean() >= 0.9
    if on_device:
        assert (np.abs(found.parasitic[3:]) < BOUND).all()


@pytest.mark.slow
def test_the_papers_cell_does_what_the_paper_says(tmp_path: Path) -> None:
    run = cycled("joule2020/cycling", tmp_path, seed=1)
    efficiency, capacity = run.column("efficiency"), run.column("capacity_coulomb")
    assert run.end.state == "finished"
    assert run.flags() == []
    assert all(median_of_11(efficiency, number) > 0.9970 for number in range(100, 529))
    assert all(median_of_11(efficiency, number) > 0.9985 for number in range(400, 529))
    assert capacity[533] / capacity[9] >= 0.99
    assert run.days == pytest.approx(11.4, abs=0.4)


@pytest.mark.slow
def test_the_liquid_cell_loses_more(tmp_path: Path) -> None:
    run = cycled("joule2020/liquid-cell", tmp_path, seed=1, cell="li-liquid-lnmo")
    capacity = run.column("capacity_coulomb")
    assert run.end.state == "finished"
    assert capacity[101] / capacity[10] < 0.95
