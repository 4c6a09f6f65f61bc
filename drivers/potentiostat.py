"""The interface of a potentiostat with one cell on it.

Positive currents charge the cell. At rest the cell is at open circuit. Every hold carries limits of
its own that the device keeps even when nobody talks to it any more.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from drivers.action import Adoption, Remainder, Spend, action
from drivers.lab import Identity
from protocols.cycling import CHARGE, OnResume
from protocols.model import Written
from protocols.units import Amperes, Seconds, Volts

Floats = npt.NDArray[np.float64]
Mode = Literal["rest", "current", "voltage", "current then voltage"]
EndedBy = Literal["voltage", "current", "time", "charge", "slope", "limit", "stopped"]
OVERLOAD, UNDERLOAD, TIMING = 2, 4, 1
"""Bits of a sample's status, as MethodSCRIPT has them; 0 is good."""


@dataclass(frozen=True)
class HoldOrder:
    """One hold, resolved to amperes and volts. None is 'no such end'."""

    mode: Mode
    current: float = 0.0
    """A; of a voltage that is held, the most that may flow, either way."""
    voltage: float | None = None
    """V that is held, or where the current goes over to a held voltage."""
    end_voltage: float | None = None
    """V; reached in the direction of the current."""
    end_current: float | None = None
    """A, amount."""
    end_seconds: float | None = None
    end_charge: float | None = None
    """C, amount."""
    end_slope: float | None = None
    """V/s, amount."""
    seconds_max: float = 3600.0
    """The device itself ends the hold then, cell off: the dead man's limit."""
    voltage_min: float = 0.0
    """V; the device itself ends the hold below it, cell off."""
    voltage_max: float = 5.0
    """V; the same, above it."""
    current_range: float = 0.0
    """A; the range that is used throughout; 0 for the smallest that holds the current."""
    every: float = 1.0
    """s between two samples at most."""
    voltage_change: float | None = None
    """V after which a sample is kept."""
    current_change: float | None = None
    """A after which a sample is kept."""
    on_resume: OnResume = "go on"
    """What becomes of it when it was cut off and the device does it no more."""


@dataclass(frozen=True)
class Samples:
    """Samples of a hold since the last block; arrays of one length."""

    seconds: Floats
    """Since the hold began, by the device's clock."""
    voltage: Floats
    """V."""
    current: Floats
    """A."""
    status: npt.NDArray[np.uint8]
    """Bits; 0 is good."""


@dataclass(frozen=True)
class Held:
    """A hold that is over, as the device reports its end."""

    ended_by: EndedBy
    seconds: float
    """From its beginning to the moment at which the current stopped."""
    charge: float
    """C passed, positive for charging, integrated to that moment."""
    voltage: float
    """V at the end."""
    current: float
    """A at the end."""
    on_device: bool
    """The device itself found the end; otherwise the host did, between two samples."""


@dataclass(frozen=True)
class PotentiostatSetup:
    """What the device can do: for refusing before a cell is connected, and for uncertainties."""

    voltage_min: float
    """V, of the whole device."""
    voltage_max: float
    """V."""
    current_ranges: tuple[float, ...]
    """A, full scale, smallest first."""
    shortest_interval: float
    """s between two samples."""
    current_offset: float
    """Standard uncertainty of the current's zero, in parts of the range."""
    current_gain: float
    """Standard uncertainty of the current's scale, relative."""
    voltage_offset: float
    """Standard uncertainty of the voltage, V."""
    time_jitter: float
    """Standard uncertainty of a sample's time, s."""
    ends_on_device: bool
    """A hold is ended by the device itself at its voltage, not by the host between two samples."""


@dataclass(frozen=True)
class PotentiostatStatus:
    """What the device says of itself now; NaN is 'does not know'."""

    cell_on: bool
    running: bool
    """It does a hold, whoever began it."""
    voltage: float
    """V across the cell."""
    current: float
    """A."""
    overload: bool = False
    age: float = 0.0
    """s since these were measured."""


class PotentiostatLimits(Written):
    """Limits of the lab file that protect cell and device; a protocol may only be stricter."""

    voltage_min: Volts = -1.0
    """No hold may allow less."""
    voltage_max: Volts = 5.2
    """No hold may allow more."""
    current_max: Amperes = 1e-3
    """Largest current, either way."""
    hold_max: Seconds = 4 * 86400.0
    """Longest hold."""
    reading_age_max: Seconds = 5.0
    """A reading of the device's state older than this is no reading."""


def worst_charge(order: HoldOrder) -> float:
    """Return the most charge that a hold in which current flows can pass, C."""
    longest = order.seconds_max if order.end_seconds is None else order.end_seconds
    worst = abs(order.current) * min(longest, order.seconds_max)
    return worst if order.end_charge is None else min(worst, order.end_charge)


METERED = 1e-3
"""Share of a hold's time within which a meter's charge tells that it is over; its error, ours."""


def _rest(arguments: tuple[Any, ...], charge: float) -> tuple[Any, ...] | None:
    """Return the order for what is left of a hold after `charge` (C, either way) of it.

    Of a constant current the charge tells the time, too; of a rest or a held voltage it does not,
    and those last as long as was asked once more.
    """
    (order,) = arguments
    left = {}
    if order.end_charge is not None:
        left["end_charge"] = order.end_charge - charge
        if left["end_charge"] <= 1e-6 * order.end_charge:
            return None
    if order.mode == "current" and order.current and order.end_seconds is not None:
        left["end_seconds"] = order.end_seconds - charge / abs(order.current)
        if left["end_seconds"] <= METERED * order.end_seconds:
            return None
    return (replace(order, **left),)


