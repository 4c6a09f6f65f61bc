"""Random calls at OpenFIBSEM's demo microscope: nothing unsafe reaches it; skipped without fibsem.

The world of each call is put into fibsem's own object and read back through our driver; the oracle
judges what was read, and says of each call that reached fibsem whether it should have.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from pytest_mock import MockerFixture

pytest.importorskip("fibsem", reason="needs liftline[openfibsem]")

from acquire.fib.rules import RULES
from acquire.gate import Facts, Gate, Monitor
from drivers.action import action_of, result_of
from drivers.clock import JumpingClock
from drivers.cryo import CryoLimits
from drivers.errors import InterlockError, LimitError
from drivers.fib import FibLimits, FibStatus
from drivers.openfibsem import OpenFibsem
from drivers.openfibsem.convert import mirrored
from protocols.fib import BeamImage
from tests.campaigns.fib_calls import NOW, random_call
from tests.campaigns.fib_oracle import Call, unsafe
from tests.drivers.fibsem_demo import FLAT, SETTINGS, TOUCHING, opened

EXPOSING = ("fib.ion_image", "fib.electron_image", "fib.mill")
CALLS, SEED = 400, 7
SMALL = FLAT.model_copy(update={"pixels": (32,), "ion_currents": (1e-12, *SETTINGS.ion_currents)})


def put(demo: Any, world: FibStatus) -> None:
    """Bring fibsem's microscope into a state; what moves by itself it does not have."""
    demo.chamber.pressure = None if math.isnan(world.chamber_pressure) else world.chamber_pressure
    demo.chamber.state = "Vented" if world.vented else "Pumped"
    stage, place = demo.stage_system, world.stage
    stage.is_homed = world.stage_homed
    stage.position.x, stage.position.y, stage.position.z = place.x, place.y, place.z
    stage.position.r, stage.position.t = place.r, place.t
    needle = demo.manipulator_system
    needle.inserted = world.needle_inserted
    x, y, z = mirrored(world.needle.x, world.needle.y, world.needle.z, 0.0)
    needle.position = type(needle.position)(x=x, y=y, z=z, r=0.0, t=0.0)
    for beam, on, blanked in (
        (demo.electron_system, world.electron_beam_on, world.electrons_blanked),
        (demo.ion_system, world.ion_beam_on, world.ions_blanked),
    ):
        beam.on, beam.blanked = on, blanked
    current = world.ion_current
    demo.ion_system.beam.beam_current = None if math.isnan(current) else current
    demo.gis_system.inserted, demo.gis_system.opened = world.gis_inserted, world.gis_open
    states = type(demo.milling_system.state)
    demo.milling_system.state = states.RUNNING if world.milling else states.IDLE


def gate_of(fib: OpenFibsem, call: Call) -> Gate:
    clock, facts = JumpingClock(), Facts(lambda: NOW)
    for fact, age in call.facts.items():
        facts.set(fact, True, NOW - age)
    monitors = {
        "fib": Monitor(fib.status, clock, 2.0),
        "cryo": Monitor(lambda: call.cryo, clock, 30.0),
    }
    return Gate(RULES, monitors, {"fib": FibLimits(), "cryo": CryoLimits()}, facts)


def calls_of_the_fib(count: int, seed: int) -> list[Call]:
    """Return calls that have not begun; images small, so that they are quick."""
    draws, made = random.Random(seed), []
    while len(made) < count:
        call = replace(random_call(draws), running=False)
        if call.action.startswith("fib.") and call.fib.stage == call.fib.stage:
            small = tuple(
                each.model_copy(update={"pixels": 32}) if isinstance(each, BeamImage) else each
                for each in call.arguments
            )
            made.append(replace(call, arguments=small))
    return made


def made_by_a_run(fib: OpenFibsem, call: Call) -> str:
    """Make the call as a run does and return what became of it."""
    name = call.action.removeprefix("fib.")
    try:
        gate_of(fib, call).check(call.action, call.arguments, call.step, running=False)
    except InterlockError:
        return "refused by the interlocks"
    try:
        result = getattr(fib, name)(*call.arguments)
        if action_of(OpenFibsem, name).generator:
            result_of(result)
    except LimitError:
        return "refused by the driver"
    return "done"


def test_no_random_call_that_is_unsafe_reaches_the_demo_microscope(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    monkeypatch.setenv("FIBSEM_SIM_NO_DELAY", "1")
    fib = opened(SMALL)
    demo = fib._microscope.behind
    spies = [mocker.spy(demo, name) for name in TOUCHING]
    became: Counter[str] = Counter()
    for call in calls_of_the_fib(CALLS, SEED):
        put(demo, call.fib)
        why = unsafe(replace(call, fib=fib.status()))
        for spy in spies:
            spy.reset_mock()
        end = made_by_a_run(fib, call)
        became[f"{end}, {'safe' if why is None else 'unsafe'}"] += 1
        reached = any(spy.call_count for spy in spies)
        assert why is None or not reached, (why, call)
        if end == "done" and call.action in EXPOSING:
            assert (demo.ion_system.blanked, demo.electron_system.blanked) == (True, True)
        assert end == "done" or not reached, (end, call)
    fib.close()
    assert became["done, safe"] > CALLS / 20
    assert became["refused by the interlocks, unsafe"] > CALLS / 20
