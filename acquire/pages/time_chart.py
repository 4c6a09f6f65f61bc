"""Values against the time of a run."""

from __future__ import annotations

from collections.abc import Sequence

from acquire.pages.xy_chart import MARGIN, Bound, Series, Times, XyChart, xy_chart

SHORTEST = 5.0
"""Seconds that an axis shows at least."""


def time_chart(
    label: str,
    series: Sequence[Series],
    *,
    bounds: Sequence[Bound] = (),
    stages: Sequence[tuple[str, float, float]] = (),
    logarithmic: bool = False,
) -> XyChart | None:
    """Return the drawing, times in seconds since the run began; None where there is no value.

    The arguments are those of `xy_chart`.
    """
    times = [value.x for each in series for value in each.values]
    if not times:
        return None
    begin, span = min(times), max(max(times) - min(times), SHORTEST)
    axis = Times(begin - MARGIN * span, begin + (1 + MARGIN) * span)
    return xy_chart(label, series, axis, bounds=bounds, stages=stages, logarithmic=logarithmic)
