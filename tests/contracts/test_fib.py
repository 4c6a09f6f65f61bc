"""What every implementation of `drivers.fib.Fib` must do. Add yours to `MAKERS`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.action import action_of
from drivers.codec import pack, unpack
from drivers.errors import LimitError
from drivers.fib import (
    BeamPicture,
    Fib,
    FibLimits,
    FibSetup,
    FibStatus,
    Milled,
    Milling,
    NeedlePosition,
    StagePosition,
)
from protocols.fib import BeamImage, Rectangle
from tests.drivers.fibsem_demo import FLAT, Hurried
from tests.drivers.network.served import afar
from tests.simulators.fib.fibs import open_fib
from tests.simulators.stems import run_through


@dataclass(frozen=True)
class Case:
    """An open instrument, and what may be asked of it."""

    fib: Fib
    picture: BeamImage
    job: Milling
    """Takes several slices."""
    place: StagePosition
    """A place that its stage can reach."""
    up: float
    """m by which its needle can be raised from where it parks."""
    around: ExitStack = field(default_factory=ExitStack)
    """What it needs to be there."""


def simulated(folder: Path | None) -> Case:
    """The simulator, its world in a file, its specimen cold."""
    return Case(
        open_fib(folder and folder / "world.db", start_cold=True),
        BeamImage(field=20e-6, pixels=64, dwell=1e-6, frames=2, current=10e-12),
        Milling("trench", (Rectangle(x=0, y=9e-6, width=6e-6, height=4e-6),), 1e-9, 30e3, 20e-9),
        StagePosition(20e-6, -30e-6, 0.0, 0.0, math.radians(52)),
        5e-6,
    )


def openfibsem(folder: Path) -> Case:
    """OpenFIBSEM's demo microscope behind our driver; skipped where fibsem is not installed."""
    pytest.importorskip("fibsem", reason="needs liftline[openfibsem]")
    return Case(
        Hurried(FLAT, FibLimits(needle_reach=250e-6)),
        BeamImage(field=20e-6, pixels=64, dwell=1e-6, frames=2, current=10e-12),
        Milling("trench", (Rectangle(x=0, y=9e-6, width=6e-6, height=4e-6),), 1e-9, 30e3, 20e-9),
        StagePosition(20e-6, -30e-6, 4e-3, 0.0, math.radians(52)),
        5e-6,
    )


def served(folder: Path) -> Case:
    """The simulator on another computer, as far as it can tell."""
    around = ExitStack()
    fib = afar(around, "fib", folder, start_cold=True)
    return replace(simulated(None), fib=fib, around=around)


MAKERS: list[Callable[[Path], Case]] = [simulated, openfibsem, served]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    made: Case = request.param(tmp_path)
    with made.around:
        yield made
        made.fib.close()  # type: ignore[attr-defined]


def across_the_wire(kind: Any, value: Any) -> Any:
    arrays: list[Any] = []
    return unpack(kind, pack(value, arrays), arrays)


def blanked(fib: Fib) -> bool:
    status = fib.status()
    return status.electrons_blanked and status.ions_blanked and not status.milling


def test_it_is_a_fib_and_says_which(case: Case) -> None:
    assert isinstance(case.fib, Fib)
    identity = case.fib.identity()
    assert identity.make
    assert identity.model
    assert not (identity.simulated and identity.recorded)


def test_its_setup_is_an_instrument_that_can_mill(case: Case) -> None:
    setup = case.fib.setup()
    assert min(setup.ion_currents) > 0
    assert case.job.current in setup.ion_currents
    assert case.job.voltage in setup.ion_voltages
    assert case.picture.current in setup.ion_currents
    assert 0 < setup.geometry.column_angle < math.pi / 2
    assert setup.largest_field >= case.picture.field
    assert all(width > 0 for width in setup.ion_spot.values())
    assert across_the_wire(FibSetup, setup) == setup


def test_a_status_costs_no_dose_and_both_beams_are_blanked(case: Case) -> None:
    before = case.fib.ion_charge(), case.fib.electron_charge()
    status = case.fib.status()
    assert status.electrons_blanked
    assert status.ions_blanked
    assert not status.vented
    assert 0 < status.chamber_pressure < 1e-3
    assert (case.fib.ion_charge(), case.fib.electron_charge()) == before
    assert across_the_wire(FibStatus, status) == status


@pytest.mark.parametrize("beam", ["ion", "electron"])
def test_an_image_is_what_was_asked_for(case: Case, beam: str) -> None:
    settings = case.picture
    if beam == "electron":
        settings = settings.model_copy(
            update={
                "current": min(case.fib.setup().electron_currents, key=lambda i: abs(i - 25e-12))
            }
        )
    _, picture = run_through(getattr(case.fib, f"{beam}_image")(settings))
    assert picture.pixels.shape == (settings.pixels, settings.pixels)
    assert np.issubdtype(picture.pixels.dtype, np.unsignedinteger)
    assert picture.pixel_size == pytest.approx(settings.field / settings.pixels)
    assert picture.beam == beam
    tilt = case.fib.status().stage.t
    assert picture.angle == pytest.approx(case.fib.setup().geometry.angle(beam, tilt))  # type: ignore[arg-type]
    np.testing.assert_array_equal(across_the_wire(BeamPicture, picture).pixels, picture.pixels)
    assert blanked(case.fib)


