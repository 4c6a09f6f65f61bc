"""The physics of one cell: what it shows at a current, and what passes in it.

Charge is conserved and kept in ledgers: what the terminals passed, what leaked, what side reactions
took. Under a constant current everything is in closed form, whatever the time:

    charge in the cathode   q(t) = q0 + (I - leak - side) t
    diffusion, mode k       i_k(t) = I + (i_k0 - I) exp(-t / tau_k),  tau_k = (L²/D) / (k pi)²
    path (hysteresis)       p(t) = s - (s - p0) exp(-|I| t / (share Q)),  s the current's sign
    surface of the cathode  x_s = q / Q + (L²/D) / (3 Q) sum w_k i_k,     w_k = (6/pi²) / k²
    voltage                 V = U(x_s) + h p / 2 + I R + (2 kT/e) asinh(I / 2 I0) + R_d sum w_k i_k

Source: finite diffusion under constant flux (Crank, The Mathematics of Diffusion, 2nd ed., eq.
4.55, to verify); Butler-Volmer with equal transfer coefficients; the path's decay is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulators.cell.cell_file import CellFile
from simulators.cell.open_circuit import OpenCircuitCurve

Floats = npt.NDArray[np.float64]
THERMAL = 0.025693
"""V: kT/e at 25 degC."""
MODES = 4
"""Of diffusion; what is faster follows at once."""
NEW_CYCLE = 0.1
"""Share of the capacity that must be discharged before the next charge is another cycle's."""
ZOOM = 32
"""Points of each closer look."""
GRID = 96
"""Points of a stretch at which an event is looked for, closest at both ends."""


@dataclass(frozen=True)
class Stress:
    """What is wrong with the cell now; a sound cell has all of it at rest."""

    short: float = 0.0
    """A that a soft short takes at 4.7 V."""
    resistance: float = 1.0
    """Times the ohmic and interface resistances."""
    lithium_loss: float = 0.0
    """Share of what is plated that cannot be stripped."""


SOUND = Stress()


@dataclass(frozen=True)
class CellState:
    """Where a cell is, with the ledgers of what passed in it; amounts of charge in C."""

    charge: float
    """In the cathode, above its discharged state."""
    lithium: float
    """That can be stripped."""
    modes: tuple[float, ...] = (0.0,) * MODES
    """A: current that each mode of diffusion has followed so far."""
    path: float = -1.0
    """Between the discharge's path (-1) and the charge's (1)."""
    cycle: int = 0
    """Number of the present or last charge, from 1."""
    discharged: float = math.inf
    """Since the last charge."""
    passed: float = 0.0
    """Through the terminals, charging positive."""
    throughput: float = 0.0
    """Through the terminals, either way."""
    leaked: float = 0.0
    """Through the electrolyte and shorts."""
    side: float = 0.0
    """Taken by side reactions."""
    lost_lithium: float = 0.0


