"""A run that cycles a simulated cell, put together as `acquire.launch` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquire.actions import Actions
from acquire.attempts import Attempts
from acquire.budgets import Budgets
from acquire.cycling.cycling import cycling
from acquire.cycling.potentiostat_rules import RULES
from acquire.gate import Facts, Gate, Monitor
from acquire.journal import Journal
from acquire.operator import Inbox
from acquire.pictures import Pictures
from acquire.questions import Questions
from acquire.run import Run, RunTime
from drivers.clock import JumpingClock
from drivers.potentiostat import PotentiostatLimits
from protocols.cycling import Cycling
from simulators.cell.bench import SimPotentiostat
from tests.core.bench_run import Heard
from tests.simulators.cell.cells import open_cell

NOMINAL = {"capacity": 1.47e-6 * 3600, "basis": "by area", "source": "Joule 2020"}
SAFETY = {"voltage_min": 3.3, "voltage_max": 5.2, "current_max": 15e-6}


def step(times: int = 3, **changed: Any) -> Cycling:
    """Return some cycles at 5C."""
    steps = [
        {"do": "charge", "rate": "5C", "until": [{"voltage": 5.1}]},
        {"do": "discharge", "rate": "5C", "until": [{"voltage": 3.5}]},
    ]
    given = {
        "nominal": NOMINAL,
        "record": {"every": 7.0, "voltage_change": 5e-3},
        "safety": SAFETY,
        "pre_flight": {"voltage_min": 2.5, "voltage_max": 5.0, "pulse": {"rate": "C/10"}},
        "schedule": [{"do": "loop", "times": times, "steps": steps}],
        **changed,
    }
    return Cycling.model_validate(given)


@dataclass
class Bench:
    """A run, and what it stands on."""

    run: Run
    journal: Journal
    potentiostat: SimPotentiostat
    heard: Heard
    asked: Cycling

    def go(self) -> dict[str, Any]:
        """Run the procedure."""
        return cycling(self.asked, self.potentiostat, self.run)


def bench(
    folder: Path,
    asked: Cycling,
    *,
    boundary: Callable[[str], None] | None = None,
    **settings: Any,
) -> Bench:
    """Open the journal and the world in `folder`, and return the run in its first step."""
    folder.mkdir(exist_ok=True)
    journal = Journal(folder / "run.db", boundary=boundary)
    last = journal.last_stamp()
    clock = JumpingClock(last.time if last else 0.0)
    device = open_cell(folder / "world.db", clock, **settings)
    time = RunTime(clock, None)
    heard, inbox = Heard(), Inbox(folder)
    questions = Questions(journal, inbox, time.stamp, device.safe, None)
    facts, limits = Facts(time.now), PotentiostatLimits()
    gate = Gate(
        RULES,
        {"potentiostat": Monitor(device.status, clock, limits.reading_age_max)},
        {"potentiostat": limits},
        facts,
    )
    attempts = Attempts(journal, gate, Budgets(), inbox, time.now, time.stamp)
    actions = Actions(
        journal,
        attempts,
        questions,
        Pictures(folder, simulated=True),
        {"potentiostat": device},
        safe=device.safe,
        stamp=time.stamp,
        sleep=clock.sleep,
        say=heard.say,
        after=lambda: None,
    )
    run = Run(journal, actions, attempts, questions, time, heard, facts, 0)
    run.begin_step(0, asked)
    return Bench(run, journal, device, heard, asked)
