"""A refined scan: what it spends, where, when it ends, and that a killed one goes on the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.eds.line_result import findings
from acquire.eds.refine import SHORTEST, Passes
from acquire.launch import begin_run, resume_run
from acquire.record import RunRecord
from drivers.lab import simulated_lab
from drivers.stem import Spectrum
from protocols.eds import EdsLineScan
from protocols.loader import load_protocol
from tests.acquire.ramps import NM, ramp_line
from tests.campaigns.scan import SEED, desk, start, write_protocol

POINTS = 121
FOUND = findings(
    {"P": ramp_line(1, 90 * NM, 150 * NM, points=POINTS, plateau=10.0)},
    {"P": 95 * NM},
    {"P": None},
    {},
)
NOTHING = findings({}, {}, {}, {"P": "no significant rise"})


def step_of(dose_limit: float = 5e4, **plan: Any) -> EdsLineScan:
    return EdsLineScan.model_validate(
        {
            "survey": {"field": 1e-6, "pixels": 64, "dwell": 2e-6, "probe_current": 25e-12},
            "start": {"x": -120 * NM, "y": 0.0},
            "length": 240 * NM,
            "points": POINTS,
            "strip": 100 * NM,
            "probe_current": 100e-12,
            "dwell": 0.1,
            "dose_limit": dose_limit,
            "watch": [{"element": "P"}],
            "refine": {"first": 0.1, "spend": 0.4, "passes": 3, **plan},
        }
    )


def passes_of(dose_limit: float = 5e4, **plan: Any) -> Passes:
    step = step_of(dose_limit, **plan)
    assert step.refine is not None
    return Passes(step, step.refine)


def spent_after(passes: Passes) -> np.ndarray:  # type: ignore[type-arg]
    """Return the seconds of each position when all passes are done."""
    dwells = np.full(POINTS, passes.plan.first * passes.step.dwell)
    for number in range(1, passes.plan.passes + 1):
        for index, seconds in passes.next_pass(number, FOUND, list(dwells)):
            dwells[int(index)] += seconds
    return dwells


def test_the_passes_spend_what_they_may_and_no_more() -> None:
    passes = passes_of()
    spent = spent_after(passes).sum() / (passes.step.dwell * POINTS)
    assert 0.37 < spent <= 0.4001


@pytest.mark.parametrize("share", [0.15, 1.0])
def test_no_position_gets_more_than_the_dose_limit(share: float) -> None:
    even = step_of().dose
    passes = passes_of(dose_limit=share * even + step_of().imaging_dose, spend=0.9)
    dwells = spent_after(passes)
    doses = dwells / passes.step.dwell * passes.step.dose + passes.step.imaging_dose
    assert doses.max() <= passes.step.dose_limit
    assert doses.max() > 0.9 * passes.step.dose_limit


def test_the_rise_gets_more_than_the_flat() -> None:
    dwells = spent_after(passes_of(spend=0.2))
    assert dwells[40:80].mean() > 2 * dwells[:30].mean()


def test_the_same_findings_lay_out_the_same_pass() -> None:
    dwells = [0.01] * POINTS
    assert passes_of().next_pass(1, FOUND, dwells) == passes_of().next_pass(1, FOUND, dwells)


def test_a_pass_goes_along_the_line_and_exposes_nothing_too_briefly() -> None:
    passes = passes_of()
    wanted = passes.next_pass(1, FOUND, [0.01] * POINTS)
    indices = [index for index, _ in wanted]
    assert indices == sorted(set(indices))
    assert min(seconds for _, seconds in wanted) >= SHORTEST * passes.step.dwell


def test_a_width_that_is_known_well_enough_ends_it() -> None:
    low, high = FOUND.width["interval_m"]
    value = FOUND.width["value_m"]
    half = max(value - low, high - value)
    dwells = [0.01] * POINTS
    assert passes_of(width_within=half * 1.01).next_pass(1, FOUND, dwells) == []
    assert passes_of(width_within=half * 0.99).next_pass(1, FOUND, dwells)


def test_where_nothing_appears_nothing_is_refined() -> None:
    assert passes_of().next_pass(1, NOTHING, [0.01] * POINTS) == []


def test_what_is_spent_already_ends_it() -> None:
    assert passes_of().next_pass(2, FOUND, [0.04] * POINTS) == []


# -- in a run -----------------------------------------------------------------------------------

REFINE = "refine: {first: 0.2, spend: 0.5, passes: 2}\n"


def refined(folder: Path, points: int = 60, *more: tuple[str, str]) -> Path:
    path = write_protocol(folder, points, 200)
    text = path.read_text(encoding="utf-8") + REFINE
    for old, new in more:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def result_of(folder: Path) -> dict[str, Any]:
    with RunRecord(folder) as record:
        (step,) = record.steps()
    assert step.result is not None
    return dict(step.result)


def spectra_in(folder: Path) -> list[Spectrum]:
    with RunRecord(folder) as record:
        return [done.result for done in record.done(0, "stem.spectrum", Spectrum)]


class Crash(BaseException):
    """Stands for a process that is killed."""


@dataclass(frozen=True)
class Whole:
    """A refined run that was not disturbed."""

    protocol: Path
    folder: Path
    boundaries: tuple[str, ...]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    seen: list[str] = []
    protocol = refined(folder)
    return Whole(protocol, start(protocol, folder / "runs", seen.append).folder, tuple(seen))


AFTER = ("within a later pass", "as the last is laid out")


@pytest.mark.parametrize("after", AFTER)
def test_a_killed_refined_run_resumes_to_the_same_result(
    whole: Whole, tmp_path: Path, after: str
) -> None:
    decided = [i for i, name in enumerate(whole.boundaries) if name == "decide entry written"]
    places = (decided[-1] - 20, decided[-1] + 1)
    left = dict(zip(AFTER, places, strict=True))[after]

    def crash(name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash

    lab = simulated_lab({"stem": {}})
    with pytest.raises(Crash):
        begin_run(load_protocol(whole.protocol), lab, tmp_path / "cut", seed=SEED, desk=desk(crash))
    (run,) = [path.parent for path in (tmp_path / "cut").glob("*/run.db")]
    assert resume_run(run, desk=desk()).state == "finished"
    assert result_of(run) == result_of(whole.folder)


def test_positions_that_are_exposed_again_are_counted_once(whole: Whole) -> None:
    result = result_of(whole.folder)
    spectra = spectra_in(whole.folder)
    assert result["points"] == 60 < len(spectra)
    assert result["points_lost"] == 0
    assert result["electrons"] == pytest.approx(sum(each.electrons for each in spectra))
    appear = {f"{e} onset" for e, found in result["onsets"].items() if "none" not in found}
    assert set(result["refined"]["reached"]) - {"width"} == appear >= {"P onset"}


def test_a_specimen_without_the_element_gets_one_pass(tmp_path: Path) -> None:
    protocol = refined(tmp_path, 30, ("[{element: N}, {element: P}]", "[{element: Fe}]"))
    result = result_of(start(protocol, tmp_path / "runs").folder)
    assert result["refined"]["passes"] == 1
    even = result["refined"]["uniform_electrons"]
    assert result["refined"]["electrons"] == pytest.approx(0.2 * even, rel=1e-3)
    assert "none" in result["width"]


def test_the_published_refined_scan_answers_within_its_limit(tmp_path: Path) -> None:
    protocol = load_protocol("joule2020/eds-line-refined")
    lab = simulated_lab({"stem": {}})
    folder = begin_run(protocol, lab, tmp_path, seed=3, desk=desk()).folder
    result = result_of(folder)
    assert result["dose_e_per_angstrom2"] <= 2000
    assert result["electrons"] <= 0.3301 * result["refined"]["uniform_electrons"]
    assert result["order"] == "N before P"
    assert "none" not in result["width"]
