"""The charging of a cycle: all lines together, then the first reference that is there."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.xps.charge import Charging
from acquire.xps.region_fit import Peak, RegionFit
from protocols.core_levels import core_level
from tests.acquire.xps.made_profile import made_step

STEP = made_step(
    regions=[
        {"line": line, "start": start, "stop": stop, "step": 0.1, "dwell": 0.2, "pass_energy": 40}
        for line, start, stop in (
            ("C 1s", 296, 279), ("N 1s", 406, 388), ("P 2p", 142, 124), ("Ar 2p", 251, 236)
        )
    ],
    references=[
        {"line": "C 1s", "energy": 284.6, "uncertainty": 0.1},
        {"line": "Ar 2p", "energy": 241.9, "uncertainty": 0.3},
        {"line": "N 1s", "energy": 394.4, "uncertainty": 0.2, "lines": ["P 2p"]},
    ],
)  # fmt: skip


def region(line: str, *positions: float, area: float = 3000.0) -> RegionFit:
    start = next(each for each in STEP.regions if each.line == line).start
    energies = start - 0.1 * np.arange(150.0)
    peaks = tuple(Peak(position, 0.02, area, 80.0) for position in positions)
    flat = np.full_like(energies, 50.0)
    return RegionFit(energies, flat, core_level(line), 1.6, 1.0, peaks, flat, None)


def test_the_first_reference_that_is_there_is_used() -> None:
    charging = Charging(STEP)
    both = {"C 1s": region("C 1s", 285.1), "Ar 2p": region("Ar 2p", 242.4)}
    first = charging.update(both).of("N 1s")
    assert first is not None
    assert (first.line, first.shift) == ("C 1s", pytest.approx(0.5))
    then = charging.update({"Ar 2p": region("Ar 2p", 242.4)}).of("N 1s")
    assert then is not None
    assert (then.line, then.shift) == ("Ar 2p", pytest.approx(0.5))
    assert then.uncertainty == pytest.approx(np.hypot(0.3, 0.02))


def test_a_faint_reference_is_none() -> None:
    charging = Charging(STEP)
    charge = charging.update({"C 1s": region("C 1s", 284.6, area=700.0)})  # 20 sqrt(B) are 803
    assert charge.of("N 1s") is None


def test_a_reference_for_some_lines_corrects_no_others() -> None:
    charge = Charging(STEP).update({"N 1s": region("N 1s", 394.9)})
    assert charge.of("C 1s") is None
    corrected = charge.of("P 2p")
    assert corrected is not None
    assert corrected.shift == pytest.approx(0.5)


def test_states_and_charging_of_the_same_size_are_told_apart_by_all_lines() -> None:
    moved = 3.5  # carbon at 288.1, nitride at 397.9: where carbon of another kind and LiPON are
    fits = {
        "C 1s": region("C 1s", 284.6 + moved),
        "N 1s": region("N 1s", 394.4 + moved),
        "P 2p": region("P 2p", 132.8 + moved),
        "Ar 2p": region("Ar 2p", 241.9 + moved),
    }
    assert Charging(STEP).update(fits).rough == pytest.approx(moved, abs=0.1)


def test_references_that_disagree_are_less_sure() -> None:
    charging = Charging(STEP)
    apart = {"C 1s": region("C 1s", 284.6), "Ar 2p": region("Ar 2p", 242.9)}
    charge = charging.update(apart).of("N 1s")
    assert charge is not None
    assert charge.uncertainty > 0.45
