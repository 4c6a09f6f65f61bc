"""Whole lift-outs on the simulated FIB, and what they said beside what was true."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acquire.check import plan
from acquire.launch import begin_run
from acquire.operator import Command, Inbox
from acquire.record import RunRecord
from acquire.share import Desk
from drivers.cryo import CryoLimits
from drivers.errors import LiftlineError
from drivers.fib import FibLimits
from drivers.lab import Chosen, Lab, NoSettings
from protocols.lift_out import ION_CHARGE, ION_DOSE, LiftOut, StageName
from protocols.loader import load_protocol
from simulators.fib import cryostat, microscope
from simulators.fib.scoring import Score, score
from simulators.fib.settings import WORST, SimFibSettings
from simulators.fib.truth import Truth, truth
from tests.campaigns.scan import Silent, desk

PROTOCOL = "joule2020/lift-out"
COMPARED = {
    "duration_s": "duration_s",
    "ln2_l": "ln2_l",
    ION_CHARGE: ION_CHARGE,
    ION_DOSE: ION_DOSE,
}
"""Figures of the plan, by their names in a result."""
RETRIED = (ION_CHARGE, ION_DOSE)
"""Figures of which the result tells what was spent on retries."""
THERE = "they are done"
LOSING = {"sever": "needle weld", "release": "grid weld"}
"""Patterns after which the lamella hangs on one weld only, and the fact that must hold before."""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    seed: int
    state: str
    reason: str
    """What it said last, or asked."""
    claimed: bool
    """It reported success."""
    true: bool
    """It was one."""
    score: Score | None
    stage: str
    """The last one begun."""
    unsafe: tuple[str, ...]
    """What should not have been done, by the simulator's ledger."""
    unverified: int
    """Patterns that could have lost the lamella, begun though nothing held it verifiably."""
    beams_on: bool
    lamella: tuple[str, ...]
    stages: dict[str, float] = field(default_factory=dict)
    """When each stage began, s since the run began."""
    said: dict[str, float] = field(default_factory=dict)
    """Figures that the result gives of what was spent."""
    planned: dict[str, float] = field(default_factory=dict)
    """The same as `check` told them, for a run in which each first try is enough."""
    retried: dict[str, float] = field(default_factory=dict)
    """Of what was spent, what a first try did not do: milled again, or looked at more closely."""
    cpu: float = 0.0
    """s."""

    @property
    def safe(self) -> bool:
        """True if nothing is on and the run is done, has stopped or asks."""
        return not self.beams_on and self.state in ("finished", "stopped", "waiting", "fault")

    @property
    def false_success(self) -> bool:
        """True if it claimed what is not so."""
        return self.claimed and not self.true


def simulated(settings: SimFibSettings) -> Lab:
    """Return the lab of the simulated FIB with its cold stage."""
    return Lab(
        "simulated FIB",
        "jumping",
        (
            Chosen("fib", "simulated-fib", microscope.DRIVER, None, settings, FibLimits()),
            Chosen("cryo", "simulated-cryo", cryostat.DRIVER, None, NoSettings(), CryoLimits()),
        ),
    )


def settings_of(
    worst: bool, faults: tuple[Any, ...] = (), first: StageName | None = None
) -> SimFibSettings:
    """Return the simulator's settings, nominal or with the worst contrast, noise and drift.

    With `first`, the specimen is cold and as it ideally is before that stage.
    """
    changes: dict[str, Any] = dict(WORST) if worst else {}
    cold = first is not None
    return SimFibSettings(**changes, faults=faults, prepared=first, start_cold=cold)


@dataclass
class Agreeing:
    """An operator who says that what comes before is done, and stops at any other question."""

    inbox: Inbox

    def ask(self, number: int, text: str, choices: Sequence[str], safe: str) -> None:
        said = THERE if THERE in choices else safe
        self.inbox.say(Command("answer", "a campaign", number, said))


def agreeing(boundary: Callable[[str], None] | None = None) -> Desk:
    """Return a desk at which an operator agrees."""
    return Desk(Silent(), prompt=Agreeing, boundary=boundary)


