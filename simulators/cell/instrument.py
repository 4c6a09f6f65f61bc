"""How the device sees a hold: zeros, scales, noise, steps of its converters, jitter."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from drivers.potentiostat import OVERLOAD, HoldOrder, Samples
from simulators.cell.condition import (
    Fate,
    NanSamples,
    Overloads,
    ReferenceDrifts,
    ReversedLeads,
    StaleSamples,
)
from simulators.cell.course import Course, Scale
from simulators.cell.settings import SimPotentiostatSettings
from simulators.draws import generator

Floats = npt.NDArray[np.float64]
GRID = 48
"""Points of a leg by which it is told when samples are due; closest at both ends."""
SPIKE_LASTS = 3.0
"""s, mean of a soft short's spike; ours, to verify."""


@dataclass(frozen=True)
class Instrument:
    """The errors of one device, drawn once from its seed."""

    settings: SimPotentiostatSettings
    seed: int
    fate: Fate
    _scales: dict[float, Scale] = field(default_factory=dict, init=False)

    def range_of(self, order: HoldOrder) -> float:
        """Return the full scale of the range that an order uses, A."""
        wanted = max(order.current_range, abs(order.current))
        ranges = self.settings.current_ranges
        return next((each for each in ranges if each >= wanted * (1 - 1e-9)), ranges[-1])

    def scale(self, full: float) -> Scale:
        """Return how the ampere meter reads in a range."""
        if full not in self._scales:
            draws = generator(self.seed, "potentiostat", "scale", full).standard_normal(2).tolist()
            settings = self.settings
            self._scales[full] = Scale(
                settings.current_gain * draws[0], settings.current_offset * full * draws[1]
            )
        return self._scales[full]

    def volts_off(self, t: float) -> float:
        """Return what the volt meter reads more than there is at the world time `t`, V."""
        drifts = (
            fault.rate * (min(t, fault.until) - fault.at)
            for fault in self.fate.faults
            if isinstance(fault, ReferenceDrifts) and t > fault.at
        )
        return self._volts_zero + sum(drifts)

    @cached_property
    def _volts_zero(self) -> float:
        draw = generator(self.seed, "potentiostat", "volts").standard_normal()
        return float(self.settings.voltage_offset * draw)

    def reversed(self, t: float) -> bool:
        """True if the leads are reversed at the world time `t`."""
        return any(isinstance(f, ReversedLeads) and f.active(t) for f in self.fate.faults)

    def samples(
        self, order: HoldOrder, course: Course, seconds: float, began: float, key: int
    ) -> Samples:
        """Return what the device samples of a course that ends after `seconds`.

        `key` names the hold: its draws are the same whenever it is reckoned again.
        """
        spikes = self._spikes(course, seconds, key)
        times = self._due(order, course, seconds)
        middles = [spike[0] + spike[1] / 2 for spike in spikes if spike[0] + spike[1] < seconds]
        if middles and order.voltage_change is not None:
            times = np.unique(np.concatenate([times, middles]))
        volts, amperes = course.seen(times)
        for start, lasts, depth in spikes:
            volts = np.where((times >= start) & (times < start + lasts), volts - depth, volts)
        return self._read(order, course.scale, times, volts, amperes, began, key)

    # -- parts ------------------------------------------------------------------------------

    def _due(self, order: HoldOrder, course: Course, seconds: float) -> Floats:
        """Return when samples are due: never later than `every`, or than the changes, allow."""
        shape = 0.5 * (1.0 - np.cos(np.linspace(0.0, np.pi, GRID)))
        parts = [
            leg.begin + shape * min(leg.seconds, seconds - leg.begin)
            for leg in course.legs
            if leg.begin < seconds or not leg.begin
        ]
        grid = np.concatenate(parts)
        volts, amperes = course.seen(grid)
        due = np.diff(grid) / order.every
        if order.voltage_change is not None:
            due = np.maximum(due, np.abs(np.diff(volts)) / order.voltage_change)
        if order.current_change is not None:
            due = np.maximum(due, np.abs(np.diff(amperes)) / order.current_change)
        steps = np.concatenate([[0.0], np.cumsum(due)])
        wanted = np.arange(1.0, np.floor(steps[-1]) + 1)
        times = np.interp(wanted, steps, grid)
        first = min(self.settings.shortest_interval, seconds)
        inside = times[(times > first) & (times < seconds)]
        ends = [first] if first == seconds else [first, seconds]
        return np.concatenate([ends[:1], inside, ends[1:]])

    def _spikes(self, course: Course, seconds: float, key: int) -> list[tuple[float, float, float]]:
        """Return a soft short's spikes: when each begins, how long it lasts (s), how deep (V)."""
        found = []
        for index, leg in enumerate(course.legs):
            condition = leg.condition
            if condition.spikes <= 0 or leg.held is not None or leg.currents[0] <= 0:
                continue
            draws = generator(self.seed, "potentiostat", "spikes", key, index)
            lasts = min(leg.seconds, seconds - leg.begin)
            for _ in range(draws.poisson(condition.spikes * max(lasts, 0.0))):
                start = leg.begin + draws.uniform(0.0, lasts)
                width, depth = draws.exponential(SPIKE_LASTS), draws.exponential(condition.depth)
                found.append((start, width, depth))
        return found

    def _read(
        self,
        order: HoldOrder,
        scale: Scale,
        times: Floats,
        volts: Floats,
        amperes: Floats,
        began: float,
        key: int,
    ) -> Samples:
        settings, full = self.settings, self.range_of(order)
        noise = generator(self.seed, "potentiostat", "samples", key).standard_normal(
            (3, len(times))
        )
        sign = -1.0 if self.reversed(began) else 1.0
        volts = sign * volts + self.volts_off(began) + settings.voltage_noise * noise[0]
        amperes = sign * (amperes * (1.0 + scale.gain) + scale.offset)
        amperes = amperes + settings.current_noise * full * noise[1]
        jittered = np.maximum.accumulate(times + settings.time_jitter * noise[2])
        status = np.zeros(len(times), np.uint8)
        self._spoil(times + began, volts, amperes, status)
        return Samples(
            np.maximum(jittered, 0.0),
            _stepped(volts, settings.voltage_step),
            _stepped(amperes, settings.current_step * full),
            status,
        )

    def _spoil(
        self, times: Floats, volts: Floats, amperes: Floats, status: npt.NDArray[np.uint8]
    ) -> None:
        """Have faults of the device show in its samples at these world times."""
        for fault in self.fate.faults:
            on = (times >= fault.at) & (times < fault.until)
            if isinstance(fault, Overloads):
                status[on] |= OVERLOAD
            elif isinstance(fault, NanSamples):
                volts[on] = np.nan
                amperes[on] = np.nan
            elif isinstance(fault, StaleSamples) and on.any():
                first = max(0, int(on.argmax()) - 1)
                volts[on], amperes[on] = volts[first], amperes[first]


def _stepped(values: Floats, step: float) -> Floats:
    return np.round(values / step) * step if step > 0 else values
