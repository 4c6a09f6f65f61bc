"""A refined scan beside the even one of the same dwell: intervals, dose and coverage, whole runs.

python -m tests.campaigns.refine_scores [SEEDS]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np

from tests.campaigns.eds_scores import Case, Score, scores

PROTOCOL = "joule2020/eds-line-refined"
REFINED = Case("refined", "li-lipon-stem", PROTOCOL)
EVEN = Case(
    "even",
    "li-lipon-stem",
    PROTOCOL,
    changes=(("refine: {first: 0.08, spend: 0.33, passes: 6}", "refine: null"),),
)


def compared(refined: Sequence[Score], even: Sequence[Score]) -> Iterator[str]:
    """Yield the figures of each quantity, a line each."""
    share = np.median([r.electrons / e.electrons for r, e in zip(refined, even, strict=True)])
    yield f"electrons: {share:.3f} of the even scan's"
    for key in ("N onset", "P onset", "width"):
        pairs = [(r.quantities[key], e.quantities[key]) for r, e in zip(refined, even, strict=True)]
        ratios = [(r.high - r.low) / (e.high - e.low) for r, e in pairs]
        ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
        errors = [
            np.sqrt(np.nanmean([(q.value - q.true) ** 2 for q in side])) for side in (ours, theirs)
        ]
        yield (
            f"{key}: interval {np.nanmedian(ratios):.2f} of the even scan's (median), covered "
            f"{sum(q.covered for q in ours)} and {sum(q.covered for q in theirs)} of "
            f"{len(pairs)}, RMSE {errors[0]:.2f} and {errors[1]:.2f} nm, none in "
            f"{sum(np.isnan(q.value) for q in ours)} and {sum(np.isnan(q.value) for q in theirs)}"
        )


def main() -> None:
    """Print the figures."""
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    for line in compared(scores(REFINED, seeds), scores(EVEN, seeds)):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
