"""Whole depth profiles against the simulator's truth: one with each specimen, with -m slow."""

from __future__ import annotations

import numpy as np
import pytest

from tests.campaigns.xps_power import false_onsets
from tests.campaigns.xps_scores import CASES, run_case, told

ORDERS = {
    "paper": {"N before P"},
    "no P": {"undecided"},
    "P first": {"P before N"},
    "20 nm": {"undecided", "N before P"},
    "200 nm": {"N before P"},
    "strong mixing": {"N before P", "undecided"},
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", list(CASES))
def test_what_appears_is_flagged_in_time_and_in_order(name: str) -> None:
    found = run_case(CASES[name], seed=1)
    print(*told(name, [found]), sep="\n")
    for line, allowed in (("N 1s", 1), ("P 2p", 2)):
        flagged, reached = found.flagged[line]
        assert (flagged is None) == (reached is None)
        assert flagged is None or reached is None or abs(flagged - reached) <= allowed
    assert not found.others
    assert found.order in ORDERS[name]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_line_appears_in_runs_without_it() -> None:
    assert false_onsets(40.0, 500, np.random.default_rng(7)) == 0.0
