"""What every implementation of `drivers.xps.Xps` must do. Add yours to `MAKERS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.action import action_of, result_of
from drivers.codec import pack, unpack
from drivers.errors import LimitError
from drivers.xps import EtchBlock, Etched, RegionSpectrum, SweepBlock, Xps, XpsSetup, XpsStatus
from protocols.xps import Etch, Region
from tests.drivers.network.served import afar
from tests.drivers.prodigy.served import Rehearsed
from tests.simulators.stems import run_through
from tests.simulators.xps.spectrometers import ETCH, N_1S, open_xps

SWEEPS = 2


@dataclass(frozen=True)
class Case:
    """An open instrument, its X-rays on, and what may be asked of it."""

    xps: Xps
    region: Region
    """A region that it can scan."""
    etch: Etch
    """An etch that it can do."""
    sets_source: bool = True
    """False for what has no source to switch: its X-rays are always on."""
    moves: bool = True
    """False for what has no stage."""
    around: ExitStack = field(default_factory=ExitStack)
    """What it needs to be there."""


def simulated(folder: Path) -> Case:
    """The simulator, its world in a file."""
    return Case(open_xps(folder / "world.db"), N_1S, ETCH)


def prodigy(folder: Path) -> Case:
    """SPECS Prodigy, simulated, over its protocol."""
    return Case(Rehearsed((1, 22)), N_1S, ETCH, moves=False)


def old_prodigy(folder: Path) -> Case:
    """The same with the protocol of 2014."""
    return Case(Rehearsed((1, 5)), N_1S, ETCH, moves=False)


def served(folder: Path) -> Case:
    """The simulator on another computer, as far as it can tell."""
    around = ExitStack()
    return Case(afar(around, "xps", folder), N_1S, ETCH, around=around)


MAKERS: list[Callable[[Path], Case]] = [simulated, prodigy, old_prodigy, served]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    made: Case = request.param(tmp_path)
    with made.around:
        if made.sets_source:
            result_of(made.xps.set_source(True))
        yield made
        made.xps.close()  # type: ignore[attr-defined]


def scan(case: Case, region: Region | None = None) -> tuple[list[SweepBlock], RegionSpectrum]:
    return run_through(case.xps.acquire(region or case.region, SWEEPS))


def across_the_wire(kind: Any, value: Any) -> Any:
    arrays: list[Any] = []
    return unpack(kind, pack(value, arrays), arrays)


def is_safe(case: Case) -> bool:
    status = case.xps.status()
    return not (status.ions_on or status.acquiring or status.detector_on)


def test_it_is_an_xps_and_says_which(case: Case) -> None:
    assert isinstance(case.xps, Xps)
    identity = case.xps.identity()
    assert identity.make
    assert identity.model
    assert not (identity.simulated and identity.recorded)


def test_its_setup_crosses_the_wire(case: Case) -> None:
    setup = case.xps.setup()
    assert 1000 < setup.photon_energy < 10_000
    assert setup.smallest_step > 0
    assert setup.overhead >= 0
    assert case.region.pass_energy in setup.pass_energies or not setup.pass_energies
    assert across_the_wire(XpsSetup, setup) == setup


def test_a_status_spends_nothing_and_is_safe_between_actions(case: Case) -> None:
    before = case.xps.xray_seconds(), case.xps.etch_seconds()
    status = case.xps.status()
    assert is_safe(case)
    assert status.source_on
    assert (case.xps.xray_seconds(), case.xps.etch_seconds()) == before
    assert across_the_wire(XpsStatus, status).source_on


def test_a_spectrum_is_where_and_what_was_asked_for(case: Case) -> None:
    _, spectrum = scan(case)
    assert spectrum.counts.shape == (case.region.points,)
    assert np.issubdtype(spectrum.counts.dtype, np.unsignedinteger)
    energies = spectrum.binding_energies
    assert energies[0] == pytest.approx(case.region.start, abs=1e-6)
    assert energies[-1] == pytest.approx(case.region.stop, abs=case.region.step / 2)
    assert (spectrum.dwell, spectrum.sweeps) == (case.region.dwell, SWEEPS)
    if spectrum.transmission is not None:
        assert spectrum.transmission.shape == spectrum.counts.shape


def test_the_blocks_of_a_scan_add_up_to_its_spectrum(case: Case) -> None:
    blocks, spectrum = scan(case)
    total = np.sum([block.counts.astype(np.int64) for block in blocks], axis=0)
    np.testing.assert_array_equal(total, spectrum.counts)
    for sweep in range(SWEEPS):
        mine = [block for block in blocks if block.sweep == sweep]
        assert sum(block.scanned for block in mine) == case.region.points
    for block in blocks:
        outside = np.ones(case.region.points, bool)
        outside[block.first : block.first + block.scanned] = False
        assert not block.counts[outside].any()


def test_blocks_and_results_cross_the_wire(case: Case) -> None:
    blocks, spectrum = scan(case)
    for kind, value in ((SweepBlock, blocks[0]), (RegionSpectrum, spectrum)):
        np.testing.assert_array_equal(across_the_wire(kind, value).counts, value.counts)
    steps, etched = run_through(case.xps.etch(case.etch))
    assert across_the_wire(EtchBlock, steps[-1]) == steps[-1]
    assert across_the_wire(Etched, etched) == etched


def test_the_xray_meter_advances_by_what_was_scanned(case: Case) -> None:
    before = case.xps.xray_seconds()
    scan(case)
    after = case.xps.xray_seconds()
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        asked = case.region.points * case.region.dwell * SWEEPS
        assert after - before == pytest.approx(asked, rel=1e-6)


def test_the_etch_meter_advances_by_what_was_etched(case: Case) -> None:
    before = case.xps.etch_seconds()
    blocks, etched = run_through(case.xps.etch(case.etch))
    after = case.xps.etch_seconds()
    assert etched.seconds == pytest.approx(case.etch.duration)
    assert [block.seconds for block in blocks] == sorted(block.seconds for block in blocks)
    assert is_safe(case)
    if before is not None and after is not None:
        assert after - before == pytest.approx(etched.seconds)


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_closing_a_scan_or_an_etch_leaves_it_safe(case: Case, blocks: int) -> None:
    for action in (case.xps.acquire(case.region, SWEEPS), case.xps.etch(case.etch)):
        for _ in range(blocks):
            next(action, None)
        action.close()
        assert is_safe(case)
    scan(case)  # and the next one works


def test_an_interrupted_etch_and_its_rest_make_one_etch(case: Case) -> None:
    remainder = action_of(type(case.xps), "etch").remainder
    assert remainder is not None
    before = case.xps.etch_seconds()
    action = case.xps.etch(case.etch)
    kept = []
    for block in action:
        kept.append(block)
        if block.seconds > 0:
            break
    action.close()
    after = case.xps.etch_seconds()
    if before is None or after is None:
        pytest.skip("keeps no meter")
    rest = remainder.arguments((case.etch,), after - before)
    assert rest is not None
    _, second = run_through(case.xps.etch(*rest))
    whole = remainder.result((case.etch,), kept, second, after - before)
    assert whole.seconds == pytest.approx(case.etch.duration)
    assert case.xps.etch_seconds() == pytest.approx(before + case.etch.duration)


@pytest.mark.parametrize(
    "change",
    [{"start": 20_000.0}, {"step": 1e-5, "stop": 405.95}],
    ids=["above the X-rays", "a step too fine"],
)
def test_a_region_outside_its_range_is_refused(case: Case, change: dict[str, float]) -> None:
    before = case.xps.xray_seconds()
    outside = case.region.model_copy(update=change)
    with pytest.raises(LimitError):
        scan(case, outside)
    assert case.xps.xray_seconds() == before
    assert is_safe(case)


@pytest.mark.parametrize(
    "change", [{"energy": 1e5}, {"current": 1.0}, {"raster_width": 1.0}, {"duration": 1e5}], ids=str
)
def test_an_etch_outside_its_range_is_refused(case: Case, change: dict[str, float]) -> None:
    before = case.xps.etch_seconds()
    with pytest.raises(LimitError):
        run_through(case.xps.etch(case.etch.model_copy(update=change)))
    assert case.xps.etch_seconds() == before


def test_the_source_goes_off_and_on(case: Case) -> None:
    if not case.sets_source:
        pytest.skip("has no source to switch")
    result_of(case.xps.set_source(False))
    assert not case.xps.status().source_on
    for _ in range(2):
        result_of(case.xps.set_source(True))
        assert case.xps.status().source_on


def test_a_stage_move_arrives(case: Case) -> None:
    if not case.moves:
        pytest.skip("has no stage")
    result_of(case.xps.move_stage(1e-3, -2e-3))
    status = case.xps.status()
    assert (status.stage_x, status.stage_y) == pytest.approx((1e-3, -2e-3), abs=1e-6)
    with pytest.raises(LimitError):
        result_of(case.xps.move_stage(1.0, 0.0))


def test_safe_and_close_may_be_repeated(case: Case) -> None:
    next(case.xps.etch(case.etch))
    case.xps.safe()
    case.xps.safe()
    assert is_safe(case)
    case.xps.close()  # type: ignore[attr-defined]
    case.xps.close()  # type: ignore[attr-defined]
    case.xps.safe()
