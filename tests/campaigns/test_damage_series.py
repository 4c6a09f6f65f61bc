"""Dose series by the dozen on the simulated microscope."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.damage_series import fading, false_flags

SERIES = 20
NAME = "joule2020/beam-damage"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_specimen_that_bears_everything_is_hardly_ever_flagged(tmp_path: Path) -> None:
    assert false_flags(tmp_path, SERIES, NAME) <= 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_dose_for_a_loss_is_held_by_its_interval(tmp_path: Path) -> None:
    held = fading(tmp_path, SERIES, NAME)
    assert min(held.values()) >= 0.85 * SERIES
    assert sum(held.values()) >= 0.9 * SERIES * len(held)
