"""Evidence adds up over the cycles, and stays as rare as declared where nothing is."""

from __future__ import annotations

import numpy as np

from acquire.xps.evidence import SIZE, Evidence

PLACES = np.linspace(393.4, 395.4, 11)
CYCLES, FALSE_ALARM = 42, 1e-2


def runs(mean: float, count: int, cycles: int = CYCLES) -> list[int | None]:
    """Return the cycle of each run in which a line is seen whose root is `mean` at all places."""
    rng, seen = np.random.default_rng(1), []
    for _ in range(count):
        evidence, found = Evidence(PLACES, FALSE_ALARM, CYCLES), None
        for cycle in range(cycles):
            root = np.full(len(PLACES), mean + rng.standard_normal())
            if evidence.update(root).seen and found is None:
                found = cycle
        seen.append(found)
    return seen


def test_no_line_is_seen_in_more_runs_than_declared() -> None:
    assert sum(cycle is not None for cycle in runs(0.0, 200)) <= FALSE_ALARM * 200


def test_a_strong_line_is_seen_at_once_and_a_weak_one_in_the_course_of_cycles() -> None:
    strong, weak = runs(SIZE, 50), runs(0.54 * SIZE, 50)
    assert max(cycle if cycle is not None else 99 for cycle in strong) <= 1
    assert 1 <= np.median([cycle if cycle is not None else 99 for cycle in weak]) <= 10


def test_trying_a_spectrum_changes_nothing() -> None:
    evidence = Evidence(PLACES, FALSE_ALARM, CYCLES)
    root = np.linspace(0, 5, len(PLACES))
    assert evidence.tried(root) == evidence.tried(root) == evidence.update(root)
    assert evidence.update(root).place == PLACES[-1]
