"""A side-entry cryo holder: cold while its dewar lasts, shaken while it is refilled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simulators.faults import HolderWarms, Refill, Scheduled

ROOM = 295.15
"""K; ours."""
EXPANSION = 20e-3 * 1e-5
"""m/K: 20 mm of holder at 1e-5/K. Source: reference fib-and-tem.md 5.4 [calc]."""
SWINGS = ((7.3, 0.0), (11.9, 1.1), (23.7, 2.3))
"""Hz and rad of a refill's vibration; ours."""


@dataclass(frozen=True)
class Holder:
    """The holder; the world begins with a full dewar."""

    cold: float
    """K, while there is liquid nitrogen."""
    hold_time: float
    """Seconds that a dewar lasts."""
    warming_time: float
    """Seconds in which an empty one does 63 % of its way to room temperature."""
    faults: Sequence[Scheduled] = ()

    def temperature(self, t: float) -> float:
        """Return its temperature (K) at the world time `t` (s).

        It warms and cools exponentially: T = Tf + (T0 - Tf) exp(-t / tau). Source of the form:
        reference fib-and-tem.md 5.4 (there for cooling).
        """
        holder = self._of_the_dewar(t)
        for fault in self.faults:
            if isinstance(fault, HolderWarms):
                holder = fault.temperature(holder, t)
        return holder

    def growth(self, t: float) -> float:
        """Return how far (m) the specimen has moved by expansion since the dewar was full."""
        return EXPANSION * (self.temperature(t) - self.cold)

    def shaking(self, t: float) -> tuple[float, float]:
        """Return where vibration has the specimen at `t`, m; nothing unless it is being refilled.

        Waves of a few Hz with phases of their own, so that the root mean square is the refill's.
        """
        rms = math.hypot(
            *(f.vibration for f in self.faults if isinstance(f, Refill) and f.active(t))
        )
        scale = rms * math.sqrt(2 / len(SWINGS))
        angles = [(2 * math.pi * hertz * t + phase, phase) for hertz, phase in SWINGS]
        x = scale * sum(math.sin(angle) for angle, _ in angles)
        y = scale * sum(math.cos(1.3 * angle + 2 * phase) for angle, phase in angles)
        return x, y

    def _of_the_dewar(self, t: float) -> float:
        """Return the temperature (K) that the dewar alone gives."""
        full, holder = 0.0, self.cold
        refills = sorted(f.at for f in self.faults if isinstance(f, Refill) and f.at <= t)
        for at in (*refills, t):
            cooled = self.cold + (holder - self.cold) * math.exp(-(at - full) / self.warming_time)
            dry = at - full - self.hold_time
            if dry > 0:
                still = math.exp(-self.hold_time / self.warming_time)
                emptied = self.cold + (holder - self.cold) * still
                cooled = ROOM + (emptied - ROOM) * math.exp(-dry / self.warming_time)
            full, holder = at, cooled
        return holder
