"""Each watched element's counts above its background, position by position."""

from __future__ import annotations

import numpy as np

from acquire.eds.net_counts import NetCounts
from acquire.eds.scan_data import Positions, ScanData
from acquire.eds.windows import window_of
from acquire.pages.charts import Floats
from drivers.errors import InputError
from protocols.eds import Watch


def net_profiles(scan: ScanData, positions: Positions) -> dict[str, tuple[Floats, Floats]]:
    """Return each element's net counts and standard errors, both of shape (positions,).

    An element whose line is off the detector's axis is left out.
    """
    watched = [watch for watch in scan.step.watch if _on_axis(scan, watch)]
    summed = positions.counts.sum(axis=0, dtype=np.int64).astype(float)
    return NetCounts(scan.setup, watched, summed).of(positions.counts)


def _on_axis(scan: ScanData, watch: Watch) -> bool:
    try:
        window_of(watch, scan.setup)
    except InputError:
        return False
    return True
