"""A depth profile's protocol fitted to a recording."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from acquire.replay import fitted, origin, parse_etch_time, recorded_lab
from drivers.action import result_of
from drivers.clock import JumpingClock
from drivers.errors import InputError, RecordingError
from drivers.open_lab import open_lab
from drivers.vamas.content import Block, Ordinate, VamasFile, evenly
from protocols.loader import LoadedProtocol
from protocols.xps import DepthProfile
from tests.drivers.xps_files import block, cycles, profile, write

SHARED = Path(os.environ.get("LIFTLINE_SHARED", Path(__file__).parents[3] / "shared"))
SNO2 = SHARED / "data" / "xps-depth-profile-sno2.nxs"
REGULAR = SHARED / "data" / "xps-regular.vms"
shared = pytest.mark.skipif(not SNO2.exists(), reason="the shared recordings are not here")


def protocol(folder: Path, *lines: tuple[str, float, float], **changed: Any) -> LoadedProtocol:
    """Return a protocol of regions given by line, start and stop; the first is watched."""
    asked: dict[str, Any] = {
        "regions": [
            {"line": line, "start": start, "stop": stop, "step": 0.1, "dwell": 0.2, "sweeps": 4}
            | {"pass_energy": 20}
            for line, start, stop in lines
        ],
        "etch": {"energy": 2e3, "current": 1e-6, "raster_width": 2e-3, "raster_height": 2e-3}
        | {"duration": 30, "before": 5},
        "max_cycles": 50,
        "xray_budget": 1e6,
        "etch_budget": 1e4,
        "watch": [{"line": lines[0][0]}],
        **changed,
    }
    step = TypeAdapter(DepthProfile).validate_python(asked)
    return LoadedProtocol("made", "made", (step,), step.model_dump_json(), False)


def survey(cycle: int, start: float, points: int) -> Block:
    """Return a survey in steps of 10 eV."""
    kinetic = 1486.7 - start
    return replace(
        block("C 1s", cycle),
        name="Survey",
        species="Survey",
        transition="",
        points=evenly(kinetic, 10.0, points),
        start=kinetic,
        step=10.0,
        ordinates=(Ordinate("counts", "d", np.full(points, 7.0)),),
    )


TWO = (("C 1s", 295.0, 278.0), ("N 1s", 405.0, 392.0))


def fit(made: LoadedProtocol, file: Path, etch: float | None = None) -> DepthProfile:
    (step,) = fitted(made, recorded_lab(file, etch), None, None).steps
    assert isinstance(step, DepthProfile)
    return step


def test_regions_cycles_and_etch_time_are_the_recordings(tmp_path: Path) -> None:
    step = fit(protocol(tmp_path, *TWO), write(tmp_path / "p.vms", cycles(3)))
    carbon, nitrogen = step.regions
    assert (carbon.start, carbon.stop, carbon.step) == (296, 276, 0.5)
    assert (carbon.dwell, carbon.sweeps, carbon.pass_energy) == (0.2, 2, 40)
    assert (nitrogen.start, nitrogen.stop) == (406, 391)
    assert (step.max_cycles, step.etch.duration, step.etch.before) == (3, 60, 5)
    assert step.etch_budget > 1e9


def test_a_fitted_protocol_is_what_the_recording_plays(tmp_path: Path) -> None:
    lab = recorded_lab(write(tmp_path / "p.vms", cycles(3)))
    (step,) = fitted(protocol(tmp_path, *TWO), lab, None, None).steps
    assert isinstance(step, DepthProfile)
    with open_lab(lab, clock=JumpingClock()) as opened:
        xps: Any = opened.drivers["xps"]
        for cycle in range(step.max_cycles):
            if cycle:
                result_of(xps.etch(step.etch))
            for region in step.all_regions:
                assert result_of(xps.acquire(region, region.sweeps)).counts.sum() > 0


def test_what_a_recording_cannot_do_is_left_out(tmp_path: Path) -> None:
    watched = {
        "line": "C 1s",
        "faint_sweeps": 4,
        "on_onset": {"etch": 10, "cycles": 3},
        "on_gone": "stop",
    }
    survey = {"start": 1000, "stop": 0, "step": 1, "dwell": 0.1, "pass_energy": 160}
    made = protocol(tmp_path, *TWO, watch=[watched], survey=survey)
    step = fit(made, write(tmp_path / "p.vms", cycles(2)))
    (watch,) = step.watch
    assert (watch.faint_sweeps, watch.on_onset, watch.on_gone) == (None, "note", "stop")
    assert step.survey is None


def test_a_survey_of_the_first_and_last_cycle_is_kept_where_no_other_can_be_the_last(
    tmp_path: Path,
) -> None:
    wide = (1000.0, 101)
    blocks = list(cycles(3).blocks)
    blocks = [survey(0, *wide), *blocks, survey(2, *wide)]
    file = write(tmp_path / "p.vms", profile(blocks))
    asked = {"start": 1000, "stop": 0, "step": 1, "dwell": 0.1, "pass_energy": 160}
    step = fit(protocol(tmp_path, *TWO, survey=asked), file)
    assert step.survey is not None
    assert (step.survey.points, step.survey.every) == (101, None)
    stop = {"lines": ["C 1s"], "cycles": 1}
    assert fit(protocol(tmp_path, *TWO, survey=asked, stop=stop), file).survey is None


def test_cycles_end_where_one_lacks_a_region(tmp_path: Path) -> None:
    cut = replace(cycles(3), blocks=cycles(3).blocks[:-1])
    file = write(tmp_path / "p.vms", cut)
    assert fit(protocol(tmp_path, *TWO), file).max_cycles == 2
    assert fit(protocol(tmp_path, TWO[0]), file).max_cycles == 3


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (cycles(2, ["C 1s"]), "has no N 1s; it has C 1s 296 to 276 eV in steps of 0.5 eV"),
        (
            profile([block("C 1s", 0), block("C 1s", 1), block("N 1s", 1)]),
            "the first cycle of p.vms has no N 1s",
        ),
    ],
)
def test_a_recording_without_a_region_is_refused(
    tmp_path: Path, file: VamasFile, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        fit(protocol(tmp_path, *TWO), write(tmp_path / "p.vms", file))
    assert told in str(caught.value)


def test_a_recording_too_narrow_for_a_line_is_refused(tmp_path: Path) -> None:
    made = protocol(tmp_path, ("C 1s", 290.0, 268.0), watch=[{"line": "C 1s", "position": 278.0}])
    told = r"the protocol does not fit p\.vms: .*C 1s is looked for at 278 eV"
    with pytest.raises(InputError, match=told):
        fit(made, write(tmp_path / "p.vms", cycles(2)))


def test_etch_times_that_are_not_stored_are_asked_for(tmp_path: Path) -> None:
    blocks = tuple(replace(each, variables=()) for each in cycles(2).blocks)
    file = write(tmp_path / "p.vms", replace(cycles(2), variables=(), blocks=blocks))
    with pytest.raises(RecordingError, match="say it with --etch-per-cycle 60s"):
        fit(protocol(tmp_path, *TWO), file)
    assert fit(protocol(tmp_path, *TWO), file, 30.0).etch.duration == 30


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60.0), ("1.5 min", 90.0)])
def test_an_etch_time_is_written_with_its_unit(text: str, seconds: float) -> None:
    assert parse_etch_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "told"), [("60", "write it like '60 s'"), ("60 nm", "second"), ("0 s", "above zero")]
)
def test_an_etch_time_without_one_is_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_etch_time(text)


def test_options_of_the_other_kind_of_recording_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--etch-per-cycle is of depth profiles"):
        recorded_lab(tmp_path / "map.hspy", 60.0)
    lab = recorded_lab(write(tmp_path / "p.vms", cycles(2)))
    with pytest.raises(InputError, match="--line and --strip are of EDS recordings"):
        fitted(protocol(tmp_path, *TWO), lab, (0, 0, 1, 1), None)


@shared
def test_the_record_says_how_rates_became_counts() -> None:
    said = origin(SNO2, recorded_lab(SNO2, 60.0))
    assert said.startswith(f"replay of {SNO2}; no etch time is stored in the file; ")
    assert "Sn 3d5/2: one count is 12.5 of the file's values" in said


@shared
def test_a_file_that_holds_only_a_survey_plays_the_lines_in_it(tmp_path: Path) -> None:
    step = fit(protocol(tmp_path, ("O 1s", 545.0, 520.0), ("C 1s", 300.0, 275.0)), REGULAR)
    assert step.max_cycles == 1
    assert [(region.start, region.stop, region.step) for region in step.regions] == [
        (545, 520, 1),
        (300, 275, 1),
    ]
