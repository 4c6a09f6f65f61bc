"""What charge does to the solid."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from drivers.fib import Milling
from protocols.fib import CleaningCrossSection, Rectangle
from protocols.milling_rates import rates
from simulators.draws import generator
from simulators.fib.account import OUTSIDE
from simulators.fib.holding import lamella, present, what_holds
from simulators.fib.solid import DZ, HALF, NX, Solid, band_x
from simulators.fib.sputter import draw_rates, enhancement, recession, spot
from tests.simulators.fib.sites import (
    INTERFACE,
    ROW,
    Site,
    at,
    cleaning,
    sever,
    stack,
    trench,
    undercut,
)


def test_true_rates_lie_in_the_published_range_and_scatter_in_it() -> None:
    drawn = [draw_rates("gallium", generator(seed, "fib"))["Li"] for seed in range(300)]
    known = rates("gallium")["Li"]
    assert known.low <= min(drawn)
    assert max(drawn) <= known.high
    assert np.median(drawn) == pytest.approx(known.value, rel=0.03)
    assert np.std(np.log(drawn)) == pytest.approx(math.log(known.high / known.low) / 4, rel=0.15)


def test_grazing_ions_mill_five_times_faster_until_they_slide_off() -> None:
    assert enhancement(0.0) == 1.0
    assert enhancement(math.radians(60)) == pytest.approx(0.5**-1.6)
    assert enhancement(math.radians(78)) == 5.0
    assert enhancement(math.radians(89.9)) < 0.1
    assert enhancement(math.radians(90)) == 0.0


def test_trenches_reach_the_planned_depth_and_bare_both_faces() -> None:
    site = Site(Solid())
    site.do(trench(10_000e-9), slices=200)
    floors = site.solid.floor[(site.solid.floor > 0) & OUTSIDE]
    assert 5.5e-6 < floors.mean() < 7e-6
    middle = slice(0, 50)
    assert np.abs(site.solid.front[NX // 2, middle] - 1.25e-6).max() < 150e-9
    assert np.abs(site.solid.back[NX // 2, middle] + 1.25e-6).max() < 150e-9
    assert site.solid.front[2, 0] == HALF  # beyond the trench's end


def test_a_deep_trench_mills_slower_than_a_shallow_one() -> None:
    """Both in silicon, where the rate is the same."""
    site = Site(Solid())
    job = trench(16_000e-9)
    depths = []
    for part in range(1, 5):
        site.mill.advance(job, (part - 1) * 2000e-9, part * 2000e-9, angle=0.0)
        depths.append(float(site.solid.floor.max()))
    assert depths[1] > 3.2e-6
    assert depths[3] - depths[2] < 0.9 * (depths[2] - depths[1])


def test_what_leans_out_of_a_face_does_not_keep_the_floor_from_going_down() -> None:
    site = Site(Solid())
    site.do(trench(6000e-9), slices=100)
    x = NX // 2
    before = (site.solid.front[x] >= HALF).argmax()
    sides = (
        Rectangle(x=0, y=5.2e-6, width=14e-6, height=8e-6),
        Rectangle(x=0, y=-5.2e-6, width=14e-6, height=8e-6),
    )
    site.do(replace(trench(1500e-9), patterns=sides), slices=20)
    assert (site.solid.front[x] >= HALF).argmax() > before + 3
    assert site.solid.front[x, 0] == pytest.approx(1.2e-6, abs=0.15e-6)
    assert site.solid.front[x, before - 2] == pytest.approx(1.25e-6, abs=0.03e-6)  # not so far down


def test_half_the_charge_twice_is_the_whole_charge_once() -> None:
    once, twice = Site(Solid()), Site(Solid())
    once.do(trench(), slices=60)
    twice.do(trench(), slices=120)
    assert np.abs(once.solid.floor - twice.solid.floor).max() < 20e-9
    apart = np.abs(once.solid.front - twice.solid.front)
    assert apart.sum(axis=1).max() < 0.2 * 0.75e-6  # of the one cell that is being milled: 20 nm


def test_an_interrupted_job_goes_on_where_it_was() -> None:
    whole, parts = at("thin"), at("thin")
    job = cleaning(0.5e-6, 0.3e-6, 60e-9)
    parts.mill.advance(job, 0.0, 20e-9, angle=0.0, place="grid")
    parts.mill.advance(job, 20e-9, 60e-9, angle=0.0, place="grid")
    whole.do(job, place="grid", slices=1)
    assert parts.thickness() == pytest.approx(whole.thickness(), abs=5e-9)


def test_half_a_job_leaves_half_a_trench() -> None:
    site = Site(Solid())
    job = trench()
    site.mill.advance(job, 0, job.charge / 4, angle=0.0)
    floors = site.solid.floor.max(axis=0)
    half = len(floors) // 2
    assert 0.5e-6 < floors[:half].max() < 5e-6  # the first pattern, half done
    assert floors[half:].max() == 0.0


def test_a_natural_taper_makes_the_lamella_thicker_below_and_tilting_undoes_it() -> None:
    straight, leaning, tilted = (at("thin", taper=math.radians(t)) for t in (0, 1.5, 1.5))
    job = cleaning(0.4e-6, 0.4e-6, 150e-9)
    straight.do(job, place="grid")
    leaning.do(job, place="grid")
    tilted.do(job, place="grid", angle=math.radians(1.5))
    deeper = leaning.thickness() - straight.thickness()
    assert deeper == pytest.approx(1.55e-6 * math.tan(math.radians(1.5)), rel=0.05)
    assert tilted.thickness() == pytest.approx(straight.thickness(), abs=1e-9)


def test_a_cut_is_wider_by_the_beams_tail() -> None:
    assert spot(100e-12) == pytest.approx(20e-9)
    assert recession(100e-12, np.array([0.5, 1.0])).max() == 0.0
    little, much = at("thin"), at("thin")
    little.do(cleaning(0.4e-6, 0.4e-6, 40e-9), place="grid")
    much.do(cleaning(0.4e-6, 0.4e-6, 400e-9), place="grid")
    wider = little.thickness() - much.thickness()
    assert 2e-9 < wider < 25e-9


@pytest.mark.parametrize(("current", "rms"), [(100e-12, 3e-9), (3e-9, 30e-9)])
def test_curtains_grow_with_the_current_and_go_straight_down(current: float, rms: float) -> None:
    site = at("thin", curtains=1.0)
    job = cleaning(0.4e-6, 0.5e-6, 200e-9, current=current)
    site.do(job, place="grid")
    zone = np.abs(band_x()) < 2.4e-6
    rough = site.solid.front[zone]
    assert np.std(rough[:, 3]) == pytest.approx(rms, rel=0.6)
    waves = rough - rough.mean(axis=0)
    assert np.abs(np.diff(waves[:, 3:10], axis=1)).max() < 1e-9


def test_milling_too_far_makes_a_hole() -> None:
    site = at("polish")
    site.do(cleaning(-0.3e-6, 0.9e-6, 200e-9), place="grid")
    zone = np.abs(band_x()) < 2.4e-6
    assert site.solid.thickness[zone, ROW].max() == 0.0
    assert not lamella(site.solid, INTERFACE).any()


def test_the_undercut_and_the_side_cut_leave_only_the_bridge() -> None:
    site = at("undercut")
    site.do(undercut(), angle=math.radians(7 - 52))
    there = present(site.solid)
    x = band_x()
    assert not there[np.abs(x) < 6e-6, 46:54].any()
    assert not there[(x > 6e-6) & (x < 7e-6), :44].any()
    bridge = there[(x > -7e-6) & (x < -6e-6)]
    assert bridge[:, :24].all()
    assert not bridge[:, 27:44].any()
    assert what_holds(site.solid, INTERFACE) == "bulk"


def test_too_little_charge_leaves_the_undercut_closed() -> None:
    site = at("undercut")
    site.do(undercut(300e-9), angle=math.radians(7 - 52))
    assert present(site.solid)[np.abs(band_x()) < 6e-6].all()


def test_severing_goes_down_from_the_top() -> None:
    site = at("sever")
    site.do(sever(charge=8e-9))
    column = present(site.solid)[np.searchsorted(band_x(), -6.4e-6)]
    assert not column[:3].any()
    assert column[20]
    assert what_holds(site.solid, INTERFACE) == "bulk"
    site.do(sever())
    assert what_holds(site.solid, INTERFACE) == "needle"


def test_an_ion_image_takes_a_little_off_the_top_and_nothing_off_the_faces() -> None:
    site = at("thin")
    field = Rectangle(x=6.3e-6, y=0, width=12e-6, height=12e-6)
    site.do(Milling("thin", (field,), 1e-11, 30e3, 60 * 12e-6**2), place="grid")
    middle = NX // 2
    gone = 1 - site.solid.thickness[middle, 0] / site.thickness(1)
    assert gone == pytest.approx(60 * site.rates["Li"] / DZ, rel=0.1)
    assert site.solid.front[middle, 0] == at("thin").solid.front[middle, 0]
    assert site.thickness() == at("thin").thickness()


def test_a_pattern_lands_beside_its_place_by_the_offset() -> None:
    here, beside = at("thin"), at("thin")
    job = cleaning(0.4e-6, 0.4e-6, 60e-9)
    here.do(job, place="grid")
    beside.mill.advance(job, 0, job.charge, angle=0.0, offset=(0.0, 50e-9), place="grid")
    assert beside.thickness() - here.thickness() == pytest.approx(50e-9, abs=5e-9)


def test_what_is_milled_escapes_or_lands_and_the_solid_agrees() -> None:
    site = Site(Solid(), draw_rates("gallium", generator(5, "fib")), taper=None, curtains=1.0)
    before = site.inventory
    site.do(trench())
    site.do(undercut(), angle=math.radians(7 - 52))
    site.do(replace(cleaning(0.75e-6, 0.5e-6, 200e-9), purpose="clean"))
    site.do(sever())
    account = site.account
    whole = account.milled.sum()
    redeposited = account.returned + account.deposited
    assert np.abs(account.milled - account.escaped - redeposited).max() < 1e-9 * whole
    gone = account.milled - account.returned
    gone[-1] -= account.deposited.sum()
    assert np.abs(before - site.inventory - gone).max() < 1e-9 * whole
    assert account.deposited.sum() > 0.001 * whole


def test_cleaning_takes_off_the_film_that_the_trench_left() -> None:
    site = Site(Solid())
    site.do(trench(10_000e-9), slices=100)
    left = site.solid.film_front[NX // 2, ROW]
    assert left > 5e-9
    pattern = CleaningCrossSection(x=0, y=1.0e-6, width=14e-6, height=0.5e-6, scan="bottom_to_top")
    site.do(replace(cleaning(0, 1, 300e-9), patterns=(pattern,)))
    assert site.solid.film_front[NX // 2, ROW] < 0.3 * left
    assert site.solid.fill.max() > 0.0  # on the trench's floor


def test_a_cut_over_the_joint_mills_the_bond() -> None:
    site = at("release")
    needle = site.solid.bonds[0]
    filled, before = needle.filled, site.inventory
    site.do(sever(x=0.3e-6 + 12e-6, charge=2e-9), place="grid")
    assert 0.0 < needle.filled < filled
    assert (before - site.inventory)[-1] == pytest.approx(site.account.milled[-1], rel=1e-6)


def test_it_is_the_same_on_the_grid() -> None:
    site = at("thin", curtains=1.0)
    before = site.inventory
    job = cleaning(0.2e-6, 0.6e-6, 80e-9)
    site.do(job, place="grid")
    back = Rectangle(x=6.3e-6, y=-0.5e-6, width=5e-6, height=0.5e-6)
    site.do(replace(job, patterns=(back,)), place="grid")
    account = site.account
    gone = account.milled - account.returned
    gone[-1] -= account.deposited.sum()
    assert np.abs(before - site.inventory - gone).max() < 1e-9 * account.milled.sum()


def test_milled_materials_are_those_of_the_layers() -> None:
    site = Site(Solid())
    site.do(trench(400e-9))
    names = stack().materials
    assert site.account.milled[names.index("Li")] == pytest.approx(
        site.account.milled[:-1].sum(), rel=1e-9
    )
