"""Watching one line from cycle to cycle: it appears, levels off, falls, and is gone.

A line that is not there is tested for in each cycle and the evidence added up (`evidence`). One
that is there is fitted; it has fallen, or is gone, when the upper confidence limit of its area is
below the declared part. Once gone it returns where it rises above what would be a fall.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from acquire.flags import Flag
from acquire.xps.boundary import Areas, Place, crossing, fall_begins, moved, onset, plateau
from acquire.xps.energy import Energy, energy_of
from acquire.xps.evidence import DOUBTFUL, Evidence, Verdict
from acquire.xps.line_cycle import LineCycle, places_of, windows_of
from acquire.xps.readings import LineReading
from acquire.xps.region_fit import Peak
from protocols.xps import DepthProfile, WatchedRegion

ENDED = 0.975
"""Probability that a rise has ended for its plateau to be told."""
LEAST_CYCLES = 3
"""Cycles with the line before its plateau is looked for."""
SHIFTED, SURELY = 0.7, 5.0
"""eV, and standard errors, that a line moves by for it to be told; ours."""
AT_REST = 1 / 3
"""Of a shift: in a cycle that moves less than that it has come to rest; ours."""
APART = 0.8
"""eV, corrected: peaks farther apart are different states."""


class Position(NamedTuple):
    """Where a line's strongest peak was."""

    time: float
    """s of etching."""
    measured: float
    """eV."""
    place: float
    """eV, corrected roughly."""


