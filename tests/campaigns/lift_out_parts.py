"""A lift-out's first or last stages alone, many times: seconds a trial instead of half a minute.

    python -m tests.campaigns.lift_out_parts [cut|thin] [SEEDS] [nominal|worst] [FIRST SEED]

`cut` goes from cooling to the clean lamella in the film, `thin` from an ideal lamella on the grid
to the last image. Success is: done, and as the truth has it near the thickness asked, or thinner
than asked with the interface in it. Prints a line for each trial, then the counts, and how the
thickness claimed compares with the true one.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from acquire.launch import begin_run
from acquire.operator import Command, Inbox
from acquire.record import RunRecord
from acquire.share import Desk
from drivers.errors import LiftlineError
from protocols.lift_out import LiftOut
from protocols.loader import LoadedProtocol, find_protocol, load_protocol
from simulators.fib.scoring import score
from simulators.fib.settings import WORST, SimFibSettings
from simulators.fib.truth import truth
from tests.campaigns.fib_runs import PROTOCOL, began, simulated
from tests.campaigns.scan import Silent

Part = Literal["cut", "thin"]
NEAR = 0.15
"""Share by which a clean lamella's true thickness at its top may be off."""
TOP = 4
"""Rows of the solid below the free surface, which images mill, at which the top is taken."""


@dataclass
class Trusting:
    """Says that the stages before are done, and to all else what is safe."""

    inbox: Inbox

    def ask(self, number: int, text: str, choices: Any, safe: str) -> None:
        """Answer at once."""
        said = "they are done" if "they are done" in choices else safe
        self.inbox.say(Command("answer", "a campaign", number, said))


@dataclass(frozen=True)
class Trial:
    """How one of them ended; thicknesses in m."""

    seed: int
    claimed: bool
    thickness: float
    """True mean at the interface, or of the top for `cut`."""
    thinnest: float
    told: float
    """What the run measured last; 0 for nothing."""
    sigma: float
    true: bool
    stage: str
    unsafe: tuple[str, ...]
    seconds: float
    """Of the simulated clock."""
    cpu: float
    reason: str

    def line(self) -> str:
        """Return it in one line."""
        verdict = {(True, True): "success", (False, False): "no", (False, True): "unclaimed"}.get(
            (self.claimed, self.true), "FALSE SUCCESS"
        )
        return (
            f"{self.seed:5} {verdict:13} {self.stage:8} true {self.thickness * 1e9:4.0f} thinnest "
            f"{self.thinnest * 1e9:4.0f} told {self.told * 1e9:4.0f} +- {self.sigma * 1e9:2.0f} "
            f"{self.seconds / 3600:4.1f} h {self.cpu:4.1f} s cpu {','.join(self.unsafe)[:60]} "
            f"{self.reason[:110]}"
        )


def asked(part: Part, folder: Path) -> LoadedProtocol:
    """Return the library's lift-out, with its first or its last stages only."""
    _, path = find_protocol(PROTOCOL)
    file = folder / "part.yaml"
    stages = "last: clean" if part == "cut" else "first: thin"
    file.write_text(f"{path.read_text(encoding='utf-8')}\n{stages}\n", encoding="utf-8")
    return load_protocol(file)


def settings(part: Part, worst: bool) -> SimFibSettings:
    """Return the simulator's settings, with the specimen prepared for the part."""
    changes: dict[str, Any] = dict(WORST) if worst else {}
    if part == "thin":
        changes |= {"prepared": "thin", "start_cold": True}
    return SimFibSettings(**changes)


