"""What every implementation of `drivers.stem.Stem` must do. Add yours to `MAKERS`."""

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
from drivers.stem import Area, Image, Spectrum, SpectrumBlock, Stem, StemSetup, StemStatus
from protocols.eds import ImageSettings
from protocols.units import ELEMENTARY_CHARGE
from tests.drivers.network.served import afar
from tests.simulators.stems import open_stem, run_through


@dataclass(frozen=True)
class Case:
    """An open instrument, and what may be asked of it."""

    stem: Stem
    area: Area
    """A place that it can expose."""
    probe_current: float
    dwell: float
    picture: ImageSettings
    """An image that it can take at its centre."""
    moves: bool = True
    """False for what has no stage and no scan to shift."""
    around: ExitStack = field(default_factory=ExitStack)
    """What it needs to be there."""


def simulated(folder: Path | None) -> Case:
    """The simulator, its world in a file."""
    return Case(
        open_stem(folder and folder / "world.db"),
        Area(x=100e-9, y=0.0, along=1e-9, across=200e-9, angle=0.1),
        100e-12,
        0.35,
        ImageSettings(field=500e-9, pixels=64, dwell=10e-6, probe_current=25e-12),
    )


def served(folder: Path) -> Case:
    """The simulator on another computer, as far as it can tell."""
    around = ExitStack()
    return replace(simulated(None), stem=afar(around, "stem", folder), around=around)


MAKERS: list[Callable[[Path], Case]] = [simulated, served]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    made: Case = request.param(tmp_path)
    with made.around:
        yield made
        made.stem.close()  # type: ignore[attr-defined]


def expose(case: Case, area: Area | None = None) -> tuple[list[SpectrumBlock], Spectrum]:
    return run_through(case.stem.spectrum(area or case.area, case.probe_current, case.dwell))


def across_the_wire(kind: Any, value: Any) -> Any:
    arrays: list[Any] = []
    return unpack(kind, pack(value, arrays), arrays)


def test_it_is_a_stem_and_says_which(case: Case) -> None:
    assert isinstance(case.stem, Stem)
    identity = case.stem.identity()
    assert identity.make
    assert identity.model
    assert not (identity.simulated and identity.recorded)


def test_its_setup_is_a_calibrated_instrument(case: Case) -> None:
    setup = case.stem.setup()
    axis = setup.energy_axis
    assert setup.beam_energy > 10e3
    assert axis.scale > 0
    assert axis.channels > 100
    assert axis.offset < 400
    assert 20 < setup.resolution < 300
    assert setup.largest_field > 0
    assert setup.overhead >= 0
    assert across_the_wire(StemSetup, setup) == setup


def test_a_status_costs_no_dose_and_the_beam_is_blanked(case: Case) -> None:
    before = case.stem.electrons()
    status = case.stem.status()
    assert status.beam_blanked
    assert status.valve_open
    assert case.stem.electrons() == before
    crossed = across_the_wire(StemStatus, status)
    assert (crossed.stage_x, crossed.beam_blanked) == (status.stage_x, status.beam_blanked)


def test_the_blocks_of_an_exposure_add_up_to_its_spectrum(case: Case) -> None:
    blocks, spectrum = expose(case)
    channels = case.stem.setup().energy_axis.channels
    assert spectrum.counts.shape == (channels,)
    assert all(np.issubdtype(part.counts.dtype, np.unsignedinteger) for part in blocks)
    total = np.sum([part.counts.astype(np.int64) for part in blocks], axis=0)
    np.testing.assert_array_equal(total, spectrum.counts)
    assert math.fsum(p.live_time for p in blocks) == pytest.approx(spectrum.live_time)
    assert math.fsum(p.real_time for p in blocks) == pytest.approx(spectrum.real_time)
    assert spectrum.live_time <= spectrum.real_time * (1 + 1e-9)


def test_spectra_and_blocks_cross_the_wire(case: Case) -> None:
    blocks, spectrum = expose(case)
    for kind, value in ((SpectrumBlock, blocks[0]), (Spectrum, spectrum)):
        crossed = across_the_wire(kind, value)
        np.testing.assert_array_equal(crossed.counts, value.counts)
        assert crossed.live_time == value.live_time


def test_the_meter_advances_by_what_the_spectrum_says(case: Case) -> None:
    before = case.stem.electrons()
    _, spectrum = expose(case)
    after = case.stem.electrons()
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert after - before == pytest.approx(spectrum.electrons)
        asked = case.probe_current * case.dwell / ELEMENTARY_CHARGE
        assert spectrum.electrons <= asked * (1 + 1e-6)


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_closing_an_exposure_blanks_the_beam(case: Case, blocks: int) -> None:
    action = case.stem.spectrum(case.area, case.probe_current, case.dwell)
    for _ in range(blocks):
        next(action, None)
    action.close()
    assert case.stem.status().beam_blanked
    expose(case)  # and the next one works


