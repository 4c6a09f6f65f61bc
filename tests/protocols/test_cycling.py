"""Cycling protocols as files: what is accepted, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.cycling import Cycling, Loop
from protocols.errors import ProtocolFileError
from protocols.loader import LIBRARY, load_protocol

CELL = (LIBRARY / "joule2020" / "cycling.yaml").read_text(encoding="utf-8")
SAFETY = "safety: {voltage_min: 3.3 V, voltage_max: 5.2 V, current_max: 15 uA}"
CHARGE = "{do: charge, rate: 5C, until: [{voltage: 5.1 V}]}"
DISCHARGE = "{do: discharge, rate: 5C, until: [{voltage: 3.5 V}]}"

UNSAFE = [
    (SAFETY, SAFETY.replace("5.2 V", "nan V"), "'nan V' is not a quantity; write it like"),
    (SAFETY, SAFETY.replace("5.2 V", ".nan"), "nan is not a finite number; write it like"),
    (CHARGE, CHARGE.replace("rate: 5C", "current: .inf"), "inf is not a finite number"),
    (CHARGE, CHARGE.replace("{voltage: 5.1 V}", "{time: -1 h}"), "greater than 0"),
    (DISCHARGE, DISCHARGE.replace("3.5 V", "-3 V"), "-3 V is outside safety, 3.3 to 5.2 V"),
    (CHARGE, "{do: hold voltage, voltage: 1e9 V, until: [{time: 1 h}]}", "1e+09 V is outside safe"),
    (SAFETY, SAFETY.replace("5.2 V", "5.0 V"), "5.1 V is outside safety, 3.3 to 5 V; the target"),
    (CHARGE, CHARGE.replace("5C", "1/0"), "'1/0' is not a C-rate; write it like C/10 or 5C"),
    (CHARGE, CHARGE.replace("5C", "C/0"), "'C/0' divides by nothing; write it like C/10 or 5C"),
]
"""The six unsafe protocols that public packages accept or die of, and their kin."""

WRONG = [
    (CHARGE, CHARGE.replace("5C", "-5C"), "'-5C' is not a C-rate; write it like C/10 or 5C"),
    (CHARGE, CHARGE.replace("5C", "0C"), "a C-rate of 0 is not above 0 and below 1000"),
    (CHARGE, CHARGE.replace("rate: 5C", "current: -7 uA"), "greater than 0"),
    (CHARGE, CHARGE.replace("rate: 5C", "current: 7"), "7 has no unit; write it like '7 A'"),
    (CHARGE, CHARGE.replace("rate: 5C", "current: 20 uA"), "2e-05 A is above safety.current_max"),
    (CHARGE, CHARGE.replace("5C", "5C, current: 7 uA"), "it has current and rate"),
    (CHARGE, CHARGE.replace("rate: 5C, ", ""), "give one of current, rate and density; it has no"),
    (CHARGE, CHARGE.replace("5.1 V", "5.1 V, time: 1 h"), "an end has exactly one of voltage"),
    (CHARGE, CHARGE.replace("[{voltage: 5.1 V}]", "[]"), "at least 1 item"),
    (CHARGE, CHARGE.replace("do: charge", "do: recharge"), "loop, did you mean 'charge'?"),
    (SAFETY, SAFETY.replace("3.3 V", "5.3 V"), "voltage_min is not below voltage_max; exchange"),
    (SAFETY, SAFETY.replace("15 uA", "0 A"), "greater than 0"),
    ("times: 532", "times: 0", "greater than or equal to 1"),
    ("capacity: 1.47 uAh", "capacity: -1.47 uAh", "greater than 0"),
]


def refused(folder: Path, old: str, new: str) -> str:
    """Return what is said of the published protocol with one part changed."""
    assert old in CELL
    path = folder / "p.yaml"
    path.write_text(CELL.replace(old, new), encoding="utf-8")
    with pytest.raises(ProtocolFileError) as caught:
        load_protocol(str(path))
    return str(caught.value)


@pytest.mark.parametrize(("old", "new", "told"), UNSAFE)
def test_an_unsafe_protocol_is_refused_and_told_what_to_write(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    message = refused(tmp_path, old, new)
    assert message.startswith(str(tmp_path / "p.yaml"))
    assert told in message


@pytest.mark.parametrize(("old", "new", "told"), WRONG)
def test_a_mistake_is_told_with_its_cure(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert told in refused(tmp_path, old, new)


def test_a_density_needs_the_area(tmp_path: Path) -> None:
    dense = CHARGE.replace("rate: 5C", "density: 0.15 mA/cm^2")
    path = tmp_path / "p.yaml"
    path.write_text(CELL.replace(CHARGE, dense), encoding="utf-8")
    (step,) = load_protocol(str(path)).steps
    assert isinstance(step, Cycling)
    amounts = [step.amperes(move) for move in step.moves() if getattr(move, "density", None)]
    assert amounts == [pytest.approx(7.35e-6)]
    path.write_text(CELL.replace(CHARGE, dense).replace("area: 4.9 mm^2", ""), encoding="utf-8")
    with pytest.raises(ProtocolFileError, match=r"density needs the step's area; add it, such as"):
        load_protocol(str(path))


def test_the_published_cell_is_what_the_paper_says() -> None:
    (step,) = load_protocol("joule2020/cycling").steps
    assert isinstance(step, Cycling)
    loops = [move for move in step.schedule if isinstance(move, Loop)]
    assert [loop.times for loop in loops] == [2, 532, 1]
    currents = [step.amperes(move) for move in step.moves()]
    assert currents == pytest.approx([0.147e-6] * 2 + [7.35e-6] * 2 + [0.147e-6] * 2)
    assert [each.capacity / 3.6e-3 for each in (step.nominal, *step.also)] == pytest.approx(
        [1.47, 1.91]
    )


@pytest.mark.parametrize("name", ["joule2020/liquid-cell", "examples/cell-recording"])
def test_the_other_published_cells_load(name: str) -> None:
    (step,) = load_protocol(name).steps
    assert isinstance(step, Cycling)
    assert step.budgets["charge_throughput_C"] > step.nominal.capacity