def trial(seed: int, part: Part, worst: bool, keep: Path | None = None) -> Trial:
    """Do one and say how it ended; `keep` keeps its folder."""
    folder = keep or Path(tempfile.mkdtemp(prefix=f"part-{seed}-"))
    begun = time.process_time()
    try:
        return _trial(seed, part, worst, folder, begun)
    except LiftlineError as error:
        cpu = time.process_time() - begun
        return Trial(seed, False, 0, 0, 0, 0, False, "refused", (), 0, cpu, str(error))
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _trial(seed: int, part: Part, worst: bool, folder: Path, begun: float) -> Trial:
    protocol, lab = asked(part, folder), simulated(settings(part, worst))
    (step,) = protocol.steps
    assert isinstance(step, LiftOut)
    desk = Desk(Silent(), prompt=Trusting)
    end = begin_run(protocol, lab, folder, seed=seed, desk=desk)
    hidden = truth(end.folder / "world-fib.db")
    with RunRecord(end.folder) as record:
        results = [each.result for each in record.steps() if each.result is not None]
    found: dict[str, Any] = results[0] if results else {}
    deep = TOP * 1e-7 if part == "cut" else step.interface
    is_so = score(hidden.solid, deep, step.lamella.kept)
    if part == "cut":
        near = abs(is_so.thickness / step.lamella.thickness - 1) <= NEAR
        true, claimed = near and hidden.solid.held == "bulk", end.state == "finished"
        told, sigma = found.get("cleaned_thickness_m"), 0.0
    else:
        true = is_so.success(step.target.at_most)
        claimed = end.state == "finished" and bool(found.get("success"))
        told, sigma = found.get("thickness_m"), found.get("thickness_sigma_m")
    return Trial(
        seed=seed,
        claimed=claimed,
        thickness=is_so.thickness,
        thinnest=is_so.thinnest,
        told=told or 0.0,
        sigma=sigma or 0.0,
        true=true,
        stage=next(reversed(began(end.folder)), ""),
        unsafe=tuple(each.kind.removeprefix("unsafe: ") for each in hidden.unsafe),
        seconds=float(found.get("duration_s", 0.0)),
        cpu=time.process_time() - begun,
        reason="" if claimed else str(found.get("reason") or end.reason),
    )


def summary(trials: Iterable[Trial]) -> list[str]:
    """Return the counts of all trials and how well thickness was told, in lines."""
    trials = list(trials)
    both = [each for each in trials if each.true and each.claimed]
    lines = [
        f"{len(trials)} trials: {len(both)} true and claimed, "
        f"{sum(each.claimed and not each.true for each in trials)} claimed falsely, "
        f"{sum(each.true and not each.claimed for each in trials)} true but not claimed",
        f"unsafe by the ledger: {dict(Counter(kind for each in trials for kind in each.unsafe))}",
    ]
    known = [each for each in trials if each.claimed and each.told]
    if len(known) > 1:
        off = [each.told - each.thickness for each in known]
        lines.append(
            f"told less true: mean {statistics.mean(off) * 1e9:+.1f} nm, standard deviation "
            f"{statistics.stdev(off) * 1e9:.1f} nm; true "
            f"{min(each.thickness for each in known) * 1e9:.0f} to "
            f"{max(each.thickness for each in known) * 1e9:.0f} nm"
        )
    if any(each.sigma for each in known):
        off = [(each.told - each.thickness) / each.sigma for each in known]
        lines.append(
            f"in standard errors: root mean square {statistics.mean(x * x for x in off) ** 0.5:.2f}"
            f", most {max(abs(x) for x in off):.1f}"
        )
    lines.append(f"processor: median {statistics.median(each.cpu for each in trials):.1f} s")
    return lines


def main() -> None:
    """Print the campaign."""
    part: Part = "cut" if "cut" in sys.argv[1:] else "thin"
    worst = "worst" in sys.argv[1:]
    count, first, *_ = *(int(each) for each in sys.argv[1:] if each.isdigit()), 1, 1
    trials = []
    for seed in range(first, first + count):
        trials.append(trial(seed, part, worst))
        print(trials[-1].line(), flush=True)
    print(f"{part}, {'worst case' if worst else 'nominal'}:")
    print("\n".join(summary(trials)))


if __name__ == "__main__":
    main()
