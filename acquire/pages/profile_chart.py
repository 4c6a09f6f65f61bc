"""One element's raw counts along the line, as numbers that a page template draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from acquire.eds.scan_data import ScanData
from acquire.eds.windows import window_of
from acquire.pages.charts import (
    COLOURS,
    LEFT,
    RIGHT,
    Bar,
    Plot,
    Ruler,
    Tick,
    ruler_for,
    running_mean,
    usual_live_time,
)
from acquire.pages.findings import Place
from drivers.errors import InputError
from protocols.eds import Watch

TOP, BOTTOM = 30.0, 112.0
"""The plot within its drawing."""
ROOM = 160.0
"""What the words beside a mark need."""


@dataclass(frozen=True)
class Mark:
    """A vertical line in a profile, and its words."""

    at: float
    kind: str
    """onset or raised."""
    text: str
    """Empty where the other mark says it."""
    before: bool
    """True where the words stand to the left of the line."""


@dataclass(frozen=True)
class Profile:
    """One element's counts along the line."""

    element: str
    line: str
    colour: str
    problem: str
    """Why there is nothing to draw; empty where there is."""
    dots: tuple[tuple[float, float], ...] = ()
    means: tuple[str, ...] = ()
    """Running means as SVG points; a gap parts them."""
    gaps: tuple[Bar, ...] = ()
    interval: Bar | None = None
    marks: tuple[Mark, ...] = ()
    x_ticks: tuple[Tick, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    unit: str = "nm"


def profile(scan: ScanData, number: int, watch: Watch, onset: Place) -> Profile:
    """Return the profile of a watched element, counts scaled to the usual live time.

    Args:
        scan: the line scan so far.
        number: of the element among those watched; it chooses the colour.
        watch: the element and its line.
        onset: what to mark.
    """
    named = (watch.element, watch.xray_line.replace("_", " "), COLOURS[number % len(COLOURS)])
    positions = scan.main
    usual = usual_live_time(positions)
    if not usual:
        return Profile(*named, problem="no data yet")
    try:
        window = window_of(watch, scan.setup).counted
    except InputError as error:
        return Profile(*named, problem=str(error))
    counts = positions.counts[:, window].sum(axis=1).astype(np.float64)
    known = ~positions.lost
    weight = np.where(known, positions.live_time / usual, 0.0)
    scaled = np.divide(counts, weight, out=np.zeros(len(counts)), where=known)
    plot = Plot(scan.step.length, 0.0, 1.08 * max(scaled.max(initial=0.0), 1.0), TOP, BOTTOM)
    ruler = ruler_for(scan.step.length, scan.pitch)
    dots = plot.dots(positions.distance, scaled)
    return Profile(
        *named,
        problem="",
        dots=tuple(dot for dot, data in zip(dots, known, strict=True) if data),
        means=plot.polylines(positions.distance, running_mean(counts, weight)),
        gaps=tuple(plot.bar(d, d, scan.pitch) for d in positions.distance[~known].tolist()),
        interval=None if onset.interval is None else plot.bar(*onset.interval),
        marks=_marks(plot, onset, ruler),
        x_ticks=plot.x_ticks(ruler),
        y_ticks=plot.y_ticks(4),
        unit=ruler.unit,
    )


def _marks(plot: Plot, onset: Place, ruler: Ruler) -> tuple[Mark, ...]:
    """Return the lines at the onset and where the flag was raised.

    The onset's words stand before it, the flag's behind it; where one has no room, the other's
    say both.
    """
    places = (("onset", "onset", onset.position), ("raised", "flag raised at", onset.raised))
    found = [
        (kind, plot.x(at), f"{words} {ruler.text(at)}")
        for kind, words, at in places
        if at is not None
    ]
    if not found:
        return ()
    both = "; ".join(text for _, _, text in found)
    texts = [text for _, _, text in found]
    before = [kind == "onset" for kind, _, _ in found]
    if found[0][1] - LEFT < ROOM:
        texts, before = ["" for _ in found[1:]] + [both], [False for _ in found]
    elif RIGHT - found[-1][1] < ROOM:
        texts, before = [both] + ["" for _ in found[1:]], [True for _ in found]
    return tuple(
        Mark(round(x, 1), kind, text, left)
        for (kind, x, _), text, left in zip(found, texts, before, strict=True)
    )