class Cell:
    """The physics of one cell file; it holds no state."""

    def __init__(self, file: CellFile) -> None:
        """Reckon what does not change."""
        self.file = file
        self.curve = OpenCircuitCurve(file.open_circuit)
        numbers = np.arange(1, MODES + 1)
        self._taus = file.diffusion_time / (numbers * math.pi) ** 2
        self._weights = 6.0 / (math.pi * numbers) ** 2
        self._at_once = 1.0 - float(self._weights.sum())
        self._exchange = THERMAL / file.interface
        self.settles = 8.0 * float(self._taus[0])
        """s in which diffusion has followed a change of current."""

    def new(self) -> CellState:
        """Return the state of a cell that has never been cycled."""
        file = self.file
        return CellState(charge=file.charged * file.capacity, lithium=file.lithium)

    def capacity(self, state: CellState) -> float:
        """Return the capacity that is left, C."""
        return self.file.capacity_in(state.cycle)

    # -- constant current -------------------------------------------------------------------

    def turned(self, state: CellState, current: float) -> CellState:
        """Return the state as a current begins: another cycle, if a charge follows a discharge."""
        if current > 0 and state.discharged > NEW_CYCLE * self.file.capacity:
            return replace(state, cycle=state.cycle + 1, discharged=0.0)
        return state

    def side_current(self, state: CellState, current: float) -> float:
        """Return what side reactions take of a current, A."""
        return current * self.file.side_share(state.cycle) if current > 0 else 0.0

    def leak_current(self, stress: Stress) -> float:
        """Return what leaks, A."""
        return self.file.leak + stress.short

    def voltages(
        self, state: CellState, current: float, times: npt.ArrayLike, stress: Stress = SOUND
    ) -> Floats:
        """Return the voltage `times` (s) into a constant current, V, same shape."""
        t = np.asarray(times, float)
        file, capacity = self.file, self.capacity(state)
        charges = state.charge + t * self._net(state, current, stress)
        decays = np.exp(-t[..., None] / self._taus)
        follows = current + (np.asarray(state.modes) - current) * decays
        diffusing = follows @ self._weights + self._at_once * current
        surface = (charges + file.diffusion_time / 3.0 * diffusing) / capacity
        volts = self.curve.voltage(surface) + file.diffusion * diffusing
        volts = volts + file.hysteresis / 2.0 * self._paths(state, current, t)
        volts = volts + self._at_the_terminals(current, stress)
        found: Floats = volts - self._stripped_bare(state, current, t)
        return found

    def after(
        self, state: CellState, current: float, seconds: float, stress: Stress = SOUND
    ) -> CellState:
        """Return the state after a constant current, exactly."""
        leaks = self.leak_current(stress) * seconds
        side = self.side_current(state, current) * seconds
        through = current * seconds
        lost = max(0.0, through) * stress.lithium_loss
        decays = np.exp(-seconds / self._taus)
        modes = current + (np.asarray(state.modes) - current) * decays
        return replace(
            state,
            charge=state.charge + through - leaks - side,
            lithium=state.lithium + through - lost,
            modes=tuple(modes.tolist()),
            path=float(self._paths(state, current, np.asarray(seconds))),
            discharged=state.discharged + max(0.0, -through),
            passed=state.passed + through,
            throughput=state.throughput + abs(through),
            leaked=state.leaked + leaks,
            side=state.side + side,
            lost_lithium=state.lost_lithium + lost,
        )

    def first_beyond(
        self,
        state: CellState,
        current: float,
        levels: Sequence[tuple[float, bool]],
        longest: float,
        stress: Stress = SOUND,
    ) -> tuple[float, int] | None:
        """Return when the voltage first reaches one of `levels`, and which; None if it does not.

        Args:
            state: as the current begins.
            current: A.
            levels: (V, True for reached from below and False for reached from above).
            longest: s that is looked ahead.
            stress: what is wrong with the cell.
        """
        reach = min(longest, self._reach(state, current, levels, stress))
        times = reach * 0.5 * (1.0 - np.cos(np.linspace(0.0, math.pi, GRID)))
        volts = self.voltages(state, current, times, stress)
        firsts = []
        for index, (level, upwards) in enumerate(levels):
            beyond = volts >= level if upwards else volts <= level
            if beyond.any():
                firsts.append((int(beyond.argmax()), index))
        if not firsts:
            return None
        first = min(firsts)[0]
        there = [index for at, index in firsts if at == first]
        if not first:
            return 0.0, there[-1]
        # of several levels that lie in one direction the nearest is reached first
        there = [
            min(same, key=lambda index: abs(levels[index][0] - volts[first - 1]))
            for same in (
                [index for index in there if levels[index][1] == way] for way in (True, False)
            )
            if same
        ]
        within = float(times[first - 1]), float(times[first])
        return min(
            (self._crossing(state, current, levels[index][0], within, stress), index)
            for index in there
        )

    # -- parts ------------------------------------------------------------------------------

    def _crossing(
        self,
        state: CellState,
        current: float,
        level: float,
        within: tuple[float, float],
        stress: Stress,
    ) -> float:
        """Return when, between two times of which one is beyond it, the voltage crosses `level`.

        Three looks on ever finer curves, then a straight line: within a microsecond, tested
        against a bisection; several times as fast as one point after the other.
        """
        early, late = within
        for _ in range(3):
            times = np.linspace(early, late, ZOOM)
            above = self.voltages(state, current, times, stress) - level
            first = int((np.signbit(above) != np.signbit(above[0])).argmax())
            if not first:
                return early if above[0] == 0 else late
            early, late = float(times[first - 1]), float(times[first])
        low, high = float(above[first - 1]), float(above[first])
        return early + (late - early) * low / (low - high)

    def _net(self, state: CellState, current: float, stress: Stress) -> float:
        """Return how fast the cathode is charged, A."""
        return current - self.leak_current(stress) - self.side_current(state, current)

    def _paths(self, state: CellState, current: float, times: Floats) -> Floats:
        if current == 0:
            return np.full_like(times, state.path)
        way = math.copysign(1.0, current)
        pace = abs(current) / (self.file.hysteresis_share * self.capacity(state))
        found: Floats = way - (way - state.path) * np.exp(-times * pace)
        return found

    def _at_the_terminals(self, current: float, stress: Stress) -> float:
        """Return the voltage that follows the current at once, V."""
        ohmic = current * self.file.ohmic * stress.resistance
        exchange = self._exchange / stress.resistance
        return ohmic + 2.0 * THERMAL * math.asinh(current / (2.0 * exchange))

    def _stripped_bare(self, state: CellState, current: float, times: Floats) -> Floats:
        """Return what the cell's voltage lacks because little lithium is left to strip, V."""
        left = np.clip((state.lithium + current * times) / self.file.capacity, -0.02, 1.0)
        found: Floats = 2.0 * np.exp(-left / 0.01)
        return found

    def _reach(
        self,
        state: CellState,
        current: float,
        levels: Sequence[tuple[float, bool]],
        stress: Stress,
    ) -> float:
        """Return how long to look ahead: until the cell at rest is well beyond the first level."""
        net = self._net(state, current, stress)
        capacity = self.capacity(state)
        ahead = [
            (self.curve.charge_of(level) * capacity - state.charge) / net
            for level, upwards in levels
            if net != 0 and upwards == (net > 0)
        ]
        if not ahead:
            return math.inf
        return max(0.0, min(ahead)) + self.settles + 0.03 * capacity / abs(net)