def test_the_meter_advances_by_what_was_milled(case: Case) -> None:
    before = case.fib.ion_charge()
    slices, milled = run_through(case.fib.mill(case.job))
    after = case.fib.ion_charge()
    assert math.fsum(part.charge for part in slices) == pytest.approx(milled.charge, rel=1e-3)
    assert milled.charge == pytest.approx(case.job.charge, rel=0.02)
    if before is not None and after is not None:
        assert after - before == pytest.approx(milled.charge, rel=1e-3)
    assert across_the_wire(Milled, milled) == milled
    assert blanked(case.fib)


@pytest.mark.parametrize("slices", [0, 1, 3])
def test_closing_a_job_blanks_the_beam_and_the_next_one_works(case: Case, slices: int) -> None:
    action = case.fib.mill(case.job)
    for _ in range(slices):
        next(action)
    action.close()
    assert blanked(case.fib)
    _, milled = run_through(case.fib.mill(case.job))
    assert milled.charge == pytest.approx(case.job.charge, rel=0.02)


def test_an_interrupted_job_and_its_rest_get_its_charge_once(case: Case) -> None:
    remainder = action_of(type(case.fib), "mill").remainder
    assert remainder is not None
    before = case.fib.ion_charge()
    action = case.fib.mill(case.job)
    kept = [next(action), next(action)]
    action.close()
    now = case.fib.ion_charge()
    if before is None or now is None:
        pytest.skip("keeps no meter")
    rest = remainder.arguments((case.job,), now - before)
    assert rest is not None
    _, second = run_through(case.fib.mill(*rest))
    whole = remainder.result((case.job,), kept, second, now - before)
    assert whole.charge == pytest.approx(case.job.charge, rel=0.02)
    after = case.fib.ion_charge()
    assert after is not None
    assert after - before == pytest.approx(case.job.charge, rel=0.02)


@pytest.mark.parametrize(
    "change",
    [
        {"current": math.nan},
        {"current": 5.0},
        {"current": -1e-9},
        {"voltage": 123.0},
        {"charge": math.inf},
        {"charge": math.nan},
        {"charge": 0.0},
        {"done": 1.0},
        {"patterns": ()},
        {"patterns": (Rectangle(x=1.0, y=0, width=1e-6, height=1e-6),)},
        {"patterns": (Rectangle(x=0, y=0, width=1e-2, height=1e-6),)},
    ],
    ids=str,
)
def test_a_job_outside_its_range_is_refused_and_no_ion_flows(
    case: Case, change: dict[str, Any]
) -> None:
    before = case.fib.ion_charge()
    with pytest.raises(LimitError):
        run_through(case.fib.mill(replace(case.job, **change)))
    assert case.fib.ion_charge() == before


@pytest.mark.parametrize("change", [{"field": 1.0}, {"current": 1.0}], ids=str)
@pytest.mark.parametrize("beam", ["ion", "electron"])
def test_an_image_outside_its_range_is_refused(
    case: Case, beam: str, change: dict[str, float]
) -> None:
    with pytest.raises(LimitError):
        run_through(getattr(case.fib, f"{beam}_image")(case.picture.model_copy(update=change)))


def test_the_stage_goes_where_it_is_sent_and_says_so(case: Case) -> None:
    _, reached = run_through(case.fib.move_stage(case.place))
    status = case.fib.status()
    assert not status.stage_moving
    assert status.stage == reached
    assert reached.x == pytest.approx(case.place.x, abs=1e-6)
    assert reached.t == pytest.approx(case.place.t, abs=1e-3)


@pytest.mark.parametrize("axis", ["x", "y", "z", "t", "r"])
@pytest.mark.parametrize("value", [math.nan, math.inf, 1e3])
def test_a_stage_target_out_of_range_is_refused_and_nothing_moves(
    case: Case, axis: str, value: float
) -> None:
    before = case.fib.status().stage
    with pytest.raises(LimitError):
        run_through(case.fib.move_stage(replace(case.place, **{axis: value})))
    assert case.fib.status().stage == before


def test_the_needle_comes_in_moves_and_goes_out(case: Case) -> None:
    _, parked = run_through(case.fib.insert_needle())
    assert case.fib.status().needle_inserted
    assert parked == case.fib.setup().needle_park
    to = replace(parked, z=parked.z + case.up)
    _, reached = run_through(case.fib.move_needle(to, case.up))
    assert reached.to(to) < 50e-9
    run_through(case.fib.retract_needle())
    assert not case.fib.status().needle_inserted


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.0])
def test_a_needle_target_out_of_reach_is_refused_and_it_does_not_move(
    case: Case, value: float
) -> None:
    run_through(case.fib.insert_needle())
    before = case.fib.status().needle
    with pytest.raises(LimitError):
        run_through(case.fib.move_needle(NeedlePosition(value, 0.0, 0.0), 1e-6))
    assert case.fib.status().needle == before


def test_safe_may_be_repeated_and_leaves_the_needle_where_it_is(case: Case) -> None:
    run_through(case.fib.insert_needle())
    action = case.fib.mill(case.job)
    next(action)
    case.fib.safe()
    case.fib.safe()
    assert blanked(case.fib)
    assert case.fib.status().needle_inserted