def lift_out(seed: int, settings: SimFibSettings) -> Ended:
    """Do a lift-out in a folder of its own and say how it ended; nobody answers.

    It begins with the stage that the specimen is prepared for; left out, it is a whole one.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"lift-out-{seed}-"))
    begun = time.process_time()
    try:
        return _ended(seed, folder, settings, begun)
    except LiftlineError as error:
        return Ended(
            seed, "refused", str(error), False, False, None, "", (), 0, False, (),
            cpu=time.process_time() - begun,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ended(seed: int, folder: Path, settings: SimFibSettings, begun: float) -> Ended:
    protocol, lab = load_protocol(_protocol(folder, settings.prepared)), simulated(settings)
    (step,) = protocol.steps
    assert isinstance(step, LiftOut)
    told = plan(protocol, lab).steps[0].figures
    end = begin_run(
        protocol, lab, folder, seed=seed, desk=agreeing() if settings.prepared else desk()
    )
    hidden = truth(end.folder / "world-fib.db")
    with RunRecord(end.folder) as record:
        results = [each.result for each in record.steps() if each.result is not None]
    result = results[0] if results else {}
    found = score(hidden.solid, step.interface, step.lamella.kept)
    stages = began(end.folder)
    return Ended(
        seed=seed,
        state=end.state,
        reason=str(result.get("reason", "")) if end.state == "finished" else end.reason,
        claimed=end.state == "finished" and bool(result.get("success")),
        true=found.success(step.target.at_most),
        score=found,
        stage=list(stages)[-1] if stages else "",
        unsafe=tuple(event.kind for event in hidden.unsafe),
        unverified=unverified(end.folder, hidden),
        beams_on=hidden.beams_on,
        lamella=hidden.lamella,
        stages=stages,
        said={name: float(result[name]) for name in COMPARED if name in result},
        retried={name: float(result["retries"][name]) for name in RETRIED if result},
        planned={name: float(told[name]) for name in COMPARED},
        cpu=time.process_time() - begun,
    )


def _protocol(folder: Path, first: str | None) -> str | Path:
    """Return the published protocol, from its first stage on or from a later one."""
    if first is None:
        return PROTOCOL
    published = load_protocol(PROTOCOL).text
    file = folder / "from-the-middle.yaml"
    file.write_text(f"{published}\nfirst: {first}\n", encoding="utf-8")
    return file


def _decided(folder: Path, like: str) -> list[tuple[int, str, Any, float]]:
    """Return row, name, value and time of what was decided under such names."""
    db = sqlite3.connect(folder / "run.db")
    rows = db.execute(
        "SELECT id, name, value, time_s FROM entry WHERE kind='decide' AND name LIKE ? ORDER BY id",
        (like,),
    ).fetchall()
    db.close()
    return [(number, name, json.loads(value), at) for number, name, value, at in rows]


def began(folder: Path) -> dict[str, float]:
    """Return when each stage began (s), in order."""
    stages: dict[str, float] = {}
    for _, name, _, at in _decided(folder, "stage %"):
        stages.setdefault(name.removeprefix("stage "), at)
    return stages


def unverified(folder: Path, hidden: Truth) -> int:
    """Count the cuts that really landed though what must hold the lamella was not verified."""
    db = sqlite3.connect(folder / "run.db")
    mills = db.execute("SELECT id, request FROM entry WHERE name='fib.mill' ORDER BY id").fetchall()
    db.close()
    facts = _decided(folder, "verified: %")
    really = {job.job.purpose for job in hidden.jobs if job.charge > 0}
    wrong = 0
    for number, request in mills:
        purpose = _purpose(request)
        if purpose not in LOSING or purpose not in really:
            continue
        told = [v for row, n, v, _ in facts if row < number and n == f"verified: {LOSING[purpose]}"]
        wrong += not (told and told[-1])
    return wrong


def _purpose(request: str) -> str:
    found = re.search(r'"purpose":\s*"(\w+)"', request)
    return found.group(1) if found else ""
