"""Each watched element's counts above its background, position by position."""

from __future__ import annotations

from acquire.eds.scan_data import Positions, ScanData
from acquire.eds.windows import window_of
from acquire.pages.charts import Floats
from drivers.errors import InputError


def net_counts(scan: ScanData, positions: Positions) -> dict[str, Floats]:
    """Return each element's counts, shape (positions,); an element off the axis is left out."""
    found: dict[str, Floats] = {}
    for watch in scan.step.watch:
        try:
            window = window_of(watch, scan.setup).counted
        except InputError:
            continue
        found[watch.element] = positions.counts[:, window].sum(axis=1).astype(float)
    return found
