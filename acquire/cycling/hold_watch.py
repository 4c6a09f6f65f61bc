"""What is watched while a hold goes on: spikes, charge beyond what is expected, contact."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from acquire.flags import Flag
from drivers.potentiostat import Held, HoldOrder, Samples
from protocols.cycling import Cycling
from protocols.model import FlagPolicy

SPIKE, SPIKES = 8.0, 3
"""Standard deviations of the voltage's noise by which a spike falls below its neighbours, and how
many of them in one charge are a soft short; ours, to verify."""
LEAST_SPIKE = 2e-3
"""V; below it a spike is within what a range change does [lit]."""
BEFORE_SPIKES = 12
"""Samples that are needed to know the noise."""
CONTACT_SHARE = 0.02
"""Of the expected charge: a hold that ends at its voltage before it has lost its contact."""

Floats = npt.NDArray[np.float64]


class HoldWatch:
    """Sees the samples of one hold; one flag of each kind at most."""

    def __init__(
        self,
        order: HoldOrder,
        step: Cycling,
        index: int,
        before: tuple[float, float] | None = None,
    ) -> None:
        """Watch a hold of the cycle `index`, which the cell entered with `before` (V, A)."""
        self._order = order
        self._flags = step.flags
        self._expected = step.nominal.capacity
        self._factor = step.safety.charge_factor
        self._index = index
        self._before = before
        self._raised: set[str] = set()
        self._voltage: list[float] = []
        self._charge = 0.0
        self._last: tuple[float, float] | None = None
        self._spikes = 0
        self.resistance: float | None = None
        """Ohm, from the step of voltage and current at the hold's beginning."""
        self.stops = ""
        """Why the run is to stop here; empty where it goes on."""

    def see(self, block: Samples) -> list[tuple[Flag, FlagPolicy]]:
        """Return the flags that this block raises, each with its policy."""
        good = (block.status == 0) & np.isfinite(block.voltage) & np.isfinite(block.current)
        times, volts, amperes = (
            column[good] for column in (block.seconds, block.voltage, block.current)
        )
        if not len(times) or self._order.mode == "rest":
            return []
        self._step_of(float(volts[0]), float(amperes[0]))
        self._integrate(times, amperes)
        found = [*self._short(volts), *self._too_much()]
        if found and self._flags.soft_short == "stop":
            self.stops = found[0].note
        return [(flag, self._flags.soft_short) for flag in found]

    def ended(self, held: Held) -> list[tuple[Flag, FlagPolicy]]:
        """Return the flags that the hold's end raises."""
        share = abs(held.charge) / self._expected
        if held.ended_by in ("voltage", "limit") and share < CONTACT_SHARE:
            note = f"the voltage ran to {held.voltage:.3f} V after {share:.2%} of the capacity"
            return [
                (self._flag("contact lost", note, share, CONTACT_SHARE), self._flags.contact_lost)
            ]
        return []

    # -- parts ------------------------------------------------------------------------------

    def _step_of(self, volts: float, amperes: float) -> None:
        if self.resistance is None and self._before is not None and self._last is None:
            was_volts, was_amperes = self._before
            change = amperes - was_amperes
            if abs(change) > 0:
                self.resistance = (volts - was_volts) / change

    def _integrate(self, times: Floats, amperes: Floats) -> None:
        if self._last is not None:
            times = np.concatenate([[self._last[0]], times])
            amperes = np.concatenate([[self._last[1]], amperes])
        self._charge += float(np.sum(np.diff(times) * (amperes[1:] + amperes[:-1]) / 2))
        self._last = (float(times[-1]), float(amperes[-1]))

    def _short(self, volts: Floats) -> Iterator[Flag]:
        """Yield a soft short: the voltage of a charge falls and comes back, again and again."""
        if self._order.current <= 0 or "soft short" in self._raised:
            return
        rows = np.array([*self._voltage, *volts.tolist()])
        self._voltage = rows[-BEFORE_SPIKES:].tolist()
        if len(rows) < BEFORE_SPIKES:
            return
        depth = np.minimum(rows[:-2], rows[2:]) - rows[1:-1]
        noise = 1.4826 * float(np.median(np.abs(np.diff(rows, 2)))) / math.sqrt(6.0)
        least = max(SPIKE * noise, LEAST_SPIKE)
        self._spikes += int((depth[-len(volts) :] > least).sum())
        if self._spikes >= SPIKES:
            note = f"{self._spikes} falls of the voltage by more than {least * 1e3:.2g} mV"
            yield self._flag("soft short", note, float(self._spikes), float(SPIKES))

    def _too_much(self) -> Iterator[Flag]:
        share = abs(self._charge) / self._expected
        if share > self._factor and "short" not in self._raised:
            note = f"{share:.0%} of the nominal capacity in one hold: a charge that never ends"
            yield self._flag("short", note, share, self._factor)

    def _flag(self, kind: str, note: str, statistic: float, threshold: float) -> Flag:
        self._raised.add(kind)
        place = {"cycle": float(self._index + 1)}
        if not math.isfinite(statistic):
            statistic = 0.0
        return Flag(
            kind, "cell", self._index, place, statistic=statistic, threshold=threshold, note=note
        )
