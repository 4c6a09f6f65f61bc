"""The film by depth, and the charge through it."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.errors import InputError
from simulators.fib.material_stack import Through
from simulators.fib.solid import DZ, NZ
from simulators.fib.sputter import TrueRates
from tests.simulators.fib.sites import nominal_rates, stack


def test_layers_and_gradients_are_where_the_specimen_says() -> None:
    names, found = stack().fractions(np.array([0.5e-6, 1.5327e-6, 2e-6, 2.62e-6, 12e-6]))
    mixed = [{n: round(float(f), 2) for n, f in zip(names, row, strict=True) if f} for row in found]
    assert mixed[0] == {"Li": 1.0}
    assert mixed[1]["Li2O"] == pytest.approx(0.8, abs=0.02)
    assert mixed[1]["Li3N"] == pytest.approx(0.2, abs=0.02)
    assert mixed[2] == {"LiPON": 1.0}
    assert mixed[3] == {"Pt": 1.0}
    assert mixed[4] == {"Si": 1.0}  # the wafer goes on below the specimen's last layer


def test_volumes_by_cell_and_by_depth_agree() -> None:
    whole = stack().above(np.array([NZ * DZ]))[0]
    assert stack().cells.sum(axis=0) * DZ == pytest.approx(whole, rel=1e-9)
    assert whole.sum() == pytest.approx(NZ * DZ)


def test_charge_and_depth_are_each_others_inverse() -> None:
    through = Through(stack(), nominal_rates())
    depths = np.array([0.3e-6, 1.52e-6, 2.61e-6, 5e-6])
    assert through.deeper(np.zeros(4), through.charge(depths)) == pytest.approx(depths, abs=1e-10)
    assert through.charge(np.array([1e-6]))[0] == pytest.approx(1e-6 / 0.37e-9)


def test_a_material_without_a_rate_is_refused_with_the_way_out() -> None:
    poor = TrueRates({"Li": 1e-9})
    with pytest.raises(InputError, match=r"no milling rate is known for 'Cr'.*milling_rates\.py"):
        Through(stack(), poor)