def _runs(kept: Sequence[Samples]) -> list[list[Samples]]:
    """Return blocks by what the device did without a break: each begins its seconds anew."""
    runs: list[list[Samples]] = []
    for block in kept:
        if not len(block.seconds):
            continue
        if not runs or block.seconds[0] < runs[-1][-1].seconds[-1]:
            runs.append([])
        runs[-1].append(block)
    return runs


def _integral(kept: Sequence[Samples]) -> float:
    """Return the charge that samples show, C, either way."""
    charge = 0.0
    for run in _runs(kept):
        seconds = np.concatenate([[0.0], *(block.seconds for block in run)])
        current = np.concatenate([run[0].current[:1], *(block.current for block in run)])
        charge += float(np.sum(np.diff(seconds) * (current[1:] + current[:-1]) / 2))
    return abs(charge)


def _counted(held: Held) -> float:
    return abs(held.charge)


def _bounded(arguments: tuple[Any, ...]) -> bool:
    """True where how much of a hold was done unseen does not matter to what follows.

    A voltage ends it wherever the cell is by now; or nothing more is done; or whoever wrote it
    allowed it to be done anew.
    """
    (order,) = arguments
    by_volts = order.end_voltage is not None or order.voltage is not None
    return by_volts or order.mode == "rest" or order.on_resume in ("next", "again")


def _with_earlier(arguments: tuple[Any, ...], kept: Sequence[Samples], rest: Held) -> Held:
    """Return the whole of a hold of which the last part was taken up, earlier ones were cut off."""
    earlier = _runs(kept)[:-1]
    seconds = sum(float(run[-1].seconds[-1]) for run in earlier)
    (order,) = arguments
    charge = math.copysign(sum(_integral(run) for run in earlier), order.current)
    return replace(rest, seconds=rest.seconds + seconds, charge=rest.charge + charge)


def _whole(
    arguments: tuple[Any, ...], kept: Sequence[Samples], rest: Held | None, charge: float
) -> Held:
    (order,) = arguments
    passed = math.copysign(charge, order.current)
    runs = _runs(kept)
    seconds = sum(float(run[-1].seconds[-1]) for run in runs)
    if rest is None:
        end = runs[-1][-1] if runs else None
        last = (0.0, 0.0) if end is None else (float(end.voltage[-1]), float(end.current[-1]))
        return Held("stopped", seconds, passed, *last, on_device=False)
    return replace(rest, seconds=rest.seconds + seconds, charge=rest.charge + passed)


def _reached(kept: Sequence[Samples]) -> float:
    runs = _runs(kept)
    return float(runs[-1][-1].seconds[-1]) if runs else 0.0


_OTHERWISE = {"go on": "remaining", "again": "repeat", "next": "keep", "ask": "ask"}


def _otherwise(arguments: tuple[Any, ...]) -> str:
    return _OTHERWISE[arguments[0].on_resume]


def _spends(order: HoldOrder) -> Sequence[Spend]:
    """Return what a hold may spend; what a meter counts of an open cell is only its zero."""
    return () if order.mode == "rest" else (Spend(CHARGE, worst_charge(order)),)


def _spent(charge: float, order: HoldOrder) -> Sequence[Spend]:
    """At rest nothing passes the cell: what the meter counts then is its own zero's error."""
    return () if order.mode == "rest" else (Spend(CHARGE, charge),)


@runtime_checkable
class Potentiostat(Protocol):
    """A potentiostat with one cell on it."""

    def identity(self) -> Identity:
        """Return which device this is, by its serial number."""
        ...

    def setup(self) -> PotentiostatSetup:
        """Return ranges, windows and uncertainties."""
        ...

    def status(self) -> PotentiostatStatus:
        """Return voltage, current, cell switch and whether a hold runs."""
        ...

    def charge_throughput(self) -> float | None:
        """Return the charge (C) that has ever passed, either way; only grows.

        None where the device keeps no such count.
        """
        ...

    def safe(self) -> None:
        """Cell off, verified by reading back. May be repeated.

        Raises:
            ReadbackError: the cell is still on.
        """
        ...

    @action(
        irreversible=True,
        spends=_spends,
        spent=_spent,
        meter="charge_throughput",
        on_interrupt="adopt",
        remainder=Remainder(_rest, _whole),
        adoption=Adoption(
            "take_up", _reached, _otherwise, _integral, _counted, _bounded, _with_earlier
        ),
    )
    def hold(self, order: HoldOrder) -> Generator[Samples, None, Held]:
        """Do one hold; when it is over the cell is at open circuit.

        Closing it switches the cell off at once.

        Yields:
            Samples as they come, at least once a second of wall time.

        Raises:
            LimitError: the device cannot do it; the cell was not connected.
            InstrumentFaultError: the device ended it by an error; the cell is off.
        """
        ...

    def take_up(self, order: HoldOrder, after: float) -> Generator[Samples, None, Held]:
        """Go on with a hold that the device itself still does, or whose end it still knows.

        Yields:
            What the device has of it since `after` seconds, then as `hold`; what it has no more is
            a gap.

        Raises:
            NotRunningError: it does it no more and cannot tell how it ended, or it was stopped
                before its end; the cell is off.
        """
        ...
