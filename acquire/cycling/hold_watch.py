"""What is watched while a hold goes on: spikes, charge beyond what is expected, contact."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from acquire.flags import Flag
from drivers.potentiostat import OVERLOAD, Held, HoldOrder, Samples
from protocols.cycling import Cycling
from protocols.model import FlagPolicy

SPIKE, SPIKES = 8.0, 3
"""Standard deviations of the voltage's noise by which a spike falls below its neighbours, and how
many of them in one charge are a soft short; ours, to verify."""
LEAST_SPIKE = 2e-3
"""V; below it a spike is within what a range change does [lit]."""
OVERLOADED = 3
"""Samples of a block beyond the range that are more than a glitch; ours."""
BEFORE_SPIKES = 12
"""Samples that are needed to know the noise."""
SHORTED, JUMP = 0.5, 0.5
"""V: a driven cell below the first is shorted; one that ends further beyond its end than the second
has lost its contact; ours, to verify."""
AGAINST = 0.01
"""V above the lower limit: a charge that ends there has leaked more than it was given."""
CONTACT_SHARE = 0.002
"""Of the expected charge: a hold that ends at its voltage before it has lost its contact."""

Floats = npt.NDArray[np.float64]


class HoldWatch:
    """Sees the samples of one hold; one flag of each kind at most."""

    def __init__(self, order: HoldOrder, step: Cycling, index: int) -> None:
        """Watch a hold of the cycle `index`."""
        self._order = order
        self._flags = step.flags
        self._expected = step.nominal.capacity
        self._factor = step.safety.charge_factor
        self._index = index
        self._raised: set[str] = set()
        self._voltage: list[float] = []
        self._charge = 0.0
        self._last: Floats | None = None
        """Time, volts and amperes of the last sample, shape (3, 1)."""
        self._spikes = 0
        self.stops = ""
        """The kind of a flag that it raised and that stops the run."""
        self._volt_seconds = self._seconds = 0.0
        self.first: tuple[float, float] | None = None
        """Volts and amperes of the first good sample in which its current flows."""

    def see(self, block: Samples) -> list[tuple[Flag, FlagPolicy]]:
        """Return the flags that this block raises, each with its policy."""
        good = (block.status == 0) & np.isfinite(block.voltage) & np.isfinite(block.current)
        times, volts, amperes = (
            column[good] for column in (block.seconds, block.voltage, block.current)
        )
        found = list(self._overload(block))
        if len(times) and self._order.mode != "rest":
            self.first = self.first or _first(volts, amperes, abs(self._order.current) / 2)
            self._integrate(times, volts, amperes)
            share = abs(self._charge) / self._expected
            found += [(flag, self._flags.soft_short) for flag in self._short(volts)]
            found += self._too_much(share) if share > self._factor * (1 + 1e-3) else ()
        stopping = (flag.kind for flag, policy in found if policy == "stop")
        self.stops = self.stops or next(stopping, "")
        return found

    def ended(self, held: Held) -> list[tuple[Flag, FlagPolicy]]:
        """Return the flags that the hold's end raises."""
        share, order = abs(held.charge) / self._expected, self._order
        if held.ended_by == "charge" and share >= self._factor * (1 - 1e-3):
            return list(self._too_much(share))
        if held.ended_by == "limit" and held.seconds >= order.seconds_max * (1 - 1e-6):
            note = f"{held.seconds:.0f} s and no end: longer than the safety's time_factor allows"
            flag = self._flag("too long", note, held.seconds, order.seconds_max)
            return [(flag, self._flags.soft_short)]
        if held.ended_by in ("voltage", "limit"):
            return list(self._sudden(held, share))
        return []

    # -- parts ------------------------------------------------------------------------------

    def _sudden(self, held: Held, share: float) -> Iterator[tuple[Flag, FlagPolicy]]:
        """Yield what a voltage tells that was not reached as a sound cell reaches it."""
        note = f"the voltage ran to {held.voltage:.3f} V after {share:.2%} of the capacity"
        order, target = self._order, self._order.end_voltage
        collapsed = abs(held.voltage) < SHORTED < abs(order.voltage_min)
        if collapsed or (order.current > 0 and held.voltage < order.voltage_min + AGAINST):
            yield self._flag("short", note, abs(held.voltage), SHORTED), self._flags.soft_short
        elif share < CONTACT_SHARE or (target and abs(held.voltage - target) > JUMP):
            flag = self._flag("contact lost", note, share, CONTACT_SHARE)
            yield flag, self._flags.contact_lost

    def _overload(self, block: Samples) -> Iterator[tuple[Flag, FlagPolicy]]:
        """Yield that the current range is overloaded: what is counted is not the charge."""
        beyond = int(((block.status & OVERLOAD) > 0).sum())
        if self._order.mode != "rest" and beyond >= OVERLOADED and "overload" not in self._raised:
            note = f"{beyond} samples beyond the current range: their charge is not known"
            flag = self._flag("overload", note, float(beyond), float(OVERLOADED))
            yield flag, self._flags.overload

    def mean_voltage(self) -> float | None:
        """Return the mean over time, V; None without samples."""
        return self._volt_seconds / self._seconds if self._seconds > 0 else None

    def _integrate(self, times: Floats, volts: Floats, amperes: Floats) -> None:
        rows = np.stack([times, volts, amperes])
        if self._last is not None:
            rows = np.concatenate([self._last, rows], axis=1)
        steps = np.diff(rows[0])
        self._seconds += float(steps.sum())
        middles = (rows[1:, 1:] + rows[1:, :-1]) / 2
        volt_seconds, charge = (middles @ steps).tolist()
        self._volt_seconds += volt_seconds
        self._charge += charge
        self._last = rows[:, -1:]

    def _short(self, volts: Floats) -> Iterator[Flag]:
        """Yield a soft short: the voltage of a charge falls and comes back, again and again."""
        if self._order.current <= 0 or "soft short" in self._raised:
            return
        seen = len(self._voltage)
        self._voltage += volts.tolist()
        rows = np.array(self._voltage[max(0, seen - BEFORE_SPIKES) :])
        if len(rows) < BEFORE_SPIKES:
            return
        # below both neighbours: a sound charge, however steep its ends, is above the one before
        below = np.minimum(rows[:-2], rows[2:]) - rows[1:-1]
        changes = np.diff(rows)
        noise = 1.4826 * float(np.median(np.abs(changes - np.median(changes)))) / math.sqrt(2)
        least = max(SPIKE * noise, LEAST_SPIKE)
        fresh = below[-len(volts) :] if len(volts) < len(below) else below
        self._spikes += int((fresh > least).sum())
        if self._spikes >= SPIKES:
            note = f"{self._spikes} falls of the voltage by more than {least * 1e3:.2g} mV"
            yield self._flag("soft short", note, float(self._spikes), float(SPIKES))

    def _too_much(self, share: float) -> Iterator[tuple[Flag, FlagPolicy]]:
        if "short" not in self._raised:
            note = f"{share:.0%} of the nominal capacity in one hold: a charge that never ends"
            yield self._flag("short", note, share, self._factor), self._flags.soft_short

    def _flag(self, kind: str, note: str, statistic: float, threshold: float) -> Flag:
        self._raised.add(kind)
        place = {"cycle": float(self._index + 1)}
        if not math.isfinite(statistic):
            statistic = 0.0
        return Flag(
            kind, "cell", self._index, place, statistic=statistic, threshold=threshold, note=note
        )


def _first(volts: Floats, amperes: Floats, least: float) -> tuple[float, float] | None:
    """Return the first sample with at least so much current."""
    flows = np.flatnonzero(np.abs(amperes) >= least)
    return (float(volts[flows[0]]), float(amperes[flows[0]])) if len(flows) else None
