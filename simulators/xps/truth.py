"""What really is in a simulated XPS's world: read-only, for scoring; not for drivers.

Areas and backgrounds are the counts that a region of the step is expected to have, noise-free.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.ledger import Deed, Ledger
from protocols.core_levels import core_level
from protocols.xps import DepthProfile, Region, WatchedRegion
from simulators.world import read_state
from simulators.xps.gun import etched
from simulators.xps.hidden import Hidden, draw, hidden_of
from simulators.xps.settings import SimXpsSettings
from simulators.xps.surface import Emitted
from simulators.xps.view import Seen, View, energies_of
from simulators.xps.xps_world import Crater, Event, read_events

Floats = npt.NDArray[np.float64]

WIDTH = 1.6
"""eV: half of the window under a line in which its background is counted, where none is watched."""

LATER = 200.0
"""s after the etch, for what residual gas has brought: half of a cycle's regions, about."""


@dataclass(frozen=True)
class LineTruth:
    """One line from cycle to cycle; arrays have the shape (cycles,)."""

    line: str
    area: Floats
    """Expected counts of the line in its region."""
    background: Floats
    """Expected counts under it within ± FWHM of its strongest state."""
    energy: Floats
    """True binding energy of its strongest state, eV; NaN where there is none."""
    state: tuple[str, ...]
    """Material of that state; empty where there is none."""

    @property
    def significance(self) -> Floats:
        """Area in parts of the square root of the background."""
        parts: Floats = self.area / np.sqrt(self.background)
        return parts

    def first(self, times: float = 5.8) -> int | None:
        """Return the first cycle whose area reaches so many times the root of the background."""
        there = np.flatnonzero(self.significance >= times)
        return int(there[0]) if there.size else None

    def falls(self, below: float) -> int | None:
        """Return the first cycle from which on it stays below that part of the first area."""
        above = np.flatnonzero(self.area >= below * self.area[0])
        after = int(above[-1]) + 1 if above.size else 0
        return after if after < len(self.area) and self.area[0] > 0 else None


@dataclass(frozen=True)
class Expected:
    """The truth of a whole profile."""

    etch_times: Floats
    """s of etching before each cycle, shape (cycles,)."""
    depths: Floats
    """m removed in the middle of the crater, shape (cycles,)."""
    shift: Floats
    """eV by which charging moves the lines of each cycle, shape (cycles,)."""
    lines: Mapping[str, LineTruth]


def expected(
    source: Path | tuple[SimXpsSettings, int],
    step: DepthProfile,
    etch_times: Sequence[float] | None = None,
) -> Expected:
    """Return what the regions of a step should show after each etch time.

    Args:
        source: the file of a world, whose ledger says what its ions did; or settings and seed of
            one that is not yet, in which every etch is done as it is written and nothing fails.
        step: its regions, sweeps and etch.
        etch_times: s of etching before each cycle; left out, those of the ledger or of the step.
    """
    if isinstance(source, Path):
        hidden, seed, settings, craters = _of_world(source)
    else:
        settings, seed = source
        hidden, craters = draw(settings, seed), _planned(step, etch_times)
        settings = settings.model_copy(update={"faults": ()})
    if etch_times is not None:
        craters = [_nearest(craters, t) for t in etch_times]
    view = View(hidden, seed, settings.faults, settings.base_pressure)
    seen = [
        view.at(one, (one.clean_since or 0.0) + 200.0, neutralised=step.neutraliser)
        for one in craters
    ]
    watched = {one.line: one for one in step.watch}
    return Expected(
        np.array([one.seconds for one in craters]),
        np.array([view.depth(one) for one in craters]),
        np.array([one.shift for one in seen]),
        {
            region.line: _line(view, region, seen, step, watched.get(region.line))
            for region in step.regions
        },
    )


def _planned(step: DepthProfile, times: Sequence[float] | None) -> list[Crater]:
    """Return the crater before each cycle if all goes as written."""
    planned = times if times is not None else np.arange(step.max_cycles) * step.etch.duration
    found = []
    for t in planned:
        _, crater = etched(Crater(0.0, 0.0), step.etch, step.etch.current * float(t), 1.0)
        found.append(_aged(crater, float(t)))
    return found


def _aged(crater: Crater, t: float) -> Crater:
    kept = (crater.inner, crater.outer, crater.edge, crater.fluence)
    return Crater(crater.x, crater.y, *kept, seconds=t, clean_since=0.0 if t else None)


def _of_world(path: Path) -> tuple[Hidden, int, SimXpsSettings, list[Crater]]:
    """Return the hidden truth, seed, settings and the crater after each etch of a world."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        hidden = hidden_of(read_state(db, "hidden"))
        settings = SimXpsSettings.model_validate(read_state(db, "settings"))
        seed = int(read_state(db, "seed"))
        etches = read_events(db, "kind = 'etched'")
    first = Crater(0.0, 0.0)
    return hidden, seed, settings, [first, *(Crater(**json.loads(e.note)) for e in etches)]


def _nearest(craters: Sequence[Crater], t: float) -> Crater:
    return min(craters, key=lambda one: abs(one.seconds - t))


def ledger(path: Path) -> list[Event]:
    """Return every physical effect in a world's file, oldest first."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        return read_events(db)


def etch_seconds(path: Path) -> float:
    """Return for how long ions have been on the specimen in a world's file."""
    return math.fsum(event.seconds for event in ledger(path) if event.kind == "ions")


_DEEDS = {"scan": ("acquire", "x-rays", "scanned"), "etch": ("etch", "ions", "etched")}
"""Of each beginning its action, what the ledger counts of it, and its end."""


def deeds(path: Path) -> Ledger:
    """Return scans and etches in a world's file as deeds, in seconds of X-rays and of ions."""
    events = ledger(path)
    totals: dict[str, float] = defaultdict(float)
    made: list[Deed] = []
    open_: dict[str, int] = {}
    for event in events:
        for begin, (action, counted, end) in _DEEDS.items():
            if event.kind == begin:
                open_[begin] = len(made)
                made.append(Deed(action, totals[counted], 0.0))
            elif event.kind == counted:
                totals[counted] += event.seconds
                last = made[open_[begin]]
                made[open_[begin]] = replace(last, amount=totals[counted] - last.meter)
            elif event.kind == end:
                del open_[begin]
    on = {"scan": "detector", "etch": "ions"}
    return Ledger(tuple(made), tuple(on[begin] for begin in open_))


def _line(
    view: View,
    region: Region,
    seen: Sequence[Seen],
    step: DepthProfile,
    watched: WatchedRegion | None,
) -> LineTruth:
    width = watched.width if watched else WIDTH
    usual = step.positions(watched)[0] if watched else core_level(region.line).energy
    energies = energies_of(region)
    counting = region.dwell * region.sweeps
    areas, backgrounds, positions, states = [], [], [], []
    for one in seen:
        strongest = _strongest(one, region)
        position = (strongest.energy if strongest else usual) + one.shift
        lines, under = view.parts(one, region)
        areas.append(float(lines.sum()) * counting)
        backgrounds.append(float(under[np.abs(energies - position) <= width].sum()) * counting)
        positions.append(strongest.energy if strongest else math.nan)
        states.append(strongest.material if strongest else "")
    return LineTruth(
        region.line, np.array(areas), np.array(backgrounds), np.array(positions), tuple(states)
    )


def _strongest(seen: Seen, region: Region) -> Emitted | None:
    inner = seen.parts[0][1]
    mine = [one for one in inner.emitted if one.level.name == region.line]
    return max(mine, key=lambda one: one.straight, default=None)
