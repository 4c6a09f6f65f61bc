"""The specimens that analysis is scored on are what their comments say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulators.specimen import load_specimen
from tests.simulators.stems import STILL, open_stem

FOLDER = Path(__file__).parents[1] / "campaigns" / "specimens"
TOP = 1.5e-6
WIDTHS = {
    "width-20": {"N": (0, 20e-9), "P": (0, 20e-9)},
    "width-40-p-first": {"N": (40e-9, 80e-9), "P": (0, 80e-9)},
    "width-76-n-only": {"N": (0, 76e-9)},
    "width-76-wedge": {"N": (0, 76e-9), "P": (0, 76e-9)},
    "width-150": {"N": (0, 150e-9), "P": (0, 150e-9)},
    "none": {},
}
"""Onset and end of the rise of each element, m below the lithium."""


@pytest.mark.parametrize("name", WIDTHS)
def test_onsets_and_widths(name: str) -> None:
    specimen = load_specimen(FOLDER / f"{name}.yaml")
    for element in ("N", "P"):
        known = WIDTHS[name].get(element)
        if known is None:
            assert specimen.first_depth(element) is None
            continue
        onset, end = known
        assert specimen.first_depth(element) == pytest.approx(TOP + onset)
        profile = specimen.densities(TOP + np.array([end - 1e-9, end, end + 100e-9]))
        before, at, after = profile[:, specimen.elements.index(element)]
        assert before < at == pytest.approx(after)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_opens_with_its_boundary_at_the_centre(path: Path) -> None:
    stem = open_stem(specimen=str(path), wedge=0.2, **STILL)
    assert stem._hidden.face.depth == pytest.approx(TOP)
    assert np.isfinite(stem._scene.counts_per_electron(0, 0, 1e-9, 600e-9, 0)).all()
