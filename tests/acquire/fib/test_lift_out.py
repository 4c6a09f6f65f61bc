"""The lift-out's procedure on the simulated FIB, stage by stage from prepared specimens."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from acquire.launch import RunEnd, begin_run
from acquire.operator import Command, Inbox
from acquire.share import Desk
from drivers.cryo import CryoLimits
from drivers.fib import FibLimits
from drivers.lab import Chosen, Lab, NoSettings
from protocols.errors import InputError
from protocols.loader import load_protocol
from simulators.fib import cryostat, microscope
from simulators.fib.settings import SimFibSettings
from tests.campaigns.scan import Silent

PROTOCOL = """
kind: lift_out
unattended: stop
ions: {{species: gallium, {ions}}}
layers:
  - {{material: Li, thickness: 1.5 um}}
  - {{material: LiPON, thickness: 1 um}}
  - {{material: Pt, thickness: 0.1 um}}
  - {{material: SiO2, thickness: 0.3 um}}
  - {{material: Si, thickness: 5 um}}
interface: 1.5 um
site: {{x: 0 mm, y: 0 mm}}
grid: {{x: 3 mm, y: 0 mm}}
first: {first}
last: {last}
{more}
"""


@dataclass
class Operator:
    """Answers each question by the first of its own answers that is a choice."""

    inbox: Inbox
    answers: tuple[str, ...]

    def ask(self, number: int, text: str, choices: Any, safe: str) -> None:
        said = next((each for each in self.answers if each in choices), safe)
        self.inbox.say(Command("answer", "a test", number, said))


@pytest.fixture
def lifted(tmp_path: Path) -> Callable[..., RunEnd]:
    """Run some stages on a specimen prepared for the first of them."""

    def run(
        first: str,
        last: str,
        *answers: str,
        seed: int = 0,
        ions: str = "",
        more: str = "",
        **settings: Any,
    ) -> RunEnd:
        file = tmp_path / "lift.yaml"
        text = PROTOCOL.format(first=first, last=last, ions=ions, more=more)
        file.write_text(text, encoding="utf-8")
        if first != "cool":
            settings = {"start_cold": True, "prepared": first, **settings}
        fib = SimFibSettings.model_validate(settings)
        lab = Lab(
            "simulated FIB",
            "jumping",
            (
                Chosen("fib", "simulated-fib", microscope.DRIVER, None, fib, FibLimits()),
                Chosen("cryo", "simulated-cryo", cryostat.DRIVER, None, NoSettings(), CryoLimits()),
            ),
        )
        desk = Desk(Silent(), prompt=lambda inbox: Operator(inbox, answers))
        return begin_run(load_protocol(file), lab, tmp_path, seed=seed, desk=desk)

    return run


def entries(end: RunEnd, kind: str) -> list[tuple[str, Any]]:
    """Return name and value of the journal's entries of a kind."""
    db = sqlite3.connect(end.folder / "run.db")
    rows = db.execute("SELECT name, value FROM entry WHERE kind = ? ORDER BY id", (kind,))
    found = [(name, json.loads(value) if value else None) for name, value in rows]
    db.close()
    return found


def result(end: RunEnd) -> dict[str, Any]:
    """Return what the run answered."""
    ((_, value),) = entries(end, "result")
    answered: dict[str, Any] = value["result"]
    return answered


def test_it_is_cold_when_all_has_been_steady_for_as_long_as_asked(
    lifted: Callable[..., RunEnd],
) -> None:
    answered = result(lifted("cool", "cool"))
    assert 5000 < answered["time_to_cold_s"] < 7500
    last = [each for each in answered["temperatures"] if each["stage_K"] < 91.2]
    assert last[-1]["time_s"] - last[0]["time_s"] >= 600
    assert not answered["success"]


def test_other_ions_than_the_instruments_are_refused_before_anything_moves(
    lifted: Callable[..., RunEnd],
) -> None:
    with pytest.raises(InputError, match="the instrument has xenon"):
        lifted("cool", "cool", ion_species="xenon")


def test_ions_that_a_publication_states_otherwise_are_flagged(
    lifted: Callable[..., RunEnd],
) -> None:
    end = lifted("cool", "cool", ions="as_stated: argon")
    assert [name for name, _ in entries(end, "flag")] == ["species ions"]
    assert result(end)["species"] == {
        "written": "gallium",
        "as_stated": "argon",
        "as_reported": "gallium",
    }


def test_a_later_stage_begins_only_on_the_operators_word(lifted: Callable[..., RunEnd]) -> None:
    end = lifted("sever", "sever")
    assert end.state == "stopped"
    assert "is the lamella still in the film" in end.reason
    assert not [name for name, _ in entries(end, "do") if name in ("fib.mill", "fib.move_stage")]


def test_a_weld_is_verified_before_the_bridge_is_cut_and_the_lamella_lifted(
    lifted: Callable[..., RunEnd],
) -> None:
    end = lifted("weld", "lift", "they are done")
    assert end.state == "finished", end.reason
    (weld,) = result(end)["welds"]
    assert weld["joint"] == "needle"
    assert weld["verified"]
    assert weld["area_m2"] >= 1.5e-12
    names = [name for name, value in entries(end, "decide") if value is True]
    order = [f"verified: {fact}" for fact in ("needle weld", "cut free", "lamella on needle")]
    assert [name for name in names if name in order][:3] == order


def test_the_tip_goes_as_deep_as_the_surface_is_seen_to_lie(lifted: Callable[..., RunEnd]) -> None:
    high = {"x": "0 mm", "y": "0 mm", "z": "0.8 um"}  # of the stage: the site lies so much lower
    end = lifted("needle_in", "weld", "they are done", site=high)
    assert end.state == "finished", end.reason
    told = [value for name, value in entries(end, "decide") if name == "surface at"]
    assert told == pytest.approx([-0.8e-6] * len(told), abs=0.3e-6)
    gaps = [value for name, value in entries(end, "decide") if name == "gap"]
    assert 0.1e-6 < gaps[-1] < 0.5e-6


def test_what_is_not_bridged_is_asked_about_and_never_cut_free(
    lifted: Callable[..., RunEnd],
) -> None:
    end = lifted("weld", "sever", "they are done", faults=[{"kind": "no_bridge", "at": 0.0}])
    assert end.state == "stopped"
    assert "weld" in end.reason
    assert not [name for name, _ in entries(end, "flag") if name.startswith("bridged")]
    assert ("stage sever", "begun") not in entries(end, "decide")


def test_a_supervised_stage_is_done_when_the_operator_says_so(
    lifted: Callable[..., RunEnd],
) -> None:
    end = lifted("cool", "cool", "stop", more="cool: {supervised: true}")
    assert end.state == "stopped"
    assert "look at the images" in end.reason


def test_polishing_stops_below_the_bound_and_says_how_surely(
    lifted: Callable[..., RunEnd],
) -> None:
    answered = result(lifted("polish", "polish", "they are done"))
    assert answered["success"], answered["reason"]
    assert answered["thickness_m"] + 2 * answered["thickness_sigma_m"] <= 120e-9
    low, high = answered["interval_m"]
    assert low < answered["thickness_m"] < high