class LineWatch:
    """Watches one line; cycles in, flags out."""

    def __init__(self, step: DepthProfile, watched: WatchedRegion) -> None:
        self.watched, self.windows = watched, windows_of(step, watched)
        places = places_of(self.windows, watched.width)
        self.evidence = Evidence(places, step.false_alarm, step.max_cycles)
        self.confidence = step.confidence
        self.at_least = step.reference_at_least
        self.cycles: list[LineCycle] = []
        self.readings: list[LineReading] = []
        self.energies: list[Energy | None] = []
        self.flags: list[Flag] = []
        self.there = False
        self.place: float | None = None
        """Of the line's strongest peak when last seen, eV, corrected roughly."""
        self.begin: Place | None = None
        """Where it appeared, s of etching; None if it was there at first, or is not there."""
        self.first_begin: Place | None = None
        """The same of its first onset."""
        self.since = 0
        """Index among `cycles` from which its areas belong to its present life."""
        self._rest = 0.0
        """Counts a sweep from which it rises in a life that is not its first."""
        self._known_areas: dict[tuple[int, float], tuple[float, float]] = {}
        self._told: set[str] = set()
        self._positions: list[Position] = []
        self._limit = float(norm.ppf(step.confidence))

    def update(self, one: LineCycle) -> list[Flag]:
        """Take the line's region of a cycle; return the flags it raises."""
        self.cycles.append(one)
        raised = [] if self.there else self._look_for(one)
        reading, energy = self._read(one)
        self.readings.append(reading)
        self.energies.append(energy)
        if self.there:
            raised += self._follow(one, reading)
        self.flags += raised
        return raised

    def doubtful(self, one: LineCycle) -> bool:
        """Return True if a spectrum leaves in doubt whether the line is there."""
        if self.there or not one.fit.counts.any():
            return False
        root = one.root(self.evidence.places)
        return float(root.max()) > DOUBTFUL and not self.evidence.tried(root).seen

    def _look_for(self, one: LineCycle) -> list[Flag]:
        """Test for the line; return the flag that it has appeared."""
        verdict = self.evidence.update(one.root(self.evidence.places))
        if self.place is None or not verdict.seen:
            self.place = verdict.place
        if not verdict.seen:
            return []
        self.there = True
        self.place = verdict.place
        if len(self.cycles) == 1:
            return [self._flag("present", one, None, verdict, note="there at the first cycle")]
        self.settle()
        return [self._flag("onset", one, self.begin, verdict)]

    def settle(self) -> None:
        """Find from all cycles so far where the line's present life began."""
        areas = self.areas()
        self.begin = onset(
            Areas(areas.times, areas.area - self._rest, areas.error), self.confidence
        )
        if not self.since:
            self.first_begin = self.begin

    def _read(self, one: LineCycle) -> tuple[LineReading, Energy | None]:
        """Return what the cycle tells of the line."""
        mine, energy = one.mine if self.there else (), None
        if mine:
            area = sum(peak.area for peak in mine)
            error = math.sqrt(sum(peak.area_error**2 for peak in mine))
            self.place = mine[0].position - one.charge.rough
        else:
            assert self.place is not None
            area, error = one.area_at(self.place)
        under = one.under(self.place)
        if mine and mine[0].area >= self.at_least * math.sqrt(max(under, 1.0)):
            correction = one.charge.of(self.watched.line)
            if correction is not None or not one.charge.declared:
                energy = energy_of(mine[0], correction, self.watched.states)
        root = area / error if error > 0 else 0.0
        return LineReading(
            area=area,
            sigma=error,
            background=under,
            statistic=root * abs(root) / 2,
            seen=self.there and area > self._limit * error,
            binding_energy=energy.value if energy else None,
            uncertainty=energy.uncertainty if energy else None,
            state=energy.state if energy else None,
        ), energy

    def areas(self) -> Areas:
        """Return the areas per sweep of the line's present life, the newest cycle's included.

        Where it was not yet there, what is at the place where it has appeared; of either sign.
        """
        assert self.place is not None
        rows = []
        for i, one in enumerate(self.cycles[self.since :], start=self.since):
            read = self.readings[i] if i < len(self.readings) else None
            if read is not None and read.seen:
                area, error = read.area, read.sigma
            else:
                area, error = self._area_at(i, self.place)
            rows.append((one.etch_time, area / one.sweeps, error / one.sweeps))
        times, area_of, error_of = np.array(rows, np.float64).T
        return Areas(times, area_of, error_of)

    def _area_at(self, index: int, place: float) -> tuple[float, float]:
        """Return area and error at about a place in an earlier cycle; looked at once."""
        key = index, round(place, 1)
        if key not in self._known_areas:
            self._known_areas[key] = self.cycles[index].area_at(key[1])
        return self._known_areas[key]

    def _follow(self, one: LineCycle, reading: LineReading) -> list[Flag]:
        """Return the flags of a line that is there."""
        raised: list[Flag] = []
        if self.begin is not None and "plateau" not in self._told:
            raised += self._levelled(one)
        raised += self._moved(one)
        if len(self.readings) > 1:
            raised += self._lost(one, reading)
        return raised

    def _levelled(self, one: LineCycle) -> list[Flag]:
        assert self.begin is not None
        there = sum(each.seen for each in self.readings[self.since :])
        if there < LEAST_CYCLES:
            return []
        self.settle()
        found = plateau(self.areas(), self.begin, self.confidence)
        if found.ended < ENDED:
            return []
        self._told.add("plateau")
        verdict = Verdict(found.ended, ENDED, self.place or 0.0)
        note = "the statistic is the probability that the rise has ended"
        return [self._flag("plateau", one, found.place, verdict, note=note)]

    def _lost(self, one: LineCycle, reading: LineReading) -> list[Flag]:
        """Return the flags that the line has fallen, or is gone, or is back."""
        per_sweep = np.array([r.area / c.sweeps for r, c in self._life()])
        largest = float(per_sweep.max())
        upper = upper_limit(reading.area, reading.sigma, self.confidence) / one.sweeps
        raised = []
        for kind, level in (
            ("falls", largest * self.watched.falls_below),
            ("gone", largest * self.watched.gone_below),
        ):
            if kind not in self._told and upper < level:
                self._told.add(kind)
                raised.append(self._fallen(kind, one, level, upper))
        lower = (reading.area - self._limit * reading.sigma) / one.sweeps
        if "gone" in self._told and not raised and lower > largest * self.watched.falls_below:
            raised.append(self._back(one))
        return raised

    def _life(self) -> list[tuple[LineReading, LineCycle]]:
        """Return readings and cycles since the line was first seen, in its present life."""
        pairs = list(zip(self.readings, self.cycles, strict=True))[self.since :]
        seen = next((i for i, (reading, _) in enumerate(pairs) if reading.seen), 0)
        return pairs[seen:]

    def _fallen(self, kind: str, one: LineCycle, level: float, upper: float) -> Flag:
        areas = self.areas()
        place = crossing(areas, level, self.confidence)
        begins = fall_begins(areas, self.confidence) if kind == "falls" else None
        note = f"upper limit of the area {upper:.0f} counts a sweep, below {level:.0f}"
        if begins is not None:
            note += f"; the fall begins after {begins.value:.0f} s of etching"
            note += f" ({begins.low:.0f} to {begins.high:.0f} s)"
        return self._flag(kind, one, place, Verdict(upper, level, 0.0), note=note)

    def _back(self, one: LineCycle) -> Flag:
        """Return the flag that a line that was gone has risen again; its life begins anew."""
        lowest = min(
            range(self.since, len(self.readings)),
            key=lambda i: self.readings[i].area / self.cycles[i].sweeps,
        )
        self.since = lowest
        self._told.clear()
        self._rest = self.readings[lowest].area / self.cycles[lowest].sweeps
        self.settle()
        verdict = Verdict(self.readings[-1].significance, self.at_least, self.place or 0.0)
        return self._flag("returns", one, self.begin, verdict, note="it was gone before")

    def _moved(self, one: LineCycle) -> list[Flag]:
        """Return the flag that the line's peak has moved as measured, once it has come to rest."""
        if not one.mine or not self.strong(one):
            return []
        peak = one.mine[0]
        before = [p for p in self._positions if abs(p.place - self.place_of(peak, one)) < APART]
        self._positions.append(Position(one.etch_time, peak.position, self.place_of(peak, one)))
        if not before:
            return []
        farthest = max(before, key=lambda p: abs(peak.position - p.measured))
        by = peak.position - farthest.measured
        least = max(SHIFTED, SURELY * peak.position_error)
        if abs(by) < least or abs(peak.position - before[-1].measured) > AT_REST * abs(by):
            return []
        path = [*before[before.index(farthest) :], self._positions[-1]]
        times, measured = np.array([(p.time, p.measured) for p in path], np.float64).T
        self._positions = self._positions[-1:]
        note = f"by {by:+.2f} eV as measured"
        reference = one.charge.of(self.watched.line)
        if reference is not None:
            note += f"; {reference.line}, the reference, is at {reference.shift:+.2f} eV"
        return [self._flag("shift", one, moved(times, measured, by), None, note=note)]

    @staticmethod
    def place_of(peak: Peak, one: LineCycle) -> float:
        """Return where a peak is, eV, corrected roughly."""
        return peak.position - one.charge.rough

    def strong(self, one: LineCycle) -> bool:
        """Return True if a cycle's strongest peak is strong enough for an energy."""
        peak = one.mine[0]
        under = one.fit.under(peak.position, one.width)
        return peak.area >= self.at_least * math.sqrt(max(under, 1.0))

    def _flag(
        self,
        kind: str,
        one: LineCycle,
        place: Place | None,
        verdict: Verdict | None,
        note: str = "",
    ) -> Flag:
        where: dict[str, float | tuple[float, float] | None] = {
            "cycle": one.cycle,
            "etch_time_s": place.value if place else (one.etch_time if kind == "present" else None),
            "interval_etch_s": (place.low, place.high) if place else None,
        }
        energy = self._energy_for(one)
        if energy is not None:
            where["binding_energy_eV"] = round(energy.value, 3)
            note = "; ".join(part for part in (energy.state or "", note) if part)
        return Flag(
            kind=kind,
            of=self.watched.line,
            index=one.cycle,
            place=where,
            confidence=self.confidence if place else None,
            statistic=verdict.statistic if verdict else None,
            threshold=verdict.threshold if verdict else None,
            note=note,
        )

    def _energy_for(self, one: LineCycle) -> Energy | None:
        """Return the energy of the strongest peak, even of a faint one, for a flag."""
        correction = one.charge.of(self.watched.line)
        if not one.mine or (correction is None and one.charge.declared):
            return None
        return energy_of(one.mine[0], correction, self.watched.states)


def upper_limit(area: float, error: float, confidence: float) -> float:
    """Return what an area, which cannot be negative, is below with this probability.

    Of the normal likelihood above 0, all areas being as likely before: where chance has left less
    than nothing the limit is still about the error.
    """
    below_zero = float(norm.sf(area / error))
    return area + error * float(norm.isf((1 - confidence) * (1 - below_zero)))