def test_closing_an_image_blanks_the_beam(case: Case) -> None:
    action = case.stem.image(case.picture)
    next(action, None)
    action.close()
    assert case.stem.status().beam_blanked


def test_an_interrupted_exposure_and_its_rest_make_one_dwell(case: Case) -> None:
    remainder = action_of(type(case.stem), "spectrum").remainder
    assert remainder is not None
    before = case.stem.electrons()
    asked = (case.area, case.probe_current, case.dwell)
    action = case.stem.spectrum(*asked)
    kept = [next(action)]
    action.close()
    after = case.stem.electrons()
    if before is None or after is None:
        pytest.skip("keeps no meter")
    rest = remainder.arguments(asked, after - before)
    _, second = (None, None) if rest is None else run_through(case.stem.spectrum(*rest))
    whole = remainder.result(asked, kept, second, after - before)
    assert whole.electrons == pytest.approx(case.probe_current * case.dwell / ELEMENTARY_CHARGE)
    assert case.stem.electrons() == pytest.approx(before + whole.electrons)


def test_an_image_is_where_and_what_was_asked_for(case: Case) -> None:
    _, image = run_through(case.stem.image(case.picture))
    assert image.pixels.ndim == 2
    assert (image.x, image.y) == (0.0, 0.0)
    assert image.pixel_size > 0
    assert 0 <= image.dose <= case.picture.dose * (1 + 1e-6)
    np.testing.assert_array_equal(across_the_wire(Image, image).pixels, image.pixels)


@pytest.mark.parametrize(
    "change",
    [
        {"x": math.nan},
        {"y": math.inf},
        {"x": 1.0},
        {"along": 0.0},
        {"along": -1e-9},
        {"across": -1e-9},
        {"across": 1.0},
        {"angle": math.nan},
    ],
    ids=str,
)
def test_an_area_outside_its_range_is_refused(case: Case, change: dict[str, float]) -> None:
    before = case.stem.electrons()
    with pytest.raises(LimitError):
        expose(case, replace(case.area, **change))
    assert case.stem.electrons() == before
    assert case.stem.status().beam_blanked


@pytest.mark.parametrize("current", [0.0, -1e-12, math.nan, math.inf, 1e-3])
def test_a_current_outside_its_range_is_refused(case: Case, current: float) -> None:
    with pytest.raises(LimitError):
        run_through(case.stem.spectrum(case.area, current, case.dwell))


@pytest.mark.parametrize("dwell", [0.0, -1.0, math.nan, math.inf])
def test_a_dwell_outside_its_range_is_refused(case: Case, dwell: float) -> None:
    with pytest.raises(LimitError):
        run_through(case.stem.spectrum(case.area, case.probe_current, dwell))


def test_an_image_outside_its_range_is_refused(case: Case) -> None:
    wide = case.picture.model_copy(update={"field": case.stem.setup().largest_field * 1.01})
    with pytest.raises(LimitError):
        run_through(case.stem.image(wide))
    for x in (1.0, math.nan):
        with pytest.raises(LimitError):
            run_through(case.stem.image(case.picture, x))


def test_the_scan_shift_is_absolute_and_read_back(case: Case) -> None:
    if not case.moves:
        pytest.skip("has no scan to shift")
    for shift in ((5e-9, -2e-9), (5e-9, -2e-9), (0.0, 0.0)):
        case.stem.shift_scan(*shift)
        status = case.stem.status()
        assert (status.shift_x, status.shift_y) == pytest.approx(shift)


@pytest.mark.parametrize("place", [(math.nan, 0.0), (0.0, math.inf), (1.0, 0.0)])
def test_a_shift_or_move_outside_its_range_is_refused(
    case: Case, place: tuple[float, float]
) -> None:
    before = case.stem.status()
    with pytest.raises(LimitError):
        case.stem.shift_scan(*place)
    with pytest.raises(LimitError):
        run_through(case.stem.move_stage(*place))
    after = case.stem.status()
    assert (after.stage_x, after.shift_x) == (before.stage_x, before.shift_x)


def test_a_stage_move_arrives_with_the_beam_blanked(case: Case) -> None:
    if not case.moves:
        pytest.skip("has no stage")
    run_through(case.stem.move_stage(300e-9, -200e-9))
    status = case.stem.status()
    assert (status.stage_x, status.stage_y) == pytest.approx((300e-9, -200e-9), abs=20e-9)
    assert status.beam_blanked


def test_safe_and_close_may_be_repeated(case: Case) -> None:
    next(case.stem.spectrum(case.area, case.probe_current, case.dwell))
    case.stem.safe()
    case.stem.safe()
    assert case.stem.status().beam_blanked
    case.stem.close()  # type: ignore[attr-defined]
    case.stem.close()  # type: ignore[attr-defined]
    case.stem.safe()
