"""Each fault shows, where an operator would see it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from drivers.clock import JumpingClock
from drivers.errors import InstrumentFaultError, LinkError, ReadbackError
from drivers.fib import BeamPicture, FibStatus
from simulators.fib.microscope import SimFib
from tests.simulators.fib.fibs import (
    GRID,
    PICTURE,
    PIT,
    SITE,
    STILL,
    UM,
    cleaning,
    open_cryo,
    open_fib,
    up,
    weld,
)
from tests.simulators.stems import run_through


def faulty(kind: str, prepared: str | None = "trench", *, at: float = 0.0, **more: Any) -> SimFib:
    return open_fib(**STILL, prepared=prepared, faults=({"kind": kind, "at": at, **more},))


def healthy(prepared: str = "trench") -> SimFib:
    return open_fib(**STILL, prepared=prepared)


def ion(fib: SimFib) -> BeamPicture:
    _, picture = run_through(fib.ion_image(PICTURE))
    assert isinstance(picture, BeamPicture)
    return picture


def electron(fib: SimFib) -> BeamPicture:
    _, picture = run_through(fib.electron_image(PICTURE.model_copy(update={"current": 25e-12})))
    assert isinstance(picture, BeamPicture)
    return picture


def differs(one: BeamPicture, other: BeamPicture) -> bool:
    """True if two pictures differ by more than noise in a block of 8 x 8 pixels."""
    difference = one.pixels.astype(float) - other.pixels
    blocks = difference.reshape(8, 8, 8, 8).mean(axis=(1, 3))
    noise = math.sqrt(2 * max(1.0, float(one.pixels.mean()))) / 8
    return bool(np.abs(blocks).max() > 8 * noise)


@pytest.mark.parametrize(
    ("kind", "shows"),
    [
        ("vacuum_spike", lambda s: s.chamber_pressure > 3e-3),
        ("oxidation", lambda s: s.chamber_pressure > 1e-3),
        ("gis_leak", lambda s: s.gis_open and s.chamber_pressure > 1e-3),
        ("vented", lambda s: s.vented and not s.ion_beam_on),
        ("source_drop", lambda s: s.ion_current == 0),
        ("current_readback_differs", lambda s: s.ion_current > 1.3 * s.ion_current_set),
        ("lost_home", lambda s: not s.stage_homed),
        ("gis_stuck", lambda s: s.gis_inserted),
        ("nan_reading", lambda s: math.isnan(s.chamber_pressure)),
    ],
)
def test_a_fault_shows_in_the_status(kind: str, shows: Any) -> None:
    assert not shows(healthy().status())
    assert shows(faulty(kind).status())


def later(kind: str, seconds: float, **more: Any) -> FibStatus:
    clock = JumpingClock()
    fib = open_fib(clock=clock, **STILL, faults=({"kind": kind, "at": 0.0, **more},))
    clock.sleep(seconds)
    return fib.status()


def test_a_slow_leak_and_a_dying_source_show_after_a_while() -> None:
    assert later("slow_leak", 10.0).chamber_pressure < 1.5e-4
    assert later("slow_leak", 3600.0).chamber_pressure > 3e-3
    decayed = later("emission_decay", 3600.0)
    assert decayed.ion_current == pytest.approx(decayed.ion_current_set / math.e, rel=0.1)


def test_a_flickering_source_jumps_on_the_meter() -> None:
    currents = [later("source_flicker", 7.0 * n).ion_current for n in range(12)]
    assert np.std(currents) > 0.08 * np.mean(currents)


@pytest.mark.parametrize("kind", ["source_drop", "current_readback_differs"])
def test_nothing_is_milled_with_a_current_that_is_not_the_chosen_one(kind: str) -> None:
    fib = faulty(kind)
    with pytest.raises(ReadbackError, match="Nothing was milled"):
        run_through(fib.mill(PIT))
    assert fib.ion_charge() == 0


@pytest.mark.parametrize(
    ("kind", "reading", "at_most"),
    [
        ("ln2_dry", "stage_temperature", 1e9),
        ("heater_runaway", "stage_temperature", 260.0),
        ("needle_warm", "needle_temperature", 210.0),
    ],
)
def test_a_warming_fault_shows_in_the_temperatures(kind: str, reading: str, at_most: float) -> None:
    clock = JumpingClock()
    fault = {"kind": kind, "at": 100.0, "lasting": 3600.0}
    fib = open_fib(clock=clock, start_cold=True, faults=(fault,))
    cryo = open_cryo(fib, clock)
    assert getattr(cryo.status(), reading) < 92.0
    clock.sleep(1900.0)
    assert 130.0 < getattr(cryo.status(), reading) < at_most
    assert (cryo.status().ln2_hold == 0) == (kind == "ln2_dry")
    clock.sleep(4 * 3600.0)
    assert getattr(cryo.status(), reading) < 95.0


def test_ice_grows_faster_when_water_comes_in() -> None:
    grown = []
    for faults in ((), ({"kind": "ice_growth", "at": 0.0},)):
        clock = JumpingClock()
        fib = open_fib(clock=clock, start_cold=True, faults=faults)
        clock.sleep(3600.0)
        fib.status()
        grown.append(fib.chamber.solid.ice)
    assert 1e-9 < grown[0] < 10e-9
    assert grown[1] == pytest.approx(30 * grown[0])


@pytest.mark.parametrize(
    ("kind", "ion_moves", "electron_moves"),
    [
        ("stale_coincidence", False, True),
        ("z_dropped", False, True),
        ("charging_jump", True, True),
        ("lost_home", True, True),
    ],
)
def test_a_fault_of_place_shows_in_the_images(
    kind: str, ion_moves: bool, electron_moves: bool
) -> None:
    more = {"by": 2 * UM} if kind != "lost_home" else {}
    well, ill = healthy("weld"), faulty(kind, "weld", **more)
    assert differs(ion(well), ion(ill)) == ion_moves
    assert differs(electron(well), electron(ill)) == electron_moves


def test_a_drifting_beam_shift_moves_ion_images_more_and_more() -> None:
    clock = JumpingClock()
    fault = {"kind": "beam_shift_drift", "at": 0.0}
    fib = open_fib(clock=clock, **STILL, prepared="weld", faults=(fault,))
    first = ion(fib)
    clock.sleep(600.0)
    assert differs(first, ion(fib))


def test_a_stalled_stage_is_not_where_it_was_sent() -> None:
    fib = faulty("stage_stall", None)
    with pytest.raises(ReadbackError, match="stalls"):
        run_through(fib.move_stage(replace(SITE, x=1e-3)))
    assert fib.status().stage.x == pytest.approx(0.5e-3)


def test_a_silently_clamped_stage_is_read_back() -> None:
    with pytest.raises(ReadbackError):
        run_through(faulty("silent_clamp", None).move_stage(GRID))


def test_a_move_that_is_reported_early_goes_on() -> None:
    clock = JumpingClock()
    fib = open_fib(clock=clock, **STILL, faults=({"kind": "move_early", "at": 0.0},))
    run_through(fib.move_stage(GRID))
    status = fib.status()
    assert status.stage_moving
    assert status.stage.x < GRID.x
    clock.sleep(11.0)
    status = fib.status()
    assert not status.stage_moving
    assert status.stage == GRID


def test_backlash_shows_in_images_alone() -> None:
    fib = faulty("stage_backlash", "weld")
    before = ion(fib)
    run_through(fib.move_stage(replace(SITE, x=50e-6)))
    run_through(fib.move_stage(SITE))
    assert fib.status().stage == SITE
    assert differs(before, ion(fib))


@pytest.mark.parametrize("kind", ["needle_bent", "needle_lost_calibration"])
def test_a_fault_of_the_needle_shows_in_images(kind: str) -> None:
    more = {"by": 4 * UM} if kind == "needle_bent" else {"times": 1.1}
    pictures = []
    for fib in (healthy("contact"), faulty(kind, "contact", **more)):
        read = fib.status().needle
        run_through(fib.move_needle(replace(read, x=8 * UM, z=3 * UM), 1e-4))
        pictures.append(ion(fib))
    assert differs(*pictures)


def test_a_drifting_needle_moves_although_its_encoders_do_not() -> None:
    clock = JumpingClock()
    fault = {"kind": "needle_drift", "at": 0.0}
    fib = open_fib(clock=clock, **STILL, prepared="contact", faults=(fault,))
    read, tip = fib.status().needle, fib.chamber.tip(fib.world.now())
    clock.sleep(600.0)
    assert fib.status().needle == read
    moved = fib.chamber.tip(fib.world.now()) - tip  # type: ignore[operator]
    assert np.linalg.norm(moved) == pytest.approx(3 * UM)


def test_a_missed_contact_gives_no_signal() -> None:
    assert healthy("weld").chamber.in_contact(0.0)
    assert not faulty("contact_missed", "weld").chamber.in_contact(0.0)


@pytest.mark.parametrize(
    ("kind", "held"),
    [("lamella_sticks", "bulk"), ("lamella_falls", "lost"), ("weld_breaks", "lost")],
)
def test_a_lamella_that_does_not_come_up_is_not_on_the_needle(kind: str, held: str) -> None:
    fib = faulty(kind, "lift")
    before = ion(fib)
    run_through(fib.move_needle(up(fib, UM), UM))
    assert fib.chamber.solid.held == held
    assert not fib.chamber.welded
    run_through(fib.move_needle(up(fib, 30 * UM), 30 * UM))
    well = healthy("lift")
    ion(well)
    run_through(well.move_needle(up(well, 31 * UM), 31 * UM))
    assert well.chamber.solid.held == "needle"
    assert differs(before, ion(fib)) or kind == "lamella_sticks"
    assert differs(ion(well), ion(fib))


def test_a_lamella_that_turns_is_seen_turned() -> None:
    pictures = []
    for fib in (healthy("lift"), faulty("lamella_rotates", "lift", by=0.6)):
        run_through(fib.move_needle(up(fib, UM), UM))
        assert fib.chamber.solid.held == "needle"
        pictures.append(ion(fib))
    assert differs(*pictures)


def test_no_bridge_leaves_the_gap_open() -> None:
    shares = []
    for fib in (healthy("weld"), faulty("no_bridge", "weld")):
        run_through(fib.mill(weld()))
        (bond,) = fib.chamber.solid.bonds
        shares.append(bond.share)
    assert shares[0] > 0.5
    assert shares[1] == 0


def test_a_stuck_injector_is_reported_when_it_is_retracted() -> None:
    with pytest.raises(ReadbackError, match="free it by hand"):
        faulty("gis_stuck").retract_gis()


def test_milling_that_never_completes_is_given_up() -> None:
    fib = faulty("milling_never_completes")
    action = fib.mill(PIT)
    seen: list[bool] = []
    with pytest.raises(InstrumentFaultError, match="not reported as done"):
        seen.extend(fib.status().milling for _ in action)
    assert seen[-1]
    assert fib.ion_charge() == pytest.approx(PIT.charge)
    fib.safe()
    assert not fib.status().milling


def test_a_rejected_pattern_is_not_milled() -> None:
    fib = faulty("pattern_rejected")
    with pytest.raises(InstrumentFaultError, match="rejects"):
        run_through(fib.mill(PIT))
    assert fib.ion_charge() == 0


@pytest.mark.parametrize(("kind", "deeper"), [("wrong_application_file", 0), ("over_milling", 1)])
def test_a_wrong_rate_shows_as_a_wrong_depth(kind: str, deeper: bool) -> None:
    floors = []
    for fib in (healthy(), faulty(kind)):
        run_through(fib.mill(PIT))
        floors.append(fib.chamber.solid.floor.max())
    assert (floors[1] > 1.2 * floors[0]) if deeper else (floors[1] < 0.6 * floors[0])


def test_heavy_curtaining_makes_a_rough_face() -> None:
    rough = []
    slab = replace(
        PIT,
        purpose="thin",
        patterns=(cleaning(-2 * UM, 2 * UM, 0.4 * UM, 1.2 * UM, "bottom_to_top"),),
        current=1e-9,
        charge=60e-9,
    )
    for fib in (healthy("thin"), faulty("heavy_curtaining", "thin")):
        run_through(fib.mill(slab))  # the stage stands with the lamella in the image's middle
        rough.append(float(fib.chamber.solid.front[36:44, 3].std()))
    assert rough[1] > 2 * rough[0] > 0


def test_a_dropped_link_raises_and_the_job_goes_on_by_its_own_timer() -> None:
    fault = {"kind": "link_drops", "at": 5.0, "lasting": 100.0}
    clock = JumpingClock()
    fib = open_fib(clock=clock, **STILL, prepared="trench", faults=(fault,))
    with pytest.raises(LinkError):
        run_through(fib.mill(PIT))
    with pytest.raises(LinkError):
        fib.status()
    clock.sleep(200.0)
    assert fib.ion_charge() == pytest.approx(PIT.charge)
    assert fib.status().ions_blanked


def test_a_stale_reply_is_never_data_and_a_slow_one_takes_its_time() -> None:
    with pytest.raises(LinkError, match="earlier request"):
        faulty("stale_reply").status()
    clock = JumpingClock()
    fib = open_fib(clock=clock, **STILL, faults=({"kind": "slow_call", "at": 0.0},))
    fib.status()
    assert clock.now() == pytest.approx(5.0)


@pytest.mark.parametrize("reading", ["stage_temperature", "needle_temperature", "ln2_hold"])
def test_a_lost_thermometer_reads_nan(reading: str) -> None:
    cryo = open_cryo(faulty("nan_reading", of=reading))
    assert math.isnan(getattr(cryo.status(), reading))
