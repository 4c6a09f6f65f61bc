"""Welds, what holds the lamella, and how it is scored."""

from __future__ import annotations

import pytest

from drivers.fib import Milling
from protocols.lift_out import StageName
from simulators.fib.bonds import BEARS, begin_weld
from simulators.fib.holding import what_holds
from simulators.fib.scoring import score
from simulators.fib.solid import NX
from tests.simulators.fib.sites import INTERFACE, ROW, Site, at, cleaning, sever, weld

KEPT = 5e-6
HOLDERS = {
    "trench": "bulk",
    "sever": "bulk",
    "lift": "needle",
    "land": "needle",
    "weld_grid": "needle",
    "release": "needle and grid",
    "thin": "grid",
    "final": "grid",
}


def bare(gap: float = 0.3e-6) -> Site:
    """The lamella before it is welded, with the needle at a gap."""
    site = at("weld")
    begin_weld(site.solid, "needle", gap, 2e-6, 1.5e-6)
    return site


@pytest.mark.parametrize(("stage", "holder"), HOLDERS.items())
def test_each_stage_begins_with_the_lamella_held_as_it_should(
    stage: StageName, holder: str
) -> None:
    solid = at(stage).solid
    assert solid.held == holder
    assert what_holds(solid, INTERFACE, BEARS) == holder


def test_a_weld_fills_the_gap_and_takes_what_it_fills_from_the_pits() -> None:
    site = bare()
    before = site.inventory
    site.do(weld(10e-9))
    (bond,) = site.solid.bonds
    assert bond.x == pytest.approx(6e-6)
    assert bond.area > BEARS
    assert site.inventory[-1] - before[-1] == pytest.approx(bond.filled, rel=1e-6)
    assert site.inventory.sum() < before.sum()


@pytest.mark.parametrize("why", ["a wide gap", "the wrong way", "drift"])
def test_no_bridge_is_made_over(why: str) -> None:
    site = bare(1.1e-6 if why == "a wide gap" else 0.3e-6)
    job = weld(10e-9, away=why != "the wrong way")
    site.mill.advance(job, 0, job.charge, angle=0.0, drift=0.4e-6 if why == "drift" else 0.0)
    assert site.solid.bonds[0].filled == 0.0


def test_several_passes_mill_the_bond_away_again() -> None:
    once, often = bare(), bare()
    once.do(weld(10e-9))
    often.do(weld(10e-9, passes=3))
    assert often.solid.bonds[0].filled < 0.3 * once.solid.bonds[0].filled


@pytest.mark.parametrize("off", [-0.5e-6, 0.0, 0.5e-6])
def test_on_the_grid_each_face_has_its_own_weld_wherever_the_lamella_was_cut(off: float) -> None:
    site = at("weld_grid")
    for face in (site.solid.front, site.solid.back):
        face += off
    front, back = (
        begin_weld(site.solid, joint, 0.3e-6, 2e-6, 0.75e-6)
        for joint in ("post_front", "post_back")
    )
    job = weld(10e-9)

    def beside(y: float) -> Milling:
        change = {"x": 0.8e-6, "y": off + y, "scan": "left_to_right"}
        array = job.patterns[0].model_copy(update=change)
        return Milling("weld", (array,), job.current, job.voltage, job.charge)

    site.do(beside(0.4e-6), place="grid")
    assert front.area > 0.8e-12
    assert back.filled == 0.0
    site.do(beside(-0.4e-6), place="grid")
    assert back.area > 0.8e-12


def test_without_any_weld_a_severed_lamella_is_lost() -> None:
    site = at("weld")
    site.do(sever())
    assert what_holds(site.solid, INTERFACE) == "lost"


def test_the_release_frees_the_lamella_from_the_needle() -> None:
    site = at("release")
    site.do(sever(x=0.3e-6 + 11e-6), place="grid")
    assert what_holds(site.solid, INTERFACE, BEARS) == "grid"


def test_a_finished_lamella_is_a_success_and_a_thicker_one_is_not() -> None:
    found = score(at("final").solid, INTERFACE, KEPT)
    assert found.thickness == pytest.approx(90e-9, abs=1e-9)
    assert found.thinnest == pytest.approx(found.thickness)
    assert found.holes == 0.0
    assert found.success(120e-9)
    assert not score(at("polish").solid, INTERFACE, KEPT).success(120e-9)


def test_a_lamella_with_holes_or_on_no_grid_is_no_success() -> None:
    site = at("final")
    site.solid.front[NX // 2 - 4 : NX // 2 - 1, ROW] = site.solid.back[
        NX // 2 - 4 : NX // 2 - 1, ROW
    ]
    found = score(site.solid, INTERFACE, KEPT)
    assert found.holes == pytest.approx(0.15)
    assert found.thinnest == 0.0
    assert not found.success(120e-9)
    lost = at("final").solid
    lost.held = "lost"
    assert not score(lost, INTERFACE, KEPT).success(120e-9)


def test_a_hole_in_its_middle_leaves_the_rest_on_the_grid() -> None:
    site = at("final")
    site.solid.cut[NX // 2 - 2 : NX // 2 + 2, :30] = 1.0
    assert what_holds(site.solid, INTERFACE, BEARS) == "grid"


def test_milled_through_in_the_middle_there_is_no_interface() -> None:
    site = at("final")
    site.do(cleaning(-0.3e-6, 0.9e-6, 200e-9), place="grid")
    found = score(site.solid, INTERFACE, KEPT)
    assert found.thickness == 0.0
    assert not found.interface_inside
