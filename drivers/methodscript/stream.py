"""From what a device sends of a hold to samples and its end.

The protocol has no checksum: a digit that became another one still is a good line. So the script
sends each line twice, and what does not come twice alike is no sample. It must also bear the hold's
mark, and its time must go on. That the script itself came whole is told by its figures, which it
sends before anything else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from drivers.errors import ReadbackError
from drivers.methodscript.codec import Package, Variable
from drivers.methodscript.scripts import ENDS, FIGURES_SENT, figures_of, interval_of, mark_of
from drivers.methodscript.settings import MethodScriptSettings
from drivers.potentiostat import Held, HoldOrder, Samples

_SAMPLE = (("ja",), ("eb",), ("ab", "da"), ("ba", "db"), ("ja",))
_END = (*_SAMPLE, ("aa",))
_OPEN = (*_END, ("ab",))
"""An end told again, with the voltage of the cell, which is open since."""
_GARBLED = (
    "methodscript: the device does not tell the figures of the hold as they were sent: the script "
    "was garbled on its way; the cell is off. Check the cable"
)


@dataclass(frozen=True)
class Sample:
    """One line of data of a hold."""

    seconds: float
    voltage: float
    current: float
    charge: float
    """C, as the device has counted it since the hold began."""
    status: int


@dataclass
class Stream:
    """Takes packages of one hold, in order."""

    order: HoldOrder
    settings: MethodScriptSettings
    ranges: Mapping[int, float]
    """Full scale, A, by index; empty where it is not compared."""
    after: float = -math.inf
    """s: what is not later was kept by an earlier process."""
    compared: bool = False
    """The device has the hold's figures as they were sent; taken for granted of one taken up."""
    last: Sample | None = None
    """The newest, given out or not."""
    held: Held | None = None
    """How it ended, once the device has said so."""
    open_voltage: float | None = None
    """V of the open cell after it: the device has measured it, so the cell is off."""
    dropped: int = 0
    """Lines that were no sample of this hold, or did not come twice."""
    _differed: int = 0
    _once: Package | None = None
    _kept: list[Sample] = field(default_factory=list)
    _given: Sample | None = None
    _charge: float = 0.0
    """C, integrated over the samples."""

    def __post_init__(self) -> None:
        """Reckon what does not change."""
        self._mark = mark_of(self.order)
        self._figures = tuple(figures_of(self.order, self.settings).values())
        beat = min(self.order.every, self.settings.heartbeat)
        self.beat = max(beat, interval_of(self.order, self.settings))

    @property
    def waiting(self) -> int:
        """How many samples the next block has."""
        return len(self._kept)

    def take(self, package: Package) -> None:
        """Take a line of data."""
        if self._is_comparison(package):
            return
        once, self._once = self._once, None
        if not self._is_ours(package):
            self.dropped += 1 + (once is not None)
        elif repr(package) == repr(once):  # by what is written: NaN is not equal to itself
            self._twice(package.variables)
        else:
            self.dropped += once is not None
            self._once = package

    def block(self) -> Samples:
        """Return what came since the last call, as the order's record wants it."""
        chosen = [sample for sample in self._kept if sample.seconds > self.after]
        self._kept = []
        return Samples(
            np.array([each.seconds for each in chosen], np.float64),
            np.array([each.voltage for each in chosen], np.float64),
            np.array([each.current for each in chosen], np.float64),
            np.array([each.status for each in chosen], np.uint8),
        )

    # -- parts ------------------------------------------------------------------------------

    def _is_ours(self, package: Package) -> bool:
        return _is_sample(package) and package.variables[0].value == self._mark

    def _is_comparison(self, package: Package) -> bool:
        """True for the figures that the script tells; as they were sent, or not.

        Raises:
            ReadbackError: they are others.
        """
        mark, *figures = package.variables
        if len(figures) < 2 or any(figure.kind != "jb" for figure in figures):
            return False
        told = [figure.value for figure in figures]
        same = len(told) == len(self._figures) and mark.value == self._mark
        self.compared = self.compared or (same and all(map(_alike, told, self._figures)))
        self._differed += not self.compared
        if self._differed >= FIGURES_SENT:
            raise ReadbackError(_GARBLED)
        return True

    def _twice(self, variables: tuple[Variable, ...]) -> None:
        """Take what came twice alike.

        Raises:
            ReadbackError: the script came garbled, or the device went to another range.
        """
        if not self.compared:
            raise ReadbackError(_GARBLED)
        self._check_range(variables[3])
        seconds, volts, amperes, charge = (variable.value for variable in variables[1:5])
        status = variables[2].status | variables[3].status
        sample = Sample(seconds, volts, amperes, charge, status)
        ends = len(variables) >= len(_END)
        if len(variables) == len(_OPEN):
            self.open_voltage = variables[6].value
            if self.held is not None:
                return
        last = -math.inf if self.last is None else self.last.seconds
        if self.held is not None or not last < sample.seconds + ends:
            self.dropped += 2
            return
        self._accept(sample)
        if ends:
            self._end(sample, variables[5].value)

    def _check_range(self, current: Variable) -> None:
        """Raise ReadbackError where the device has gone to another range than it was told."""
        index, wanted = current.range_index, self.order.current_range
        if self.order.mode == "rest" or index is None or index not in self.ranges:
            return
        found = self.ranges[index]
        if not math.isclose(found, wanted, rel_tol=1e-3):
            raise ReadbackError(
                f"methodscript: it measures in the {found:.3g} A range, not in that of "
                f"{wanted:.3g} A; its charge would not be comparable"
            )

    def _accept(self, sample: Sample) -> None:
        last, self.last = self.last, sample
        if last is None:
            self._charge = sample.charge
        elif sample.seconds - last.seconds > 2.5 * self.beat:
            self._charge += sample.charge - last.charge
        else:
            mean = 0.5 * (sample.current + last.current)
            self._charge += mean * (sample.seconds - last.seconds)
        if self._due(sample):
            self._kept.append(sample)
            self._given = sample

    def _due(self, sample: Sample) -> bool:
        """True if the order's record wants this sample."""
        order, given = self.order, self._given
        if given is None:
            return True
        if sample.seconds <= given.seconds:
            return False  # the end is told once more at the moment of a sample
        if sample.status:
            return True
        if sample.seconds - given.seconds >= order.every * (1 - 1e-6):
            return True
        moved = abs(sample.voltage - given.voltage)
        flowed = abs(sample.current - given.current)
        by_volts = order.voltage_change is not None and moved >= order.voltage_change
        return by_volts or (order.current_change is not None and flowed >= order.current_change)

    def _end(self, sample: Sample, why: float) -> None:
        if self._given is None or self._given.seconds < sample.seconds:
            self._kept.append(sample)
        ended_by = ENDS[int(why)] if why in range(len(ENDS)) else "stopped"
        self.held = Held(
            ended_by,
            sample.seconds,
            self._charge,
            sample.voltage,
            sample.current,
            on_device=True,
        )


def volts_and_amperes(package: Package) -> tuple[float, float] | None:
    """Return what a line of data of any hold tells; None where it is of none."""
    if not _is_sample(package):
        return None
    return package.variables[2].value, package.variables[3].value


def open_since(package: Package) -> float | None:
    """Return the voltage of the open cell, V, where a line tells the end of any hold again."""
    if not _is_sample(package) or len(package.variables) != len(_OPEN):
        return None
    return package.variables[6].value


def _is_sample(package: Package) -> bool:
    variables = package.variables
    shapes = {len(shape): shape for shape in (_SAMPLE, _END, _OPEN)}
    wanted = shapes.get(len(variables), ())
    return bool(wanted) and all(
        variable.kind in kinds for variable, kinds in zip(variables, wanted, strict=True)
    )


def _alike(told: float, sent: float) -> bool:
    return math.isclose(told, sent, rel_tol=1e-6)
