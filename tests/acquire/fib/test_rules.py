"""The interlocks of a FIB, against an oracle that was written without looking at them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from acquire.fib.rules import RULES
from drivers.cryo import Cryo, CryoStatus
from drivers.fib import Fib, FibStatus, Milling, NeedlePosition, StagePosition
from protocols.fib import CleaningCrossSection, Rectangle
from tests.campaigns.fib_calls import STEP, refusal, tally
from tests.campaigns.fib_oracle import Call

ALL = {"aligned": 10.0, "needle weld": 10.0, "grid weld": 10.0}
FIB = FibStatus(
    chamber_pressure=1e-4,
    vented=False,
    stage=StagePosition(0.0, 0.0, 0.0, 0.0, math.radians(52)),
    stage_moving=False,
    stage_homed=True,
    needle=NeedlePosition(6e-6, 0.0, 0.0),
    needle_inserted=False,
    needle_moving=False,
    electron_beam_on=True,
    ion_beam_on=True,
    electrons_blanked=True,
    ions_blanked=True,
    ion_current=10e-12,
    ion_current_set=10e-12,
    gis_inserted=False,
    gis_open=False,
    milling=False,
)
COLD = CryoStatus(88.2, 1e-4, 92.0, 85.0, 88.15, 20_000.0, 6e-3, False)
SLIT = Rectangle(x=-6.5e-6, y=0.0, width=1e-6, height=3e-6)


def asked(
    action: str,
    *arguments: Any,
    facts: dict[str, float] | None = None,
    cold: CryoStatus = COLD,
    running: bool = False,
    **fib: Any,
) -> str:
    """Return the refusal of a call, empty where there is none."""
    held = ALL if facts is None else facts
    call = Call(action, arguments, running, replace(FIB, **fib), cold, held, STEP)
    return refusal(call) or ""


def cut(purpose: Any, pattern: Any, **changes: Any) -> Milling:
    made = Milling(purpose, (pattern,), 1e-10, 30e3, 1e-9)
    return replace(made, **changes)


def needle(x: float, y: float, z: float) -> tuple[NeedlePosition, float]:
    to = NeedlePosition(x, y, z)
    return to, FIB.needle.to(to)


GRID = replace(FIB.stage, x=3e-3)


def test_every_action_of_both_interfaces_has_its_rules() -> None:
    marked = {
        f"{role}.{name}"
        for role, interface in (("fib", Fib), ("cryo", Cryo))
        for name, method in vars(interface).items()
        if hasattr(method, "__liftline_action__")
    }
    assert set(RULES) == marked


def test_of_random_calls_none_that_is_unsafe_is_let_through() -> None:
    made = tally(3_000, seed=4)
    assert not made.let_through
    assert made.share >= 0.99
    assert all(min(made.safe[action], made.unsafe[action]) >= 10 for action in RULES)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_of_a_hundred_thousand_random_calls_none_that_is_unsafe_is_let_through() -> None:
    made = tally(100_000, seed=1)
    assert not made.let_through
    assert made.share >= 0.99


@pytest.mark.parametrize("action", sorted(RULES))
def test_the_oracle_notices_an_action_without_rules(action: str) -> None:
    assert tally(1500, 5, {**RULES, action: ()}).let_through


@pytest.mark.parametrize(
    ("action", "arguments", "changes", "said"),
    [
        ("fib.move_stage", (StagePosition(10, 0, 0, 0, 0),), {}, "more than 1 m; was it in mm"),
        ("fib.move_stage", (StagePosition(math.nan, 0, 0, 0, 0),), {}, "x is nan"),
        ("fib.move_stage", (StagePosition(0, 0, 0, 0, 52.0),), {}, "was it in degrees"),
        ("fib.move_stage", (StagePosition(0, 0, 0, 0, math.radians(170)),), {}, "outside"),
        ("fib.move_stage", (StagePosition(0, 0, 7e-3, 0, 0.9),), {}, "pole piece"),
        (
            "fib.move_stage",
            (replace(FIB.stage, x=3e-3),),
            {"needle_inserted": True, "facts": {}},
            "retract the needle first",
        ),
        ("fib.insert_gis", (), {}, "gas would condense"),
        ("fib.retract_needle", (), {"needle_inserted": True}, "there is a lamella on the needle"),
        ("fib.mill", (cut("sever", SLIT, current=5.0),), {}, "5e+12 pA, above 1000 pA"),
        ("fib.mill", (cut("trench", SLIT),), {"needle_inserted": True}, "retract it first"),
        ("fib.mill", (cut("sever", SLIT),), {"vented": True}, "vented"),
        ("fib.mill", (cut("sever", SLIT),), {"facts": {"aligned": 1.0}}, "without a verified"),
        ("fib.mill", (cut("sever", SLIT),), {"facts": {"needle weld": 1.0}}, "not verified"),
        ("fib.mill", (cut("release", SLIT),), {}, "which is not its place"),
        ("fib.mill", (cut("sever", SLIT, voltage=5e3),), {}, "the protocol says 30000 V"),
        ("fib.mill", (cut("sever", SLIT.model_copy(update={"x": 2e-5})),), {}, "the field"),
        ("fib.mill", (cut("sever", SLIT.model_copy(update={"x": 2e-6})),), {}, "to the end"),
        ("fib.move_needle", needle(6e-6, 0.0, 1e-6), {}, "not inserted"),
        (
            "fib.move_needle",
            needle(6e-6, 0.0, 1e-6),
            {"needle_inserted": True},
            "attached and the release at the grid is not verified",
        ),
        (
            "fib.move_needle",
            needle(6e-6, 0.0, 1e-6),
            {"needle_inserted": True, "facts": {"needle weld": 1.0}},
            "the cut is not verified",
        ),
        (
            "fib.move_needle",
            needle(6e-6, 0.0, 5e-6),
            {"needle_inserted": True, "facts": {"needle weld": 1.0, "cut free": 1.0}},
            "before the lamella was seen to come along",
        ),
        (
            "fib.move_needle",
            needle(8e-6, 0.0, 0.0),
            {"needle_inserted": True, "facts": {}},
            "within 5 um of the lamella",
        ),
        ("cryo.cool", (-185.0,), {}, "was it in degC"),
    ],
)
def test_what_is_unsafe_is_refused_with_the_way_out(
    action: str, arguments: tuple[Any, ...], changes: dict[str, Any], said: str
) -> None:
    assert said in asked(action, *arguments, **changes)


@pytest.mark.parametrize("tilt", [-1, 0, 1])
def test_a_polish_keeps_half_the_least_thickness_on_either_side(tilt: float) -> None:
    stage = replace(GRID, t=math.radians(52 + tilt))

    def polish(face: float) -> str:
        pattern = CleaningCrossSection(
            x=1e-7, y=face + 2.5e-7, width=1e-5, height=1e-7, scan="bottom_to_top"
        )
        job = cut("polish", pattern, current=3e-11, around=(1e-7, 2e-7))
        return asked("fib.mill", job, stage=stage)

    assert polish(30e-9) == ""
    assert "are kept" in polish(10e-9)


def test_an_undercut_keeps_off_the_interface_where_the_tilted_beam_shows_it() -> None:
    stage = replace(FIB.stage, t=STEP.undercut.tilt)

    def under(depth: float) -> str:
        v = -depth * math.sin(math.radians(45))
        pattern = Rectangle(x=0.0, y=v - 0.5e-6, width=1.4e-5, height=1e-6)
        return asked("fib.mill", cut("undercut", pattern), stage=stage)

    assert under(4.5e-6) == ""
    assert "are kept" in under(2.5e-6)


def test_a_drop_of_the_current_stops_a_pattern_under_way() -> None:
    job = cut("sever", SLIT)
    going = {"running": True, "milling": True, "ions_blanked": False}
    assert asked("fib.mill", job, ion_current=0.9e-10, **going) == ""
    assert "100 pA was asked for" in asked("fib.mill", job, ion_current=0.5e-10, **going)


def test_nitrogen_must_outlast_what_begins_and_still_be_there_under_way() -> None:
    job = cut("sever", SLIT)
    short = replace(COLD, ln2_hold=1805.0)
    assert "this needs 1810 s; refill" in asked("fib.mill", job, cold=short)
    going = {"running": True, "milling": True, "ions_blanked": False, "ion_current": 1e-10}
    assert asked("fib.mill", job, cold=short, **going) == ""
