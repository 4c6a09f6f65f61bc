"""In which order lines appear, as far as their intervals tell."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from acquire.xps.boundary import Place

UNDECIDED = "undecided"


def order(begins: Mapping[str, Place]) -> str:
    """Return such as "N before P", by element; "undecided" where any two intervals overlap.

    `begins` are the onsets of the lines that appeared, by line.
    """
    if len(begins) < 2:
        return UNDECIDED
    rows = sorted(begins.items(), key=lambda item: item[1].value)
    apart = all(earlier.high < later.low for (_, earlier), (_, later) in pairwise(rows))
    return " before ".join(line.split()[0] for line, _ in rows) if apart else UNDECIDED
