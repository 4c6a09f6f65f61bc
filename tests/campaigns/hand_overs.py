"""Many hand-overs, from the needle's coming in to the lamella's release on the grid.

    python -m tests.campaigns.hand_overs [SEEDS] [nominal|worst] [FIRST SEED] [FOLDER]

Each begins with a specimen as ideal work before leaves it, which takes a quarter of a whole
lift-out's time. Success is: all stages done, the lamella on the grid and on nothing else. With a
FOLDER the runs are kept there, to look at.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquire.launch import begin_run
from acquire.operator import Command, Inbox
from acquire.share import Desk
from drivers.errors import LiftlineError
from protocols.lift_out import LiftOut
from protocols.loader import load_protocol
from simulators.fib.settings import SimFibSettings
from simulators.fib.truth import truth
from tests.campaigns.fib_runs import PROTOCOL, began, settings_of, simulated, unverified
from tests.campaigns.scan import Silent

FIRST, LAST = "needle_in", "release"
WORD = "they are done"


@dataclass
class Begins:
    """An operator who says that what comes before is done, and stops at any other question."""

    inbox: Inbox

    def ask(self, number: int, text: str, choices: Any, safe: str) -> None:
        """Answer."""
        said = WORD if WORD in choices else safe
        self.inbox.say(Command("answer", "a campaign", number, said))


@dataclass(frozen=True)
class HandedOver:
    """How one ended."""

    seed: int
    state: str
    reason: str
    stage: str
    held: str
    """By what the lamella truly is held at the end."""
    unsafe: tuple[str, ...]
    unverified: int
    lamella: tuple[str, ...]
    beams_on: bool
    cpu: float
    """s."""

    @property
    def claimed(self) -> bool:
        """It says that the lamella is on the grid."""
        return self.state == "finished"

    @property
    def true(self) -> bool:
        """It is there."""
        return self.held == "grid"


def hand_over(seed: int, settings: SimFibSettings, folder: Path) -> HandedOver:
    """Do the stages in a new folder of `folder` and say how they ended."""
    begun = time.process_time()
    protocol = folder / f"{seed}.yaml"
    text = f"\nfirst: {FIRST}\nlast: {LAST}\n"
    protocol.write_text(load_protocol(PROTOCOL).text + text, encoding="utf-8")
    loaded = load_protocol(protocol)
    (step,) = loaded.steps
    assert isinstance(step, LiftOut)
    changes = {"prepared": FIRST, "start_cold": True, "lamella": step.lamella}
    lab = simulated(settings.model_copy(update=changes))
    desk = Desk(Silent(), prompt=Begins)
    try:
        end = begin_run(loaded, lab, folder, seed=seed, desk=desk)
    except LiftlineError as error:
        return HandedOver(seed, "refused", str(error), "", "", (), 0, (), False, 0.0)
    hidden = truth(end.folder / "world-fib.db")
    stages = began(end.folder)
    return HandedOver(
        seed,
        end.state,
        end.reason,
        list(stages)[-1] if stages else "",
        hidden.solid.held,
        tuple(event.kind for event in hidden.unsafe),
        unverified(end.folder, hidden),
        hidden.lamella,
        hidden.beams_on,
        time.process_time() - begun,
    )


def line(ended: HandedOver) -> str:
    """Return one in a line."""
    verdict = {(True, True): "success", (False, False): "no", (False, True): "unclaimed"}.get(
        (ended.claimed, ended.true), "FALSE SUCCESS"
    )
    wrong = f"UNSAFE {ended.unsafe} " if ended.unsafe else ""
    wrong += f"UNVERIFIED {ended.unverified} " if ended.unverified else ""
    return (
        f"{ended.seed:4} {verdict:13} {ended.state:8} at {ended.stage:9} held by {ended.held:6} "
        f"{ended.cpu:5.1f} s cpu  {wrong}{ended.reason[:150]}"
    )


def summary(runs: Iterable[HandedOver]) -> list[str]:
    """Return the counts, in lines."""
    runs = list(runs)
    both = sum(run.true and run.claimed for run in runs)
    stopped = Counter((run.stage, run.state) for run in runs if not run.claimed)
    return [
        f"{len(runs)} runs: {both} true and claimed, "
        f"{sum(run.claimed and not run.true for run in runs)} claimed falsely, "
        f"{sum(run.unverified for run in runs)} losing cuts after nothing verified, "
        f"{sum(run.beams_on for run in runs)} beams on",
        f"unsafe by the ledger: {dict(Counter(kind for run in runs for kind in run.unsafe))}",
        *(f"  {count} {state} at {stage}" for (stage, state), count in stopped.most_common()),
    ]


def main() -> None:
    """Print the campaign."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    worst = "worst" in sys.argv[2:]
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    folder = Path(sys.argv[4] if len(sys.argv) > 4 else tempfile.mkdtemp(prefix="hand-overs-"))
    runs = []
    for seed in range(first, first + count):
        own = folder / f"{seed}-{'worst' if worst else 'nominal'}"
        own.mkdir(parents=True)
        runs.append(hand_over(seed, settings_of(worst), own))
        print(line(runs[-1]), flush=True)
        if len(sys.argv) <= 4:
            shutil.rmtree(own)
    print(f"{'worst case' if worst else 'nominal'}:")
    print("\n".join(summary(runs)))


if __name__ == "__main__":
    main()
