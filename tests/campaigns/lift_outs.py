"""Many lift-outs without faults, scored against what the simulator hides.

    python -m tests.campaigns.lift_outs [SEEDS] [nominal|worst] [FIRST SEED]

Success is: on the grid, thinner than asked at the interface over the zone that is kept, with the
interface in it. Prints a line for each run as it ends, then the counts, how far `check` was from
what the runs spent, and the processor's time.
"""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial

from tests.campaigns.fib_runs import Ended, lift_out, settings_of


def line(ended: Ended) -> str:
    """Return a run in one line."""
    score = ended.score
    thick = f"{score.thickness * 1e9:.0f} nm" if score is not None else "-"
    verdict = {(True, True): "success", (False, False): "no", (False, True): "unclaimed"}.get(
        (ended.claimed, ended.true), "FALSE SUCCESS"
    )
    return (
        f"{ended.seed:4} {verdict:13} {ended.state:8} at {ended.stage or '-':9} {thick:>7} "
        f"{ended.cpu:5.1f} s cpu  {ended.reason[:110]}"
    )


def off(ended: Ended, figure: str) -> float:
    """Return the relative difference between what a run spent and what was planned."""
    return ended.said[figure] / ended.planned[figure] - 1


def summary(runs: Iterable[Ended]) -> list[str]:
    """Return the counts and figures of all runs, in lines."""
    runs = list(runs)
    true = sum(run.true for run in runs)
    both = sum(run.true and run.claimed for run in runs)
    lines = [
        f"{len(runs)} runs: {true} successes by truth, {both} of them claimed, "
        f"{sum(run.false_success for run in runs)} claimed falsely",
        f"beams on at the end: {sum(run.beams_on for run in runs)}; losing cuts after nothing "
        f"verified: {sum(run.unverified for run in runs)}",
        f"unsafe by the ledger: {dict(Counter(kind for run in runs for kind in run.unsafe))}",
    ]
    stopped = Counter((run.stage, run.state) for run in runs if not (run.true and run.claimed))
    lines += [f"  {count} {state} at {stage}" for (stage, state), count in stopped.most_common()]
    whole = [run for run in runs if run.said and run.claimed]
    for figure in whole[0].said if whole else ():
        differences = sorted(off(run, figure) for run in whole)
        lines.append(
            f"{figure}: spent against planned: median {statistics.median(differences):+.1%}, "
            f"{differences[0]:+.1%} to {differences[-1]:+.1%}; median spent "
            f"{statistics.median(run.said[figure] for run in whole):.4g}"
        )
    for figure in whole[0].retried if whole else ():
        first = sorted(
            (run.said[figure] - run.retried[figure]) / run.planned[figure] - 1 for run in whole
        )
        lines.append(
            f"{figure} without retries: median {statistics.median(first):+.1%}, "
            f"{first[0]:+.1%} to {first[-1]:+.1%}; {sum(run.retried[figure] > 0 for run in whole)} "
            f"runs had some"
        )
    cpu = [run.cpu for run in runs]
    lines.append(f"processor: median {statistics.median(cpu):.1f} s, most {max(cpu):.1f} s")
    return lines


def campaign(seeds: Iterable[int], *, worst: bool) -> list[Ended]:
    """Do them in two processes and print each as it ends."""
    with ProcessPoolExecutor(2) as pool:
        work = partial(lift_out, settings=settings_of(worst))
        waiting = [pool.submit(work, seed) for seed in seeds]
        runs = []
        for done in as_completed(waiting):
            runs.append(done.result())
            print(line(runs[-1]), flush=True)
    return sorted(runs, key=lambda run: run.seed)


def main() -> None:
    """Print the campaign."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    worst = "worst" in sys.argv[2:]
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    runs = campaign(range(first, first + count), worst=worst)
    print(f"{'worst case' if worst else 'nominal'}:")
    print("\n".join(summary(runs)))


if __name__ == "__main__":
    main()
