"""The simulated potentiostat: a cell made of physics behind the interface of a potentiostat.

It knows a hidden truth (what really passed, leaked and was lost) and shows what a device would. The
device is autonomous: a hold that it was told goes on to its own end though the process is gone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np

from drivers.errors import (
    InstrumentFaultError,
    LimitError,
    LinkError,
    NotRunningError,
    ReadbackError,
)
from drivers.lab import DriverSpec, Identity, OpenRequest
from drivers.potentiostat import (
    EndedBy,
    Held,
    HoldOrder,
    Potentiostat,
    PotentiostatLimits,
    PotentiostatSetup,
    PotentiostatStatus,
    Samples,
)
from simulators.cell.cell_file import CellFile, load_cell
from simulators.cell.cell_world import CellWorld, HoldRow
from simulators.cell.channel import Channel, Running
from simulators.cell.condition import Trips
from simulators.cell.settings import SimPotentiostatSettings
from simulators.cell.truth import deeds
from simulators.draws import generator
from simulators.faults import LinkDrops, active


class SimPotentiostat(Potentiostat):
    """A potentiostat with one cell on it, simulated."""

    def __init__(self, request: OpenRequest) -> None:
        """Open the world of `request`, or make it; what went on meanwhile is lived through."""
        settings: SimPotentiostatSettings = request.settings
        self._settings = settings
        self._world = CellWorld(
            request.world, request.clock, seed=request.seed, down_time=settings.down_time
        )
        kept = self._world.get("cell")
        file = load_cell(settings.cell) if kept is None else CellFile.model_validate(kept)
        if kept is None:
            self._world.put("cell", file.model_dump(mode="json"))
        request.keep("cell.yaml", json.dumps(file.model_dump(mode="json"), indent=1) + "\n")
        self._channel = Channel(self._world, file, settings)
        self._closed = False

    def identity(self) -> Identity:
        """Return which device this is."""
        self._answer()
        serial = f"world {self._world.seed}"
        return Identity("liftline", "simulated potentiostat", serial, simulated=True)

    def setup(self) -> PotentiostatSetup:
        """Return ranges, windows and uncertainties."""
        self._answer()
        settings = self._settings
        return PotentiostatSetup(
            voltage_min=settings.voltage_min,
            voltage_max=settings.voltage_max,
            current_ranges=settings.current_ranges,
            shortest_interval=settings.shortest_interval,
            current_offset=settings.current_offset,
            current_gain=settings.current_gain,
            voltage_offset=settings.voltage_offset,
            time_jitter=settings.time_jitter,
            ends_on_device=settings.ends_on_device,
        )

    def status(self) -> PotentiostatStatus:
        """Return voltage, current, cell switch and whether a hold runs."""
        self._answer()
        return self._channel.status()

    def charge_throughput(self) -> float | None:
        """Return the charge (C) that the device has ever counted, either way."""
        self._answer()
        return self._channel.meter()

    def safe(self) -> None:
        """Cell off, verified by reading back. May be repeated."""
        if self._closed:
            return
        self._answer()
        self._channel.stop("stopped")
        if self._channel.status().cell_on:
            raise ReadbackError("potentiostat: the cell is still on; disconnect it by hand")

    def close(self) -> None:
        """Cell off, and let go of the world; may be repeated."""
        try:
            self.safe()
        finally:
            self._closed = True
            self._world.close()

    def hold(self, order: HoldOrder) -> Generator[Samples, None, Held]:
        """Do one hold; when it is over the cell is at open circuit."""
        self._check(order)
        return self._hold(order)

    def take_up(self, order: HoldOrder, after: float) -> Generator[Samples, None, Held]:
        """Go on with a hold that the device itself still does, or whose end it still knows."""
        self._answer()
        now, last = self._channel.running, self._channel.last
        if now is not None and _same(now.row.order, order):
            return self._follow(now, after, self._world.now() - now.row.began)
        told = last is None or last.collected or last.ended_by == "stopped"
        if last is not None and not told and _same(last.order, order):
            return self._tell(last, after)
        self._channel.stop("stopped")
        raise NotRunningError(
            "potentiostat: it does this hold no more and does not know how it ended; the cell is "
            "off"
        )

    # -- parts ------------------------------------------------------------------------------

    def _answer(self) -> float:
        """Be reached over the link, live through what nobody steered; return the world's time.

        Raises:
            LinkError: the link is down.
        """
        t = self._world.now()
        if active(self._settings.faults, LinkDrops, t):
            raise LinkError("potentiostat: no answer; check the link, then: liftline resume")
        self._channel.catch_up()
        return t

    def _check(self, order: HoldOrder) -> None:
        """Refuse what the device cannot do, before the cell is connected."""
        settings = self._settings
        largest = settings.current_ranges[-1]
        if not abs(order.current) <= largest:
            raise LimitError(
                f"potentiostat: {order.current:.4g} A is outside the largest range of {largest:.4g}"
                " A; lower it"
            )
        if order.current_range and abs(order.current) > order.current_range * (1 + 1e-9):
            raise LimitError(
                f"potentiostat: {order.current:.4g} A is outside the {order.current_range:.4g} A "
                "range; choose a larger one"
            )
        low, high = settings.voltage_min, settings.voltage_max
        asked = (order.voltage, order.end_voltage, order.voltage_min, order.voltage_max)
        for volts in asked:
            if volts is not None and not low <= volts <= high:
                raise LimitError(
                    f"potentiostat: {volts:.4g} V is outside {low:g} to {high:g} V; use another "
                    "device"
                )
        if not (0 < order.seconds_max < math.inf and order.every > 0):
            raise LimitError("potentiostat: seconds_max and every must be above 0 and finite")

    def _hold(self, order: HoldOrder) -> Generator[Samples, None, Held]:
        t = self._answer()
        for fault in self._settings.faults:
            if isinstance(fault, Trips) and fault.active(t):
                raise InstrumentFaultError(f"potentiostat: {fault.error}; the cell is off")
        self._channel.stop("stopped")
        return (yield from self._follow(self._channel.begin(order), -1.0, 0.0))

    def _follow(self, now: Running, after: float, back: float) -> Generator[Samples, None, Held]:
        """Yield what the device has after `after`, the host being there from `back` on (s)."""
        number, ended = now.row.number, False
        until, by = self._host_end(now, back)
        try:
            reached = after
            for index, edge in enumerate(self._edges(now, back, until)):
                self._world.wait_until(now.row.began + edge)
                self._world.note_time()
                self._answer()
                if not self._is_running(number):
                    edge = math.inf
                kept = self._settings.buffer if index == 0 and back > 0 else None
                block = _between(now.samples, reached, edge, kept)
                reached = edge
                if self._channel.tripped and not self._is_running(number):
                    ended = True
                    raise InstrumentFaultError(
                        f"potentiostat: {self._channel.tripped}; the cell is off"
                    )
                if len(block.seconds):
                    yield block
                if not self._is_running(number):
                    break
            ended = True
            if by is not None and self._is_running(number):
                self._channel.stop(by)
            return self._told(number, host=by is not None)
        finally:
            if not ended and not active(self._settings.faults, LinkDrops, self._world.now()):
                self._channel.stop("stopped")

    def _is_running(self, number: int) -> bool:
        running = self._channel.running
        return running is not None and running.row.number == number

    def _host_end(self, now: Running, back: float) -> tuple[float, EndedBy | None]:
        """Return when the host ends a hold, s, and by what; None where the device does."""
        crossing = now.course.crossing
        if crossing is None:
            return now.seconds, None
        settings = self._settings
        draws = generator(self._world.seed, "host", now.row.number).standard_normal()
        poll = math.ceil(crossing[0] / settings.poll - 1e-9) * settings.poll
        when = max(back, poll + settings.time_jitter * abs(draws))
        return (when, crossing[1]) if when < now.seconds else (now.seconds, None)

    def _edges(self, now: Running, back: float, until: float) -> list[float]:
        """Return where the hold's blocks end, s since it began, ascending; `back` if it is late."""
        step = self._world.longest_slice(self._settings.block)
        first = [back] if back > 0 else []
        count = max(0, math.ceil((until - back) / step - 1e-9) - 1)
        inner = [back + step * (index + 1) for index in range(count)]
        events = [leg.begin for leg in now.course.legs if back < leg.begin < until]
        return [*first, *sorted({*inner, *events}), until]

    def _tell(self, row: HoldRow, after: float) -> Generator[Samples, None, Held]:
        """Yield what the device still has of a hold that is over, and return its end."""
        done = self._channel.reckon(row)
        until = math.inf if row.on_device else (row.seconds or 0.0)
        block = _between(done.samples, after, until, self._settings.buffer)
        if len(block.seconds):
            yield block
        return self._told(row.number, host=False)

    def _told(self, number: int, *, host: bool) -> Held:
        """Return the end of the last hold as the device, or the host, tells it."""
        row = self._channel.last
        assert row is not None
        assert row.number == number
        assert row.seconds is not None
        assert row.counted is not None
        self._channel.collect()
        self._world.note_time()
        late = 0.0
        if host:
            draws = generator(self._world.seed, "host's clock", number)
            late = self._settings.time_jitter * float(draws.standard_normal())
        current = row.current or 0.0
        return Held(
            row.ended_by,  # type: ignore[arg-type]
            row.seconds + late,
            row.counted + current * late,
            row.voltage or 0.0,
            current,
            on_device=bool(row.on_device),
        )


def _same(one: HoldOrder, other: HoldOrder) -> bool:
    """True if two orders are one hold; what is left of one has less charge to pass, or time."""
    any_end: dict[str, Any] = {"end_charge": None, "end_seconds": None}
    return replace(one, **any_end) == replace(other, **any_end)


def _between(samples: Samples, after: float, until: float, most: int | None) -> Samples:
    """Return the samples after one time and up to another (s), of many only the newest `most`."""
    first, last = np.searchsorted(samples.seconds, [after, until], side="right").tolist()
    if most is not None:
        first = max(first, last - most)
    part = slice(first, last)
    return Samples(
        samples.seconds[part], samples.voltage[part], samples.current[part], samples.status[part]
    )


DRIVER = DriverSpec(
    role="potentiostat",
    summary="simulated potentiostat with one cell: Li/LiPON/LNMO, losses, faults; keeps a world",
    settings=SimPotentiostatSettings,
    limits=PotentiostatLimits,
    open=SimPotentiostat,
    simulated=True,
    ledger=deeds,
)
