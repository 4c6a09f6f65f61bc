"""What the interlocks refuse never reaches OpenFIBSEM's demo microscope; skipped without fibsem."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

pytest.importorskip("fibsem", reason="needs liftline[openfibsem]")

from acquire.fib.rules import RULES
from acquire.gate import Facts, Gate, Monitor
from drivers.action import result_of
from drivers.clock import RealClock
from drivers.cryo import CryoLimits
from drivers.errors import (
    InterlockError,
)
from drivers.fib import FibLimits
from drivers.openfibsem import OpenFibsem
from drivers.operator_cryo import EXAMPLE, OperatorCryo
from tests.drivers.fibsem_demo import FLAT_TO_IONS, STEP, TOUCHING, TRENCH, VIEW

# -- refused by the interlocks ------------------------------------------------------------------


@pytest.fixture
def gate(fib: OpenFibsem, tmp_path: Path) -> Gate:
    """The lift-out's interlocks on the demo microscope, with a cold stage that is cold."""
    file = tmp_path / "cold-stage.yaml"
    file.write_text(EXAMPLE)
    clock = RealClock()
    cryo = OperatorCryo(file, 1800.0, clock)
    cryo.cool(STEP.cold.stage)
    facts = Facts(lambda: 1.0)
    facts.set("aligned", True, 0.0)
    monitors = {
        "fib": Monitor(fib.status, clock, 2.0),
        "cryo": Monitor(cryo.status, clock, 30.0),
    }
    return Gate(RULES, monitors, {"fib": FibLimits(), "cryo": CryoLimits()}, facts)


def asked(gate: Gate, fib: OpenFibsem, name: str, *arguments: Any) -> Any:
    """Ask for an action as a run does: the gate first."""
    gate.check(f"fib.{name}", arguments, STEP, running=False)
    result = getattr(fib, name)(*arguments)
    return result_of(result)


def test_what_is_safe_goes_through_both(fib: OpenFibsem, gate: Gate) -> None:
    asked(gate, fib, "move_stage", FLAT_TO_IONS)
    asked(gate, fib, "electron_image", VIEW)
    asked(gate, fib, "ion_image", VIEW)
    assert asked(gate, fib, "mill", TRENCH).charge == TRENCH.charge


def test_the_interlocks_hold_at_every_tick_of_an_image_and_of_milling(
    fib: OpenFibsem, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    result_of(fib.move_stage(FLAT_TO_IONS))
    for name, argument in (("ion_image", VIEW), ("mill", TRENCH)):
        for _ in getattr(fib, name)(argument):
            gate.check(f"fib.{name}", (argument,), STEP, running=True)


def _vent(demo: Any) -> None:
    demo.vent()


def _unblank(beam: str) -> Callable[[Any], None]:
    return lambda demo: setattr(getattr(demo, f"{beam}_system"), "blanked", False)


def _off(beam: str) -> Callable[[Any], None]:
    return lambda demo: setattr(getattr(demo, f"{beam}_system"), "on", False)


def _needle_in(demo: Any) -> None:
    demo.manipulator_system.inserted = True


def _gas_in(demo: Any) -> None:
    demo.gis_system.insert()


def _nothing(demo: Any) -> None: ...


UNSAFE: dict[str, tuple[Callable[[Any], None], str, tuple[Any, ...], str]] = {
    "a stage move of 10 m": (
        _nothing,
        "move_stage",
        (replace(FLAT_TO_IONS, x=10.0),),
        "more than 1 m",
    ),
    "a stage move to NaN": (
        _nothing,
        "move_stage",
        (replace(FLAT_TO_IONS, z=math.nan),),
        "finite",
    ),
    "a tilt of 170 deg": (
        _nothing,
        "move_stage",
        (replace(FLAT_TO_IONS, t=math.radians(170)),),
        "outside",
    ),
    "a stage move with the needle in": (
        _needle_in,
        "move_stage",
        (replace(FLAT_TO_IONS, x=1e-3),),
        "needle",
    ),
    "milling at 5 A": (_nothing, "mill", (replace(TRENCH, current=5.0),), "above 3000 pA"),
    "an image at 5 A": (
        _nothing,
        "ion_image",
        (VIEW.model_copy(update={"current": 5.0}),),
        "above 10 pA",
    ),
    "ions while vented": (_vent, "ion_image", (VIEW,), "vented"),
    "electrons while vented": (_vent, "electron_image", (VIEW,), "vented"),
    "milling while vented": (_vent, "mill", (TRENCH,), "vented"),
    "a move while vented": (_vent, "move_stage", (FLAT_TO_IONS,), "vented"),
    "milling with electrons on": (_unblank("electron"), "mill", (TRENCH,), "electron beam is on"),
    "an image with ions on": (_unblank("ion"), "electron_image", (VIEW,), "ion beam is on"),
    "a move with ions on": (_unblank("ion"), "move_stage", (FLAT_TO_IONS,), "ion beam is on"),
    "ions from a column that is off": (_off("ion"), "ion_image", (VIEW,), "is off"),
    "electrons from a column that is off": (_off("electron"), "electron_image", (VIEW,), "is off"),
    "milling with the needle in": (_needle_in, "mill", (TRENCH,), "retract it first"),
    "milling with the gas injector in": (_gas_in, "mill", (TRENCH,), "gas injector"),
    "gas on a cold specimen": (_nothing, "insert_gis", (), "condense"),
}


@pytest.mark.parametrize("case", UNSAFE.values(), ids=UNSAFE.keys())
def test_what_is_unsafe_is_refused_before_it_reaches_the_vendor(
    fib: OpenFibsem,
    demo: Any,
    gate: Gate,
    mocker: MockerFixture,
    case: tuple[Callable[[Any], None], str, tuple[Any, ...], str],
) -> None:
    prepare, name, arguments, reason = case
    result_of(fib.move_stage(FLAT_TO_IONS))
    prepare(demo)
    spies = [mocker.spy(demo, each) for each in TOUCHING]
    with pytest.raises(InterlockError, match=reason):
        asked(gate, fib, name, *arguments)
    assert all(spy.call_count == 0 for spy in spies)
